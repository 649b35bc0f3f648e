// A zip archive as a file image, byte for byte laid out as PyTorchStreamWriter does
// (caffe2/serialize/inline_container.cc and its miniz): members stored, payloads at multiples of
// 64, sizes and CRCs in data descriptors and in the central directory, ZIP64 end records always.
// torch computes storage offsets from this layout without reading local headers
// (`calculate_storage_offsets`), so it may not be varied.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/format/TargetWriter.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace recast::format::torch {

/// Members are added in file order; `finish` ends the archive. No time stamps: equal members make
/// equal bytes.
class ZipImage {
public:
  /// `base`: where in the file the archive is imagined to begin; nonzero only to test the forms
  /// beyond 4 GiB cheaply.
  explicit ZipImage(uint64_t base = 0) : position_(base) {}

  void add(std::string_view name, std::string_view bytes);
  /// A member whose `bytes` bytes are those of tensor `tensor`; its CRC is patched in.
  void addTensor(std::string_view name, uint64_t bytes, uint32_t tensor);
  FileTemplate finish();

private:
  struct Member {
    std::string name;
    uint64_t header = 0; ///< Offset of the local header.
    uint64_t size = 0;
    uint32_t crc = 0;
    uint64_t payload = 0;
    bool patched = false; ///< The CRC is known only once the bytes are.
  };

  void begin(Member &member);
  void end(const Member &member);
  void put16(uint64_t value);
  void put32(uint64_t value);
  void put64(uint64_t value);
  void put(std::string_view bytes);
  void putCrc(const Member &member);
  void putZip64(const Member &member);
  void flush();

  uint64_t position_;
  uint64_t literalStart_ = 0;
  std::string literal_;
  std::vector<Member> members_;
  FileTemplate image_;
};

} // namespace recast::format::torch
