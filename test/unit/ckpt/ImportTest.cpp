// Specs to declared IR and back.
#include "lang/import/Import.h"
#include "dialect/Ckpt/CkptDialect.h"
#include "lang/ucl/Check.h"
#include "lang/ucl/Format.h"
#include "lang/ucl/Link.h"
#include "lang/ucl/Parser.h"
#include "test/unit/lang/RepositoryTexts.h"
#include "test/unit/lang/Texts.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

namespace recast::lang {
namespace {

using namespace recast::ir;
using testing::HasSubstr;
using testing::StartsWith;

std::string print(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

constexpr const char *kEnds = "source run = deepspeed(\"runs/z3\") as same\n"
                              "target hub = safetensors(\"export\") as same\n"
                              "target uni = deepspeed_universal(\"uni\") as same\n";

class Import : public testing::Test {
protected:
  Result<mlir::OwningOpRef<mlir::ModuleOp>> import(const std::string &text) {
    auto spec = parse(text, "job.ucl");
    EXPECT_TRUE(spec) << spec.error().str();
    return importSpec(*spec, context_);
  }
  /// The module of a job with these statements.
  mlir::OwningOpRef<mlir::ModuleOp> job(const std::string &body) {
    auto module = import(kEnds + ("convert run -> hub, uni {\n" + body + "\n}\n"));
    EXPECT_TRUE(module) << module.error().str();
    return module ? std::move(*module) : nullptr;
  }
  std::string refusal(const std::string &body) {
    auto module = import(kEnds + ("convert run -> hub, uni {\n" + body + "\n}\n"));
    EXPECT_FALSE(module) << print(**module);
    return module ? "" : module.error().str();
  }
  template <typename Op> std::vector<Op> all(mlir::ModuleOp module) {
    std::vector<Op> out;
    module.walk([&](Op op) { out.push_back(op); });
    return out;
  }

  mlir::MLIRContext context_{mlir::MLIRContext::Threading::DISABLED};
};

TEST_F(Import, OneStatementOneOp) {
  auto module = job("for uni { else: keep objects { else: keep } }\n"
                    "for hub {\n"
                    "  weight in \"*.q\", \"*.k\": master | cast(bf16)\n"
                    "  frozen: keep | cast(f8e4m3fn, overflow = saturate)\n"
                    "  drop master, step in \"*\"\n"
                    "  objects { args.tp, args.pp: set(4)  param_groups: by_name }\n"
                    "  files { \"config.json\", \"tokenizer*\": copy from \"runs/z3\" }\n"
                    "}\n"
                    "expect run.zero == 3 and run.mesh == (dp = 8)\n"
                    "check weight == run.weight\n"
                    "budget 512MiB\n");
  auto roles = all<ckpt::RoleOp>(*module);
  ASSERT_EQ(roles.size(), 3u);
  EXPECT_TRUE(roles[0].getIsElse());
  EXPECT_EQ(roles[0].getYield().getValues().front(), roles[0].getState());
  EXPECT_EQ(roles[1].getFrom(), "master");
  EXPECT_EQ(roles[1].getNames()->size(), 2u);
  EXPECT_FALSE(roles[2].getFrom());
  auto casts = all<ckpt::CastOp>(*module);
  ASSERT_EQ(casts.size(), 2u);
  EXPECT_EQ(casts[0].getTargetDType(), DType::BF16);
  EXPECT_EQ(casts[1].getRecipeOverflow(), recipe::Overflow::Saturate);
  EXPECT_EQ(all<ckpt::ObjectsOp>(*module).size(), 3u);
  EXPECT_EQ(all<ckpt::FilesOp>(*module).size(), 1u);
  EXPECT_EQ(all<ckpt::ExpectOp>(*module).size(), 1u);
  EXPECT_EQ(all<ckpt::CheckOp>(*module).size(), 1u);
  EXPECT_EQ(all<ckpt::BudgetOp>(*module).front().getSize().getBytes(), int64_t{512} << 20);
}

TEST_F(Import, OpsAreWhereTheirStatementsAre) {
  auto module = job("weight: keep\ndrop step");
  auto drop = all<ckpt::DropOp>(*module).front();
  auto place = llvm::dyn_cast<mlir::FileLineColLoc>(drop.getLoc());
  ASSERT_TRUE(place);
  EXPECT_EQ(place.getFilename().getValue(), "job.ucl");
  EXPECT_EQ(place.getLine(), 6u);
  EXPECT_EQ(place.getColumn(), 1u);
}

TEST_F(Import, ConstantsAreFolded) {
  auto module = import("let dir = \"runs\"\nlet tag = \"step1\"\n"
                       "source run = deepspeed(dir + \"/z3\", tag = tag) as same\n"
                       "target hub = safetensors(\"out\") as same\n"
                       "convert run -> hub { else: keep  expect run.tag == tag\n"
                       "files { \"a\": copy from dir } }\n");
  ASSERT_TRUE(module) << module.error().str();
  std::string text = print(**module);
  EXPECT_THAT(text, HasSubstr("args [\"runs/z3\", #ckpt.arg<\"tag\", \"step1\">]"));
  EXPECT_THAT(text, HasSubstr("#ckpt.binary<\"==\", #ckpt.member<#ckpt.word<\"run\">, \"tag\">, "
                              "\"step1\">"));
  EXPECT_THAT(text, HasSubstr("ckpt.files [\"a\"] from \"runs\""));
}

TEST_F(Import, MeshAxesStandForTheirSizesInSteps) {
  Spec spec;
  Endpoint source{{}, false, "s", "deepspeed", {}, {}, {}, {}, {}, {}, {}};
  Endpoint target{{}, true, "t", "dcp", {}, {}, {{"dp", 2}, {"tp", 4}}, {"dp"}, {}, {}, {}};
  auto tp = std::make_shared<Expr>();
  tp->kind = Expr::Kind::Name;
  tp->text = "tp";
  auto number = std::make_shared<Expr>();
  number->integer = 128;
  auto times = std::make_shared<Expr>();
  times->kind = Expr::Kind::Binary;
  times->text = "*";
  times->operands = {number, tp};
  target.same.push_back({{"*", {}},
                         {{{}, PadStep{"d0", times}},
                          {{}, SplitStep{{"d0"}, {"tp"}, "ceil", {}}},
                          {{}, ChunkStep{1, "dp"}},
                          {{}, FlatStep{"dp", "group"}}}});
  spec.endpoints = {source, target};
  auto module = importSpec(spec, context_);
  ASSERT_TRUE(module) << module.error().str();
  EXPECT_THAT(print(**module),
              HasSubstr("[#ckpt.pad<\"d0\" to 512>, #ckpt.split<[\"d0\"] by [\"tp\"] rule ceil>, "
                        "#ckpt.chunk<1 by \"dp\">, #ckpt.flat<\"dp\" per group>]"));
  auto back = exportSpec(**module);
  ASSERT_TRUE(back) << back.error().str();
  EXPECT_EQ(back->endpoints[1].same[0].steps.size(), 4u);
  EXPECT_EQ(back->endpoints[1].mesh, target.mesh);
  EXPECT_EQ(back->endpoints[1].replicated, target.replicated);
}

TEST_F(Import, ARoleCalledLikeAnOperation) {
  auto module = job("weight: role(cast) | cast(bf16)");
  EXPECT_EQ(all<ckpt::RoleOp>(*module).front().getFrom(), "cast");
  auto back = exportSpec(*module);
  ASSERT_TRUE(back);
  EXPECT_THAT(format(*back), HasSubstr("weight: role(cast) | cast(bf16)"));
}

// ---- and back
TEST_F(Import, ExportedSpecsImportToTheSameModule) {
  std::vector<std::string> bodies = {
      "else: keep",
      "weight: master | cast(bf16) | cast(f32)",
      "for hub { weight: keep } for uni { weight: keep } weight: keep for uni { drop step }",
      "for hub, uni { objects { a.b, c: set((x = 1, y = \"z\")) else: drop } files { \"a\": copy "
      "from \"b\" } }",
      "objects { a: merge } else: keep objects { b: per_rank }",
      "expect run.zero >= 2 and run.x != true expect f(1, k = 2e-2) < 512MiB",
      "check rel_rmse(weight) <= 0.02 otherwise lossless drop else",
      "budget 3GiB drop a, b in \"x\", \"**.y\"",
  };
  for (const std::string &body : bodies) {
    auto first = job(body);
    ASSERT_TRUE(first);
    auto spec = exportSpec(*first);
    ASSERT_TRUE(spec) << body << ": " << spec.error().str();
    EXPECT_EQ(spec->file, "job.ucl");
    auto second = importSpec(*spec, context_);
    ASSERT_TRUE(second) << second.error().str();
    EXPECT_EQ(print(*first), print(**second)) << body;
    // The same through text.
    auto parsed = parse(format(*spec));
    ASSERT_TRUE(parsed) << format(*spec) << parsed.error().str();
    auto third = importSpec(*parsed, context_);
    ASSERT_TRUE(third) << third.error().str();
    EXPECT_EQ(print(*first), print(**third)) << format(*spec);
  }
}

TEST_F(Import, JobZeroComesBackAsItWas) {
  std::ifstream file(RECAST_EXAMPLES "/job0.ucl");
  std::stringstream text;
  text << file.rdbuf();
  auto spec = parseAndCheck(text.str(), "job0.ucl");
  ASSERT_TRUE(spec) << spec.error().str();
  auto module = importSpec(*spec, context_);
  ASSERT_TRUE(module) << module.error().str();
  auto back = exportSpec(**module);
  ASSERT_TRUE(back) << back.error().str();
  EXPECT_EQ(back->jobs.size(), 1u);
  // Nothing of the job is lost, but that constants were folded.
  ASSERT_EQ(back->jobs[0].body.size(), spec->jobs[0].body.size());
  EXPECT_EQ(back->jobs[0].body[0], spec->jobs[0].body[0]);
  EXPECT_EQ(back->jobs[0].body[2], spec->jobs[0].body[2]);
  EXPECT_EQ(back->endpoints[0].args[0].value->text, "runs/z3");
}

// ---- one to one
size_t countItems(const std::vector<ModelItem> &items) {
  size_t out = items.size();
  for (const ModelItem &item : items)
    if (auto *group = std::get_if<GroupDecl>(&item.node))
      out += countItems(group->items);
  return out;
}
size_t countStatements(const std::vector<Statement> &body) {
  size_t out = 0;
  for (const Statement &statement : body) {
    if (auto *block = std::get_if<ForStatement>(&statement.node))
      out += countStatements(block->body);
    else if (auto *objects = std::get_if<ObjectsStatement>(&statement.node))
      out += objects->rules.size();
    else
      ++out;
  }
  return out;
}
size_t countStatements(const Spec &spec) {
  size_t out = spec.models.size() + spec.views.size() + spec.pipelines.size() +
               spec.endpoints.size() + spec.jobs.size();
  for (const Model &model : spec.models)
    out += model.dims.size() + countItems(model.items);
  for (const View &view : spec.views)
    out += view.rules.size() + view.ignores.size();
  for (const Job &job : spec.jobs)
    out += countStatements(job.body);
  return out;
}
size_t countOps(mlir::ModuleOp module) {
  size_t out = 0;
  module.walk([&](mlir::Operation *op) {
    bool isStep = llvm::isa<mlir::ModuleOp, ckpt::YieldOp, ckpt::CastOp, ckpt::AverageOp,
                            ckpt::SelectOp, ckpt::PredictOp>(op);
    out += isStep ? 0 : 1;
  });
  return out;
}

TEST_F(Import, EveryTextOfTheRepositoryIsOneToOne) {
  std::vector<std::pair<std::string, std::string>> texts{
      {"everything", std::string(test::kEverything)}};
  for (const std::string &name : test::repositoryTexts())
    texts.emplace_back(name, test::repositoryText(name));
  EXPECT_GE(texts.size(), 6u);
  for (const auto &[name, text] : texts) {
    auto spec = parse(text, name);
    ASSERT_TRUE(spec) << spec.error().str();
    auto linked = link(*spec, [](const std::string &) { return std::optional<std::string>(); });
    ASSERT_TRUE(linked) << linked.error().str();
    auto module = importSpec(*linked, context_);
    ASSERT_TRUE(module) << module.error().str();
    EXPECT_EQ(countOps(**module), countStatements(*linked)) << name;
    // Through the text of the IR, as `recast fmt --from-mlir` reads it.
    std::string printed = print(**module);
    auto parsed = mlir::parseSourceString<mlir::ModuleOp>(printed, &context_);
    ASSERT_TRUE(parsed) << name;
    auto back = exportSpec(*parsed);
    ASSERT_TRUE(back) << back.error().str();
    if (linked->lets.empty()) {
      EXPECT_TRUE(*back == *linked) << name << "\n" << format(*back);
    }
    auto again = parse(format(*back), name);
    ASSERT_TRUE(again) << again.error().str();
    EXPECT_TRUE(*again == *back) << name << "\n" << format(*back);
    auto second = importSpec(*again, context_);
    ASSERT_TRUE(second) << second.error().str();
    EXPECT_EQ(print(**second), printed);
  }
}

// ---- what cannot be said
TEST_F(Import, RefusesWithTheirPlaces) {
  EXPECT_THAT(refusal("weight: kep(1)"), StartsWith("job.ucl:5:9: there is no operation `kep`"));
  EXPECT_THAT(refusal("weight: master | sqrt"), HasSubstr("there is no operation `sqrt`"));
  EXPECT_THAT(refusal("weight: master | quantize(4)"), HasSubstr("is not part of this version"));
  EXPECT_THAT(refusal("weight: keep | role(x)"), HasSubstr("stands at the beginning of a chain"));
  EXPECT_THAT(refusal("weight: role(1)"), HasSubstr("takes the name of one role"));
  EXPECT_THAT(refusal("weight: keep(1)"), HasSubstr("`keep` takes no arguments"));
  EXPECT_THAT(refusal("weight: cast"), HasSubstr("`cast` takes a type"));
  EXPECT_THAT(refusal("weight: cast(bf17)"), HasSubstr("no type is called `bf17`"));
  EXPECT_THAT(refusal("weight: cast(bf17)"), HasSubstr("Did you mean `bf16`?"));
  EXPECT_THAT(refusal("weight: cast(bf16, f32)"), HasSubstr("`cast` takes one type"));
  EXPECT_THAT(refusal("weight: cast(bf16, size = big)"), HasSubstr("no argument `size`"));
  EXPECT_THAT(refusal("weight: cast(\"bf16\")"), HasSubstr("are words"));
  EXPECT_THAT(refusal("weight: cast(f8e4m3fn)"), HasSubstr("says what overflow does"));
  EXPECT_THAT(refusal("weight: cast(f8e4m3fn, overflow = ieee)"),
              HasSubstr("cannot have overflow ieee"));
  EXPECT_THAT(refusal("weight: cast(f8e4m3fn, overflow = wrap)"),
              HasSubstr("overflow is ieee, saturate or nan"));
  EXPECT_THAT(refusal("weight: cast(bf16, round = down)"), HasSubstr("round is rne"));
  EXPECT_THAT(refusal("objects { a: keep(1) }"), HasSubstr("`keep` takes no arguments"));
  EXPECT_THAT(refusal("objects { a: set }"), HasSubstr("`set` takes one value"));
  EXPECT_THAT(refusal("objects { a: keeep }"), HasSubstr("Did you mean `keep`?"));
  EXPECT_THAT(refusal("for hubb { else: keep }"), StartsWith("job.ucl:5:1: `hubb` is no target"));
  EXPECT_THAT(refusal("for hub { for uni { else: keep } }"), HasSubstr("inside a `for` block"));
  EXPECT_THAT(refusal("files { \"a\": copy from 4 }"), HasSubstr("copied from a folder"));
}

TEST_F(Import, RefusesEndpointsThatDoNotFit) {
  auto message = [&](const std::string &text) {
    auto module = import(text);
    return module ? std::string() : module.error().str();
  };
  EXPECT_THAT(message("source a = deepspeed(\"x\") as same source a = deepspeed(\"y\") as same"),
              HasSubstr("`a` is declared twice"));
  EXPECT_THAT(message(std::string(kEnds) + "convert rn -> hub { else: keep }"),
              HasSubstr("Did you mean `run`?"));
  EXPECT_THAT(message(std::string(kEnds) + "convert hub -> uni { else: keep }"),
              HasSubstr("`hub` is a target, not a source"));
  EXPECT_THAT(message(std::string(kEnds) + "convert run -> hub, hub { else: keep }"),
              HasSubstr("names target @hub twice"));
  EXPECT_THAT(message("source a = deepspeed(x.y) as same"), StartsWith("job.ucl:1:"));
}

TEST_F(Import, AnAstMadeByAProgramMayBeWrongInAnyWay) {
  auto refused = [&](const Spec &spec) { return !importSpec(spec, context_); };
  Spec spec;
  spec.endpoints = {{{}, false, "s", "deepspeed", {}, {}, {}, {}, {}, {}, {}},
                    {{}, true, "t", "safetensors", {}, {}, {}, {}, {}, {}, {}}};
  spec.jobs = {{{}, "convert", "s", {"t"}, {}}};
  ASSERT_FALSE(refused(spec));
  auto with = [&](auto node) {
    Spec made = spec;
    made.jobs[0].body.push_back({{}, std::move(node)});
    return made;
  };
  EXPECT_TRUE(refused(with(RoleStatement{})));
  EXPECT_TRUE(refused(with(RoleStatement{{}, {{{}, "keep", {}}}})));
  EXPECT_TRUE(refused(with(RoleStatement{{{}, {"a"}, true, {}, {}}, {{{}, "keep", {}}}})));
  EXPECT_TRUE(refused(with(RoleStatement{{{}, {"a"}, false, {}, {}}, {{{}, "cast", {{"", {}}}}}})));
  EXPECT_TRUE(refused(with(ForStatement{})));
  EXPECT_TRUE(refused(with(FilesStatement{})));
  EXPECT_TRUE(refused(with(DropStatement{})));
  EXPECT_TRUE(refused(with(ExpectStatement{})));
  auto binary = std::make_shared<Expr>();
  binary->kind = Expr::Kind::Binary;
  EXPECT_TRUE(refused(with(CheckStatement{binary, ""})));
  EXPECT_TRUE(refused(with(BudgetStatement{0, ""})));
  EXPECT_TRUE(refused(with(BudgetStatement{~uint64_t{0}, ""})));
  EXPECT_TRUE(refused(with(ObjectsStatement{{ObjectRule{}}})));
  // An expression that is nested deeper than any stack.
  ExprPtr deep = std::make_shared<Expr>();
  for (int i = 0; i < 100000; ++i) {
    Expr next;
    next.kind = Expr::Kind::Tuple;
    next.args = {{"", std::move(deep)}};
    deep = std::make_shared<Expr>(std::move(next));
  }
  EXPECT_TRUE(refused(with(ExpectStatement{deep})));
  // Freed from the outside in: the destructor would recurse as deep as the expression.
  while (deep->kind == Expr::Kind::Tuple) {
    ExprPtr inner = deep->args[0].value;
    deep = inner;
  }
  Spec mesh = spec;
  mesh.endpoints[1].mesh = {{"dp", 0}};
  EXPECT_TRUE(refused(mesh));
  mesh.endpoints[1].mesh = {{"dp", 2}, {"dp", 2}};
  EXPECT_TRUE(refused(mesh));
  mesh.endpoints[1].mesh = {{"dp", 2}};
  mesh.endpoints[1].same = {{{"*", {}}, {{{}, ChunkStep{0, "tp"}}}}};
  EXPECT_TRUE(refused(mesh));
  mesh.endpoints[1].same = {{{"*", {}}, {{{}, SplitStep{{}, {"dp"}, "", {}}}}}};
  EXPECT_TRUE(refused(mesh));
  mesh.endpoints[1].same = {{{"*", {}}, {{{}, PadStep{"d0", nullptr}}}}};
  EXPECT_TRUE(refused(mesh));
  mesh.endpoints[1].same = {{{"", {}}, {}}};
  EXPECT_TRUE(refused(mesh));
}

TEST_F(Import, ExportsOnlyWhatTheLanguageCanSay) {
  context_.loadDialect<ckpt::CkptDialect>();
  auto message = [&](const char *text) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context_);
    EXPECT_TRUE(module) << text;
    auto spec = exportSpec(*module);
    return spec ? std::string() : spec.error().message();
  };
  EXPECT_THAT(message("ckpt.source @\"a b\" format \"deepspeed\" args []"),
              HasSubstr("`a b` is no name that the language can spell"));
  EXPECT_THAT(message("ckpt.family @f roles [\"w\"] targets [@t] members dense_resource<t> : "
                      "tensor<1x8xi64> { ^bb0(%x: !ckpt.value<tensor<2xf32>>):\n ckpt.yield %x : "
                      "!ckpt.value<tensor<2xf32>> }"),
              HasSubstr("ckpt.family is not declared IR"));
  EXPECT_THAT(message("ckpt.source @s format \"deepspeed\" args []\n"
                      "ckpt.target @t format \"safetensors\" args []\n"
                      "ckpt.job @j \"convert\" from @s to [@t] { ckpt.role [\"w\"] {\n"
                      "^bb0(%x: !ckpt.state):\n %0 = ckpt.cast %x to bf16 : !ckpt.state\n"
                      "ckpt.yield %x : !ckpt.state } }"),
              HasSubstr("not one chain of operations"));
}

} // namespace
} // namespace recast::lang
