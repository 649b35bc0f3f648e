#include "compiler/Bind/BindPipeline.h"

#include "compiler/Bind/SourceText.h"
#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Generate.h"
#include "compiler/Schedule/Updates.h"
#include "compiler/Schedule/Versions.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::compiler {
namespace {

using namespace recast::ir;
using schedule::ActionKind;
using schedule::Schedule;

/// One attribute or a list of them.
std::vector<mlir::Attribute> listOf(mlir::Attribute value) {
  if (auto list = llvm::dyn_cast<mlir::ArrayAttr>(value))
    return {list.begin(), list.end()};
  return {value};
}

std::string wordOf(mlir::Attribute value) {
  if (auto word = llvm::dyn_cast<ckpt::WordAttr>(value))
    return word.getText().str();
  if (auto text = llvm::dyn_cast<mlir::StringAttr>(value))
    return text.str();
  return {};
}

std::optional<double> numberOf(mlir::Attribute value) {
  if (auto number = llvm::dyn_cast<mlir::IntegerAttr>(value))
    return static_cast<double>(number.getInt());
  if (auto number = llvm::dyn_cast<mlir::FloatAttr>(value))
    return number.getValueAsDouble();
  return std::nullopt;
}

class Reader {
public:
  explicit Reader(pipe::ScheduleOp op) : op_(op) {}

  Result<Schedule> schedule() {
    RECAST_ASSIGN(std::optional<schedule::WeightPolicy> weights, this->weights());
    int32_t every = 0;
    if (auto call = llvm::dyn_cast_if_present<ckpt::CallAttr>(op_.getArg("update")))
      every = static_cast<int32_t>(llvm::cast<mlir::IntegerAttr>(call.getArgs()[0]).getInt());
    if (mlir::Attribute actions = op_.getArg("actions"))
      return lists(actions, every, weights);
    std::string kind = wordOf(op_.getArg("schedule"));
    schedule::Shape shape;
    shape.ranks = number("ranks", 1);
    shape.chunks = number("chunks", schedule::usualChunks(kind));
    shape.microbatches = number("microbatches", 1);
    shape.group = number("group", 0);
    shape.updateEvery = every;
    shape.weights = weights;
    return located(schedule::generate(kind, shape));
  }

  Result<schedule::Costs> costs() {
    std::vector<std::pair<std::string, double>> values;
    if (mlir::Attribute cost = op_.getArg("cost"))
      for (mlir::Attribute one : listOf(cost)) {
        auto arg = llvm::cast<ckpt::ArgAttr>(one);
        auto value = numberOf(arg.getValue());
        if (!value)
          return fail(specError(op_.getLoc(),
                                fmt::format("the cost `{}` is not a number", arg.getName().str())));
        values.emplace_back(arg.getName().str(), *value);
      }
    return located(schedule::costsOf(values));
  }

  template <typename T> Result<T> located(Result<T> result) {
    if (result)
      return result;
    const Error &error = result.error();
    return fail(specError(op_.getLoc(),
                          fmt::format("pipeline `{}`: {}", op_.getSymName().str(), error.message()))
                    .hint(error.hintText()));
  }

private:
  int32_t number(llvm::StringRef name, int32_t otherwise) {
    return static_cast<int32_t>(op_.getNumber(name, otherwise));
  }
  tl::unexpected<Error> unknown(std::string_view what, const std::string &word) {
    return fail(specError(op_.getLoc(), fmt::format("`weights`: unknown {} `{}`", what, word)));
  }

  Result<std::optional<schedule::WeightPolicy>> weights() {
    mlir::Attribute value = op_.getArg("weights");
    if (!value)
      return std::nullopt;
    schedule::WeightPolicy out;
    std::string rule = wordOf(value);
    auto call = llvm::dyn_cast<ckpt::CallAttr>(value);
    if (call)
      rule = call.getCallee().str();
    using schedule::WeightRule;
    out.rule = rule == "stash"           ? WeightRule::Stash
               : rule == "double_buffer" ? WeightRule::DoubleBuffer
               : rule == "predict"       ? WeightRule::Predict
                                         : WeightRule::Latest;
    if (!call)
      return out;
    for (mlir::Attribute one : call.getArgs()) {
      if (auto named = llvm::dyn_cast<ckpt::ArgAttr>(one)) {
        if (named.getName() != "s")
          return unknown("argument", named.getName().str());
        RECAST_TRY(lag(named.getValue(), out));
        continue;
      }
      using schedule::Optimizer;
      static constexpr std::pair<const char *, Optimizer> kOptimizers[] = {
          {"sgd", Optimizer::Sgd},
          {"sgdm", Optimizer::Sgdm},
          {"adam", Optimizer::Adam},
          {"adamw", Optimizer::AdamW}};
      std::string word = wordOf(one);
      auto found = std::find_if(std::begin(kOptimizers), std::end(kOptimizers),
                                [&](const auto &entry) { return word == entry.first; });
      if (found == std::end(kOptimizers))
        return unknown("optimizer", word);
      out.optimizer = found->second;
    }
    return out;
  }

  Status lag(mlir::Attribute value, schedule::WeightPolicy &out) {
    using schedule::LagRule;
    if (auto number = llvm::dyn_cast<mlir::IntegerAttr>(value)) {
      out.lagRule = LagRule::Fixed;
      out.lag = static_cast<int32_t>(number.getInt());
      return {};
    }
    static constexpr std::pair<const char *, LagRule> kRules[] = {{"derived", LagRule::Derived},
                                                                  {"paper", LagRule::Paper},
                                                                  {"code", LagRule::Code},
                                                                  {"spectrain", LagRule::SpecTrain},
                                                                  {"xpipe", LagRule::XPipe}};
    for (const auto &[name, rule] : kRules)
      if (wordOf(value) == name) {
        out.lagRule = rule;
        return {};
      }
    return unknown("rule for s", wordOf(value));
  }

  Result<Schedule> lists(mlir::Attribute actions, int32_t every,
                         const std::optional<schedule::WeightPolicy> &weights) {
    Schedule out;
    out.ranks = number("ranks", 1);
    out.microbatches = number("microbatches", 1);
    out.updateEvery = every;
    if (weights)
      out.weights = *weights;
    for (mlir::Attribute rank : listOf(op_.getArg("rank_of")))
      out.rankOf.push_back(static_cast<int32_t>(llvm::cast<mlir::IntegerAttr>(rank).getInt()));
    for (mlir::Attribute text : listOf(actions)) {
      std::vector<schedule::Action> &list = out.actions.emplace_back();
      llvm::SmallVector<llvm::StringRef> cells;
      llvm::cast<mlir::StringAttr>(text).getValue().split(cells, ' ', -1, false);
      for (llvm::StringRef cell : cells)
        if (Status status = schedule::parseCell({cell.data(), cell.size()}, list); !status)
          return located(Result<Schedule>(fail(std::move(status).error())));
    }
    for (int32_t rank = 0; rank < out.ranks; ++rank)
      out.chunks = std::max(
          out.chunks, static_cast<int32_t>(std::count(out.rankOf.begin(), out.rankOf.end(), rank)));
    return out;
  }

  pipe::ScheduleOp op_;
};

} // namespace

Result<BoundPipeline> bindPipeline(pipe::ScheduleOp op) {
  Reader reader(op);
  BoundPipeline out;
  out.name = op.getSymName().str();
  RECAST_ASSIGN(out.schedule, reader.schedule());
  out.schedule = schedule::withOptimizerSteps(std::move(out.schedule));
  schedule::SimulateOptions options;
  RECAST_ASSIGN(options.costs, reader.costs());
  RECAST_ASSIGN(schedule::Simulation times,
                reader.located(schedule::simulate(out.schedule, options)));
  RECAST_ASSIGN(schedule::Versions versions, reader.located(schedule::versionsOf(out.schedule)));

  std::vector<bool> met(out.schedule.rankOf.size()), updated(met.size());
  out.stages.resize(met.size());
  for (size_t rank = 0; rank < out.schedule.actions.size(); ++rank)
    for (size_t i = 0; i < out.schedule.actions[rank].size(); ++i) {
      const schedule::Action &action = out.schedule.actions[rank][i];
      auto s = static_cast<size_t>(action.stage);
      StageTimes &stage = out.stages[s];
      double start = times.start[rank][i];
      if (action.kind == ActionKind::Forward) {
        if (!met[s])
          stage.forward = start;
        met[s] = true;
        auto seen = versions.forward({action.stage, action.microbatch});
        auto lag = versions.lag({action.stage, action.microbatch});
        if (!stage.ahead && ((seen && seen->ahead > 0) || lag.value_or(0) > 0))
          stage.ahead = start;
      } else if (action.kind == ActionKind::OptimizerStep && !updated[s]) {
        updated[s] = true;
        stage.update = start;
        out.firstUpdates = std::max(out.firstUpdates, times.end[rank][i]);
      }
    }
  return out;
}

} // namespace recast::compiler
