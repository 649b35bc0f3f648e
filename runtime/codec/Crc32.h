// CRC-32 (ISO-HDLC, as zip members and gzip use it): computed by ISA-L, combined by zlib.
#pragma once

#include <cstddef>
#include <cstdint>

namespace recast::codec {

/// Continues `crc` over `size` bytes; start with 0.
uint32_t crc32(uint32_t crc, const void *data, size_t size);

/// CRC of two adjacent ranges from the CRC of each; `secondSize` is the byte count of the second.
uint32_t crc32Combine(uint32_t first, uint32_t second, uint64_t secondSize);

/// Combines many ranges whose second part mostly has one size: the operator for a size costs about
/// a microsecond to make and is kept for the next call. Not shared between threads.
class Crc32Combiner {
public:
  uint32_t combine(uint32_t first, uint32_t second, uint64_t secondSize);

private:
  uint64_t size_ = 0;
  unsigned long operator_ = 0;
};

} // namespace recast::codec
