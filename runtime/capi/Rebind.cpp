#include "runtime/capi/Rebind.h"

#include "runtime/format/Inventory.h"
#include "runtime/format/PlanSource.h"
#include "runtime/format/TargetWriter.h"
#include "runtime/io/File.h"
#include "runtime/io/Inside.h"
#include "runtime/plan/Expand.h"
#include "runtime/plan/ObjectEdit.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>
#include <tuple>

namespace recast::capi {
namespace {

constexpr char kAgain[] = "Compile the job again with `recast plan`.";

class Rebinder {
public:
  Rebinder(const plan::Plan &old, const RebindRequest &request, const format::Inventory &source)
      : old_(old), request_(request), source_(source), plan_(old) {
    for (const format::Tensor &tensor : source.tensors)
      byName_[tensor.name].push_back(&tensor);
  }

  Result<plan::Plan> run() {
    RECAST_TRY(checkSource());
    RECAST_TRY(rebindTables());
    RECAST_TRY(checkConfigs());
    RECAST_TRY(rebindFamilies());
    RECAST_TRY(checkLeftOut());
    for (plan::TargetEndpoint &target : plan_.targets)
      RECAST_TRY(rebindTarget(target));
    if (!request_.spec.empty())
      plan_.spec = request_.spec;
    plan_.schemaFingerprint = plan::computeSchemaFingerprint(plan_);
    plan_.instanceFingerprint = plan::computeInstanceFingerprint(plan_);
    if (request_.spec.empty() && plan_.schemaFingerprint != old_.schemaFingerprint)
      return internal("rebinding changed the schema of a plan");
    RECAST_TRY(plan::verify(plan_));
    return std::move(plan_);
  }

private:
  tl::unexpected<Error> differs(std::string what) const {
    return fail(Error(Code::BadInput, "not the same run any more: " + what)
                    .file(source_.root)
                    .hint(kAgain));
  }
  tl::unexpected<Error> tensorDiffers(const std::string &name, std::string what) const {
    return fail(Error(Code::BadInput, "not the same run any more: " + what)
                    .tensor(name)
                    .file(source_.root)
                    .hint(kAgain));
  }

  Status checkSource() const;
  Status rebindTables();
  Status checkTables();
  Status checkConfigs() const;
  Status checkFiles();
  Status rebindFamilies();
  Status rebindInput(plan::Family &family, uint32_t member, size_t input);
  Status rebindScalar(plan::Family &family, uint32_t member, size_t input);
  Status checkLeftOut();
  Status rebindObject(const plan::TargetEndpoint &target, const format::TargetTraits &traits,
                      const std::string &name, std::string &json);
  Status checkGroups(const plan::TargetEndpoint &target);
  Status rebindTarget(plan::TargetEndpoint &target);
  std::set<std::string> rolesFrom(const plan::Family &family, uint32_t member, size_t input) const;
  bool isLeftOut(const std::string &what, const std::string &why) const;
  bool isDropped(const std::string &role, const plan::Family &family) const;
  bool holdsScalars() const;
  bool renames() const;

  const plan::Plan &old_;
  const RebindRequest &request_;
  const format::Inventory &source_;
  plan::Plan plan_;
  std::map<std::string, std::vector<const format::Tensor *>> byName_;
  std::set<const format::Tensor *> used_;
  /// The plan says what it was made from, and it is the same: only values can have changed.
  bool sameTensors_ = false;
};

/// Paths carry the tag: what is left without it must be the same list.
Status Rebinder::checkFiles() {
  auto withoutTag = [](std::string path, const std::string &tag) {
    if (!tag.empty() && path.starts_with(tag + "/"))
      path.erase(0, tag.size() + 1);
    return path;
  };
  std::set<std::string> before, now;
  for (const plan::SourceFile &file : old_.files)
    before.insert(withoutTag(file.path, old_.sources[0].tag));
  for (const plan::SourceFile &file : plan_.files)
    now.insert(withoutTag(file.path, plan_.sources[0].tag));
  for (const std::string &path : before)
    if (!now.count(path))
      return differs(fmt::format("file '{}' is missing", path));
  for (const std::string &path : now)
    if (!before.count(path))
      return differs(fmt::format("file '{}' is new", path));
  for (size_t i = 0; i < old_.files.size(); ++i)
    if (withoutTag(old_.files[i].path, old_.sources[0].tag) !=
        withoutTag(plan_.files[i].path, plan_.sources[0].tag))
      return differs("its files are in another order");
  return {};
}

Status Rebinder::checkSource() const {
  if (old_.sources.size() != 1)
    return usage("plans with several sources are not rebound: compile the job again");
  if (source_.format != old_.sources[0].format)
    return differs(fmt::format("it is {}, it was {}", source_.format, old_.sources[0].format));
  return {};
}

/// Files, records and buffers of the new checkpoint; members stay as they are.
Status Rebinder::rebindTables() {
  plan_.sources.clear();
  plan_.files.clear();
  plan_.records.clear();
  plan_.extents.clear();
  plan_.stores.clear();
  plan_.layouts.clear();
  format::addSource(plan_, old_.sources[0].name, source_);
  plan_.sources[0].facts = old_.sources[0].facts;
  auto fact = old_.sources[0].facts.find(format::kTensorsFact);
  bool hasFact = fact != old_.sources[0].facts.end();
  sameTensors_ = hasFact && fact->second == format::tensorsHash(source_);
  if (sameTensors_) {
    plan_.layouts = old_.layouts;
    return {};
  }
  RECAST_TRY(checkTables()); // To say what differs.
  for (const plan::Family &family : old_.families)
    for (uint32_t name : family.memberNames)
      if (hasFact && !byName_.contains(old_.strings[name]))
        return differs("its tensors have other names, roles, types or shapes, or lie elsewhere");
  return {};
}

/// Numbers that views were made with: another number of heads packs tensors of the same shape in
/// another order.
Status Rebinder::checkConfigs() const {
  for (const auto &[what, hash] : old_.sources[0].facts) {
    if (what == format::kTensorsFact)
      continue;
    std::string path = format::configPath(what, source_.root);
    RECAST_ASSIGN(auto now, format::configFact(path, source_.root));
    if (now.second != hash)
      return fail(Error(Code::BadInput, "not the same run any more: the configuration changed that "
                                        "the plan was made with")
                      .file(path)
                      .hint(kAgain));
  }
  return {};
}

Status Rebinder::checkTables() {
  RECAST_TRY(checkFiles());

  // Lowering appends the layouts of targets to those of the source.
  size_t own = plan_.layouts.size();
  if (own > old_.layouts.size())
    return differs("tensors lie over ranks in more ways than before");
  for (size_t i = 0; i < own; ++i)
    if (plan_.layouts[i] != old_.layouts[i])
      return differs(fmt::format("a layout is `{}`, it was `{}`", plan_.layouts[i].str(),
                                 old_.layouts[i].str()));
  plan_.layouts = old_.layouts;
  if (plan_.stores != old_.stores || plan_.extents.size() != old_.extents.size())
    return differs(fmt::format("it has {} buffers in {} parts, it had {} in {}",
                               plan_.stores.size(), plan_.extents.size(), old_.stores.size(),
                               old_.extents.size()));
  for (size_t i = 0; i < plan_.extents.size(); ++i)
    if (plan_.extents[i].elements != old_.extents[i].elements ||
        plan_.extents[i].file != old_.extents[i].file)
      return differs(fmt::format("a buffer in '{}' has {} elements, it had {} in '{}'",
                                 plan_.files[plan_.extents[i].file].path, plan_.extents[i].elements,
                                 old_.extents[i].elements, old_.files[old_.extents[i].file].path));
  return {};
}

/// Roles of a member's outputs that are computed from one of its inputs.
std::set<std::string> Rebinder::rolesFrom(const plan::Family &family, uint32_t member,
                                          size_t input) const {
  std::set<std::string> roles;
  for (size_t o = 0; o < family.outputs.size(); ++o) {
    std::vector<uint16_t> inputs;
    (void)recipe::sliceForOutput(family.recipe, o, inputs);
    if (std::find(inputs.begin(), inputs.end(), input) != inputs.end())
      roles.insert(old_.strings[family.memberOutputs[member * family.outputs.size() + o].role]);
  }
  return roles;
}

/// A value that was read with the metadata, or a constant: padding, `init`.
Status Rebinder::rebindScalar(plan::Family &family, uint32_t member, size_t input) {
  if (!family.shape.empty())
    return {}; // Whole tensors of one value are made of constants.
  const std::string &name = old_.strings[family.memberNames[member]];
  if (sameTensors_ && holdsScalars() && renames())
    return fail(Error(Code::Usage, "it is a value without dimensions, which the source may hold "
                                   "under another name than the plan does")
                    .tensor(name)
                    .hint(kAgain));
  std::set<std::string> roles = rolesFrom(family, member, input);
  const format::Tensor *found = nullptr;
  bool otherRole = false; // Only those: the value is an `init`.
  for (const format::Tensor *tensor : byName_[name]) {
    if (!tensor->scalar || tensor->dtype != family.inputs[input].dtype)
      continue;
    if (sameTensors_ && !roles.contains(tensor->role)) {
      otherRole = true;
      continue;
    }
    if (found)
      return fail(Error(Code::Usage, "it has several values without dimensions, which a plan does "
                                     "not tell apart")
                      .tensor(name)
                      .hint(kAgain));
    found = tensor;
  }
  if (found && isDropped(found->role, family))
    return fail(
        Error(Code::Usage, fmt::format("the job drops some of {}, and the plan does not say "
                                       "whether this one is read or an `init`",
                                       found->role))
            .tensor(name)
            .hint(kAgain));
  if (!found && sameTensors_ && (otherRole || !holdsScalars()))
    return {};
  if (!found)
    return tensorDiffers(name, "a value without dimensions is missing");
  used_.insert(found);
  family.memberInputs[member * family.inputs.size() + input].start =
      static_cast<int64_t>(*found->scalar);
  return {};
}

Status Rebinder::rebindInput(plan::Family &family, uint32_t member, size_t input) {
  const plan::MemberInput &row = family.memberInputs[member * family.inputs.size() + input];
  const std::string &name = old_.strings[family.memberNames[member]];
  if (row.store == plan::kNone)
    return rebindScalar(family, member, input);
  if (sameTensors_)
    return {};
  if (row.part != 0)
    return fail(Error(Code::Usage, "the source packs several tensors into one, and the plan does "
                                   "not say how they were called there: it is of an older Recast")
                    .hint(kAgain));
  auto tensors = byName_.find(name);
  if (tensors == byName_.end())
    return tensorDiffers(name, "the tensor is missing");
  const format::Tensor *found = nullptr;
  for (const format::Tensor *tensor : tensors->second)
    if (!tensor->scalar && std::tuple(tensor->store, tensor->start, tensor->groupTotal) ==
                               std::tuple(row.store, row.start, row.groupTotal))
      found = tensor;
  if (!found)
    return tensorDiffers(name, "it begins elsewhere in its buffers");
  if (found->shape != family.shape)
    return tensorDiffers(name,
                         fmt::format("its shape is ({}), it was ({})",
                                     fmt::join(found->shape, ", "), fmt::join(family.shape, ", ")));
  if (found->dtype != family.inputs[input].dtype ||
      plan_.layouts[found->layout] != plan_.layouts[family.inputs[input].layout])
    return tensorDiffers(name,
                         fmt::format("{} is {} over ranks as `{}`, it was {} as `{}`", found->role,
                                     recast::name(found->dtype), plan_.layouts[found->layout].str(),
                                     recast::name(family.inputs[input].dtype),
                                     plan_.layouts[family.inputs[input].layout].str()));
  // A plan does not say which role it reads, only which it writes: they must agree, but for weights
  // made of masters. So buffers that changed places are never taken for each other.
  std::set<std::string> roles = rolesFrom(family, member, input);
  if (!roles.empty() && !roles.count(found->role) &&
      !(found->role == format::role::kMaster && roles.count(format::role::kWeight)))
    return fail(Error(Code::Usage, fmt::format("{} is read where {} is written: whether that is "
                                               "meant is not in the plan",
                                               found->role, *roles.begin()))
                    .tensor(name)
                    .hint(kAgain));
  used_.insert(found);
  return {};
}

Status Rebinder::rebindFamilies() {
  for (plan::Family &family : plan_.families) {
    if (family.inputs.empty() || family.memberInputs.empty())
      return usage("the plan makes tensors of no source; compile the job again");
    for (uint32_t m = 0; m < family.memberCount(); ++m)
      for (size_t i = 0; i < family.inputs.size(); ++i)
        RECAST_TRY(rebindInput(family, m, i));
  }
  return {};
}

bool Rebinder::isLeftOut(const std::string &what, const std::string &why) const {
  return std::any_of(old_.leftOut.begin(), old_.leftOut.end(), [&](const plan::LeftOut &item) {
    return item.what == what && (why.empty() || item.why == why);
  });
}

/// Whether the job left tensors of a role out of the targets that a family writes: then values
/// there may be an `init`.
bool Rebinder::isDropped(const std::string &role, const plan::Family &family) const {
  return std::any_of(old_.leftOut.begin(), old_.leftOut.end(), [&](const plan::LeftOut &item) {
    return item.what.starts_with(role + " of ") &&
           std::any_of(family.outputs.begin(), family.outputs.end(), [&](const plan::Output &o) {
             return item.why == fmt::format("dropped for '{}'", old_.targets[o.target].name);
           });
  });
}

bool Rebinder::holdsScalars() const {
  return std::any_of(source_.tensors.begin(), source_.tensors.end(),
                     [](const format::Tensor &tensor) { return tensor.scalar.has_value(); });
}

/// Whether the members have other names than the tensors that they read: the source has a view.
bool Rebinder::renames() const {
  for (const plan::Family &family : old_.families)
    for (size_t row = 0; row < family.memberInputs.size(); ++row) {
      const plan::MemberInput &input = family.memberInputs[row];
      if (input.store == plan::kNone)
        continue;
      auto named = byName_.find(old_.strings[family.memberNames[row / family.inputs.size()]]);
      if (named == byName_.end() ||
          std::none_of(named->second.begin(), named->second.end(), [&](const format::Tensor *t) {
            return !t->scalar && t->store == input.store && t->start == input.start;
          }))
        return true;
    }
  return false;
}

/// What the plan does not read was left out on purpose when it was made, in the same number.
Status Rebinder::checkLeftOut() {
  if (sameTensors_)
    return {};                                                // The same ones.
  std::map<std::string, std::pair<uint64_t, uint64_t>> roles; // All of a role, unused ones.
  std::map<std::string, const format::Tensor *> example;
  for (const format::Tensor &tensor : source_.tensors) {
    auto &[all, unused] = roles[tensor.role];
    ++all;
    if (!used_.count(&tensor)) {
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
    std::string exact = fmt::format("{} of {} tensors", role, counts.first);
    if (!isLeftOut(exact, "") && !isLeftOut(exact + " as stored", "") &&
        !isLeftOut(fmt::format("{} of {} tensors", role, counts.second), ""))
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
  std::string end = fmt::format(" for '{}'", target.name);
  for (const plan::LeftOut &item : old_.leftOut) {
    std::string_view path = item.what;
    if (!path.starts_with("object '") || !item.why.ends_with(end))
      continue;
    path.remove_prefix(8);
    path.remove_suffix(1);
    if (path == name && item.why.starts_with("set "))
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
        !isLeftOut(fmt::format("object '{}'", name), fmt::format("dropped for '{}'", target.name)))
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

/// Conditions over what changes at every save were judged when the job was compiled.
bool asksForTheStep(const std::string &spec) {
  return spec.find("expect") != spec.npos &&
         (spec.find(".iteration") != spec.npos || spec.find(".tag") != spec.npos);
}

} // namespace

Result<plan::Plan> rebind(const plan::Plan &plan, const RebindRequest &request) {
  if (asksForTheStep(plan.spec))
    return fail(Error(Code::Usage, "the job expects a certain tag or iteration").hint(kAgain));
  format::ReadOptions options = request.read;
  if (plan.sources.size() == 1)
    options.format = plan.sources[0].format;
  RECAST_ASSIGN(format::Inventory source, format::readSoundInventory(request.source, options));
  return Rebinder(plan, request, source).run();
}

} // namespace recast::capi
