#include "compiler/Bind/Resolve.h"

#include "compiler/Bind/Chains.h"
#include "compiler/Bind/Packed.h"
#include "compiler/Bind/RoleMatrix.h"
#include "compiler/Bind/SourceText.h"
#include "compiler/Bind/Vocabulary.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <unordered_map>

namespace recast::compiler {
namespace {

bool contains(const std::vector<std::string> &list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool appliesTo(const std::vector<uint32_t> &targets, uint32_t target) {
  return std::find(targets.begin(), targets.end(), target) != targets.end();
}

/// The source's matrix with all roles that rules give.
RoleMatrix matrixOf(const Job &job, const Ends &ends) {
  RoleMatrix matrix(ends.source.tensors);
  for (const RoleRule &rule : job.rules)
    for (const std::string &role : rule.selection.roles)
      matrix.addRole(role);
  return matrix;
}

class Resolver {
public:
  Resolver(const Job &job, const Ends &ends, const Shares &shares)
      : job_(job), ends_(ends), shares_(shares), source_(ends.source), matrix_(matrixOf(job, ends)),
        rolesByText_(matrix_.rolesByText()),
        vocabulary_(job.source.name, ends.storedNames, matrix_) {}

  Result<Resolution> run() {
    result_.keptVerbatim.resize(source_.tensors.size());
    for (uint32_t target = 0; target < job_.targets.size(); ++target)
      RECAST_TRY(fillTarget(target));
    if (withoutUpdate_)
      result_.notes.push_back(
          fmt::format("the optimizer has made no update yet: {} tensors are written as they are "
                      "where the job predicts them",
                      withoutUpdate_));
    result_.sortCells(source_.tensors.size());
    return std::move(result_);
  }

private:
  /// What has become of a cell of the target being filled.
  enum State : uint8_t {
    kFilled = 1,
    kDropped = 2,
    kFromItself = 4, ///< The tensor of that name and role fills it.
  };
  /// What the target being filled does with a role.
  struct TargetRole {
    bool isHeld = false, isVerbatim = false, isWidened = false;
  };

  Status fillTarget(uint32_t target);
  Status applyRule(uint32_t target, const RoleRule &rule);
  Status applyElse(uint32_t target, const RoleRule &rule);
  Status applyDrop(uint32_t target, const DropRule &drop);
  Status reportUnmentioned(uint32_t target);
  Status assign(uint32_t target, uint32_t tensor, uint32_t role, const RoleRule &rule);
  Status checkChain(const format::Tensor &tensor, const RoleRule &rule);
  Result<uint32_t> predict(uint32_t target, uint32_t tensor, const RoleRule &rule);
  const std::vector<ChainStep> &widened(const RoleRule &rule);
  void noteLeftOut(uint32_t target);

  /// Nothing was said about it yet.
  bool isOpen(uint32_t tensor) const {
    return !(states_[matrix_.cellOf(tensor)] & (kFilled | kDropped));
  }

  Selector selector(const Selection &selection) const {
    return ends_.selector(selection.globs, selection.paths);
  }

  const Job &job_;
  const Ends &ends_;
  const Shares &shares_;
  const format::Inventory &source_;
  RoleMatrix matrix_;
  std::vector<uint32_t> rolesByText_;
  Vocabulary vocabulary_;
  Resolution result_;
  int64_t withoutUpdate_ = 0; ///< Predictions of weights that the optimizer has not touched yet.
  /// What `checkChain` found good: that depends on the rule, the type and the layout alone.
  std::set<std::tuple<const RoleRule *, DType, uint32_t>> sound_;
  std::map<const RoleRule *, const std::vector<ChainStep> *> widened_;

  // Of the target being filled.
  std::vector<uint8_t> states_; ///< By cell.
  std::vector<TargetRole> targetRoles_;
};

/// Once for all tensors that are alike.
Status Resolver::checkChain(const format::Tensor &tensor, const RoleRule &rule) {
  std::tuple key(&rule, tensor.dtype, tensor.scalar ? plan::kNone : tensor.layout);
  if (sound_.contains(key))
    return {};
  RECAST_TRY(compiler::checkChain(tensor, source_.layouts, rule.chain, rule.loc));
  sound_.insert(key);
  return {};
}

/// Index of what is computed; kNone where nothing is.
Result<uint32_t> Resolver::predict(uint32_t target, uint32_t tensor, const RoleRule &rule) {
  if (!rule.predict)
    return plan::kNone;
  PredictRule written = *rule.predict;
  if (std::string pipeline = written.lagOf(); !pipeline.empty()) {
    mlir::Attribute &s = written.args["s"];
    std::optional<int32_t> lag = shares_.lag(pipeline, target, tensor);
    if (!lag)
      return fail(
          specError(rule.loc,
                    fmt::format("`{}.lag` is not one number for '{}' in '{}': stages that "
                                "own it are at different distances from their updates",
                                pipeline, source_.tensors[tensor].name, job_.targets[target].name))
              .hint(fmt::format("Give the target `stages {}`, or say a number.", pipeline)));
    s = mlir::IntegerAttr::get(mlir::IntegerType::get(s.getContext(), 64), *lag);
  }
  RECAST_ASSIGN(Predicted predicted,
                compiler::predicted(written, rule.loc, source_, tensor, [&](Name name, Name role) {
                  uint32_t found = matrix_.tensorWith(name, role);
                  return found == plan::kNone ? int64_t{-1} : found;
                }));
  withoutUpdate_ += predicted.noUpdateYet;
  if (!predicted.prediction)
    return plan::kNone;
  result_.predictions.push_back(std::move(*predicted.prediction));
  return static_cast<uint32_t>(result_.predictions.size() - 1);
}

/// The chain of a rule, and to f32 behind it.
const std::vector<ChainStep> &Resolver::widened(const RoleRule &rule) {
  const std::vector<ChainStep> *&chain = widened_[&rule];
  if (!chain) {
    std::vector<ChainStep> longer = rule.chain;
    longer.push_back(CastStep{DType::F32, recipe::Overflow::Ieee});
    chain = &result_.chains.emplace_back(std::move(longer));
  }
  return *chain;
}

Status Resolver::assign(uint32_t target, uint32_t index, uint32_t role, const RoleRule &rule) {
  const format::Tensor &tensor = source_.tensors[index];
  const EndpointDecl &endpoint = job_.targets[target];
  const Name roleName = matrix_.roles()[role];
  const bool isOwn = role == matrix_.roleOf(index);
  const uint32_t number = matrix_.cellOf(index, role);
  states_.resize(matrix_.cellCount());
  if (states_[number] & kFilled)
    return fail(specError(rule.loc, fmt::format("{} of '{}' is given twice for '{}'", roleName,
                                                tensor.name, endpoint.name)));
  states_[number] |= kFilled;
  const TargetRole &there = targetRoles_[role];
  if (!there.isHeld) {
    Error error = specError(rule.loc, fmt::format("{} cannot hold {} (of '{}')", endpoint.format,
                                                  roleName, tensor.name));
    return fail(
        std::move(error).hint(fmt::format("Add `drop {}` for '{}'.", roleName, endpoint.name)));
  }
  RECAST_TRY(checkChain(tensor, rule));

  if (there.isVerbatim) {
    if (!isOwn || rule.predict || !rule.chain.empty()) {
      Error error =
          specError(rule.loc, fmt::format("{} keeps {} inside files it copies from the source "
                                          "byte for byte; it cannot be computed",
                                          endpoint.format, roleName));
      return fail(std::move(error).hint(fmt::format("Write `{} : keep`.", roleName)));
    }
    result_.keptVerbatim[index] = true;
    return {};
  }
  if (!shares_.owns(target, index))
    return {};
  auto to = ends_.targets[target].find(tensor.name);
  if (!to) {
    Error error = specError(
        rule.loc, fmt::format("the model of '{}' has no tensor {}", endpoint.name, tensor.name));
    return fail(std::move(error).hint(fmt::format("Drop it for '{}'.", endpoint.name)));
  }
  RECAST_ASSIGN(uint32_t prediction, predict(target, index, rule));
  DType type = typeAfter(tensor.dtype, rule.chain);
  const bool isWidened = there.isWidened && info(type).isFloat && bitWidth(type) < 32;
  result_.cells.push_back(
      {index, target, roleName, prediction, isWidened ? &widened(rule) : &rule.chain, *to});
  if (isOwn && matrix_.tensorIn(number) == index)
    states_[number] |= kFromItself;
  return {};
}

Status Resolver::applyRule(uint32_t target, const RoleRule &rule) {
  Selector selector = this->selector(rule.selection);
  for (const std::string &role : rule.selection.roles)
    for (uint32_t index : matrix_.tensorsOf(rule.from.empty() ? role : rule.from))
      if (selector.means(index))
        RECAST_TRY(assign(target, index, matrix_.role(role), rule));
  return {};
}

Status Resolver::applyElse(uint32_t target, const RoleRule &rule) {
  Selector selector = this->selector(rule.selection);
  const Name fromRole = rule.from;
  for (uint32_t index = 0; index < source_.tensors.size(); ++index) {
    if (!isOpen(index) || !selector.means(index))
      continue;
    uint32_t from =
        fromRole.empty() ? index : matrix_.tensorWith(source_.tensors[index].name, fromRole);
    if (from != plan::kNone)
      RECAST_TRY(assign(target, from, matrix_.roleOf(index), rule));
  }
  return {};
}

Status Resolver::applyDrop(uint32_t target, const DropRule &drop) {
  Selector selector = this->selector(drop.selection);
  std::vector<char> isNamed;
  for (Name role : matrix_.roles())
    isNamed.push_back(contains(drop.selection.roles, role));
  for (uint32_t index = 0; index < source_.tensors.size(); ++index) {
    bool isMeant = drop.selection.isElse ? isOpen(index) : isNamed[matrix_.roleOf(index)];
    if (!isMeant || !selector.means(index))
      continue;
    uint8_t &state = states_[matrix_.cellOf(index)];
    if (state & kFilled)
      return fail(
          specError(drop.loc, fmt::format("{} of '{}' is both kept and dropped for '{}'",
                                          source_.tensors[index].role, source_.tensors[index].name,
                                          job_.targets[target].name)));
    state |= kDropped;
  }
  return {};
}

Status Resolver::reportUnmentioned(uint32_t target) {
  std::vector<std::vector<uint32_t>> missing(matrix_.roles().size());
  for (uint32_t i = 0; i < source_.tensors.size(); ++i)
    if (isOpen(i))
      missing[matrix_.roleOf(i)].push_back(i);
  auto first =
      std::ranges::find_if(rolesByText_, [&](uint32_t id) { return !missing[id].empty(); });
  if (first == rolesByText_.end())
    return {};
  const Name role = matrix_.roles()[*first];
  Error error =
      specError(job_.loc, fmt::format("nothing is said about {} of {} tensors for '{}'", role,
                                      missing[*first].size(), job_.targets[target].name));
  return fail(
      std::move(error)
          .tensor(source_.tensors[missing[*first].front()].name)
          .hint(fmt::format("Add `{} : keep` or `drop {}`, or an `else : keep`.", role, role)));
}

void Resolver::noteLeftOut(uint32_t target) {
  const std::string name = job_.targets[target].planName();
  auto note = [&](uint32_t role, int64_t tensors, plan::RoleChange::Kind kind, const char *stored,
                  const char *why) {
    const std::string &text = matrix_.roles()[role];
    if (tensors)
      result_.leftOut.push_back(
          {fmt::format("{} of {} tensors{}", text, tensors, stored),
           fmt::format("{} for '{}'", why, name), std::nullopt,
           plan::RoleChange{text, name, static_cast<uint64_t>(tensors), kind}});
  };
  // A filled cell whose own tensor of the source feeds nothing: it was computed from another role.
  const std::vector<Name> &roles = matrix_.roles();
  std::vector<int64_t> dropped(roles.size(), 0), replaced(roles.size(), 0);
  for (uint32_t i = 0; i < source_.tensors.size(); ++i) {
    const uint32_t cell = matrix_.cellOf(i), role = matrix_.roleOf(i);
    const uint8_t state = states_[cell];
    const uint32_t index = matrix_.tensorIn(cell);
    dropped[role] += (state & kDropped) && index == i;
    replaced[role] += (state & kFilled) && !(state & kFromItself) && !result_.keptVerbatim[index] &&
                      shares_.owns(target, index);
  }
  for (uint32_t role : rolesByText_)
    note(role, dropped[role], plan::RoleChange::Kind::Dropped, "", "dropped");
  for (uint32_t role : rolesByText_)
    note(role, replaced[role], plan::RoleChange::Kind::Computed, " as stored",
         "computed from another role");
}

Status Resolver::fillTarget(uint32_t target) {
  states_.assign(matrix_.cellCount(), 0);
  const format::TargetTraits &traits = *format::targetTraits(job_.targets[target].format);
  targetRoles_.clear();
  for (Name role : matrix_.roles())
    targetRoles_.push_back({traits.roles.empty() || contains(traits.roles, role),
                            contains(traits.verbatimRoles, role),
                            contains(traits.widenedRoles, role)});
  for (const RoleRule &rule : job_.rules)
    if (appliesTo(rule.targets, target)) {
      // What is predicted may have a role of its own.
      Selection selection = rule.selection;
      if (rule.predict)
        selection.roles = rule.predict->states;
      RECAST_TRY(vocabulary_.checkSelection(selection, rule.loc));
      if (!rule.from.empty())
        RECAST_TRY(vocabulary_.checkRole(rule.from, rule.loc));
    }
  for (const DropRule &drop : job_.drops)
    if (appliesTo(drop.targets, target))
      RECAST_TRY(vocabulary_.checkSelection(drop.selection, drop.loc));
  // Named statements before `else`, wherever they stand: `else` is what they leave.
  for (const RoleRule &rule : job_.rules)
    if (appliesTo(rule.targets, target) && !rule.selection.isElse)
      RECAST_TRY(applyRule(target, rule));
  for (bool isElse : {false, true})
    for (const DropRule &drop : job_.drops)
      if (appliesTo(drop.targets, target) && drop.selection.isElse == isElse)
        RECAST_TRY(applyDrop(target, drop));
  for (const RoleRule &rule : job_.rules)
    if (appliesTo(rule.targets, target) && rule.selection.isElse)
      RECAST_TRY(applyElse(target, rule));
  RECAST_TRY(reportUnmentioned(target));
  noteLeftOut(target);
  return {};
}

} // namespace

void Resolution::sortCells(size_t tensors) {
  std::erase_if(cells, [](const Cell &cell) { return !cell.to.layout; });
  begins.assign(tensors + 1, 0);
  for (const Cell &cell : cells)
    ++begins[cell.tensor + 1];
  std::partial_sum(begins.begin(), begins.end(), begins.begin());
  if (std::ranges::is_sorted(cells, {}, &Cell::tensor))
    return;
  std::vector<uint32_t> next(begins.begin(), begins.end() - 1);
  std::vector<Cell> sorted(cells.size());
  for (const Cell &cell : cells)
    sorted[next[cell.tensor]++] = cell;
  cells = std::move(sorted);
}

Result<Resolution> resolve(const Job &job, const Ends &ends, const Shares &shares) {
  Resolver resolver(job, ends, shares);
  RECAST_ASSIGN(Resolution resolution, resolver.run());
  RECAST_TRY(fillPacked(job, ends, resolution));
  return resolution;
}

} // namespace recast::compiler
