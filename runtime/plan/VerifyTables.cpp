#include "runtime/base/Checked.h"
#include "runtime/plan/Sections.h"
#include "runtime/plan/Verify.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace recast::plan {
namespace {

/// Stores may share extents, so a small file could describe very many (store, extent) pairs.
constexpr uint64_t kMaxStoreExtents = uint64_t{1} << 27;
constexpr int64_t kMaxRanks = int64_t{1} << 20;
constexpr size_t kMaxMeshAxes = 16;

/// A '/'-separated path that stays inside the folder it is relative to.
bool isInnerPath(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos)
    return false;
  while (true) {
    size_t slash = path.find('/');
    std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..")
      return false;
    if (slash == std::string_view::npos)
      return true;
    path.remove_prefix(slash + 1);
  }
}

bool hasNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

Status verifySources(const Plan &plan) {
  for (size_t i = 0; i < plan.sources.size(); ++i) {
    const SourceEndpoint &source = plan.sources[i];
    if (hasNul(source.path) || hasNul(source.tag))
      return badPlan("source {}: a zero byte in its path or tag", i);
  }
  for (size_t i = 0; i < plan.files.size(); ++i) {
    const SourceFile &file = plan.files[i];
    if (file.endpoint >= plan.sources.size())
      return badPlan("file {} belongs to source {}, there are {}", i, file.endpoint,
                     plan.sources.size());
    if (!isInnerPath(file.path))
      return badPlan("file {}: `{}` is not a path inside its source", i, file.path);
  }
  return {};
}

Status verifyRecords(const Plan &plan) {
  const Record *previous = nullptr;
  for (size_t i = 0; i < plan.records.size(); ++i) {
    const Record &record = plan.records[i];
    if (record.file >= plan.files.size())
      return badPlan("record {} lies in file {}, there are {}", i, record.file, plan.files.size());
    if (!rangeInside(record.offset, record.length, plan.files[record.file].size))
      return badPlan("record {}: bytes {} + {} reach beyond file `{}` of {} bytes", i,
                     record.offset, record.length, plan.files[record.file].path,
                     plan.files[record.file].size);
    if (previous &&
        (record.file < previous->file ||
         (record.file == previous->file && record.offset < previous->offset + previous->length)))
      return badPlan("record {} lies before the end of record {}", i, i - 1);
    previous = &record;
  }
  return {};
}

Status verifyStores(const Plan &plan, std::vector<StoreFacts> &facts) {
  for (size_t i = 0; i < plan.extents.size(); ++i) {
    const Extent &extent = plan.extents[i];
    if (extent.file >= plan.files.size())
      return badPlan("extent {} lies in file {}, there are {}", i, extent.file, plan.files.size());
    // Of the narrowest type, two to a byte; families compare with the width of theirs.
    auto halves = static_cast<uint64_t>(extent.elements);
    if (extent.elements < 0 ||
        !rangeInside(extent.offset, halves / 2 + halves % 2, plan.files[extent.file].size))
      return badPlan("extent {}: {} elements at byte {} reach beyond file `{}` of {} bytes", i,
                     extent.elements, extent.offset, plan.files[extent.file].path,
                     plan.files[extent.file].size);
  }
  uint64_t total = 0;
  facts.clear();
  facts.reserve(plan.stores.size());
  for (size_t i = 0; i < plan.stores.size(); ++i) {
    const Store &store = plan.stores[i];
    if (!rangeInside(store.firstExtent, store.extentCount, plan.extents.size()))
      return badPlan("store {}: extents {} + {} do not exist, there are {}", i, store.firstExtent,
                     store.extentCount, plan.extents.size());
    total += store.extentCount;
    if (total > kMaxStoreExtents)
      return badPlan("its stores have more than {} extents", kMaxStoreExtents);
    StoreFacts fact{store.extentCount ? INT64_MAX : 0, 128};
    for (uint32_t k = 0; k < store.extentCount; ++k) {
      const Extent &extent = plan.extents[store.firstExtent + k];
      fact.minElements = std::min(fact.minElements, extent.elements);
      if (extent.elements > 0) {
        auto bits = checkedMul<uint64_t>(plan.files[extent.file].size - extent.offset, 8);
        fact.maxBits = std::min(fact.maxBits,
                                bits.value_or(UINT64_MAX) / static_cast<uint64_t>(extent.elements));
      }
    }
    facts.push_back(fact);
  }
  return {};
}

Status verifyLayouts(const Plan &plan) {
  for (size_t i = 0; i < plan.layouts.size(); ++i) {
    const layout::Mesh &mesh = plan.layouts[i].mesh;
    if (mesh.axes.size() != mesh.sizes.size() || mesh.axes.size() > kMaxMeshAxes)
      return badPlan("layout {}: {} mesh axes with {} sizes (at most {})", i, mesh.axes.size(),
                     mesh.sizes.size(), kMaxMeshAxes);
    auto ranks = elementCount(mesh.sizes);
    if (!ranks || *ranks < 1 || *ranks > kMaxRanks)
      return badPlan("layout {}: a mesh must have between 1 and {} ranks", i, kMaxRanks);
    // The artifact holds the text, so the text must say everything.
    auto parsed = layout::Layout::parse(plan.layouts[i].str());
    if (!parsed)
      return badPlan("layout {}: {}", i, parsed.error().message());
    if (*parsed != plan.layouts[i])
      return badPlan("layout {}: `{}` reads back as `{}`", i, plan.layouts[i].str(), parsed->str());
  }
  return {};
}

Status verifyTarget(const Plan &plan, size_t index) {
  const TargetEndpoint &target = plan.targets[index];
  if (hasNul(target.path) || hasNul(target.tag))
    return badPlan("target {}: a zero byte in its path or tag", index);
  if (target.rank != kNone && target.rank > uint32_t{kMaxRanks})
    return badPlan("target {}: its rank is {}", index, target.rank);
  for (const auto &[key, value] : target.options)
    if (key.empty())
      return badPlan("target {}: an option without a name", index);
  for (auto [alias, canonical] : target.aliases)
    if (alias >= plan.strings.size() || canonical >= plan.strings.size())
      return badPlan("target {}: alias of strings {} and {}, there are {}", index, alias, canonical,
                     plan.strings.size());
  for (size_t i = 0; i < target.groups.size(); ++i) {
    for (uint32_t name : target.groups[i].names)
      if (name >= plan.strings.size())
        return badPlan("target {}: group {} has string {}, there are {}", index, i, name,
                       plan.strings.size());
    auto hyper = fromJson(target.groups[i].hyper);
    if (!hyper)
      return badPlan("target {}: group {}: {}", index, i, hyper.error().message());
    if (!(*hyper)->isDict())
      return badPlan("target {}: the hyper-parameters of group {} are not a dict", index, i);
  }
  for (const auto &[name, json] : target.objects) {
    if (name.empty())
      return badPlan("target {}: an object without a name", index);
    if (auto object = fromJson(json); !object)
      return badPlan("target {}: object `{}`: {}", index, name, object.error().message());
  }
  for (KeptFile kept : target.keptFiles)
    if (kept.file >= plan.files.size())
      return badPlan("target {}: keeps file {}, there are {}", index, kept.file, plan.files.size());
  for (const SideFile &side : target.sideFiles) {
    if (side.source.empty() || hasNul(side.source))
      return badPlan("target {}: a side file without a source", index);
    if (!isInnerPath(side.name))
      return badPlan("target {}: side file `{}` would leave the target's folder", index, side.name);
  }
  return {};
}

Status verifyDeadlines(const Plan &plan) {
  auto isTime = [](double time) { return std::isfinite(time) && time >= 0; };
  if (!isTime(plan.pipelineTime))
    return badPlan("its pipeline takes {} units of time", plan.pipelineTime);
  const Deadline *previous = nullptr;
  for (size_t i = 0; i < plan.deadlines.size(); ++i) {
    const Deadline &deadline = plan.deadlines[i];
    if (deadline.target >= plan.targets.size())
      return badPlan("deadline {} is of target {}, there are {}", i, deadline.target,
                     plan.targets.size());
    if (deadline.name >= plan.strings.size() || deadline.role >= plan.strings.size())
      return badPlan("deadline {} is of strings {} and {}, there are {}", i, deadline.name,
                     deadline.role, plan.strings.size());
    if (!isTime(deadline.time))
      return badPlan("deadline {} is at time {}", i, deadline.time);
    if (previous && std::tie(previous->target, previous->name, previous->role) >=
                        std::tie(deadline.target, deadline.name, deadline.role))
      return badPlan("deadline {} does not come after deadline {}", i, i - 1);
    previous = &deadline;
  }
  return {};
}

/// Texts that the directory of the artifact holds; FlatBuffers has 32-bit offsets.
uint64_t directoryBytes(const Plan &plan) {
  uint64_t bytes = plan.spec.size() + plan.pipeline.size();
  for (const SourceEndpoint &source : plan.sources) {
    bytes += source.name.size() + source.format.size() + source.path.size() + source.tag.size();
    for (const auto &[what, is] : source.facts)
      bytes += what.size() + is.size();
  }
  for (const TargetEndpoint &target : plan.targets) {
    bytes += target.name.size() + target.format.size() + target.path.size() + target.tag.size();
    for (const auto &[key, value] : target.options)
      bytes += key.size() + value.size();
    for (const auto &[key, value] : target.objects)
      bytes += key.size() + value.size();
    for (const Group &group : target.groups)
      bytes += group.hyper.size() + 4 * group.names.size();
    for (const SideFile &side : target.sideFiles)
      bytes += side.source.size() + side.name.size();
    bytes += 8 * target.aliases.size() + 4 * target.keptFiles.size();
  }
  for (const LeftOut &item : plan.leftOut) {
    bytes += item.what.size() + item.why.size();
    if (item.object)
      bytes += item.object->path.size() + item.object->target.size();
    if (item.role)
      bytes += item.role->role.size() + item.role->target.size();
  }
  return bytes;
}

} // namespace

Status verifyTables(const Plan &plan, std::vector<StoreFacts> &stores) {
  if (plan.strings.size() >= kNone || plan.files.size() >= kNone || plan.extents.size() >= kNone ||
      plan.stores.size() >= kNone)
    return badPlan("a table has 2^32 rows or more");
  for (size_t i = 0; i < plan.strings.size(); ++i)
    if (plan.strings[i].size() > (size_t{1} << 20))
      return badPlan("string {} is longer than 1 MiB", i);
  for (const LeftOut &item : plan.leftOut)
    if (item.role && (item.object || item.role->tensors >= kNone))
      return badPlan("'{}' is left out as an object and a role, or as 2^32 tensors or more",
                     item.what);
  if (directoryBytes(plan) > kMaxDirectoryBytes / 2)
    return badPlan("its spec, objects and options need more than {} bytes", kMaxDirectoryBytes / 2);
  RECAST_TRY(verifySources(plan));
  RECAST_TRY(verifyRecords(plan));
  RECAST_TRY(verifyStores(plan, stores));
  RECAST_TRY(verifyLayouts(plan));
  for (size_t i = 0; i < plan.targets.size(); ++i)
    RECAST_TRY(verifyTarget(plan, i));
  return verifyDeadlines(plan);
}

Status verify(const Plan &plan) {
  std::vector<StoreFacts> stores;
  RECAST_TRY(verifyTables(plan, stores));
  RECAST_TRY(verifyFamilies(plan, stores));
  // Zero: not computed yet. Anything else must be true, since it names staging folders.
  if (!plan.schemaFingerprint && !plan.instanceFingerprint)
    return {};
  Fingerprints is = computeFingerprints(plan);
  if (plan.schemaFingerprint && plan.schemaFingerprint != is.schema)
    return badPlan("its schema fingerprint is {:016x}, but what it says hashes to {:016x}",
                   plan.schemaFingerprint, is.schema);
  if (plan.instanceFingerprint && plan.instanceFingerprint != is.instance)
    return badPlan("its instance fingerprint is {:016x}, but what it says hashes to {:016x}",
                   plan.instanceFingerprint, is.instance);
  return {};
}

Status seal(Plan &plan) {
  plan.schemaFingerprint = plan.instanceFingerprint = 0;
  RECAST_TRY(verify(plan));
  setFingerprints(plan);
  return {};
}

} // namespace recast::plan
