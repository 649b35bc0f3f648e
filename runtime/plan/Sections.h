// The raw columns of an artifact. All values little-endian; each column starts at a multiple of 64
// bytes of the file, in the order of the ids below, with zero bytes between them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace recast::plan {

/// Ids are part of the format: append only. Member columns hold the members of all families, in
/// family order; those of inputs and outputs hold a member's inputs (outputs) side by side.
enum class Column : uint32_t {
  StringLength = 0,
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
};

/// Bytes of one element of each column.
inline constexpr std::array<uint8_t, 28> kColumnWidth = {4, 1, 4, 8, 8, 4, 1, 4, 8, 8, 4, 4, 8, 8,
                                                         4, 4, 4, 4, 8, 8, 4, 4, 4, 4, 4, 4, 4, 8};
inline constexpr size_t kColumnCount = kColumnWidth.size();
/// Columns of each minor version, 1.0 first.
inline constexpr std::array<size_t, 5> kColumnsOfMinor = {22, 24, 24, 28, kColumnCount};
inline constexpr uint64_t kColumnAlignment = 64;

/// Fixed head of the file. Byte offsets: magic 0, major 8 (u16), minor 10 (u16), zero 12 (u32),
/// required features 16 (u64), file size 24 (u64), directory size 32 (u64), zero 40 (u64), zero 48
/// (u64), checksum 56 (u64). The directory follows at byte 64; the column area at the next multiple
/// of 64 after it. The checksum is the XXH3-64 of the whole file with its own 8 bytes as zero.
inline constexpr size_t kHeadSize = 64;
inline constexpr size_t kChecksumOffset = 56;
/// A byte above 127 and a CR LF: transfers that mangle text are noticed at once.
inline constexpr std::array<char, 8> kMagic = {'\x89', 'R', 'P', 'L', 'A', 'N', '\r', '\n'};
/// Required-feature bits this build understands; none is defined yet.
inline constexpr uint64_t kKnownFeatures = 0;

/// FlatBuffers offsets are 32-bit; verify() keeps the texts of a plan far below.
inline constexpr uint64_t kMaxDirectoryBytes = uint64_t{1} << 30;

/// XXH3-64 of `bytes` (at least kHeadSize of them) with the checksum field taken as zero.
uint64_t artifactChecksum(const char *bytes, size_t size);

inline constexpr uint64_t alignColumn(uint64_t offset) {
  return (offset + kColumnAlignment - 1) / kColumnAlignment * kColumnAlignment;
}

} // namespace recast::plan
