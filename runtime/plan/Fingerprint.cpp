// Fingerprints hash values, never ids or addresses: two plans that say the same hash the same
// however their tables are ordered internally. Every text is preceded by its length, every list by
// its count, so that no two different plans feed the hash the same bytes.
#include "runtime/base/FieldHash.h"
#include "runtime/plan/Plan.h"

#include <algorithm>
#include <bit>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace recast::plan {
namespace {

class Xxh3 {
public:
  Xxh3() { XXH3_64bits_reset(&state_); }
  void update(const void *data, size_t size) { XXH3_64bits_update(&state_, data, size); }
  uint64_t digest() const { return XXH3_64bits_digest(&state_); }

private:
  XXH3_state_t state_;
};
using Hasher = FieldHash<Xxh3>;

/// String of an id; a plan that was not verified may hold a wild one.
std::string_view textOf(const Plan &plan, uint32_t id) {
  return id < plan.strings.size() ? std::string_view(plan.strings[id]) : std::string_view();
}

std::vector<std::string> layoutTexts(const Plan &plan) {
  std::vector<std::string> texts;
  for (const layout::Layout &layout : plan.layouts)
    texts.push_back(layout.str());
  return texts;
}

/// Nothing where no member is a part, so that plans from before there were parts keep their hash.
void hashParts(Hasher &hash, const Family &family) {
  auto isPart = [](const auto &row) { return row.part != 0; };
  if (std::none_of(family.memberInputs.begin(), family.memberInputs.end(), isPart) &&
      std::none_of(family.memberOutputs.begin(), family.memberOutputs.end(), isPart))
    return;
  hash.text("parts");
  for (const MemberInput &input : family.memberInputs)
    hash.number(input.part);
  for (const MemberOutput &output : family.memberOutputs)
    hash.number(output.part);
}

/// Nothing where no tensor is due at any time, for the same reason.
void hashDeadlines(Hasher &hash, const Plan &plan) {
  if (!plan.pipeline.empty() || plan.pipelineTime != 0) {
    hash.text("pipeline");
    hash.text(plan.pipeline);
    hash.number(std::bit_cast<uint64_t>(plan.pipelineTime));
  }
  if (plan.deadlines.empty())
    return;
  hash.text("deadlines");
  hash.number(plan.deadlines.size());
  for (const Deadline &deadline : plan.deadlines) {
    hash.number(deadline.target);
    hash.text(textOf(plan, deadline.name));
    hash.text(textOf(plan, deadline.role));
    hash.number(std::bit_cast<uint64_t>(deadline.time));
  }
}

void hashSchema(Hasher &hash, const Plan &plan) {
  std::vector<std::string> layouts = layoutTexts(plan);
  auto layoutOf = [&](uint32_t id) {
    return id < layouts.size() ? std::string_view(layouts[id]) : std::string_view();
  };
  hash.text("recast.plan.schema.1");
  hash.text(plan.spec);
  hash.number(plan.sources.size());
  for (const SourceEndpoint &source : plan.sources) {
    hash.text(source.name);
    hash.text(source.format);
    if (!source.facts.empty()) // Plans without them keep their fingerprints.
      hash.number(source.facts.size());
    for (const auto &[what, is] : source.facts) {
      hash.text(what);
      hash.text(is);
    }
  }
  hash.number(plan.targets.size());
  for (const TargetEndpoint &target : plan.targets) {
    hash.text(target.name);
    hash.text(target.format);
    if (target.rank != kNone) {
      hash.text("rank");
      hash.number(target.rank);
    }
    hash.number(target.options.size());
    for (const auto &[key, value] : target.options) {
      hash.text(key);
      hash.text(value);
    }
    hash.number(target.aliases.size());
    for (auto [alias, canonical] : target.aliases) {
      hash.text(textOf(plan, alias));
      hash.text(textOf(plan, canonical));
    }
    hash.number(target.groups.size());
    for (const Group &group : target.groups) {
      hash.number(group.names.size());
      for (uint32_t name : group.names)
        hash.text(textOf(plan, name));
    }
    hash.number(target.objects.size());
    for (const auto &[name, json] : target.objects)
      hash.text(name);
  }
  hash.number(plan.families.size());
  for (const Family &family : plan.families) {
    hash.number(family.shape.size());
    for (int64_t extent : family.shape)
      hash.number(static_cast<uint64_t>(extent));
    hash.text(family.recipe.str());
    hash.number(family.inputs.size());
    for (const Input &input : family.inputs) {
      hash.number(static_cast<uint64_t>(input.dtype));
      hash.text(layoutOf(input.layout));
    }
    hash.number(family.outputs.size());
    for (const Output &output : family.outputs) {
      hash.number(output.target);
      hash.number(static_cast<uint64_t>(output.dtype));
      hash.text(layoutOf(output.layout));
    }
    hash.number(family.memberCount());
    for (uint32_t name : family.memberNames)
      hash.text(textOf(plan, name));
    for (const MemberOutput &output : family.memberOutputs) {
      hash.text(textOf(plan, output.name));
      hash.text(textOf(plan, output.role));
    }
    hashParts(hash, family);
  }
  hash.number(plan.leftOut.size());
  for (const LeftOut &item : plan.leftOut) { // In words; what they are for programs came later.
    hash.text(item.what);
    hash.text(item.why);
  }
  hashDeadlines(hash, plan);
}

void hashInstance(Hasher &hash, const Plan &plan) {
  hash.text("recast.plan.instance.1");
  for (const SourceEndpoint &source : plan.sources) {
    hash.text(source.path);
    hash.text(source.tag);
  }
  hash.number(plan.files.size());
  for (const SourceFile &file : plan.files) {
    hash.number(file.endpoint);
    hash.text(file.path);
    hash.number(file.size);
    hash.number(static_cast<uint64_t>(file.mtimeNs));
  }
  hash.number(plan.records.size());
  for (const Record &record : plan.records) {
    hash.number(record.file);
    hash.number(record.offset);
    hash.number(record.length);
    hash.number(record.crc32);
  }
  hash.number(plan.extents.size());
  for (const Extent &extent : plan.extents) {
    hash.number(extent.file);
    hash.number(extent.offset);
    hash.number(static_cast<uint64_t>(extent.elements));
  }
  hash.number(plan.stores.size());
  for (const Store &store : plan.stores) {
    hash.number(store.firstExtent);
    hash.number(store.extentCount);
  }
  for (const Family &family : plan.families)
    for (const MemberInput &input : family.memberInputs) {
      hash.number(input.store);
      hash.number(static_cast<uint64_t>(input.start));
      hash.number(static_cast<uint64_t>(input.groupTotal));
    }
  for (const TargetEndpoint &target : plan.targets) {
    hash.text(target.path);
    hash.text(target.tag);
    for (const Group &group : target.groups)
      hash.text(group.hyper);
    for (const auto &[name, json] : target.objects)
      hash.text(json);
    hash.number(target.keptFiles.size());
    for (KeptFile kept : target.keptFiles)
      hash.number(kept.file);
    hash.number(target.sideFiles.size());
    for (const SideFile &side : target.sideFiles) {
      hash.text(side.source);
      hash.text(side.name);
      hash.number(side.size);
      hash.number(static_cast<uint64_t>(side.mtimeNs));
    }
  }
}

} // namespace

Fingerprints computeFingerprints(const Plan &plan) {
  Hasher hash;
  Fingerprints out;
  hashSchema(hash, plan);
  out.schema = hash.digest();
  hashInstance(hash, plan);
  out.instance = hash.digest();
  return out;
}

void setFingerprints(Plan &plan) {
  Fingerprints is = computeFingerprints(plan);
  plan.schemaFingerprint = is.schema;
  plan.instanceFingerprint = is.instance;
}

} // namespace recast::plan
