// Artifact bytes -> Plan. The bytes may be hostile: every count is checked against what the file
// really holds before anything is allocated for it, and the result goes through verify().
#include "runtime/base/Checked.h"
#include "runtime/plan/Columns.h"
#include "runtime/plan/Malformed.h"
#include "runtime/plan/ReadDirectory.h"
#include "runtime/plan/ReadMembers.h"

#include <cstring>

namespace recast::plan {
namespace {

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
  if (load<uint64_t>(bytes, 16) != (minor < kCodedSince ? 0 : kFeatureCoded))
    return malformed("format {}.{} with the feature bits {:#x}", major, minor,
                     load<uint64_t>(bytes, 16));
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

/// Strings as lengths and one blob: the lengths must use up the blob exactly.
class TextColumn {
public:
  TextColumn(const Columns &columns, Column lengths, Column bytes)
      : columns_(columns), lengths_(lengths), bytes_(columns.view(bytes)) {}

  Result<std::string_view> next(std::string_view what) {
    auto length = columns_.at<uint32_t>(lengths_, row_++);
    if (length > bytes_.size() - position_)
      return malformed("{} {} is longer than what is left of the text", what, row_ - 1);
    std::string_view text = bytes_.substr(position_, length);
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

Status readStrings(const Columns &columns, Plan &plan) {
  size_t strings = columns.count(Column::StringLength);
  bool shares = columns.has(Column::StringShared);
  if (shares)
    RECAST_TRY(columns.sameCount("strings", strings, {Column::StringShared}));
  plan.strings.reserve(strings);
  TextColumn texts(columns, Column::StringLength, Column::StringBytes);
  std::string_view before;
  for (size_t i = 0; i < strings; ++i) {
    RECAST_ASSIGN(std::string_view rest, texts.next("string"));
    size_t shared = shares ? columns.at<uint8_t>(Column::StringShared, i) : 0;
    if (shared > before.size())
      return malformed("string {} shares {} bytes with one of {}", i, shared, before.size());
    std::string &text = plan.strings.emplace_back();
    text.reserve(shared + rest.size());
    text.append(before, 0, shared).append(rest);
    if (shares && sharedStart(before, text) != shared)
      return malformed("string {} shares more than {} bytes with the one before it", i, shared);
    before = text;
  }
  return texts.finish("string");
}

Status readTables(const Columns &columns, Plan &plan) {
  size_t files = columns.count(Column::FileEndpoint);
  RECAST_TRY(columns.sameCount("files", files,
                               {Column::FileSize, Column::FileMtime, Column::FilePathLength}));
  TextColumn paths(columns, Column::FilePathLength, Column::FilePathBytes);
  for (size_t i = 0; i < files; ++i) {
    RECAST_ASSIGN(std::string_view path, paths.next("file"));
    plan.files.push_back({columns.at<uint32_t>(Column::FileEndpoint, i), std::string(path),
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

  RECAST_ASSIGN(Columns columns, Columns::open(directory, parts.columns, parts.minor));
  Plan plan;
  RECAST_TRY(readDirectory(directory, parts.directory.size(), plan));
  if (parts.minor < kRebindableSince)
    plan.rebinding = Rebinding::Unknown;
  RECAST_TRY(readStrings(columns, plan));
  RECAST_TRY(readTables(columns, plan));
  RECAST_TRY(readMembers(directory, columns, parts.minor, plan));
  RECAST_TRY(readDeadlines(columns, plan));
  RECAST_TRY(verify(plan));
  return plan;
}

} // namespace recast::plan
