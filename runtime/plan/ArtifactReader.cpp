// Artifact bytes -> Plan. The bytes may be hostile: every count is checked against what the file
// really holds before anything is allocated for it, and the result goes through verify().
#include "runtime/base/Checked.h"
#include "runtime/plan/ReadDirectory.h"
#include "runtime/plan/Sections.h"

#include <algorithm>
#include <cstring>

namespace recast::plan {
namespace {

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
    if (!table)
      return malformed("columns are missing");
    // A newer minor version may have appended columns that this program does not know.
    static_assert(kColumnsOfMinor.size() == kVersionMinor + 1);
    size_t known = kColumnsOfMinor[std::min<size_t>(parts.minor, kVersionMinor)];
    if (table->size() < known || (table->size() > known && parts.minor <= kVersionMinor))
      return malformed("there are {} columns, format 1.{} has {}", table->size(), parts.minor,
                       known);
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
    columns.known_ = known;
    if (end != parts.columns.size())
      return malformed("{} bytes follow the last column", parts.columns.size() - end);
    return columns;
  }

  size_t count(Column column) const {
    return view(column).size() / kColumnWidth[static_cast<size_t>(column)];
  }
  /// Whether the version of the file has this column.
  bool has(Column column) const { return static_cast<size_t>(column) < known_; }
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
  size_t known_ = 0;
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

Status readDeadlines(const Columns &columns, Plan &plan) {
  if (!columns.has(Column::DeadlineTime))
    return {};
  size_t rows = columns.count(Column::DeadlineTarget);
  RECAST_TRY(columns.sameCount("deadlines", rows,
                               {Column::DeadlineName, Column::DeadlineRole, Column::DeadlineTime}));
  plan.deadlines.reserve(rows);
  for (size_t i = 0; i < rows; ++i)
    plan.deadlines.push_back({columns.at<uint32_t>(Column::DeadlineTarget, i),
                              columns.at<uint32_t>(Column::DeadlineName, i),
                              columns.at<uint32_t>(Column::DeadlineRole, i),
                              columns.at<double>(Column::DeadlineTime, i)});
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
  bool parts = columns.has(Column::OutputPart);
  if (parts) {
    RECAST_TRY(columns.sameCount("members' inputs", inputs, {Column::InputPart}));
    RECAST_TRY(columns.sameCount("members' outputs", outputs, {Column::OutputPart}));
  }
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
                                     columns.at<int64_t>(Column::InputTotal, input),
                                     parts ? columns.at<uint32_t>(Column::InputPart, input) : 0});
    size_t outputRows = members * family.outputs.size();
    family.memberOutputs.reserve(outputRows);
    for (size_t i = 0; i < outputRows; ++i, ++output)
      family.memberOutputs.push_back(
          {columns.at<uint32_t>(Column::OutputName, output),
           columns.at<uint32_t>(Column::OutputRole, output),
           parts ? columns.at<uint32_t>(Column::OutputPart, output) : 0});
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
  RECAST_TRY(readDeadlines(columns, plan));
  RECAST_TRY(verify(plan));
  return plan;
}

} // namespace recast::plan
