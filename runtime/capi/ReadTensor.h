// Whole logical tensors of a checkpoint, gathered from wherever its layout puts them.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/format/Inventory.h"
#include "runtime/io/File.h"

#include <map>
#include <string>

namespace recast::capi {

/// Gathers tensors of one inventory into memory; keeps its files open.
class TensorReader {
public:
  explicit TensorReader(const format::Inventory &inventory) : inventory_(inventory) {}

  /// The tensor's elements, row-major and little-endian. A scalar is its bits. Fails where a read
  /// fails, or where the fragments do not cover the tensor.
  Result<std::string> read(const format::Tensor &tensor);

private:
  Result<const io::File *> open(uint32_t file);

  const format::Inventory &inventory_;
  std::map<uint32_t, io::File> files_;
};

} // namespace recast::capi
