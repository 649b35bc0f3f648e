#include "compiler/Pipe/DeclaredSchedule.h"

#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Explicit.h"
#include "compiler/Schedule/Generate.h"
#include "compiler/Schedule/WeightWords.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace mlir;
using namespace recast::ir;

namespace recast::compiler {
namespace {
using schedule::LagRule;
using schedule::Optimizer;
using schedule::WeightPolicy;
using schedule::WeightRule;

std::string_view view(StringRef text) { return {text.data(), text.size()}; }

StringRef wordOf(Attribute attr) {
  if (auto word = llvm::dyn_cast_if_present<ckpt::WordAttr>(attr))
    return word.getText();
  auto text = llvm::dyn_cast_if_present<StringAttr>(attr);
  return text ? text.getValue() : StringRef();
}

/// `predict(adamw, s = derived)`, `stash`; what the verifier let through.
Result<WeightPolicy> readWeights(Attribute attr) {
  WeightPolicy out;
  auto call = dyn_cast<ckpt::CallAttr>(attr);
  StringRef rule = call ? call.getCallee() : wordOf(attr);
  out.rule = schedule::valueOf<WeightRule>(schedule::kWeightRuleWords, view(rule))
                 .value_or(WeightRule::Latest);
  for (Attribute value : call ? call.getArgs().getValue() : ArrayRef<Attribute>()) {
    auto named = dyn_cast<ckpt::ArgAttr>(value);
    if (!named) {
      out.optimizer = schedule::valueOf<Optimizer>(schedule::kOptimizerWords, view(wordOf(value)))
                          .value_or(Optimizer::Unknown);
      if (out.optimizer == Optimizer::Unknown)
        return usage("`predict` knows the optimizers sgd, sgdm, adam and adamw");
      continue;
    }
    if (auto number = dyn_cast<IntegerAttr>(named.getValue()); number && named.getName() == "s") {
      out.lagRule = LagRule::Fixed;
      out.lag = static_cast<int32_t>(number.getInt());
      continue;
    }
    auto lag = schedule::valueOf<LagRule>(schedule::kLagRuleWords, view(wordOf(named.getValue())));
    if (named.getName() != "s" || !lag)
      return usage("`predict` takes an optimizer and `s`, as in predict(adamw, s = derived)");
    out.lagRule = *lag;
  }
  return out;
}

Status readActions(ArrayRef<Attribute> ranks, schedule::Schedule &out) {
  for (auto [rank, attr] : llvm::enumerate(ranks)) {
    auto &list = out.actions.emplace_back();
    StringRef text = cast<StringAttr>(attr).getValue();
    SmallVector<StringRef> cells;
    text.split(cells, ' ', -1, /*KeepEmpty=*/false);
    for (StringRef cell : cells)
      if (Status read = schedule::parseCell(view(cell), list); !read)
        return usage(fmt::format("rank {}: {}", rank, read.error().message()));
  }
  return {};
}

/// Of one attribute, or of the elements of a list.
SmallVector<Attribute> elements(Attribute attr) {
  if (auto list = dyn_cast<ArrayAttr>(attr))
    return llvm::to_vector(list);
  return {attr};
}

Result<schedule::Schedule> explicitLists(pipe::ScheduleOp op, int32_t update) {
  schedule::Schedule out;
  out.ranks = static_cast<int32_t>(op.getNumber("ranks", 0));
  out.microbatches = static_cast<int32_t>(op.getNumber("microbatches", 0));
  out.updateEvery = update;
  if (Attribute kind = op.getArg("schedule")) {
    RECAST_ASSIGN(out.kind, schedule::listsNamed(view(wordOf(kind))));
  }
  RECAST_TRY(schedule::checkUpdateEvery(update, out.microbatches));
  for (Attribute rank : elements(op.getArg("rank_of")))
    out.rankOf.push_back(static_cast<int32_t>(cast<IntegerAttr>(rank).getInt()));
  RECAST_TRY(readActions(elements(op.getArg("actions")), out));
  if (static_cast<int32_t>(out.actions.size()) != out.ranks)
    return usage(fmt::format("`actions` has {} lists for {} ranks", out.actions.size(), out.ranks));
  for (int32_t rank : out.rankOf)
    if (rank >= out.ranks)
      return usage(fmt::format("`rank_of` names rank {} of {}", rank, out.ranks));
  out.chunks = schedule::chunksOf(out);
  RECAST_TRY(schedule::checkChunks(out, static_cast<int32_t>(op.getNumber("chunks", out.chunks))));
  if (Attribute weights = op.getArg("weights")) {
    RECAST_ASSIGN(out.weights, readWeights(weights));
  }
  return out;
}

Result<schedule::Schedule> generated(pipe::ScheduleOp op, int32_t update) {
  std::string kind = wordOf(op.getArg("schedule")).str();
  schedule::Shape shape;
  shape.ranks = static_cast<int32_t>(op.getNumber("ranks", 0));
  shape.chunks = static_cast<int32_t>(op.getNumber("chunks", schedule::usualChunks(kind)));
  shape.microbatches = static_cast<int32_t>(op.getNumber("microbatches", 0));
  shape.group = static_cast<int32_t>(op.getNumber("group", 0));
  shape.updateEvery = update;
  if (Attribute weights = op.getArg("weights")) {
    RECAST_ASSIGN(shape.weights, readWeights(weights));
  }
  return schedule::generate(kind, shape);
}

Result<schedule::Costs> readCosts(pipe::ScheduleOp op) {
  std::vector<std::pair<std::string, double>> values;
  Attribute cost = op.getArg("cost");
  if (!cost)
    return schedule::Costs();
  for (Attribute element : elements(cost)) {
    auto arg = cast<ckpt::ArgAttr>(element);
    if (auto number = dyn_cast<FloatAttr>(arg.getValue()))
      values.emplace_back(arg.getName().str(), number.getValueAsDouble());
    else if (auto whole = dyn_cast<IntegerAttr>(arg.getValue()))
      values.emplace_back(arg.getName().str(), static_cast<double>(whole.getInt()));
    else
      return usage(fmt::format("the cost `{}` is no number", arg.getName().str()));
  }
  return schedule::costsOf(values);
}

} // namespace

Result<DeclaredSchedule> readSchedule(pipe::ScheduleOp op) {
  int32_t update = 0;
  if (auto every = llvm::dyn_cast_if_present<ckpt::CallAttr>(op.getArg("update")))
    update = static_cast<int32_t>(cast<IntegerAttr>(every.getArgs()[0]).getInt());
  DeclaredSchedule out;
  RECAST_ASSIGN(out.lists,
                op.getArg("actions") ? explicitLists(op, update) : generated(op, update));
  RECAST_ASSIGN(out.costs, readCosts(op));
  return out;
}

Result<schedule::Schedule> readLists(pipe::ListsOp op) {
  schedule::Schedule out;
  RECAST_ASSIGN(out.kind, schedule::listsNamed(view(op.getKind())));
  out.ranks = static_cast<int32_t>(op.getActions().size());
  out.microbatches = static_cast<int32_t>(op.getMicrobatches());
  out.updateEvery = static_cast<int32_t>(op.getUpdate().value_or(0));
  RECAST_TRY(schedule::checkUpdateEvery(out.updateEvery, out.microbatches));
  out.rankOf.assign(op.getRankOf().begin(), op.getRankOf().end());
  out.chunks = schedule::chunksOf(out);
  if (op.getWeights()) {
    RECAST_ASSIGN(out.weights, readWeights(*op.getWeights()));
  }
  RECAST_TRY(readActions(op.getActions().getValue(), out));
  return out;
}

Attribute weightsAttr(MLIRContext *context, const WeightPolicy &policy) {
  auto word = [&](auto value) {
    std::string_view text = schedule::name(value);
    return ckpt::WordAttr::get(context, StringRef(text.data(), text.size()));
  };
  if (policy.rule != WeightRule::Predict)
    return word(policy.rule);
  SmallVector<Attribute> args;
  if (policy.optimizer != Optimizer::Unknown)
    args.push_back(word(policy.optimizer));
  Attribute lag = policy.lagRule == LagRule::Fixed
                      ? Attribute(IntegerAttr::get(IntegerType::get(context, 64), policy.lag))
                      : word(policy.lagRule);
  args.push_back(ckpt::ArgAttr::get(context, "s", lag));
  return ckpt::CallAttr::get(context, "predict", ArrayAttr::get(context, args));
}

pipe::ListsOp makeLists(OpBuilder &builder, mlir::Location loc, StringRef name,
                        const schedule::Schedule &lists) {
  SmallVector<Attribute> actions;
  for (const std::vector<schedule::Action> &list : lists.actions)
    actions.push_back(
        builder.getStringAttr(fmt::format("{}", fmt::join(schedule::cellTexts(list), " "))));
  IntegerAttr update;
  if (lists.updateEvery != 0)
    update = builder.getI64IntegerAttr(lists.updateEvery);
  Attribute weights;
  if (!(lists.weights == WeightPolicy()))
    weights = weightsAttr(builder.getContext(), lists.weights);
  return pipe::ListsOp::create(
      builder, loc, builder.getStringAttr(name), builder.getStringAttr(lists.kind),
      builder.getI64IntegerAttr(lists.microbatches), update, weights,
      builder.getDenseI32ArrayAttr(lists.rankOf), builder.getArrayAttr(actions));
}

} // namespace recast::compiler
