// Pipelines: what each attribute may be. Whether a kind of schedule exists for the numbers is known
// when the pipeline is expanded.
#include "lang/ucl/CheckImpl.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::lang {
namespace {
using Kind = Expr::Kind;

constexpr KnownWord kWeightRules[] = {
    {"latest", true}, {"stash", true}, {"double_buffer", true}, {"predict", true}};
constexpr KnownWord kLagRules[] = {
    {"derived", true}, {"paper", true}, {"code", true}, {"spectrain", true}, {"xpipe", true}};
constexpr KnownWord kOptimizers[] = {
    {"sgd", true}, {"sgdm", true}, {"adam", true}, {"adamw", true}};

bool isWord(const ExprPtr &expr, std::string_view word) {
  return expr->kind == Kind::Name && expr->text == word;
}
/// The call as an operation: without arguments it is a name.
bool isCallLike(const Expr &expr) { return expr.kind == Kind::Name || expr.kind == Kind::Call; }
} // namespace

void Checker::checkPipelines() {
  std::set<std::string> seen;
  for (const Pipeline &pipeline : spec_.pipelines) {
    checkName(pipeline.loc, pipeline.name, "a pipeline");
    if (!seen.insert(pipeline.name).second || spec_.let(pipeline.name) ||
        spec_.endpoint(pipeline.name))
      reportWord(pipeline.loc, pipeline.name,
                 fmt::format("there is something called `{}` already", pipeline.name));
    checkPipeline(pipeline);
  }
}

void Checker::checkPipeline(const Pipeline &pipeline) {
  std::set<std::string> seen;
  for (const Arg &attribute : pipeline.attributes) {
    Location at =
        attribute.value && attribute.value->loc.line ? attribute.value->loc : pipeline.loc;
    if (!findWord(pipelineWords(), attribute.name) || attribute.name == "assign")
      reportWord(pipeline.loc, attribute.name,
                 fmt::format("a pipeline has no attribute `{}`{}; there are {}", attribute.name,
                             didYouMean(attribute.name, pipelineWords()), listOf(pipelineWords())));
    else if (!seen.insert(attribute.name).second)
      reportWord(pipeline.loc, attribute.name,
                 fmt::format("the attribute `{}` stands twice", attribute.name), 2);
    else if (expressible(attribute.value, at, false))
      checkPipelineAttribute(attribute, at);
  }
  bool isExplicit = seen.contains("actions");
  for (std::string_view needed : {"ranks", "microbatches", "schedule"})
    if (!seen.contains(std::string(needed)) && !(isExplicit && needed == "schedule"))
      report(pipeline.loc,
             fmt::format("the pipeline `{}` does not say `{}`", pipeline.name, needed));
  if (isExplicit != seen.contains("rank_of"))
    report(pipeline.loc, "`actions` and `rank_of` belong together: what each rank does, and which "
                         "rank has each stage");
  if (isExplicit && seen.contains("group"))
    report(pipeline.loc,
           "`group` is for kinds of schedules, and `actions` are the lists themselves");
  for (const AssignRule &rule : pipeline.assign)
    checkAssign(rule);
}

void Checker::checkPipelineAttribute(const Arg &attribute, Location at) {
  const std::string &name = attribute.name;
  if (name == "update")
    return checkUpdate(*attribute.value, at);
  if (name == "weights")
    return checkWeights(*attribute.value, at);
  ExprPtr value = constant(attribute.value, at);
  if (!value)
    return;
  auto isCount = [&](const ExprPtr &expr, int64_t least) {
    return expr->kind == Kind::Int && expr->integer >= least && expr->integer < INT32_MAX;
  };
  auto all = [&](Kind kind) {
    return value->kind == Kind::Tuple &&
           std::all_of(value->args.begin(), value->args.end(),
                       [&](const Arg &arg) { return arg.name.empty() && arg.value->kind == kind; });
  };
  if (name == "schedule") {
    if (value->kind != Kind::Name && value->kind != Kind::String)
      report(at, "`schedule` is the name of a kind, as in `schedule = gpipe` or \"1f1b\"");
  } else if (name == "ties") {
    if (!isWord(value, "synced"))
      report(at,
             "`ties` is `synced`: the training program keeps tied weights equal at every update");
  } else if (name == "cost") {
    bool isRecord = value->kind == Kind::Tuple;
    for (const Arg &cost : isRecord ? value->args : std::vector<Arg>())
      isRecord = isRecord && !cost.name.empty() &&
                 (cost.value->kind == Kind::Int || cost.value->kind == Kind::Float);
    if (!isRecord)
      report(at, "`cost` says times by name, as in `cost = (f = 1, b = 2)`");
  } else if (name == "actions") {
    if (value->kind != Kind::String && !all(Kind::String))
      report(at, "`actions` is a text per rank, as in (\"0F0 0B0\", \"1F0 1B0\")");
  } else if (name == "rank_of") {
    if (!isCount(value, 0) && !all(Kind::Int))
      report(at, "`rank_of` says the rank of every stage, as in (0, 1, 1, 0)");
  } else if (!isCount(value, 1)) {
    report(at, fmt::format("`{}` is a whole number of at least 1", name));
  }
}

void Checker::checkUpdate(const Expr &value, Location at) {
  bool isFlush = value.kind == Kind::Name && value.text == "flush";
  bool isEvery = value.kind == Kind::Call && value.text == "every" && value.args.size() == 1 &&
                 value.args[0].name.empty();
  if (!isFlush && !isEvery)
    return report(at, "`update` is `flush`, after all microbatches, or `every(n)`");
  if (!isEvery)
    return;
  ExprPtr count = constant(value.args[0].value, at);
  if (count && (count->kind != Kind::Int || count->integer < 1 || count->integer >= INT32_MAX))
    report(at, "`every` takes a whole number of at least 1");
}

void Checker::checkWeights(const Expr &value, Location at) {
  if (!isCallLike(value) || !findWord(kWeightRules, value.text))
    return report(at, fmt::format("`weights` is {}", listOf(kWeightRules, "or")));
  if (value.text != "predict") {
    if (!value.args.empty())
      report(at, fmt::format("`{}` takes no arguments", value.text));
    return;
  }
  bool hasOptimizer = false;
  for (const Arg &arg : value.args) {
    ExprPtr given = constant(arg.value, at);
    if (!given)
      return;
    if (arg.name.empty() && !hasOptimizer) {
      hasOptimizer = true;
      if (given->kind != Kind::Name || !findWord(kOptimizers, given->text))
        report(at, fmt::format("`predict` knows the optimizers {}", listOf(kOptimizers)));
    } else if (arg.name == "s") {
      bool isNumber = given->kind == Kind::Int && given->integer >= 0 && given->integer < INT32_MAX;
      if (!isNumber && !(given->kind == Kind::Name && findWord(kLagRules, given->text)))
        report(at, fmt::format("`s` is {}, or a number of updates", listOf(kLagRules)));
    } else {
      report(at, "`predict` takes an optimizer and `s`, as in predict(adamw, s = derived)");
    }
  }
}

void Checker::checkAssign(const AssignRule &rule) {
  for (const Glob &glob : rule.names)
    checkGlob(glob, rule.loc);
  for (const Path &path : rule.paths)
    checkPathCount(path, rule.loc);
  if (rule.names.empty() && rule.paths.empty())
    report(rule.loc, "a rule of `assign` needs a name pattern or a path");
  Location at = rule.how.loc.line ? rule.how.loc : rule.loc;
  const Operation &how = rule.how;
  if (!findWord(assignWords(), how.name))
    return report(at, fmt::format("`{}` gives nothing to a stage{}; there are {}", how.name,
                                  didYouMean(how.name, assignWords()), listOf(assignWords())));
  if (how.name == "stage") {
    ExprPtr stage = how.args.size() == 1 && how.args[0].name.empty()
                        ? constant(how.args[0].value, at)
                        : nullptr;
    if (!stage || stage->kind != Kind::Int || stage->integer < 0 || stage->integer >= INT32_MAX)
      report(at, "`stage` takes the number of one, as in stage(2)");
  } else if (how.name == "by_cost") {
    bool isParams = how.args.size() == 1 && how.args[0].name.empty() && how.args[0].value &&
                    isWord(how.args[0].value, "params");
    if (!isParams)
      report(at, "`by_cost` takes what a layer costs: by_cost(params)");
  } else {
    checkNoArgs(how);
  }
}

void Checker::checkPipelineName(const std::string &name, Location at) {
  std::vector<std::string> known;
  for (const Pipeline &pipeline : spec_.pipelines)
    known.push_back(pipeline.name);
  if (std::find(known.begin(), known.end(), name) == known.end())
    reportWord(at, name, fmt::format("there is no pipeline `{}`{}", name, didYouMean(name, known)));
}

} // namespace recast::lang
