// What the mover by hand is told: source files, and for every output file where its bytes come
// from.
#pragma once

#include "runtime/exec/Program.h"

#include <string>
#include <utility>
#include <vector>

namespace recast::bench {

inline constexpr uint32_t kNone = 0xffffffff;

/// Says why on standard error and ends the program.
[[noreturn]] void die(const std::string &text);

/// Bytes of a source file and where they go. Inside at most one source record, and wholly inside or
/// outside every range whose CRC a target file holds.
struct Piece {
  uint32_t source = 0, record = kNone;
  uint64_t from = 0, bytes = 0;
  uint64_t to = 0; ///< Of no meaning where nothing is written.
  uint32_t tensor = kNone;
  uint64_t tensorByte = 0;
  bool needsCrc = false;
  uint32_t crc = 0; ///< Made by the mover.
};
/// What is hashed in one go: pieces or a literal that lie between two bounds of a target file.
struct Extent {
  uint64_t offset = 0, length = 0, xxh3 = 0;
};
/// One file of the output, or (without a path) pieces that are read for their checksums only.
struct Item {
  std::string path;
  uint64_t bytes = 0;
  std::vector<Piece> pieces; ///< By `to`, or by `from` where nothing is written.
  std::vector<exec::LiteralBytes> literals;
  std::vector<exec::CrcPatch> patches;
  std::vector<Extent> extents; ///< Made by the mover.
};

struct Work {
  std::vector<exec::SourceFile> sources;
  std::vector<exec::RecordCheck> records;
  std::vector<Item> items; ///< Largest first.
  size_t tensors = 0;
  std::vector<std::pair<std::string, std::string>> pointers, links;
};

/// The work of a program that only copies; ends the program for any other.
Work workOf(const exec::Program &program);

} // namespace recast::bench
