#include "runtime/capi/ReadTensor.h"

#include "runtime/base/Checked.h"
#include "runtime/layout/Pieces.h"

#include <cstring>
#include <fmt/format.h>

namespace recast::capi {
namespace {

/// Calls `copy(logical, stored, count)` for each run of elements that is contiguous on both sides.
template <typename Copy>
Status forEachRun(const layout::Piece &piece, size_t dim, int64_t logical, int64_t stored,
                  Copy copy) {
  if (dim == piece.dims.size())
    return copy(logical, stored, 1);
  const layout::BoxDim &box = piece.dims[dim];
  if (dim + 1 == piece.dims.size() && box.logicalStride == 1 && box.storedStride == 1)
    return copy(logical, stored, box.extent);
  for (int64_t i = 0; i < box.extent; ++i)
    RECAST_TRY(forEachRun(piece, dim + 1, logical + i * box.logicalStride,
                          stored + i * box.storedStride, copy));
  return {};
}

} // namespace

Result<const io::File *> TensorReader::open(uint32_t file) {
  auto found = files_.find(file);
  if (found == files_.end()) {
    RECAST_ASSIGN(io::File opened,
                  io::File::open(inventory_.root + "/" + inventory_.files[file].path));
    found = files_.emplace(file, std::move(opened)).first;
  }
  return &found->second;
}

Result<std::string> TensorReader::read(const format::Tensor &tensor) {
  unsigned width = byteWidth(tensor.dtype);
  if (tensor.scalar)
    return std::string(reinterpret_cast<const char *>(&*tensor.scalar), width);
  auto count = elementCount(tensor.shape);
  if (!count)
    return fail(Error(Code::BadInput, "the shape overflows").tensor(tensor.name));
  std::string bytes(static_cast<size_t>(*count) * width, '\0');
  const layout::Layout &layout = inventory_.layouts[tensor.layout];
  RECAST_ASSIGN(auto fragments,
                layout::fragments(layout, {tensor.shape}, {tensor.start, tensor.groupTotal}));
  int64_t base = layout::groupStep(layout) ? 0 : tensor.start;
  int64_t covered = 0;
  for (const layout::Fragment &fragment : fragments) {
    const format::Extent &extent =
        inventory_.stores[tensor.store].extents[static_cast<size_t>(fragment.rank)];
    RECAST_ASSIGN(const io::File *file, open(extent.file));
    for (const layout::Piece &piece : fragment.pieces)
      RECAST_TRY(forEachRun(piece, 0, piece.logicalOffset, piece.storedOffset,
                            [&](int64_t logical, int64_t stored, int64_t run) -> Status {
                              covered += run;
                              return file->readAt(
                                  extent.offset + static_cast<uint64_t>(base + stored) * width,
                                  bytes.data() + static_cast<size_t>(logical) * width,
                                  static_cast<size_t>(run) * width);
                            }));
  }
  if (covered < *count)
    return fail(Error(Code::BadInput,
                      fmt::format("{} of {} elements are nowhere", *count - covered, *count))
                    .tensor(tensor.name)
                    .file(inventory_.root));
  return bytes;
}

} // namespace recast::capi
