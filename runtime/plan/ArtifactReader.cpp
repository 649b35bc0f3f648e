// Artifact bytes -> Plan. The bytes may be hostile: every count is checked against what the file
// really holds before anything is allocated for it, and the result goes through verify().
#include "runtime/base/Checked.h"
#include "runtime/plan/Plan.h"
#include "runtime/plan/Sections.h"
#include "runtime/plan/artifact_generated.h"

#include <cstring>
#include <fmt/format.h>

namespace recast::plan {
namespace {

template <typename... Args>
tl::unexpected<Error> malformed(fmt::format_string<Args...> text, Args &&...args) {
  return fail(
      Error(Code::BadInput, "malformed plan: " + fmt::format(text, std::forward<Args>(args)...))
          .hint("Write the plan again with `recast plan`."));
}

template <typename T> T load(std::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

bool allZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

struct Parts {
  std::string_view directory, columns;
  uint16_t minor = 0;
};

/// Checks the head and the checksum, and cuts the file in two.
Result<Parts> openArtifact(std::string_view bytes) {
  if (bytes.size() < kMagic.size() ||
      bytes.substr(0, kMagic.size()) != std::string_view(kMagic.data(), kMagic.size()))
    return fail(Error(Code::BadInput, "not a Recast plan: the first 8 bytes are not its mark")
                    .hint("Plans are written by `recast plan -o FILE.rplan`."));
  if (bytes.size() < kHeadSize)
    return malformed("the file ends after {} bytes, inside its {}-byte head", bytes.size(),
                     kHeadSize);
  // The version comes before everything else: a newer format may change all that follows it.
  auto major = load<uint16_t>(bytes, 8), minor = load<uint16_t>(bytes, 10);
  if (major != kVersionMajor)
    return fail(Error(Code::BadInput,
                      fmt::format("the plan has format version {}.{}, this program reads {}.x",
                                  major, minor, kVersionMajor))
                    .hint(major > kVersionMajor ? "Use a newer Recast, or plan again with this one."
                                                : "Plan again with this Recast."));
  if (uint64_t unknown = load<uint64_t>(bytes, 16) & ~kKnownFeatures)
    return fail(
        Error(Code::BadInput,
              fmt::format("the plan (format {}.{}) needs features this program does not have "
                          "(bits {:#x}); it reads format {}.{}",
                          major, minor, unknown, kVersionMajor, kVersionMinor))
            .hint("Use a newer Recast, or plan again with this one."));
  auto fileSize = load<uint64_t>(bytes, 24);
  if (fileSize != bytes.size())
    return malformed("its head says {} bytes, there are {}", fileSize, bytes.size());
  if (load<uint64_t>(bytes, kChecksumOffset) != artifactChecksum(bytes.data(), bytes.size()))
    return malformed("the checksum does not match, some bytes were changed");
  if (load<uint32_t>(bytes, 12) != 0 || load<uint64_t>(bytes, 40) != 0 ||
      load<uint64_t>(bytes, 48) != 0)
    return malformed("reserved fields of the head are not zero");
  auto directorySize = load<uint64_t>(bytes, 32);
  if (directorySize > kMaxDirectoryBytes || !rangeInside(kHeadSize, directorySize, bytes.size()))
    return malformed("the directory of {} bytes does not fit into the file", directorySize);
  uint64_t directoryEnd = kHeadSize + directorySize, columnsBegin = alignColumn(directoryEnd);
  if (columnsBegin > bytes.size() ||
      !allZero(bytes.substr(directoryEnd, columnsBegin - directoryEnd)))
    return malformed("the directory is not followed by zero bytes up to a multiple of {}",
                     kColumnAlignment);
  return Parts{bytes.substr(kHeadSize, directorySize), bytes.substr(columnsBegin), minor};
}

/// The raw columns, each a view into the file.
class Columns {
public:
  static Result<Columns> open(const fb::Directory &directory, const Parts &parts) {
    Columns columns;
    const auto *table = directory.sections();
    if (!table || table->size() < kColumnCount)
      return malformed("columns are missing");
    if (table->size() > kColumnCount && parts.minor <= kVersionMinor)
      return malformed("there are {} columns, format 1.{} has {}", table->size(), parts.minor,
                       kColumnCount);
    uint64_t end = 0;
    for (uint32_t i = 0; i < table->size(); ++i) {
      const fb::Section &section = *table->Get(i);
      if (section.id() != i || section.width() == 0 ||
          (i < kColumnCount && section.width() != kColumnWidth[i]))
        return malformed("column {} has id {} and width {}", i, section.id(), section.width());
      auto size = checkedMul<uint64_t>(section.count(), section.width());
      uint64_t begin = alignColumn(end);
      if (!size || section.offset() != begin || !rangeInside(begin, *size, parts.columns.size()))
        return malformed("column {} ({} x {} bytes at {}) does not lie where it must", i,
                         section.count(), section.width(), section.offset());
      if (!allZero(parts.columns.substr(end, begin - end)))
        return malformed("bytes before column {} are not zero", i);
      end = begin + *size;
      if (i < kColumnCount)
        columns.views_[i] = parts.columns.substr(begin, *size);
    }
    if (end != parts.columns.size())
      return malformed("{} bytes follow the last column", parts.columns.size() - end);
    return columns;
  }

  size_t count(Column column) const {
    return view(column).size() / kColumnWidth[static_cast<size_t>(column)];
  }
  std::string_view view(Column column) const { return views_[static_cast<size_t>(column)]; }
  template <typename T> T at(Column column, size_t row) const {
    return load<T>(view(column), row * sizeof(T));
  }
  /// All of `columns` have as many rows as `rows`.
  Status sameCount(std::string_view what, size_t rows,
                   std::initializer_list<Column> columns) const {
    for (Column column : columns)
      if (count(column) != rows)
        return malformed("column {} of {} has {} rows instead of {}", static_cast<uint32_t>(column),
                         what, count(column), rows);
    return {};
  }

private:
  std::array<std::string_view, kColumnCount> views_;
};

/// Strings as lengths and one blob: the lengths must use up the blob exactly.
class TextColumn {
public:
  TextColumn(const Columns &columns, Column lengths, Column bytes)
      : columns_(columns), lengths_(lengths), bytes_(columns.view(bytes)) {}

  Result<std::string> next(std::string_view what) {
    auto length = columns_.at<uint32_t>(lengths_, row_++);
    if (length > bytes_.size() - position_)
      return malformed("{} {} is longer than what is left of the text", what, row_ - 1);
    std::string text(bytes_.substr(position_, length));
    position_ += length;
    return text;
  }
  Status finish(std::string_view what) const {
    if (position_ != bytes_.size())
      return malformed("{} bytes of text belong to no {}", bytes_.size() - position_, what);
    return {};
  }

private:
  const Columns &columns_;
  Column lengths_;
  std::string_view bytes_;
  size_t row_ = 0, position_ = 0;
};

/// Copies things out of the directory. Offsets in a FlatBuffer may all point at one big string, so
/// that a small file would ask for terabytes; what we write shares nothing, hence a budget.
class DirectoryReader {
public:
  explicit DirectoryReader(size_t bytes) : budget_(bytes) {}

  Status text(const flatbuffers::String *from, std::string &to) {
    if (!from)
      return malformed("a text is missing from the directory");
    RECAST_TRY(spend(from->size()));
    to.assign(from->c_str(), from->size());
    return {};
  }

  /// Number of elements of an optional vector.
  template <typename V> Result<size_t> size(const V *vector, size_t elementBytes) {
    if (!vector)
      return malformed("a list is missing from the directory");
    auto bytes = checkedMul<size_t>(vector->size(), elementBytes);
    if (!bytes)
      return malformed("a list of the directory is too long");
    RECAST_TRY(spend(*bytes));
    return vector->size();
  }

  Status pairs(const flatbuffers::Vector<flatbuffers::Offset<fb::Pair>> *from,
               std::map<std::string, std::string> &to) {
    RECAST_ASSIGN(size_t count, size(from, 4));
    for (size_t i = 0; i < count; ++i) {
      std::string key, value;
      RECAST_TRY(text(from->Get(i)->key(), key));
      RECAST_TRY(text(from->Get(i)->value(), value));
      if (!to.empty() && key <= to.rbegin()->first)
        return malformed("keys are not in ascending order at `{}`", key);
      to.emplace_hint(to.end(), std::move(key), std::move(value));
    }
    return {};
  }

  Status target(const fb::Target &from, TargetEndpoint &to) {
    RECAST_TRY(text(from.name(), to.name));
    RECAST_TRY(text(from.format(), to.format));
    RECAST_TRY(text(from.path(), to.path));
    RECAST_TRY(text(from.tag(), to.tag));
    RECAST_TRY(pairs(from.options(), to.options));
    RECAST_ASSIGN(size_t aliases, size(from.aliases(), sizeof(fb::Alias)));
    for (size_t i = 0; i < aliases; ++i) {
      const fb::Alias &alias = *from.aliases()->Get(i);
      to.aliases.emplace_back(alias.alias(), alias.canonical());
    }
    RECAST_ASSIGN(size_t groups, size(from.groups(), 4));
    for (size_t i = 0; i < groups; ++i) {
      const fb::Group &group = *from.groups()->Get(i);
      RECAST_ASSIGN(size_t names, size(group.names(), 4));
      Group &out = to.groups.emplace_back();
      for (size_t k = 0; k < names; ++k)
        out.names.push_back(group.names()->Get(k));
      RECAST_TRY(text(group.hyper(), out.hyper));
    }
    RECAST_TRY(pairs(from.objects(), to.objects));
    RECAST_ASSIGN(size_t kept, size(from.kept_files(), 4));
    for (size_t i = 0; i < kept; ++i)
      to.keptFiles.push_back({from.kept_files()->Get(i)});
    RECAST_ASSIGN(size_t sides, size(from.side_files(), 4));
    for (size_t i = 0; i < sides; ++i) {
      const fb::SideFile &side = *from.side_files()->Get(i);
      SideFile &out = to.sideFiles.emplace_back();
      RECAST_TRY(text(side.source(), out.source));
      RECAST_TRY(text(side.name(), out.name));
      out.size = side.size();
      out.mtimeNs = side.mtime_ns();
    }
    return {};
  }

  Status family(const fb::Family &from, Family &to) {
    RECAST_ASSIGN(size_t rank, size(from.shape(), 8));
    for (size_t i = 0; i < rank; ++i)
      to.shape.push_back(from.shape()->Get(i));
    RECAST_ASSIGN(size_t inputs, size(from.inputs(), sizeof(fb::Input)));
    for (size_t i = 0; i < inputs; ++i) {
      const fb::Input &input = *from.inputs()->Get(i);
      RECAST_ASSIGN(DType type, dtype(input.dtype()));
      to.inputs.push_back({type, input.layout()});
    }
    RECAST_ASSIGN(size_t outputs, size(from.outputs(), sizeof(fb::Output)));
    for (size_t i = 0; i < outputs; ++i) {
      const fb::Output &output = *from.outputs()->Get(i);
      RECAST_ASSIGN(DType type, dtype(output.dtype()));
      to.outputs.push_back({output.target(), type, output.layout()});
    }
    RECAST_ASSIGN(size_t nodes, size(from.recipe(), sizeof(fb::Node)));
    for (size_t i = 0; i < nodes; ++i) {
      RECAST_ASSIGN(recipe::Node node, this->node(*from.recipe()->Get(i)));
      to.recipe.nodes.push_back(node);
    }
    return {};
  }

private:
  Status spend(size_t bytes) {
    if (bytes > budget_)
      return malformed("parts of the directory overlap");
    budget_ -= bytes;
    return {};
  }
  static Result<DType> dtype(uint32_t code) {
    auto type = code <= 0xff ? dtypeFromCode(static_cast<uint8_t>(code)) : std::nullopt;
    if (!type)
      return malformed("unknown dtype code {}", code);
    return *type;
  }
  static Result<recipe::Node> node(const fb::Node &from) {
    if (from.op() > static_cast<uint8_t>(recipe::Op::CheckEqual) ||
        from.overflow() > static_cast<uint8_t>(recipe::Overflow::Nan) || from.reserved() != 0 ||
        from.reserved2() != 0)
      return malformed("unknown recipe operation {}", from.op());
    RECAST_ASSIGN(DType type, dtype(from.type()));
    recipe::Node node;
    node.op = static_cast<recipe::Op>(from.op());
    node.type = type;
    node.overflow = static_cast<recipe::Overflow>(from.overflow());
    node.a = from.a();
    node.b = from.b();
    node.slot = from.slot();
    return node;
  }

  size_t budget_;
};

Status readDirectory(const fb::Directory &directory, size_t bytes, Plan &plan) {
  DirectoryReader reader(bytes);
  RECAST_TRY(reader.text(directory.spec(), plan.spec));
  plan.budget = directory.budget();
  plan.schemaFingerprint = directory.schema_fingerprint();
  plan.instanceFingerprint = directory.instance_fingerprint();
  RECAST_ASSIGN(size_t sources, reader.size(directory.sources(), 4));
  for (size_t i = 0; i < sources; ++i) {
    const fb::Source &from = *directory.sources()->Get(i);
    SourceEndpoint &to = plan.sources.emplace_back();
    RECAST_TRY(reader.text(from.name(), to.name));
    RECAST_TRY(reader.text(from.format(), to.format));
    RECAST_TRY(reader.text(from.path(), to.path));
    RECAST_TRY(reader.text(from.tag(), to.tag));
  }
  RECAST_ASSIGN(size_t layouts, reader.size(directory.layouts(), 4));
  for (size_t i = 0; i < layouts; ++i) {
    std::string text;
    RECAST_TRY(reader.text(directory.layouts()->Get(i), text));
    auto parsed = layout::Layout::parse(text);
    if (!parsed)
      return malformed("layout {}: {}", i, parsed.error().message());
    if (parsed->str() != text)
      return malformed("layout {} is not in canonical form", i);
    plan.layouts.push_back(std::move(*parsed));
  }
  RECAST_ASSIGN(size_t targets, reader.size(directory.targets(), 4));
  for (size_t i = 0; i < targets; ++i)
    RECAST_TRY(reader.target(*directory.targets()->Get(i), plan.targets.emplace_back()));
  RECAST_ASSIGN(size_t families, reader.size(directory.families(), 4));
  for (size_t i = 0; i < families; ++i)
    RECAST_TRY(reader.family(*directory.families()->Get(i), plan.families.emplace_back()));
  RECAST_ASSIGN(size_t leftOut, reader.size(directory.left_out(), 4));
  for (size_t i = 0; i < leftOut; ++i) {
    const fb::LeftOut &from = *directory.left_out()->Get(i);
    LeftOut &to = plan.leftOut.emplace_back();
    RECAST_TRY(reader.text(from.what(), to.what));
    RECAST_TRY(reader.text(from.why(), to.why));
  }
  return {};
}

Status readTables(const Columns &columns, Plan &plan) {
  size_t strings = columns.count(Column::StringLength);
  plan.strings.reserve(strings);
  TextColumn texts(columns, Column::StringLength, Column::StringBytes);
  for (size_t i = 0; i < strings; ++i) {
    RECAST_ASSIGN(std::string text, texts.next("string"));
    plan.strings.push_back(std::move(text));
  }
  RECAST_TRY(texts.finish("string"));

  size_t files = columns.count(Column::FileEndpoint);
  RECAST_TRY(columns.sameCount("files", files,
                               {Column::FileSize, Column::FileMtime, Column::FilePathLength}));
  TextColumn paths(columns, Column::FilePathLength, Column::FilePathBytes);
  for (size_t i = 0; i < files; ++i) {
    RECAST_ASSIGN(std::string path, paths.next("file"));
    plan.files.push_back({columns.at<uint32_t>(Column::FileEndpoint, i), std::move(path),
                          columns.at<uint64_t>(Column::FileSize, i),
                          columns.at<int64_t>(Column::FileMtime, i)});
  }
  RECAST_TRY(paths.finish("file"));

  size_t records = columns.count(Column::RecordFile);
  RECAST_TRY(columns.sameCount("records", records,
                               {Column::RecordOffset, Column::RecordLength, Column::RecordCrc}));
  plan.records.reserve(records);
  for (size_t i = 0; i < records; ++i)
    plan.records.push_back({columns.at<uint32_t>(Column::RecordFile, i),
                            columns.at<uint64_t>(Column::RecordOffset, i),
                            columns.at<uint64_t>(Column::RecordLength, i),
                            columns.at<uint32_t>(Column::RecordCrc, i)});

  size_t extents = columns.count(Column::ExtentFile);
  RECAST_TRY(columns.sameCount("extents", extents, {Column::ExtentOffset, Column::ExtentElements}));
  plan.extents.reserve(extents);
  for (size_t i = 0; i < extents; ++i)
    plan.extents.push_back({columns.at<uint32_t>(Column::ExtentFile, i),
                            columns.at<uint64_t>(Column::ExtentOffset, i),
                            columns.at<int64_t>(Column::ExtentElements, i)});

  size_t stores = columns.count(Column::StoreFirst);
  RECAST_TRY(columns.sameCount("stores", stores, {Column::StoreCount}));
  plan.stores.reserve(stores);
  for (size_t i = 0; i < stores; ++i)
    plan.stores.push_back(
        {columns.at<uint32_t>(Column::StoreFirst, i), columns.at<uint32_t>(Column::StoreCount, i)});
  return {};
}

/// Deals the member columns out to the families.
Status readMembers(const fb::Directory &directory, const Columns &columns, Plan &plan) {
  // Totals first: u32 counts times at most directory-size slots cannot overflow 64 bits.
  uint64_t names = 0, inputs = 0, outputs = 0;
  for (size_t f = 0; f < plan.families.size(); ++f) {
    uint64_t members = directory.families()->Get(f)->members();
    names += members;
    inputs += members * plan.families[f].inputs.size();
    outputs += members * plan.families[f].outputs.size();
  }
  RECAST_TRY(columns.sameCount("members", names, {Column::MemberName}));
  RECAST_TRY(columns.sameCount("members' inputs", inputs,
                               {Column::InputStore, Column::InputStart, Column::InputTotal}));
  RECAST_TRY(
      columns.sameCount("members' outputs", outputs, {Column::OutputName, Column::OutputRole}));
  size_t name = 0, input = 0, output = 0;
  for (size_t f = 0; f < plan.families.size(); ++f) {
    Family &family = plan.families[f];
    size_t members = directory.families()->Get(f)->members();
    family.memberNames.reserve(members);
    for (size_t i = 0; i < members; ++i)
      family.memberNames.push_back(columns.at<uint32_t>(Column::MemberName, name++));
    size_t inputRows = members * family.inputs.size();
    family.memberInputs.reserve(inputRows);
    for (size_t i = 0; i < inputRows; ++i, ++input)
      family.memberInputs.push_back({columns.at<uint32_t>(Column::InputStore, input),
                                     columns.at<int64_t>(Column::InputStart, input),
                                     columns.at<int64_t>(Column::InputTotal, input)});
    size_t outputRows = members * family.outputs.size();
    family.memberOutputs.reserve(outputRows);
    for (size_t i = 0; i < outputRows; ++i, ++output)
      family.memberOutputs.push_back({columns.at<uint32_t>(Column::OutputName, output),
                                      columns.at<uint32_t>(Column::OutputRole, output)});
  }
  return {};
}

} // namespace

Result<Plan> readArtifact(std::string_view bytes) {
  RECAST_ASSIGN(Parts parts, openArtifact(bytes));
  // Aligned copy: FlatBuffers reads words in place, and `bytes` may start anywhere.
  std::vector<uint64_t> aligned(parts.directory.size() / 8 + 1);
  std::memcpy(aligned.data(), parts.directory.data(), parts.directory.size());
  const auto *buffer = reinterpret_cast<const uint8_t *>(aligned.data());
  flatbuffers::Verifier verifier(buffer, parts.directory.size(), /*max_depth=*/8,
                                 /*max_tables=*/1 << 24);
  if (!fb::VerifyDirectoryBuffer(verifier))
    return malformed("its directory is damaged");
  const fb::Directory &directory = *fb::GetDirectory(buffer);

  RECAST_ASSIGN(Columns columns, Columns::open(directory, parts));
  Plan plan;
  RECAST_TRY(readDirectory(directory, parts.directory.size(), plan));
  RECAST_TRY(readTables(columns, plan));
  RECAST_TRY(readMembers(directory, columns, plan));
  RECAST_TRY(verify(plan));
  return plan;
}

} // namespace recast::plan
