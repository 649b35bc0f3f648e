#include "compiler/Bind/Objects.h"

#include "compiler/Bind/Evaluate.h"
#include "compiler/Bind/SourceText.h"
#include "runtime/base/NearestName.h"
#include "runtime/plan/ObjectEdit.h"

#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::compiler {
namespace {

using plan::isWithin;
using plan::ObjectPtr;
using Change = plan::ObjectChange::Kind;

constexpr char kGroups[] = "param_groups";

/// For people, by Change.
constexpr const char *kShown[] = {"dropped", "set to another value",
                                  "replaced by groups with names"};

bool has(const std::vector<std::string> &names, const std::string &name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The object of the source that a key names or looks into; "" if none.
std::string objectOf(const std::string &key, const format::Inventory &source) {
  std::string best;
  for (const auto &[name, object] : source.objects)
    if (isWithin(key, name) && name.size() > best.size())
      best = name;
  return best;
}

std::vector<std::string> pathInside(const std::string &key, const std::string &object) {
  llvm::SmallVector<llvm::StringRef> parts;
  llvm::StringRef(key).drop_front(object.size() + 1).split(parts, '.');
  return {parts.begin(), parts.end()};
}

/// What one target does with the objects of the source.
class Keeper {
public:
  Keeper(const Job &job, uint32_t target, const format::Inventory &source,
         const format::TargetTraits &traits, std::vector<plan::LeftOut> &leftOut)
      : job_(job), target_(target), source_(source), traits_(traits), leftOut_(leftOut) {}

  Result<std::map<std::string, ObjectPtr>> run() {
    RECAST_TRY(checkKeys());
    for (const auto &[name, object] : source_.objects)
      RECAST_TRY(whole(name, object));
    for (const ObjectRule &rule : job_.objects)
      if (concerns(rule))
        for (const std::string &key : rule.keys)
          RECAST_TRY(entry(rule, key));
    RECAST_TRY(checkRanks());
    return std::move(kept_);
  }

private:
  bool concerns(const ObjectRule &rule) const {
    return std::find(rule.targets.begin(), rule.targets.end(), target_) != rule.targets.end();
  }
  std::string targetName() const { return job_.targets[target_].planName(); }

  /// The rule for a path: that of the longest key around it, then `else`; null if nothing is said.
  const ObjectRule *ruleFor(const std::string &path) const {
    const ObjectRule *best = nullptr;
    size_t length = 0;
    for (const ObjectRule &rule : job_.objects) {
      if (!concerns(rule))
        continue;
      if (rule.isElse && !best)
        best = &rule;
      for (const std::string &key : rule.keys)
        if (isWithin(path, key) && key.size() >= length) {
          best = &rule;
          length = key.size();
        }
    }
    return best;
  }

  Status checkKeys() const {
    std::vector<std::string> names;
    for (const auto &[name, object] : source_.objects)
      names.push_back(name);
    for (const ObjectRule &rule : job_.objects)
      for (const std::string &key : rule.keys) {
        std::string object = objectOf(key, source_);
        bool isNew = rule.policy == "set" && (object.empty() || object != key);
        if (rule.policy == "drop" || isNew)
          continue;
        if (object.empty() ||
            (object != key && !plan::at(*source_.objects.at(object), pathInside(key, object))))
          return fail(specError(rule.loc,
                                fmt::format("'{}' holds no object '{}'", job_.source.name, key),
                                nearestName(key, names)));
      }
    return {};
  }

  /// What the source says there does not reach the target. Rebinding a plan relies on it.
  void leaveOut(const std::string &path, Change change) {
    leftOut_.push_back(
        {fmt::format("object '{}'", path),
         fmt::format("{} for '{}'", kShown[static_cast<size_t>(change)], targetName()),
         plan::ObjectChange{path, targetName(), change}});
  }

  Status refuseVerbatim(const ObjectRule &rule, const std::string &object) const {
    return fail(
        specError(rule.loc,
                  fmt::format("object '{}' cannot be treated by `{}`: {} keeps the source's "
                              "files that hold it, byte for byte",
                              object, rule.policy, traits_.format))
            .hint(fmt::format("Add `objects {{ {} : keep }}` for '{}'.", object, targetName())));
  }

  Status whole(const std::string &name, const ObjectPtr &object) {
    const ObjectRule *rule = ruleFor(name);
    if (!rule)
      return fail(specError(job_.loc, fmt::format("nothing is said about object '{}' for '{}'",
                                                  name, targetName()))
                      .hint("Add `objects { else : keep }`, or drop."));
    if (rule->isElse && rule->policy == "set")
      return fail(specError(rule->loc, "`set` is for objects with names, not for `else`"));
    bool verbatim = has(traits_.verbatimObjects, name);
    if (verbatim && (rule->policy == "drop" || rule->policy == "set"))
      return refuseVerbatim(*rule, name);
    if (rule->policy == "drop") {
      leaveOut(name, Change::Dropped);
      return {};
    }
    if (rule->policy == "set") // `entry` does.
      return {};
    if (!format::holdsObject(traits_, name))
      return fail(
          specError(rule->loc, fmt::format("{} cannot hold object '{}'", traits_.format, name))
              .hint(fmt::format("Add `objects {{ else : drop }}` for '{}'.", targetName())));
    if (rule->policy == "by_name" && (name != kGroups || source_.groups.empty()))
      return fail(specError(rule->loc, fmt::format("object '{}' is not of groups of tensors: it "
                                                   "cannot travel `by_name`",
                                                   name)));
    if (name == kGroups && rule->policy != "by_name" && !source_.groups.empty() &&
        !traits_.regroups)
      return fail(
          specError(rule->loc, fmt::format("the groups' `params` count what lies in the source's "
                                           "files and mean nothing in {}",
                                           traits_.format))
              .hint(fmt::format("Add `objects {{ {} : by_name }}` for '{}', or drop it.", name,
                                targetName())));
    if (name == kGroups && !traits_.regroups && !source_.groups.empty())
      leaveOut(name, Change::Regrouped);
    kept_[name] = object;
    return {};
  }

  /// A rule that names an entry inside an object, or gives a value.
  Status entry(const ObjectRule &rule, const std::string &key) {
    std::string object = objectOf(key, source_);
    bool inside = !object.empty() && object != key;
    if (inside && rule.policy != "drop" && !kept_.contains(object))
      return fail(specError(rule.loc,
                            fmt::format("'{}' lies in object '{}', which is dropped", key, object))
                      .hint(fmt::format("Say what becomes of '{}': keep it, and drop the entries "
                                        "that are not wanted.",
                                        object)));
    if (rule.policy != "set" && !(inside && rule.policy == "drop"))
      return {};
    if (!object.empty() && has(traits_.verbatimObjects, object))
      return refuseVerbatim(rule, key);
    if (object == kGroups && traits_.regroups)
      return fail(specError(rule.loc, fmt::format("{} makes '{}' anew from the groups; `{}` cannot "
                                                  "be applied to '{}'",
                                                  traits_.format, kGroups, rule.policy, key)));
    ObjectPtr value;
    if (rule.policy == "set") {
      RECAST_ASSIGN(Evaluated evaluated, evaluate(rule.loc, rule.value, {}));
      value = evaluated.value;
    }
    if (!inside) {
      if (!format::holdsObject(traits_, key) || key.find('.') != std::string::npos)
        return fail(
            specError(rule.loc, fmt::format("{} cannot hold object '{}'", traits_.format, key)));
      kept_[key] = std::move(value);
      leaveOut(key, Change::Set);
      return {};
    }
    auto kept = kept_.find(object);
    if (kept == kept_.end())
      return {}; // The whole of it is dropped.
    auto edited = plan::edited(kept->second, pathInside(key, object), value);
    if (!edited)
      return fail(
          specError(rule.loc, fmt::format("object '{}': {}", object, edited.error().message())));
    kept->second = std::move(*edited);
    leaveOut(key, value ? Change::Set : Change::Dropped);
    return {};
  }

  /// Nobody guesses whose random generators go on: decisions.md, "Per-rank state".
  Status checkRanks() const {
    for (const std::string &path : source_.perRank) {
      std::string object = objectOf(path, source_);
      const ObjectRule *rule = ruleFor(path);
      if (object.empty() || !rule || rule->policy == "drop" || rule->policy == "set" ||
          !kept_.contains(object))
        continue;
      if (rule->policy == "merge")
        return fail(specError(rule->loc, fmt::format("the ranks of '{}' do not agree on '{}': it "
                                                     "cannot be merged",
                                                     job_.source.name, path))
                        .hint(fmt::format("Say `{0} : per_rank` where the target keeps the files "
                                          "of every rank, or `{0} : drop`.",
                                          path)));
      if (has(traits_.verbatimObjects, object))
        continue;
      return fail(
          specError(rule->loc,
                    fmt::format("each rank of '{}' has a value of its own for '{}', and {} "
                                "holds one: all ranks but 0 would lose theirs",
                                job_.source.name, path, traits_.format))
              .hint(fmt::format("Add `objects {{ {} : drop }}` for '{}'.", path, targetName())));
    }
    return {};
  }

  const Job &job_;
  uint32_t target_;
  const format::Inventory &source_;
  const format::TargetTraits &traits_;
  std::vector<plan::LeftOut> &leftOut_;
  std::map<std::string, ObjectPtr> kept_;
};

} // namespace

Result<std::map<std::string, plan::ObjectPtr>> keptObjects(const Job &job, uint32_t target,
                                                           const format::Inventory &source,
                                                           const format::TargetTraits &traits,
                                                           std::vector<plan::LeftOut> &leftOut) {
  return Keeper(job, target, source, traits, leftOut).run();
}

plan::ObjectPtr groupByName(const std::vector<Name> &names, const plan::Object &hyper) {
  std::vector<ObjectPtr> params;
  for (Name name : names)
    params.push_back(plan::string(name));
  auto entries = hyper.entries;
  entries.push_back(plan::entry("params", plan::list(std::move(params))));
  return plan::dict(std::move(entries));
}

} // namespace recast::compiler
