// Whole logical tensors of a checkpoint, gathered from wherever its layout puts them.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/codec/Digest.h"
#include "runtime/format/Inventory.h"
#include "runtime/io/File.h"
#include "runtime/layout/Pieces.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace recast::capi {

/// Reads tensors of one inventory; keeps its files open and a window of one of them in memory.
class TensorReader {
public:
  explicit TensorReader(const format::Inventory &inventory) : inventory_(inventory) {}

  /// Elements [first, first + count) of the row-major tensor, little-endian; where they are packed,
  /// bytes of them.
  using Visit = std::function<void(int64_t first, const std::byte *elements, int64_t count)>;
  /// Calls `visit` for every element once, in the order in which the files hold them, from a
  /// bounded buffer. Fails where a read fails, or where the fragments do not cover the tensor.
  Status visit(const format::Tensor &tensor, const Visit &visit);

  /// The tensor's elements, row-major and little-endian. A scalar is its bits.
  Result<std::string> read(const format::Tensor &tensor);
  /// The digest of the same bytes, which are never all in memory.
  Result<codec::Digest> digest(const format::Tensor &tensor);

  /// Bytes that came from files so far.
  uint64_t bytesRead() const { return bytesRead_; }

private:
  /// A box of elements in one file: bytes of the first, then dims with logical and stored strides.
  struct Box {
    uint32_t file = 0;
    uint64_t offset = 0;
    int64_t logical = 0;
    std::vector<layout::BoxDim> dims;
  };
  /// From packed elements of `bits` bits to bytes; false where a byte would be torn apart.
  static bool countBytes(unsigned bits, int64_t &stored, Box &box);
  Result<std::vector<Box>> boxesOf(const format::Tensor &tensor) const;
  Status visitBox(const Box &box, size_t dim, uint64_t offset, int64_t logical, unsigned width,
                  const Visit &visit);
  Result<const io::File *> open(uint32_t file);
  /// `size` bytes, at most the window's size; valid until the next call.
  Result<const std::byte *> bytesAt(uint32_t file, uint64_t offset, size_t size);

  const format::Inventory &inventory_;
  std::map<uint32_t, io::File> files_;
  std::vector<std::byte> window_;
  uint32_t windowFile_ = 0;
  uint64_t windowBegin_ = 0, windowEnd_ = 0;
  uint64_t bytesRead_ = 0;
};

} // namespace recast::capi
