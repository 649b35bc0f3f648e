#include "runtime/codec/Crc32.h"

#include <isa-l/crc.h>
#include <zlib.h>

namespace recast::codec {

uint32_t crc32(uint32_t crc, const void *data, size_t size) {
  return crc32_gzip_refl(crc, static_cast<const unsigned char *>(data), size);
}

uint32_t crc32Combine(uint32_t first, uint32_t second, uint64_t secondSize) {
  return static_cast<uint32_t>(
      ::crc32_combine64(first, second, static_cast<z_off64_t>(secondSize)));
}

uint32_t Crc32Combiner::combine(uint32_t first, uint32_t second, uint64_t secondSize) {
  if (secondSize == 0)
    return first;
  if (secondSize != size_) {
    operator_ = ::crc32_combine_gen64(static_cast<z_off64_t>(secondSize));
    size_ = secondSize;
  }
  return static_cast<uint32_t>(::crc32_combine_op(first, second, operator_));
}

} // namespace recast::codec
