// The raw columns of an artifact. All values little-endian; each column starts at a multiple of 64
// bytes of the file, in the order of the ids below, with zero bytes between them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace recast::plan {

/// Ids are part of the format: append only. Member columns hold the members of all families, in
/// family order. Before 1.5 those of inputs and outputs held a member's inputs (outputs) side by
/// side; since then, each column of each family is runs or lies in one piece (MemberColumns.h).
enum class Column : uint32_t {
  StringLength = 0, ///< Since 1.5 without what StringShared says.
  StringBytes = 1,
  FileEndpoint = 2,
  FileSize = 3,
  FileMtime = 4,
  FilePathLength = 5,
  FilePathBytes = 6,
  RecordFile = 7,
  RecordOffset = 8,
  RecordLength = 9,
  RecordCrc = 10,
  ExtentFile = 11,
  ExtentOffset = 12,
  ExtentElements = 13,
  StoreFirst = 14,
  StoreCount = 15,
  MemberName = 16,
  InputStore = 17,
  InputStart = 18,
  InputTotal = 19,
  OutputName = 20,
  OutputRole = 21,
  InputPart = 22,      ///< Since 1.1; all zero before.
  OutputPart = 23,     ///< Since 1.1; all zero before.
  DeadlineTarget = 24, ///< Since 1.3, as the next three; none before.
  DeadlineName = 25,
  DeadlineRole = 26,
  DeadlineTime = 27, ///< Binary64.
  RunStart = 28,     ///< Since 1.5, as the next three; see MemberRuns.h.
  RunStep = 29,
  RunCount = 30,
  StringShared = 31, ///< Bytes that a string begins with like the one before it: sharedStart.
};

/// Bytes of one element of each column.
inline constexpr std::array<uint8_t, 32> kColumnWidth = {
    4, 1, 4, 8, 8, 4, 1, 4, 8, 8, 4, 4, 8, 8, 4, 4, 4, 4, 8, 8, 4, 4, 4, 4, 4, 4, 4, 8, 8, 4, 4, 1};
inline constexpr size_t kColumnCount = kColumnWidth.size();
/// Columns of each minor version, 1.0 first.
inline constexpr std::array<size_t, 8> kColumnsOfMinor = {
    22, 24, 24, 28, 28, kColumnCount, kColumnCount, kColumnCount};
inline constexpr uint64_t kColumnAlignment = 64;

/// Fixed head of the file. Byte offsets: magic 0, major 8 (u16), minor 10 (u16), zero 12 (u32),
/// required features 16 (u64), file size 24 (u64), directory size 32 (u64), zero 40 (u64), zero 48
/// (u64), checksum 56 (u64). The directory follows at byte 64; the column area at the next multiple
/// of 64 after it. The checksum is the XXH3-64 of the whole file with its own 8 bytes as zero.
inline constexpr size_t kHeadSize = 64;
inline constexpr size_t kChecksumOffset = 56;
/// A byte above 127 and a CR LF: transfers that mangle text are noticed at once.
inline constexpr std::array<char, 8> kMagic = {'\x89', 'R', 'P', 'L', 'A', 'N', '\r', '\n'};
/// Required-feature bits: a program that does not know one cannot read the file. All files
/// since 1.5 have the first, for runs and strings that share their beginnings.
inline constexpr uint64_t kFeatureCoded = 1;
inline constexpr uint16_t kCodedSince = 5;
/// Earlier files do not say all that `rebind` goes by.
inline constexpr uint16_t kRebindableSince = 7;
inline constexpr uint64_t kKnownFeatures = kFeatureCoded;

/// FlatBuffers offsets are 32-bit; verify() keeps the texts of a plan far below.
inline constexpr uint64_t kMaxDirectoryBytes = uint64_t{1} << 30;

/// XXH3-64 of `bytes` (at least kHeadSize of them) with the checksum field taken as zero.
uint64_t artifactChecksum(const char *bytes, size_t size);

/// Names of tensors have long beginnings in common. As many bytes as there are, but a byte holds
/// the count.
inline size_t sharedStart(std::string_view before, std::string_view text) {
  size_t most = std::min({before.size(), text.size(), size_t{255}}), shared = 0;
  while (shared < most && before[shared] == text[shared])
    ++shared;
  return shared;
}

inline constexpr uint64_t alignColumn(uint64_t offset) {
  return (offset + kColumnAlignment - 1) / kColumnAlignment * kColumnAlignment;
}

} // namespace recast::plan
