#include "runtime/capi/Rebinder.h"

#include "runtime/io/File.h"
#include "runtime/io/Inside.h"
#include "runtime/plan/ObjectEdit.h"

#include <algorithm>
#include <map>

namespace recast::capi {

/// Whether the job says why `unused` of `all` tensors of a role are not read: just that many were
/// dropped, or some target gets none of them as they are stored.
bool Rebinder::isLeftOut(const std::string &role, uint64_t unused, uint64_t all) const {
  return std::any_of(old_.leftOut.begin(), old_.leftOut.end(), [&](const plan::LeftOut &item) {
    return item.role && item.role->role == role &&
           (item.role->tensors == all ||
            (item.role->tensors == unused && item.role->kind == plan::RoleChange::Kind::Dropped));
  });
}

bool Rebinder::isDropped(const plan::ObjectChange &object) const {
  return std::any_of(old_.leftOut.begin(), old_.leftOut.end(),
                     [&](const plan::LeftOut &item) { return item.object == object; });
}

/// What the plan does not read was left out on purpose when it was made, in the same number.
Status Rebinder::checkLeftOut() {
  if (sameTensors_)
    return {};                                                // The same ones.
  std::map<std::string, std::pair<uint64_t, uint64_t>> roles; // All of a role, unused ones.
  std::map<std::string, const format::Tensor *> example;
  for (size_t i = 0; i < source_.tensors.size(); ++i) {
    const format::Tensor &tensor = source_.tensors[i];
    auto &[all, unused] = roles[tensor.role];
    ++all;
    if (!used_[i]) {
      ++unused;
      example[tensor.role] = &tensor;
    }
  }
  std::set<std::string> verbatim;
  for (const plan::TargetEndpoint &target : plan_.targets)
    if (const format::TargetTraits *traits = format::targetTraits(target.format))
      verbatim.insert(traits->verbatimRoles.begin(), traits->verbatimRoles.end());
  for (const auto &[role, counts] : roles) {
    if (counts.second == 0 || verbatim.count(role))
      continue;
    if (!isLeftOut(role, counts.second, counts.first))
      return tensorDiffers(
          example[role]->name,
          fmt::format("{} {} are not used, and the plan does not say so", counts.second, role));
  }
  return {};
}

/// An object that the job set stays; one that it changed inside is not told apart here from the
/// values of one step.
Status Rebinder::rebindObject(const plan::TargetEndpoint &target,
                              const format::TargetTraits &traits, const std::string &name,
                              std::string &json) {
  for (const plan::LeftOut &item : old_.leftOut) {
    if (!item.object || item.object->target != target.name)
      continue;
    const std::string &path = item.object->path;
    if (path == name && item.object->kind == plan::ObjectChange::Kind::Set)
      return {};
    if (plan::isWithin(path, name))
      return fail(
          Error(Code::Usage, fmt::format("the job changes object '{}' for '{}'", path, target.name))
              .hint(kAgain));
  }
  auto found = source_.objects.find(name);
  if (found == source_.objects.end())
    return differs(fmt::format("object '{}' is missing", name));
  const auto &verbatim = traits.verbatimObjects;
  bool isVerbatim = std::find(verbatim.begin(), verbatim.end(), name) != verbatim.end();
  for (const std::string &path : source_.perRank)
    if (!isVerbatim && plan::isWithin(path, name))
      return differs(fmt::format("each rank has a value of its own for '{}'", path));
  json = plan::toJson(*found->second);
  return {};
}

Status Rebinder::checkGroups(const plan::TargetEndpoint &target) {
  if (target.groups.size() != source_.groups.size())
    return differs(fmt::format("it has {} parameter groups, it had {}", source_.groups.size(),
                               target.groups.size()));
  for (size_t g = 0; g < target.groups.size(); ++g) {
    const auto &names = target.groups[g].names;
    bool same = std::equal(
        names.begin(), names.end(), source_.groups[g].names.begin(), source_.groups[g].names.end(),
        [&](uint32_t id, const std::string &name) { return old_.strings[id] == name; });
    if (!same)
      return differs(fmt::format("parameter group {} holds other parameters", g));
  }
  return {};
}

Status Rebinder::rebindTarget(plan::TargetEndpoint &target) {
  if (io::isInside(target.path, source_.root) || io::isInside(target.path, request_.source))
    return fail(Error(Code::Usage, fmt::format("target '{}' lies inside its source", target.name))
                    .file(target.path)
                    .hint("Choose a folder beside the source."));
  const format::TargetTraits *traits = format::targetTraits(target.format);
  if (!traits)
    return usage(fmt::format("'{}' is not a format that Recast writes", target.format));
  target.tag = source_.tag;

  if (target.aliases.size() != source_.aliases.size())
    return differs(
        fmt::format("{} names are tied, {} were", source_.aliases.size(), target.aliases.size()));
  for (size_t i = 0; i < target.aliases.size(); ++i)
    if (old_.strings[target.aliases[i].first] != source_.aliases[i].first ||
        old_.strings[target.aliases[i].second] != source_.aliases[i].second)
      return tensorDiffers(source_.aliases[i].first, "it is tied to another tensor");

  for (const auto &[name, object] : source_.objects)
    if (!target.objects.count(name) &&
        !isDropped({name, target.name, plan::ObjectChange::Kind::Dropped}))
      return differs(fmt::format("object '{}' is new", name));
  for (auto &[name, json] : target.objects)
    RECAST_TRY(rebindObject(target, *traits, name, json));
  if (!target.groups.empty() || target.objects.count("param_groups")) {
    RECAST_TRY(checkGroups(target));
    for (size_t g = 0; g < target.groups.size(); ++g)
      target.groups[g].hyper = plan::toJson(*source_.groups[g].hyper);
  }
  target.keptFiles.clear();
  if (!traits->verbatimRoles.empty())
    for (uint32_t file : source_.keptFiles)
      target.keptFiles.push_back({file});

  const std::string &before = old_.sources[0].path;
  for (plan::SideFile &side : target.sideFiles) {
    if (side.source.starts_with(before + "/"))
      side.source = request_.source + side.source.substr(before.size());
    RECAST_ASSIGN(io::FileInfo info, io::statFile(side.source));
    side.size = info.size;
    side.mtimeNs = info.mtimeNs;
  }
  return {};
}

} // namespace recast::capi
