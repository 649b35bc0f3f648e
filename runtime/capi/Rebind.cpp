#include "runtime/capi/Rebinder.h"

#include "runtime/format/Cut.h"
#include "runtime/format/PlanSource.h"
#include "runtime/plan/Expand.h"

#include <algorithm>
#include <tuple>

namespace recast::capi {

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
      if (hasFact && named_.of(name).empty())
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

namespace {

/// Learning rate and step are in the numbers of the plan, whatever it says of itself.
bool holdsHyperParameters(const plan::Plan &plan) {
  return std::any_of(plan.families.begin(), plan.families.end(), [](const plan::Family &family) {
    return std::any_of(family.recipe.nodes.begin(), family.recipe.nodes.end(),
                       [](const recipe::Node &node) { return node.op == recipe::Op::Scalar; });
  });
}

/// Conditions over what changes at every save were judged when the job was compiled.
Status checkRebinding(plan::Rebinding rebinding) {
  auto refuse = [](std::string why) {
    return fail(Error(Code::Usage, std::move(why)).hint(kAgain));
  };
  switch (rebinding) {
  case plan::Rebinding::Fits:
    return {};
  case plan::Rebinding::Unknown:
    break;
  case plan::Rebinding::ExpectsStep:
    return refuse("the job expects a certain tag or iteration");
  case plan::Rebinding::Predicts:
    return refuse("the job predicts weights with the step and the hyper-parameters of the "
                  "checkpoint that it was compiled for");
  }
  return refuse(
      "the plan does not say whether it fits other steps: it is of an older Recast, or was "
      "made without a job");
}

} // namespace

Result<plan::Plan> rebind(const plan::Plan &plan, const RebindRequest &request) {
  RECAST_TRY(checkRebinding(plan.rebinding));
  if (holdsHyperParameters(plan))
    RECAST_TRY(checkRebinding(plan::Rebinding::Predicts));
  format::ReadOptions options = request.read;
  if (plan.sources.size() == 1)
    options.format = plan.sources[0].format;
  RECAST_ASSIGN(format::Inventory source, format::readSoundInventory(request.source, options));
  RECAST_TRY(format::checkCut(plan.cut, source));
  return Rebinder(plan, request, source).run();
}

} // namespace recast::capi
