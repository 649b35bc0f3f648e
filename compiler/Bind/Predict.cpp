#include "compiler/Bind/Predict.h"

#include "compiler/Bind/HyperParameters.h"
#include "compiler/Bind/Optimizers.h"
#include "compiler/Bind/SourceText.h"
#include "compiler/Schedule/WeightWords.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string_view>

namespace recast::compiler {
namespace {

using namespace recast::ir;

/// What the rules of the language need. Roles: the states in order, besides the weights.
struct Rule {
  std::string_view name, variant;
  ckpt::Direction direction;
  std::vector<std::string_view> states; ///< For people.
  std::vector<std::string_view> args;   ///< That mean something besides s, rule, variant and lr.
};
const Rule kRules[] = {
    {"sgd", "paper", ckpt::Direction::Velocity, {"gradient"}, {}},
    {"sgd", "code", ckpt::Direction::Velocity, {"gradient"}, {}},
    {"sgdm", "paper", ckpt::Direction::Velocity, {"velocity"}, {"factor", "momentum"}},
    {"sgdm",
     "code",
     ckpt::Direction::Momentum,
     {"velocity", "gradient"},
     {"factor", "momentum", "dampening"}},
    {"adam",
     "paper",
     ckpt::Direction::Adam,
     {"first moment", "second moment"},
     {"betas", "eps", "step"}},
    {"adam", "code", ckpt::Direction::Adam, {"first moment", "second moment"}, {"betas", "step"}},
    {"adamw",
     "paper",
     ckpt::Direction::Adam,
     {"first moment", "second moment"},
     {"betas", "eps", "step", "decay", "weight_decay"}},
    {"adamw",
     "code",
     ckpt::Direction::Adam,
     {"first moment", "second moment"},
     {"betas", "step", "decay", "weight_decay"}},
};

class Predictor {
public:
  Predictor(const PredictRule &rule, mlir::Location loc, const format::Inventory &source,
            uint32_t weights, const FindTensor &find)
      : written_(rule), loc_(loc), source_(source), weights_(weights),
        tensor_(source.tensors[weights]), find_(find) {}

  Result<Predicted> run();

private:
  tl::unexpected<Error> bad(std::string message, std::string hint = {}) const {
    return predictError(loc_, tensor_, std::move(message), std::move(hint));
  }
  mlir::Attribute given(std::string_view name) const { return written_.given(name); }
  HyperParameters hyper() const { return {written_, loc_, tensor_, group_}; }
  /// A word among `choices`, the first where nothing is given.
  Result<std::string> word(std::string_view name, std::vector<std::string_view> choices) const;
  Status readRule();
  Status checkRoles() const;
  Status findStates();
  Status checkState(const format::Tensor &state) const;
  Status findGroup();
  Status checkOptimizer() const;
  /// What the formula multiplies and divides by, in f64; `what` it is, for people.
  Result<double> factor(const std::string &what, double value) const;
  Result<int64_t> steps() const;
  Result<Predicted> adam(double step);

  const PredictRule &written_;
  mlir::Location loc_;
  const format::Inventory &source_;
  uint32_t weights_;
  const format::Tensor &tensor_;
  const FindTensor &find_;

  const Rule *rule_ = nullptr;
  std::string variant_, factor_;
  int64_t ahead_ = 0;
  bool decay_ = false;
  std::vector<uint32_t> states_;
  const plan::Object *group_ = nullptr; ///< Null: the source has none for this tensor.
};

Result<std::string> Predictor::word(std::string_view name,
                                    std::vector<std::string_view> choices) const {
  mlir::Attribute value = given(name);
  if (!value)
    return std::string(choices.front());
  auto text = llvm::dyn_cast<ckpt::WordAttr>(value);
  if (!text ||
      std::find(choices.begin(), choices.end(), std::string_view(text.getText())) == choices.end())
    return bad(fmt::format("`{}` is {}", name, fmt::join(choices, " or ")));
  return text.getText().str();
}

Status Predictor::readRule() {
  if (!given("rule"))
    return bad("it does not say `rule = ..`: sgd, sgdm, adam or adamw");
  RECAST_ASSIGN(std::string rule, word("rule", {"sgd", "sgdm", "adam", "adamw"}));
  RECAST_ASSIGN(variant_, word("variant", {"paper", "code"}));
  RECAST_ASSIGN(factor_, word("factor", {"linear", "geometric"}));
  for (const Rule &known : kRules)
    if (known.name == rule && known.variant == variant_)
      rule_ = &known;
  for (const auto &[name, value] : written_.args) {
    static const std::vector<std::string_view> kAlways = {"s", "rule", "variant", "lr"};
    if (std::find(kAlways.begin(), kAlways.end(), name) == kAlways.end() &&
        std::find(rule_->args.begin(), rule_->args.end(), name) == rule_->args.end())
      return bad(fmt::format("`{}` means nothing to rule {}, variant {}", name, rule, variant_),
                 name == "eps" ? "The released code has eps = 1e-8 for every run."
                               : "Leave it out.");
  }
  auto ahead = llvm::dyn_cast_or_null<mlir::IntegerAttr>(given("s"));
  if (!ahead || llvm::isa<mlir::BoolAttr>(given("s")) || ahead.getInt() < 0)
    return bad("`s` is the number of updates ahead: a whole number, at least 0");
  ahead_ = ahead.getInt();
  if (mlir::Attribute decay = given("decay")) {
    auto flag = llvm::dyn_cast<mlir::BoolAttr>(decay);
    if (!flag)
      return bad("`decay` is true or false");
    decay_ = flag.getValue();
  }
  if (written_.states.size() != rule_->states.size())
    return bad(fmt::format("rule {}, variant {}, takes the roles of the weights and of {}; {} {} "
                           "given",
                           rule, variant_, fmt::join(rule_->states, " and "),
                           written_.states.size() + 1, written_.states.empty() ? "is" : "are"));
  return {};
}

Status Predictor::checkState(const format::Tensor &state) const {
  if (state.shape != tensor_.shape)
    return bad(fmt::format("{} has shape ({}), {} has ({})", state.role,
                           fmt::join(state.shape, ", "), tensor_.role,
                           fmt::join(tensor_.shape, ", ")));
  if (state.dtype != tensor_.dtype)
    return bad(fmt::format("{} is {}, {} is {}", state.role, name(state.dtype), tensor_.role,
                           name(tensor_.dtype)),
               "Predict from the master copy, which has the type of the optimizer's states.");
  if (state.scalar)
    return bad(fmt::format("{} is a value without dimensions", state.role));
  for (const layout::Step &step : source_.layouts[state.layout].steps)
    if (const auto *varying = std::get_if<layout::Varying>(&step))
      return bad(
          fmt::format("{} differs along {}; nothing says which is meant", state.role, varying->by));
  return {};
}

/// Roles that readers give to known states, in a place where they cannot be meant.
Status Predictor::checkRoles() const {
  auto is = [](const std::string &role, const char *known) { return role == known; };
  if (is(tensor_.role, format::role::kExpAvg) || is(tensor_.role, format::role::kExpAvgSq))
    return bad(fmt::format("{} is a moment of the optimizer, not weights", tensor_.role),
               "The first role is that of the weights, as in predict(master, ..).");
  // Velocities and gradients are called what their owner likes.
  if (rule_->direction != ckpt::Direction::Adam)
    return {};
  for (size_t i = 0; i < written_.states.size(); ++i) {
    bool isSecond = rule_->states[i] == "second moment",
         isFirst = rule_->states[i] == "first moment";
    if ((is(written_.states[i], format::role::kExpAvgSq) && !isSecond) ||
        (is(written_.states[i], format::role::kExpAvg) && isSecond) ||
        (is(written_.states[i], format::role::kMaster) && (isFirst || isSecond)))
      return bad(
          fmt::format("{} stands where the {} is meant", written_.states[i], rule_->states[i]));
  }
  return {};
}

Status Predictor::findStates() {
  if (!info(tensor_.dtype).isFloat || !recipe::castSupported(tensor_.dtype, DType::F64))
    return bad(fmt::format("{} is {}; weights are floats", tensor_.role, name(tensor_.dtype)));
  RECAST_TRY(checkState(tensor_));
  for (size_t i = 0; i < written_.states.size(); ++i) {
    const std::string &role = written_.states[i];
    int64_t state = find_(tensor_.name, role);
    if (state < 0)
      return bad(
          fmt::format("there is no {} of it, the {}", role, rule_->states[i]),
          fmt::format("Select the tensors that have one: `.. in \"PATTERN\" : predict(..)`."));
    if (static_cast<uint32_t>(state) == weights_ ||
        std::find(states_.begin(), states_.end(), static_cast<uint32_t>(state)) != states_.end())
      return bad(fmt::format("the role {} is given twice", role));
    states_.push_back(static_cast<uint32_t>(state));
    RECAST_TRY(checkState(source_.tensors[states_.back()]));
  }
  return checkRoles();
}

Status Predictor::findGroup() {
  int32_t group = tensor_.group;
  for (uint32_t index : states_) {
    const format::Tensor &state = source_.tensors[index];
    if (group >= 0 && state.group >= 0 && state.group != group)
      return bad(fmt::format("{} is in parameter group {}, {} in {}", state.role, state.group,
                             tensor_.role, group));
    group = std::max(group, state.group);
  }
  if (group < 0)
    return {};
  group_ = source_.groups[static_cast<size_t>(group)].hyper.get();
  for (const char *flag : {"amsgrad", "maximize", "nesterov"})
    if (const plan::Object *value = group_ ? group_->find(flag) : nullptr;
        value && value->kind == plan::Object::Kind::Bool && value->integer)
      return bad(fmt::format("its parameter group says {} = True, which no rule knows", flag));
  return {};
}

Status Predictor::checkOptimizer() const {
  const auto optimizer =
      *schedule::valueOf<schedule::Optimizer>(schedule::kOptimizerWords, rule_->name);
  const bool hasSecondMoment = find_(tensor_.name, format::role::kExpAvgSq) >= 0;
  auto what = contradiction(optimizer, group_, hasSecondMoment);
  if (!what)
    return {};
  return bad(fmt::format("rule {} is not that of the run's optimizer: {}", rule_->name, *what),
             "Say the rule of the optimizer that made these states.");
}

Result<double> Predictor::factor(const std::string &what, double value) const {
  if (std::isfinite(value))
    return value;
  return bad(fmt::format("{} is {}, too large for f64", what, value));
}

/// Updates that the optimizer has made.
Result<int64_t> Predictor::steps() const {
  if (mlir::Attribute value = given("step")) {
    auto whole = llvm::dyn_cast<mlir::IntegerAttr>(value);
    if (!whole || llvm::isa<mlir::BoolAttr>(value) || whole.getInt() < 0)
      return bad("`step` is a whole number, at least 0");
    return whole.getInt();
  }
  int64_t index = find_(tensor_.name, format::role::kStep);
  if (index < 0 || !source_.tensors[static_cast<size_t>(index)].scalar)
    return bad("the source has no step of it", "Say it: `predict(.., step = ..)`.");
  const format::Tensor &step = source_.tensors[static_cast<size_t>(index)];
  double value = std::bit_cast<double>(
      step.dtype == DType::F64
          ? *step.scalar
          : recipe::castBits(*step.scalar, step.dtype, DType::F64, recipe::Overflow::Ieee));
  if (!(value >= 0 && value < 0x1p53) || value != std::floor(value))
    return bad(fmt::format("its step is {}, no number of updates", value));
  return static_cast<int64_t>(value);
}

Result<Predicted> Predictor::adam(double lr) {
  RECAST_ASSIGN(auto rates, hyper().betas());
  const auto [beta1, beta2] = rates;
  double eps = 1e-8;
  if (variant_ == "paper") {
    RECAST_ASSIGN(eps, hyper().number("eps", {0, INFINITY, false}));
  }
  RECAST_ASSIGN(int64_t step, steps());
  if (variant_ == "code")
    step = std::max<int64_t>(step, 1);
  Prediction out{rule_->direction, states_, {}};
  const auto ahead = static_cast<double>(ahead_), made = static_cast<double>(step);
  RECAST_ASSIGN(double rate, factor("lr * s", lr * ahead));
  if (decay_) {
    RECAST_ASSIGN(double weightDecay, hyper().number("weight_decay", {}));
    RECAST_ASSIGN(double decay, factor("lr * weight_decay * s", lr * weightDecay * ahead));
    out.scalars.push_back(1 - decay);
  }
  if (step == 0)
    return Predicted{std::nullopt, true};
  // As Python computes them: `1 - beta ** step`.
  out.scalars.insert(out.scalars.begin(),
                     {rate, 1 - std::pow(beta1, made), 1 - std::pow(beta2, made), eps});
  return Predicted{std::move(out), false};
}

Result<Predicted> Predictor::run() {
  RECAST_TRY(readRule());
  RECAST_TRY(findStates());
  RECAST_TRY(findGroup());
  RECAST_TRY(checkOptimizer());
  if (ahead_ == 0)
    return Predicted{};
  RECAST_ASSIGN(double lr, hyper().number("lr", {}));
  if (rule_->direction == ckpt::Direction::Adam)
    return adam(lr);

  RECAST_ASSIGN(double rate, factor("lr * s", lr * static_cast<double>(ahead_)));
  Prediction out{rule_->direction, states_, {rate}};
  double momentum = 0;
  if (factor_ == "geometric" || rule_->direction == ckpt::Direction::Momentum) {
    RECAST_ASSIGN(momentum, hyper().number("momentum", {0, 1}));
  }
  if (factor_ == "geometric")
    out.scalars[0] =
        lr * (momentum * (1 - std::pow(momentum, static_cast<double>(ahead_))) / (1 - momentum));
  if (rule_->direction == ckpt::Direction::Momentum) {
    RECAST_ASSIGN(double dampening, hyper().number("dampening", {0, 1, true, true}));
    out.scalars.insert(out.scalars.end(), {momentum, 1 - dampening});
  }
  return Predicted{std::move(out), false};
}

} // namespace

Result<Predicted> predicted(const PredictRule &rule, mlir::Location loc,
                            const format::Inventory &source, uint32_t weights,
                            const FindTensor &find) {
  return Predictor(rule, loc, source, weights, find).run();
}

} // namespace recast::compiler
