// Plan -> artifact bytes. A pure function: no clock, no addresses, no hash-table order.
#include "runtime/plan/MemberColumns.h"
#include "runtime/plan/artifact_generated.h"

#include <bit>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace recast::plan {

static_assert(std::endian::native == std::endian::little,
              "columns are copied as they lie in memory; a big-endian host needs byte swaps here");

uint64_t artifactChecksum(const char *bytes, size_t size) {
  static constexpr char zero[8] = {};
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, bytes, kChecksumOffset);
  XXH3_64bits_update(&state, zero, sizeof(zero));
  XXH3_64bits_update(&state, bytes + kHeadSize, size - kHeadSize);
  return XXH3_64bits_digest(&state);
}

namespace {

/// Collects the columns in id order, then lays them out.
class ColumnArea {
public:
  template <typename T> void add(Column column, T value) {
    std::string &bytes = columns_[static_cast<size_t>(column)];
    bytes.append(reinterpret_cast<const char *>(&value), sizeof(value));
  }
  void addBytes(Column column, std::string_view text) {
    columns_[static_cast<size_t>(column)].append(text);
  }

  std::vector<fb::Section> table() const {
    std::vector<fb::Section> sections;
    uint64_t offset = 0;
    for (size_t id = 0; id < kColumnCount; ++id) {
      offset = alignColumn(offset);
      sections.emplace_back(offset, columns_[id].size() / kColumnWidth[id],
                            static_cast<uint32_t>(id), kColumnWidth[id]);
      offset += columns_[id].size();
    }
    return sections;
  }

  /// Appends the columns to `file`, whose size is a multiple of 64.
  void appendTo(std::string &file) const {
    for (const std::string &bytes : columns_) {
      file.resize(alignColumn(file.size()), '\0');
      file += bytes;
    }
  }

private:
  std::array<std::string, kColumnCount> columns_;
};

ColumnArea makeColumns(const Plan &plan, const MemberColumns &members) {
  ColumnArea area;
  std::string_view before;
  for (std::string_view text : plan.strings) {
    size_t shared = sharedStart(before, text);
    area.add(Column::StringShared, static_cast<uint8_t>(shared));
    area.add(Column::StringLength, static_cast<uint32_t>(text.size() - shared));
    area.addBytes(Column::StringBytes, text.substr(shared));
    before = text;
  }
  for (const SourceFile &file : plan.files) {
    area.add(Column::FileEndpoint, file.endpoint);
    area.add(Column::FileSize, file.size);
    area.add(Column::FileMtime, file.mtimeNs);
    area.add(Column::FilePathLength, static_cast<uint32_t>(file.path.size()));
    area.addBytes(Column::FilePathBytes, file.path);
  }
  for (const Record &record : plan.records) {
    area.add(Column::RecordFile, record.file);
    area.add(Column::RecordOffset, record.offset);
    area.add(Column::RecordLength, record.length);
    area.add(Column::RecordCrc, record.crc32);
  }
  for (const Extent &extent : plan.extents) {
    area.add(Column::ExtentFile, extent.file);
    area.add(Column::ExtentOffset, extent.offset);
    area.add(Column::ExtentElements, extent.elements);
  }
  for (const Store &store : plan.stores) {
    area.add(Column::StoreFirst, store.firstExtent);
    area.add(Column::StoreCount, store.extentCount);
  }
  for (size_t id = 0; id < kColumnCount; ++id)
    area.addBytes(static_cast<Column>(id), members.bytes[id]);
  for (const Deadline &deadline : plan.deadlines) {
    area.add(Column::DeadlineTarget, deadline.target);
    area.add(Column::DeadlineName, deadline.name);
    area.add(Column::DeadlineRole, deadline.role);
    area.add(Column::DeadlineTime, deadline.time);
  }
  return area;
}

using Builder = flatbuffers::FlatBufferBuilder;
template <typename T> using Offset = flatbuffers::Offset<T>;

Offset<flatbuffers::Vector<Offset<fb::Pair>>>
writePairs(Builder &builder, const std::map<std::string, std::string> &map) {
  std::vector<Offset<fb::Pair>> pairs;
  for (const auto &[key, value] : map) {
    auto keyText = builder.CreateString(key);
    auto valueText = builder.CreateString(value);
    pairs.push_back(fb::CreatePair(builder, keyText, valueText));
  }
  return builder.CreateVector(pairs);
}

Offset<fb::Target> writeTarget(Builder &builder, const TargetEndpoint &target) {
  auto name = builder.CreateString(target.name);
  auto format = builder.CreateString(target.format);
  auto path = builder.CreateString(target.path);
  auto tag = builder.CreateString(target.tag);
  auto options = writePairs(builder, target.options);
  std::vector<fb::Alias> aliasRows;
  for (auto [alias, canonical] : target.aliases)
    aliasRows.emplace_back(alias, canonical);
  auto aliases = builder.CreateVectorOfStructs(aliasRows);
  std::vector<Offset<fb::Group>> groupTables;
  for (const Group &group : target.groups) {
    auto names = builder.CreateVector(group.names);
    auto hyper = builder.CreateString(group.hyper);
    groupTables.push_back(fb::CreateGroup(builder, names, hyper));
  }
  auto groups = builder.CreateVector(groupTables);
  auto objects = writePairs(builder, target.objects);
  std::vector<uint32_t> kept;
  for (KeptFile file : target.keptFiles)
    kept.push_back(file.file);
  auto keptFiles = builder.CreateVector(kept);
  std::vector<Offset<fb::SideFile>> sides;
  for (const SideFile &side : target.sideFiles) {
    auto source = builder.CreateString(side.source);
    auto sideName = builder.CreateString(side.name);
    sides.push_back(fb::CreateSideFile(builder, source, sideName, side.size, side.mtimeNs));
  }
  auto sideFiles = builder.CreateVector(sides);
  return fb::CreateTarget(builder, name, format, path, tag, options, aliases, groups, objects,
                          keptFiles, sideFiles, target.rank);
}

Offset<fb::Family> writeFamily(Builder &builder, const Family &family,
                               const std::vector<ColumnCode> &codes) {
  std::vector<fb::Input> inputRows;
  for (const Input &input : family.inputs)
    inputRows.emplace_back(static_cast<uint32_t>(input.dtype), input.layout);
  std::vector<fb::Output> outputRows;
  for (const Output &output : family.outputs)
    outputRows.emplace_back(output.target, static_cast<uint32_t>(output.dtype), output.layout);
  std::vector<fb::Node> nodes;
  for (const recipe::Node &node : family.recipe.nodes)
    nodes.emplace_back(static_cast<uint8_t>(node.op), static_cast<uint8_t>(node.type),
                       static_cast<uint8_t>(node.overflow), 0, node.a, node.b, node.slot, 0);
  auto shape = builder.CreateVector(family.shape);
  auto inputs = builder.CreateVectorOfStructs(inputRows);
  auto outputs = builder.CreateVectorOfStructs(outputRows);
  auto recipe = builder.CreateVectorOfStructs(nodes);
  std::vector<fb::ColumnCode> codeRows;
  for (ColumnCode code : codes)
    codeRows.emplace_back(code.runs, code.period);
  Offset<flatbuffers::Vector<const fb::ColumnCode *>> codeList = 0;
  if (!codeRows.empty())
    codeList = builder.CreateVectorOfStructs(codeRows);
  return fb::CreateFamily(builder, shape, inputs, outputs, recipe,
                          static_cast<uint32_t>(family.memberCount()), codeList);
}

void writeDirectory(Builder &builder, const Plan &plan, const MemberColumns &members,
                    const ColumnArea &columns) {
  auto producer = builder.CreateString("recast");
  auto spec = builder.CreateString(plan.spec);
  std::vector<Offset<fb::Source>> sourceTables;
  for (const SourceEndpoint &source : plan.sources) {
    auto name = builder.CreateString(source.name);
    auto format = builder.CreateString(source.format);
    auto path = builder.CreateString(source.path);
    auto tag = builder.CreateString(source.tag);
    auto facts = writePairs(builder, source.facts);
    sourceTables.push_back(fb::CreateSource(builder, name, format, path, tag, facts));
  }
  auto sources = builder.CreateVector(sourceTables);
  std::vector<Offset<flatbuffers::String>> layoutTexts;
  for (const layout::Layout &layout : plan.layouts)
    layoutTexts.push_back(builder.CreateString(layout.str()));
  auto layouts = builder.CreateVector(layoutTexts);
  std::vector<Offset<fb::Target>> targetTables;
  for (const TargetEndpoint &target : plan.targets)
    targetTables.push_back(writeTarget(builder, target));
  auto targets = builder.CreateVector(targetTables);
  std::vector<Offset<fb::Family>> familyTables;
  for (size_t f = 0; f < plan.families.size(); ++f)
    familyTables.push_back(writeFamily(builder, plan.families[f], members.codes[f]));
  auto families = builder.CreateVector(familyTables);
  std::vector<Offset<fb::LeftOut>> leftOutTables;
  for (const LeftOut &item : plan.leftOut) {
    auto what = builder.CreateString(item.what);
    auto why = builder.CreateString(item.why);
    Offset<fb::ObjectChange> object = 0;
    if (item.object) {
      auto path = builder.CreateString(item.object->path);
      auto target = builder.CreateString(item.object->target);
      object =
          fb::CreateObjectChange(builder, path, target, static_cast<uint8_t>(item.object->kind));
    }
    Offset<fb::RoleChange> role = 0;
    if (item.role) {
      auto name = builder.CreateString(item.role->role);
      auto target = builder.CreateString(item.role->target);
      role = fb::CreateRoleChange(builder, name, target, item.role->tensors,
                                  static_cast<uint8_t>(item.role->kind));
    }
    leftOutTables.push_back(fb::CreateLeftOut(builder, what, why, object, role));
  }
  auto leftOut = builder.CreateVector(leftOutTables);
  auto sections = builder.CreateVectorOfStructs(columns.table());
  auto pipeline = builder.CreateString(plan.pipeline);
  fb::FinishDirectoryBuffer(
      builder,
      fb::CreateDirectory(builder, producer, spec, plan.budget, plan.schemaFingerprint,
                          plan.instanceFingerprint, sources, layouts, targets, families, leftOut,
                          sections, pipeline, plan.pipelineTime,
                          static_cast<uint8_t>(plan.rebinding), static_cast<uint8_t>(plan.cut)));
}

template <typename T> void patch(std::string &bytes, size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

} // namespace

std::string writeArtifact(const Plan &plan) {
  MemberColumns members = encodeMembers(plan);
  ColumnArea columns = makeColumns(plan, members);
  Builder builder(1 << 16);
  writeDirectory(builder, plan, members, columns);

  std::string file(kHeadSize, '\0');
  file.append(reinterpret_cast<const char *>(builder.GetBufferPointer()), builder.GetSize());
  file.resize(alignColumn(file.size()), '\0');
  columns.appendTo(file);

  std::memcpy(file.data(), kMagic.data(), kMagic.size());
  patch(file, 8, kVersionMajor);
  patch(file, 10, kVersionMinor);
  patch(file, 16, kFeatureCoded);
  patch(file, 24, static_cast<uint64_t>(file.size()));
  patch(file, 32, static_cast<uint64_t>(builder.GetSize()));
  patch(file, kChecksumOffset, artifactChecksum(file.data(), file.size()));
  return file;
}

} // namespace recast::plan
