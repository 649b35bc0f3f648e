#include "compiler/Bind/Tables.h"

#include "compiler/Bind/Objects.h"
#include "compiler/Bind/SideFiles.h"
#include "compiler/Bind/SourceText.h"
#include "runtime/io/Inside.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace recast::compiler {
namespace {

/// Reading from where we write would let a half-made output pass for source.
Status refuseOverlap(const Job &job, const format::Inventory &source) {
  std::error_code ignored;
  bool isFolder = std::filesystem::is_directory(job.source.path, ignored);
  for (size_t t = 0; t < job.targets.size(); ++t) {
    const std::string &to = job.targets[t].path;
    if (format::targetTraits(job.targets[t].format)->inMemory)
      continue;
    // A source that is one file may share its folder, but not the place, with a target below it.
    bool below = isFolder ? io::isInside(to, source.root) : io::isSameFolder(to, source.root);
    if (below || io::isInside(to, job.source.path)) {
      Error error = specError(job.targets[t].loc, fmt::format("target '{}' lies inside its source",
                                                              job.targets[t].name));
      return fail(
          std::move(error).file(job.targets[t].path).hint("Choose a folder beside the source."));
    }
    for (size_t other = 0; other < t; ++other)
      if (io::isSameFolder(job.targets[other].path, to))
        return fail(specError(job.targets[t].loc,
                              fmt::format("targets '{}' and '{}' have the same folder",
                                          job.targets[other].name, job.targets[t].name)));
  }
  return {};
}

Status checkSourceFormat(const EndpointDecl &target, const format::Inventory &source) {
  const format::TargetTraits &traits = *format::targetTraits(target.format);
  if (traits.sourceFormats.empty() ||
      std::find(traits.sourceFormats.begin(), traits.sourceFormats.end(), source.format) !=
          traits.sourceFormats.end())
    return {};
  return fail(specError(target.loc,
                        fmt::format("{} is made from {} checkpoints, not from {}", target.format,
                                    fmt::join(traits.sourceFormats, " or "), source.format)));
}

/// Files that are kept byte for byte go to a folder that we vouch for: a pickle in them that names
/// other people's code would be run by whoever loads it. (Which file names it is not known here; a
/// class that only the optimizer's files name is refused, too.)
Status refuseForeign(const EndpointDecl &target, const format::Inventory &source) {
  auto allowed = target.options.find("allow_foreign_objects");
  if (source.keptFiles.empty() || source.foreignGlobals.empty() ||
      (allowed != target.options.end() && allowed->second == "true"))
    return {};
  return fail(
      Error(Code::BadInput,
            fmt::format(
                "{} keeps files byte for byte, and there are classes outside the allow-list: {}",
                target.format, fmt::join(source.foreignGlobals, ", ")))
          .file(source.root)
          .hint("Loading them runs that code. If you trust the source: --allow-foreign-objects, or "
                "allow_foreign_objects = true in a specification."));
}

/// (alias, canonical) names in the target: those of the files read, or as the model ties them.
std::vector<std::pair<std::string, std::string>> aliasesOf(const Destinations &target,
                                                           const format::Inventory &source) {
  if (!target.view())
    return source.aliases;
  std::vector<std::pair<std::string, std::string>> out;
  for (const LogicalTensor &tensor : target.view()->model.tensors)
    if (tensor.tiedTo)
      out.emplace_back(target.find(tensor.name)->name,
                       target.find(target.view()->model.tensors[*tensor.tiedTo].name)->name);
  return out;
}

/// Members of a parameter group by the target's names. A tensor that several members make up needs
/// all of them in one group.
Result<std::vector<Name>> memberNames(const format::Group &group, const Destinations &target,
                                      const EndpointDecl &endpoint) {
  if (!target.view())
    return group.names;
  std::map<Name, size_t> parts;
  std::vector<Name> out;
  for (Name name : group.names)
    if (auto to = target.find(name); to && parts[to->name]++ == 0)
      out.push_back(to->name);
  for (const auto &[name, count] : parts) {
    size_t wanted = target.view()->stored[target.view()->byName.at(name)].parts.size();
    if (count != wanted)
      return fail(
          specError(endpoint.loc, fmt::format("{} of its {} parts lie in one parameter group "
                                              "and the others in another",
                                              count, wanted))
              .tensor(name)
              .hint("Drop param_groups for this target, or store the parts apart."));
  }
  return out;
}

/// Groups by the target's names: for its writer, or as an object with names for indices.
Status addGroups(const format::Inventory &source, const Destinations &to,
                 const EndpointDecl &declared, const format::TargetTraits &traits,
                 plan::TargetEndpoint &target, Strings &strings) {
  std::vector<plan::ObjectPtr> byName;
  for (const format::Group &group : source.groups) {
    RECAST_ASSIGN(std::vector<Name> names, memberNames(group, to, declared));
    if (!traits.regroups) {
      byName.push_back(groupByName(names, *group.hyper));
      continue;
    }
    plan::Group out;
    for (Name name : names)
      out.names.push_back(strings.id(name));
    out.hyper = plan::toJson(*group.hyper);
    target.groups.push_back(std::move(out));
  }
  if (!traits.regroups)
    target.objects["param_groups"] = plan::toJson(*plan::list(std::move(byName)));
  return {};
}

} // namespace

Status addTargetTables(plan::Plan &plan, const Job &job, const Ends &ends, Strings &strings) {
  const format::Inventory &source = ends.source;
  RECAST_TRY(refuseOverlap(job, source));
  for (uint32_t t = 0; t < job.targets.size(); ++t) {
    const EndpointDecl &declared = job.targets[t];
    RECAST_TRY(checkSourceFormat(declared, source));
    const format::TargetTraits &traits = *format::targetTraits(declared.format);
    plan::TargetEndpoint target;
    target.name = declared.planName();
    target.rank = declared.rank;
    target.format = declared.format;
    target.path = declared.path;
    target.options = declared.options;
    target.tag = source.tag;
    for (const auto &[alias, name] : aliasesOf(ends.targets[t], source))
      target.aliases.emplace_back(strings.id(alias), strings.id(name));
    RECAST_ASSIGN(auto kept, keptObjects(job, t, source, traits, plan.leftOut));
    for (const auto &[name, object] : kept)
      target.objects[name] = plan::toJson(*object);
    if (kept.count("param_groups") && !source.groups.empty())
      RECAST_TRY(addGroups(source, ends.targets[t], declared, traits, target, strings));
    if (!traits.verbatimRoles.empty()) {
      RECAST_TRY(refuseForeign(declared, source));
      for (uint32_t file : source.keptFiles)
        target.keptFiles.push_back({file});
    }
    RECAST_ASSIGN(target.sideFiles, sideFiles(job, t));
    if (traits.inMemory && !target.sideFiles.empty())
      return fail(specError(
          declared.loc, fmt::format("'{}' is in memory, where no files can be", declared.name)));
    plan.targets.push_back(std::move(target));
  }
  return {};
}

} // namespace recast::compiler
