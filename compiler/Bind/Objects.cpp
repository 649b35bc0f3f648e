#include "compiler/Bind/Objects.h"

#include "compiler/Bind/SourceText.h"
#include "runtime/base/NearestName.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::compiler {
namespace {

/// The rule for an object: a named one before `else`; null if nothing is said.
const ObjectRule *ruleFor(const Job &job, uint32_t target, const std::string &name) {
  const ObjectRule *otherwise = nullptr;
  for (const ObjectRule &rule : job.objects) {
    if (std::find(rule.targets.begin(), rule.targets.end(), target) == rule.targets.end())
      continue;
    if (rule.isElse)
      otherwise = &rule;
    else if (std::find(rule.keys.begin(), rule.keys.end(), name) != rule.keys.end())
      return &rule;
  }
  return otherwise;
}

Status checkKeys(const Job &job, const format::Inventory &source) {
  std::vector<std::string> names;
  for (const auto &[name, object] : source.objects)
    names.push_back(name);
  for (const ObjectRule &rule : job.objects)
    for (const std::string &key : rule.keys)
      if (rule.policy != "drop" && !source.objects.count(key))
        return fail(specError(rule.loc,
                              fmt::format("'{}' holds no object '{}'", job.source.name, key),
                              nearestName(key, names)));
  return {};
}

/// Policies that amount to keeping the object as it is: readers refuse runs whose ranks disagree,
/// so a merged object is any rank's; groups keep their membership, so by name is as stored.
bool keeps(const std::string &policy, const std::string &object) {
  return policy == "keep" || policy == "merge" || policy == "per_rank" ||
         (policy == "by_name" && object == "param_groups");
}

} // namespace

Result<std::map<std::string, plan::ObjectPtr>> keptObjects(const Job &job, uint32_t target,
                                                           const format::Inventory &source,
                                                           const format::TargetTraits &traits,
                                                           std::vector<plan::LeftOut> &leftOut) {
  RECAST_TRY(checkKeys(job, source));
  const std::string &targetName = job.targets[target].name;
  std::map<std::string, plan::ObjectPtr> kept;
  for (const auto &[name, object] : source.objects) {
    const ObjectRule *rule = ruleFor(job, target, name);
    if (!rule) {
      Error error = specError(
          job.loc, fmt::format("nothing is said about object '{}' for '{}'", name, targetName));
      return fail(std::move(error).hint("Add `objects { else : keep }`, or drop."));
    }
    if (rule->policy == "drop") {
      leftOut.push_back(
          {fmt::format("object '{}'", name), fmt::format("dropped for '{}'", targetName)});
      continue;
    }
    if (!keeps(rule->policy, name))
      return fail(specError(
          rule->loc, fmt::format("object '{}' cannot be treated by `{}` here: {} carries it as "
                                 "it is",
                                 name, rule->policy, traits.format)));
    if (!format::holdsObject(traits, name)) {
      Error error =
          specError(rule->loc, fmt::format("{} cannot hold object '{}'", traits.format, name));
      return fail(std::move(error).hint(
          fmt::format("Add `objects {{ else : drop }}` for '{}'.", targetName)));
    }
    kept[name] = object;
  }
  return kept;
}

} // namespace recast::compiler
