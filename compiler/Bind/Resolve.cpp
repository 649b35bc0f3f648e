#include "compiler/Bind/Resolve.h"

#include "compiler/Bind/Glob.h"
#include "compiler/Bind/Packed.h"
#include "compiler/Bind/SourceText.h"
#include "compiler/Bind/Strings.h"
#include "runtime/base/NearestName.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace recast::compiler {
namespace {

constexpr const char *kStandardRoles[] = {
    format::role::kWeight, format::role::kMaster, format::role::kExpAvg, format::role::kExpAvgSq,
    format::role::kStep,   format::role::kFrozen, format::role::kBuffer,
};

bool contains(const std::vector<std::string> &list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool appliesTo(const std::vector<uint32_t> &targets, uint32_t target) {
  return std::find(targets.begin(), targets.end(), target) != targets.end();
}

class Resolver {
public:
  Resolver(const Job &job, const Ends &ends, const Shares &shares)
      : job_(job), ends_(ends), shares_(shares), source_(ends.source) {
    for (uint32_t i = 0; i < source_.tensors.size(); ++i) {
      const format::Tensor &tensor = source_.tensors[i];
      byRole_[tensor.role].push_back(i);
      CellKey key = keyOf(tensor.name, tensor.role);
      keys_.push_back(key);
      tensorOf_[key] = i;
    }
  }

  Result<Resolution> run() {
    result_.uses.resize(source_.tensors.size());
    for (uint32_t target = 0; target < job_.targets.size(); ++target)
      RECAST_TRY(fillTarget(target));
    if (withoutUpdate_)
      result_.notes.push_back(
          fmt::format("the optimizer has made no update yet: {} tensors are written as they are "
                      "where the job predicts them",
                      withoutUpdate_));
    return std::move(result_);
  }

private:
  using CellKey = uint64_t; ///< Numbers of a name and of a role in the target.

  Status fillTarget(uint32_t target);
  Status applyRule(uint32_t target, const RoleRule &rule);
  Status applyElse(uint32_t target, const RoleRule &rule);
  Status applyDrop(uint32_t target, const DropRule &drop);
  Status reportUnmentioned(uint32_t target);
  Status assign(uint32_t target, uint32_t tensor, const std::string &role, const RoleRule &rule);
  Status checkChain(const format::Tensor &tensor, const std::vector<ChainStep> &chain,
                    mlir::Location loc) const;
  Status checkRole(const std::string &role, mlir::Location loc) const;
  Status checkSelection(const Selection &selection, mlir::Location loc) const;
  Result<std::optional<Prediction>> predict(uint32_t target, uint32_t tensor, const RoleRule &rule);
  void noteLeftOut(uint32_t target);

  CellKey keyOf(const std::string &name, const std::string &role) {
    return uint64_t{names_.id(name)} << 32 | roles_.id(role);
  }
  CellKey keyOf(uint32_t tensor, const std::string &role) {
    return (keys_[tensor] >> 32) << 32 | roles_.id(role);
  }

  Selector selector(const Selection &selection) const {
    return ends_.selector(selection.globs, selection.paths);
  }

  const Job &job_;
  const Ends &ends_;
  const Shares &shares_;
  const format::Inventory &source_;
  std::map<std::string, std::vector<uint32_t>> byRole_;
  Strings names_, roles_;
  std::vector<CellKey> keys_; ///< Of the source's tensors, each in its own role.
  std::unordered_map<CellKey, uint32_t> tensorOf_;
  Resolution result_;
  int64_t withoutUpdate_ = 0; ///< Predictions of weights that the optimizer has not touched yet.

  // Of the target being filled.
  std::unordered_set<CellKey> filled_, dropped_;
  std::map<std::string, int64_t> droppedPerRole_;
};

/// A role is a word of the language (which may have no members here) or one that the source has.
Status Resolver::checkRole(const std::string &role, mlir::Location loc) const {
  std::vector<std::string> known(std::begin(kStandardRoles), std::end(kStandardRoles));
  for (const auto &[name, tensors] : byRole_)
    known.push_back(name);
  if (contains(known, role))
    return {};
  return fail(specError(loc,
                        fmt::format("no tensor of '{}' has the role '{}'", job_.source.name, role),
                        nearestName(role, known)));
}

/// Roles and names a statement speaks of must exist.
Status Resolver::checkSelection(const Selection &selection, mlir::Location loc) const {
  for (const std::string &role : selection.roles)
    RECAST_TRY(checkRole(role, loc));
  for (const std::string &glob : selection.globs) {
    const std::vector<std::string> &names = ends_.storedNames;
    if (std::any_of(names.begin(), names.end(),
                    [&](const std::string &name) { return globMatches(glob, name); }))
      continue;
    return fail(specError(loc,
                          fmt::format("no tensor of '{}' is called \"{}\"", job_.source.name, glob),
                          nearestName(glob, names)));
  }
  return {};
}

/// Every cast exists, and no version of a value that differs between ranks is left.
Status Resolver::checkChain(const format::Tensor &tensor, const std::vector<ChainStep> &chain,
                            mlir::Location loc) const {
  DType type = tensor.dtype;
  const layout::Layout *layout = tensor.scalar ? nullptr : &source_.layouts[tensor.layout];
  std::set<std::string> varying;
  if (layout)
    for (const layout::Step &step : layout->steps)
      if (const auto *one = std::get_if<layout::Varying>(&step))
        varying.insert(one->by);
  auto bad = [&](std::string message, std::string hint) {
    return fail(specError(loc, message).tensor(tensor.name).hint(std::move(hint)));
  };
  auto wouldVary = [&](const std::string &axis) {
    return fmt::format("Where they do, the source says so: `as same {{ \"{}\" varying {} }}`.",
                       tensor.name, axis);
  };
  for (const ChainStep &step : chain) {
    if (const auto *cast = std::get_if<CastStep>(&step)) {
      if (type != cast->type && !recipe::castSupported(type, cast->type))
        return bad(fmt::format("{} '{}' is {}, which cannot be cast to {}", tensor.role,
                               tensor.name, name(type), name(cast->type)),
                   fmt::format("Keep it: `{} in \"{}\" : keep`.", tensor.role, tensor.name));
      type = cast->type;
    } else if (const auto *select = std::get_if<SelectStep>(&step)) {
      if (!varying.erase(select->axis))
        return bad(fmt::format("`select`: the values of {} '{}' do not differ along {}",
                               tensor.role, tensor.name, select->axis),
                   wouldVary(select->axis));
      int64_t size = layout->mesh.sizes[layout->mesh.axisIndex(select->axis)];
      if (select->coordinate >= size)
        return bad(fmt::format("`select`: there is no coordinate {} of {}, which has {}",
                               select->coordinate, select->axis, size),
                   fmt::format("They are counted from 0 to {}.", size - 1));
    } else {
      if (varying.empty())
        return bad(fmt::format("`average`: the values of {} '{}' do not differ between ranks",
                               tensor.role, tensor.name),
                   wouldVary("dp"));
      if (!info(type).isFloat || !recipe::castSupported(type, DType::F64))
        return bad(fmt::format("`average`: there is no mean of {}", name(type)),
                   fmt::format("Take one version: `{} in \"{}\" : select({} = 0)`.", tensor.role,
                               tensor.name, *varying.begin()));
      varying.clear();
    }
  }
  if (!varying.empty())
    return bad(
        fmt::format("the values of {} '{}' differ along {}, and nothing says which are meant",
                    tensor.role, tensor.name, *varying.begin()),
        fmt::format("Write `{} in \"{}\" : average`, or `select({} = 0)`.", tensor.role,
                    tensor.name, *varying.begin()));
  return {};
}

Result<std::optional<Prediction>> Resolver::predict(uint32_t target, uint32_t tensor,
                                                    const RoleRule &rule) {
  if (!rule.predict)
    return std::nullopt;
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
                compiler::predicted(written, rule.loc, source_, tensor,
                                    [&](const std::string &name, const std::string &role) {
                                      auto found = tensorOf_.find(keyOf(name, role));
                                      return found == tensorOf_.end() ? int64_t{-1} : found->second;
                                    }));
  withoutUpdate_ += predicted.noUpdateYet;
  return std::move(predicted.prediction);
}

Status Resolver::assign(uint32_t target, uint32_t index, const std::string &role,
                        const RoleRule &rule) {
  const format::Tensor &tensor = source_.tensors[index];
  const EndpointDecl &endpoint = job_.targets[target];
  const format::TargetTraits &traits = *format::targetTraits(endpoint.format);
  if (!filled_.insert(keyOf(index, role)).second)
    return fail(specError(rule.loc, fmt::format("{} of '{}' is given twice for '{}'", role,
                                                tensor.name, endpoint.name)));
  if (!traits.roles.empty() && !contains(traits.roles, role)) {
    Error error = specError(
        rule.loc, fmt::format("{} cannot hold {} (of '{}')", endpoint.format, role, tensor.name));
    return fail(std::move(error).hint(fmt::format("Add `drop {}` for '{}'.", role, endpoint.name)));
  }
  RECAST_TRY(checkChain(tensor, rule.chain, rule.loc));

  if (contains(traits.verbatimRoles, role)) {
    if (role != tensor.role || rule.predict || !rule.chain.empty()) {
      Error error =
          specError(rule.loc, fmt::format("{} keeps {} inside files it copies from the source "
                                          "byte for byte; it cannot be computed",
                                          endpoint.format, role));
      return fail(std::move(error).hint(fmt::format("Write `{} : keep`.", role)));
    }
    result_.uses[index].keptVerbatim = true;
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
  RECAST_ASSIGN(std::optional<Prediction> prediction, predict(target, index, rule));
  Cell cell{target, role, std::move(prediction), rule.chain, std::move(*to)};
  DType type = typeAfter(tensor.dtype, cell.chain);
  if (contains(traits.widenedRoles, role) && info(type).isFloat && bitWidth(type) < 32)
    cell.chain.push_back(CastStep{DType::F32, recipe::Overflow::Ieee});
  result_.uses[index].cells.push_back(std::move(cell));
  return {};
}

Status Resolver::applyRule(uint32_t target, const RoleRule &rule) {
  Selector selector = this->selector(rule.selection);
  for (const std::string &role : rule.selection.roles) {
    const std::string &from = rule.from.empty() ? role : rule.from;
    auto tensors = byRole_.find(from);
    if (tensors == byRole_.end())
      continue;
    for (uint32_t index : tensors->second)
      if (selector.means(index))
        RECAST_TRY(assign(target, index, role, rule));
  }
  return {};
}

Status Resolver::applyElse(uint32_t target, const RoleRule &rule) {
  Selector selector = this->selector(rule.selection);
  for (uint32_t index = 0; index < source_.tensors.size(); ++index) {
    const format::Tensor &tensor = source_.tensors[index];
    CellKey key = keys_[index];
    if (filled_.count(key) || dropped_.count(key) || !selector.means(index))
      continue;
    if (rule.from.empty()) {
      RECAST_TRY(assign(target, index, tensor.role, rule));
    } else if (auto from = tensorOf_.find(keyOf(index, rule.from)); from != tensorOf_.end()) {
      RECAST_TRY(assign(target, from->second, tensor.role, rule));
    }
  }
  return {};
}

Status Resolver::applyDrop(uint32_t target, const DropRule &drop) {
  Selector selector = this->selector(drop.selection);
  for (uint32_t index = 0; index < source_.tensors.size(); ++index) {
    const format::Tensor &tensor = source_.tensors[index];
    CellKey key = keys_[index];
    bool isMeant = drop.selection.isElse ? !filled_.count(key) && !dropped_.count(key)
                                         : contains(drop.selection.roles, tensor.role);
    if (!isMeant || !selector.means(index))
      continue;
    if (filled_.count(key))
      return fail(
          specError(drop.loc, fmt::format("{} of '{}' is both kept and dropped for '{}'",
                                          tensor.role, tensor.name, job_.targets[target].name)));
    if (dropped_.insert(key).second)
      ++droppedPerRole_[tensor.role];
  }
  return {};
}

Status Resolver::reportUnmentioned(uint32_t target) {
  std::map<std::string, std::vector<std::string>> missing;
  for (uint32_t i = 0; i < source_.tensors.size(); ++i)
    if (!filled_.count(keys_[i]) && !dropped_.count(keys_[i]))
      missing[source_.tensors[i].role].push_back(source_.tensors[i].name);
  if (missing.empty())
    return {};
  const auto &[role, names] = *missing.begin();
  Error error = specError(job_.loc, fmt::format("nothing is said about {} of {} tensors for '{}'",
                                                role, names.size(), job_.targets[target].name));
  return fail(
      std::move(error)
          .tensor(names.front())
          .hint(fmt::format("Add `{} : keep` or `drop {}`, or an `else : keep`.", role, role)));
}

void Resolver::noteLeftOut(uint32_t target) {
  const std::string name = job_.targets[target].planName();
  for (const auto &[role, count] : droppedPerRole_)
    result_.leftOut.push_back(
        {fmt::format("{} of {} tensors", role, count), fmt::format("dropped for '{}'", name)});
  // A filled cell whose own tensor of the source feeds nothing: it was computed from another role.
  std::map<std::string, int64_t> replaced;
  for (uint32_t i = 0; i < source_.tensors.size(); ++i) {
    const format::Tensor &tensor = source_.tensors[i];
    uint32_t index = tensorOf_.at(keys_[i]);
    const Use &use = result_.uses[index];
    bool feeds = std::any_of(use.cells.begin(), use.cells.end(), [&](const Cell &cell) {
      return cell.target == target && cell.role == tensor.role;
    });
    if (filled_.count(keys_[i]) && shares_.owns(target, index) && !feeds && !use.keptVerbatim)
      ++replaced[tensor.role];
  }
  for (const auto &[role, count] : replaced)
    result_.leftOut.push_back({fmt::format("{} of {} tensors as stored", role, count),
                               fmt::format("computed from another role for '{}'", name)});
}

Status Resolver::fillTarget(uint32_t target) {
  filled_.clear();
  dropped_.clear();
  droppedPerRole_.clear();
  for (const RoleRule &rule : job_.rules)
    if (appliesTo(rule.targets, target)) {
      // What is predicted may have a role of its own.
      Selection selection = rule.selection;
      if (rule.predict)
        selection.roles = rule.predict->states;
      RECAST_TRY(checkSelection(selection, rule.loc));
      if (!rule.from.empty())
        RECAST_TRY(checkRole(rule.from, rule.loc));
    }
  for (const DropRule &drop : job_.drops)
    if (appliesTo(drop.targets, target))
      RECAST_TRY(checkSelection(drop.selection, drop.loc));
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

Result<Resolution> resolve(const Job &job, const Ends &ends, const Shares &shares) {
  Resolver resolver(job, ends, shares);
  RECAST_ASSIGN(Resolution resolution, resolver.run());
  RECAST_TRY(fillPacked(job, ends, resolution));
  return resolution;
}

} // namespace recast::compiler
