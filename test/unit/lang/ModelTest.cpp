// What is wrong with models and views, and where; how files are brought in.
#include "lang/ast/ModelBuilder.h"
#include "lang/ast/ModelTensors.h"
#include "lang/ucl/Check.h"
#include "lang/ucl/Link.h"
#include "lang/ucl/Parser.h"

#include <gtest/gtest.h>
#include <map>

namespace recast::lang {
namespace {

constexpr std::string_view kJob = "\nsource a = safetensors(\"a\") as same\n"
                                  "target b = safetensors(\"b\") as same\n"
                                  "convert a -> b { else: keep }\n";

/// First line of the findings about a text with a job, or "fine".
std::string first(const std::string &text) {
  auto spec = parseAndCheck(text + std::string(kJob), "m.ucl");
  if (spec)
    return "fine";
  EXPECT_EQ(spec.error().code(), Code::Usage);
  return spec.error().message().substr(0, spec.error().message().find('\n'));
}

std::string inModel(const std::string &items) {
  return first("model m(c) { dims h = c.h, f = 4 * h, L = 2\n" + items + "\n}");
}

TEST(Model, GoodOnesPass) {
  for (const char *items :
       {"a (h)", "a ()", "a (h f)", "a (h, f) if c.x ?? false", "a (h) if (h + 1) * 2 == f",
        "g[l < L] { a (h) if l < 1 }", "g[l < L] { g[k < 2] { a (h) if l == k and h > 1 } }",
        "a (h) b (h) tied a", "a (h) b (h) tied a when c.tie if c.x", "a (h) tied (h) tied a",
        "g[l < L] { a (h) } b (h) tied g[l].a"})
    EXPECT_EQ(inModel(items), "fine") << items;
}

TEST(Model, WhatIsWrongAndWhere) {
  EXPECT_EQ(inModel(""), "m.ucl:1:1: the model `m` has no tensors");
  EXPECT_EQ(inModel("a (hh)"), "m.ucl:2:4: `hh` is no dimension of the model; did you mean `h`?");
  EXPECT_EQ(inModel("a (c)"), "m.ucl:2:4: `c` is no dimension of the model; did you mean `h`?");
  EXPECT_EQ(inModel("a (h, f h)"),
            "m.ucl:2:9: `a` has the axis `h` twice; give one of them a dimension of its own");
  EXPECT_EQ(inModel("a (h) a (f)"), "m.ucl:2:7: `a` stands twice in this model");
  EXPECT_EQ(inModel("a (h) tied b"), "m.ucl:2:12: `b` is no other tensor of this model");
  EXPECT_EQ(inModel("a (h) tied a"), "m.ucl:2:12: `a` is no other tensor of this model");
  EXPECT_EQ(inModel("a (h) if x"),
            "m.ucl:2:10: `x` is no dimension, parameter or index of this model; did you mean `c`?");
  EXPECT_EQ(inModel("a (h) if f(1)"), "m.ucl:2:10: there is no function `f` in a model");
  EXPECT_EQ(inModel("g[l < L] { } a (h)"), "m.ucl:2:1: the group `g` has no tensors");
  EXPECT_EQ(inModel("g[h < L] { a (f) }"),
            "m.ucl:2:3: the index `h` is called like a dimension, a parameter or an index around "
            "it");
  EXPECT_EQ(inModel("g[l < l] { a (h) }"),
            "m.ucl:2:7: `l` is no dimension, parameter or index of this model; did you mean `c`?");
  for (const char *word : {"if", "when", "and", "in"})
    EXPECT_EQ(inModel(std::string(word) + " (h)"),
              "m.ucl:2:1: `" + std::string(word) +
                  "` cannot name a tensor or group: it is a word of what may stand before it");
  EXPECT_EQ(first("model m(c) { dims h = 1, h = 2\na (h) }"),
            "m.ucl:1:26: `h` stands twice among the parameters and dimensions");
  EXPECT_EQ(first("model m(c) { dims h = (1, 2)\na (h) }"),
            "m.ucl:1:23: a model computes with numbers, not with lists");
  EXPECT_EQ(first("model m(c) { a () } model m(d) { a () }"),
            "m.ucl:1:27: there is something called `m` already");
}

/// A view of a model with `layer[l].q`, `layer[l].k` and `norm`.
std::string view(const std::string &rules, const std::string &over = "") {
  return first("model m(c) { dims h = c.h, w = 3, L = 2\n"
               "layer[l < L] { q (w, h) k (w, h) } norm (h) }\n"
               "view v of m" +
               over + " {\n" + rules + "\n}");
}

TEST(View, GoodOnesPass) {
  const std::string norm = " norm = \"norm\"", rest = norm + " layer[l].k = \"{l}.k\"";
  for (const std::string &rules :
       {"layer[l].{n: q k} = \"{l}.{n}\"" + norm, "layer[i].[q, k] = \"{i}\": \"(w + w) h\"" + norm,
        "layer[l].{n: q k} = \"{n}\": \"l w h\"" + norm,
        "layer[l].q = \"a.{l}\" if h > 1 layer[l].q = \"b.{l}\" if h <= 1" + rest,
        "layer[l].q = \"{l}.q\": \"h w\" ignore \"x.*\"" + rest})
    EXPECT_EQ(view(rules), "fine") << rules;
  EXPECT_EQ(
      view("layer[l].{n: q k} = \"{l}.{n}\" pad w to multiple of 8 * tp * h split w by tp" + norm,
           " over (tp)"),
      "fine");
}

TEST(View, WhatIsWrongAndWhere) {
  const std::string norm = " norm = \"norm\"", both = "layer[l].{n: q k} = \"{l}.{n}\"";
  EXPECT_EQ(view(both), "m.ucl:3:1: the view `v` has no rule for `norm`");
  EXPECT_EQ(view(both + norm + " nrm = \"x\""),
            "m.ucl:4:45: the model `m` has no tensor `nrm`; did you mean `norm`?");
  EXPECT_EQ(view(both + norm + " norm = \"x\""),
            "m.ucl:4:45: `norm` has a rule already; two need an `if` each");
  EXPECT_EQ(view(both + norm + " norm = \"x\" if h > 1"),
            "m.ucl:4:45: `norm` has a rule already; two need an `if` each");
  EXPECT_EQ(view(norm + " layer.{n: q k} = \"{n}\""),
            "m.ucl:4:16: `layer` needs an index: `layer[l]`");
  EXPECT_EQ(view(norm + " layer[l].{n: q k} = \"{n}\""),
            "m.ucl:4:16: several tensors would be stored as \"{n}\": `l` stands neither in the "
            "name nor in a map");
  EXPECT_EQ(view(norm + " layer[l].{n: q k} = \"{l}\""),
            "m.ucl:4:16: several tensors would be stored as \"{l}\": `n` stands neither in the "
            "name nor in a map");
  EXPECT_EQ(view(norm + " layer[l].{n: q k} = \"{l}.{n}\": \"l w h\""),
            "m.ucl:4:16: `l` stands in the stored name and in the map");
  EXPECT_EQ(view(norm + " layer[l].{n: q k} = \"{l}.{n}.{m}\""),
            "m.ucl:4:16: `{m}` is no index of the path; did you mean `l`?");
  EXPECT_EQ(view(norm + " layer[l].{n: q k} = \"{l.{n}\""),
            "m.ucl:4:16: \"{l.{n}\" is no stored name: captures are written {l}");
  EXPECT_EQ(view(norm + " layer[l].[q, k] = \"{l}\""),
            "m.ucl:4:16: a pack needs a map that says how its tensors lie in the stored one");
  EXPECT_EQ(view(both + " norm = \"norm\" split h by tp"),
            "m.ucl:4:56: `tp` is no mesh axis of this view; write `over (..)` at its head");
  EXPECT_EQ(view(both + " norm = \"norm\" split h by tq", " over (tp)"),
            "m.ucl:4:56: `tq` is no mesh axis of this view; did you mean `tp`?");
  EXPECT_EQ(first("view v of n { a = \"a\" }"), "m.ucl:1:11: there is no model `n`");
}

// ---- paths
TEST(Paths, StandForTheirAlternatives) {
  auto names = [](std::string_view text) {
    std::string out;
    for (const auto &pack : expand(path(text))) {
      out += out.empty() ? "" : " | ";
      for (const Path &one : pack)
        out += (&one == &pack.front() ? "" : " ") + one.str();
    }
    return out;
  };
  EXPECT_EQ(names("norm"), "norm");
  EXPECT_EQ(names("layer[l].{n: q k}"), "layer[l].q | layer[l].k");
  EXPECT_EQ(names("layer[l].[q, k]"), "layer[l].q layer[l].k");
  EXPECT_EQ(names("{g: a b}.[q, k]"), "a.q a.k | b.q b.k");
  EXPECT_EQ(pathCount(path("{g: a b}.[q, k]")), 4u);
  EXPECT_EQ(pathCount(path("norm")), 1u);
}

// ---- use
class Linking : public testing::Test {
protected:
  std::string link(const std::string &text, const std::string &file = "dir/job.ucl") {
    auto spec = parse(text, file);
    EXPECT_TRUE(spec) << spec.error().str();
    auto linked =
        lang::link(*spec, [&](const std::string &path) -> Result<std::optional<std::string>> {
          auto found = files_.find(path);
          return found == files_.end() ? std::optional<std::string>() : found->second;
        });
    if (!linked)
      return linked.error().message().substr(0, linked.error().message().find('\n'));
    linked_ = *linked;
    auto good = check(linked_);
    if (!good)
      return good.error().message().substr(0, good.error().message().find('\n'));
    std::string out;
    for (const Model &model : linked_.models)
      out += model.name + "@" + model.file + " ";
    for (const View &view : linked_.views)
      out += view.name + "/" + view.model + " ";
    return out;
  }
  std::map<std::string, std::string> files_;
  Spec linked_;
};

const std::string kViewed = "source a = safetensors(\"a\") as v(m(1))\n"
                            "target b = safetensors(\"b\") as same\n"
                            "convert a -> b { else: keep }\n";
const std::string kModel = "model m(c) { dims h = c\na (h) }\n",
                  kView = "view v of m { a = \"a\" }\n";

TEST_F(Linking, BringsWhatIsNeeded) {
  files_["dir/lib.ucl"] = kModel + kView + "model other(c) { a () } view w of other { a = \"a\" }";
  EXPECT_EQ(link("use \"lib.ucl\"\n" + kViewed), "m@dir/lib.ucl v/m ");
  EXPECT_TRUE(linked_.uses.empty());
  // Through another file, which lies elsewhere, and in a circle.
  files_["dir/sub/views.ucl"] = "use \"../lib2.ucl\"\n" + kView;
  files_["dir/lib2.ucl"] = "use \"sub/views.ucl\"\n" + kModel;
  EXPECT_EQ(link("use \"sub/views.ucl\"\n" + kViewed), "m@dir/lib2.ucl v/m ");
  // A file beside comes before the standard library.
  files_["dir/std/llama.ucl"] = kModel + kView;
  EXPECT_EQ(link("use \"std/llama.ucl\"\n" + kViewed), "m@dir/std/llama.ucl v/m ");
  EXPECT_NE(link("use \"std/llama.ucl\"\n" + kViewed, "elsewhere/job.ucl").find("no view `v`"),
            std::string::npos);
}

TEST_F(Linking, AViewIsThatOfTheModel) {
  auto job = [](const std::string &model) {
    return "use \"std/llama.ucl\" use \"std/gpt2.ucl\" use \"std/qwen3.ucl\"\nlet m = " + model +
           "(config(\"c.json\"))\nsource a = safetensors(\"a\") as hf(m)\n"
           "target b = safetensors(\"b\") as fused(m)\nconvert a -> b { else: keep }";
  };
  EXPECT_EQ(link(job("gpt2")), "gpt2@std/gpt2.ucl hf/gpt2 fused/gpt2 ");
  EXPECT_EQ(link(job("qwen3")), "qwen3@std/qwen3.ucl hf/qwen3 fused/qwen3 ");
  EXPECT_EQ(
      link("use \"std/llama.ucl\" use \"std/gpt2.ucl\"\n"
           "source a = safetensors(\"a\") as hf(llama(1)) target c = safetensors(\"c\") as same\n"
           "source b = safetensors(\"b\") as hf(gpt2(1)) target d = safetensors(\"d\") as same\n"
           "convert a -> c { else: keep } convert b -> d { else: keep }"),
      "dir/job.ucl: there are two views `hf`, of `llama` and of `gpt2`; write the jobs of one "
      "of them to a file of their own");
}

TEST_F(Linking, SaysWhatIsWrongWithAFile) {
  EXPECT_EQ(
      link("use \"std/lama.ucl\"\n" + kViewed),
      "dir/job.ucl:1:1: there is no file \"std/lama.ucl\", neither beside this one nor in the "
      "standard library; did you mean `std/llama.ucl`?");
  EXPECT_EQ(link("use \"\"\n" + kViewed), "dir/job.ucl:1:1: `use` needs the name of a file");
  files_["dir/job2.ucl"] = "let x = 1";
  EXPECT_EQ(link("use \"job2.ucl\"\n" + kViewed),
            "dir/job.ucl:1:1: \"job2.ucl\" is no library: it holds more than models and views");
  files_["dir/bad.ucl"] = "model m(c) { a (x) }";
  EXPECT_EQ(link("use \"bad.ucl\"\n" + kViewed),
            "dir/bad.ucl:1:17: `x` is no dimension of the model");
  files_["dir/bad.ucl"] = "model m(c) { a (x }";
  EXPECT_EQ(link("use \"bad.ucl\"\n" + kViewed),
            "dir/bad.ucl:1:19: expected `)` or `,` after an axis, found `}`");
  // Each file of a long list of files uses the next.
  for (int i = 0; i < 200; ++i)
    files_["dir/" + std::to_string(i)] = "use \"" + std::to_string(i + 1) + "\"";
  EXPECT_NE(link("use \"0\"\n" + kViewed).find("more than 100 files are used"), std::string::npos);
}

} // namespace
} // namespace recast::lang
