#include "runtime/capi/ReadTensor.h"

#include "runtime/base/Checked.h"
#include "runtime/layout/PackedBytes.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace recast::capi {
namespace {

constexpr size_t kWindow = size_t{256} << 10;

/// Every element once, where several ranks may hold it.
Result<std::vector<layout::Cell>> cellsOf(std::span<const layout::Fragment> fragments) {
  layout::Operand operand{fragments, layout::Holders::First};
  return layout::overlay({&operand, 1});
}

} // namespace

bool TensorReader::countBytes(unsigned bits, int64_t &stored, Box &box) {
  std::vector<layout::AxisInPlace> axes;
  for (layout::BoxDim &dim : box.dims)
    axes.push_back({&dim.extent, {&dim.logicalStride, &dim.storedStride}});
  int64_t *numbers[] = {&stored, &box.logical};
  return layout::elementsToBytes(bits, numbers, axes);
}

Result<std::vector<TensorReader::Box>> TensorReader::boxesOf(const format::Tensor &tensor) const {
  const layout::Layout &layout = inventory_.layouts[tensor.layout];
  RECAST_ASSIGN(auto fragments,
                layout::fragments(layout, {tensor.shape}, {tensor.start, tensor.groupTotal}));
  RECAST_ASSIGN(auto cells, cellsOf(fragments));
  const int64_t base = layout::groupStep(layout) ? 0 : tensor.start;
  auto all = elementCount(tensor.shape);
  if (!all)
    return fail(Error(Code::BadInput, "the shape overflows").tensor(tensor.name));
  int64_t covered = 0;
  std::vector<Box> boxes;
  for (const layout::Cell &cell : cells) {
    const layout::CellAddress &at = cell.at[0];
    const format::Extent &extent =
        inventory_.stores[tensor.store].extents[static_cast<size_t>(at.rank)];
    int64_t stored = base + at.offset;
    Box box{extent.file, extent.offset, cell.logicalOffset, {}};
    for (size_t d = 0; d < cell.extents.size(); ++d)
      if (cell.extents[d] > 1)
        box.dims.push_back({cell.extents[d], cell.logicalStrides[d], at.strides[d]});
    // As the file holds them, so that a window of it serves many.
    std::sort(box.dims.begin(), box.dims.end(),
              [](const layout::BoxDim &a, const layout::BoxDim &b) {
                return a.storedStride > b.storedStride;
              });
    covered += cell.elementCount();
    if (isPacked(tensor.dtype) && !countBytes(bitWidth(tensor.dtype), stored, box))
      return fail(Error(Code::BadInput, fmt::format("its elements of {} share bytes with others",
                                                    name(tensor.dtype)))
                      .tensor(tensor.name)
                      .file(inventory_.root));
    box.offset += static_cast<uint64_t>(stored) * unitBytes(tensor.dtype);
    boxes.push_back(std::move(box));
  }
  if (covered != *all)
    return fail(
        Error(Code::BadInput, fmt::format("{} of {} elements are nowhere", *all - covered, *all))
            .tensor(tensor.name)
            .file(inventory_.root));
  std::sort(boxes.begin(), boxes.end(), [](const Box &a, const Box &b) {
    return std::pair(a.file, a.offset) < std::pair(b.file, b.offset);
  });
  return boxes;
}

Result<const io::File *> TensorReader::open(uint32_t file) {
  auto found = files_.find(file);
  if (found == files_.end()) {
    RECAST_ASSIGN(io::File opened,
                  io::File::open(inventory_.root + "/" + inventory_.files[file].path));
    found = files_.emplace(file, std::move(opened)).first;
  }
  return &found->second;
}

Result<const std::byte *> TensorReader::bytesAt(uint32_t file, uint64_t offset, size_t size) {
  if (windowFile_ != file || offset < windowBegin_ || offset + size > windowEnd_) {
    RECAST_ASSIGN(const io::File *from, open(file));
    window_.resize(kWindow);
    uint64_t more = from->size() > offset ? from->size() - offset : 0;
    size_t taken = std::max(size, static_cast<size_t>(std::min<uint64_t>(more, kWindow)));
    windowEnd_ = 0; // Nothing, if the read fails.
    RECAST_TRY(from->readAt(offset, window_.data(), taken));
    bytesRead_ += taken;
    windowFile_ = file;
    windowBegin_ = offset;
    windowEnd_ = offset + taken;
  }
  return window_.data() + (offset - windowBegin_);
}

Status TensorReader::visitBox(const Box &box, size_t dim, uint64_t offset, int64_t logical,
                              unsigned width, const Visit &visit) {
  if (dim == box.dims.size()) {
    RECAST_ASSIGN(const std::byte *element, bytesAt(box.file, offset, width));
    visit(logical, element, 1);
    return {};
  }
  const layout::BoxDim &step = box.dims[dim];
  if (dim + 1 < box.dims.size() || step.storedStride != 1) {
    for (int64_t i = 0; i < step.extent; ++i)
      RECAST_TRY(visitBox(box, dim + 1,
                          offset + static_cast<uint64_t>(i * step.storedStride) * width,
                          logical + i * step.logicalStride, width, visit));
    return {};
  }
  const auto most = static_cast<int64_t>(kWindow / width);
  for (int64_t i = 0; i < step.extent;) {
    const int64_t count = std::min(most, step.extent - i);
    RECAST_ASSIGN(const std::byte *elements,
                  bytesAt(box.file, offset + static_cast<uint64_t>(i) * width,
                          static_cast<size_t>(count) * width));
    if (step.logicalStride == 1)
      visit(logical + i, elements, count);
    else
      for (int64_t k = 0; k < count; ++k)
        visit(logical + (i + k) * step.logicalStride, elements + static_cast<size_t>(k) * width, 1);
    i += count;
  }
  return {};
}

Status TensorReader::visit(const format::Tensor &tensor, const Visit &visit) {
  const unsigned width = unitBytes(tensor.dtype);
  if (tensor.scalar) {
    visit(0, reinterpret_cast<const std::byte *>(&*tensor.scalar), 1);
    return {};
  }
  RECAST_ASSIGN(std::vector<Box> boxes, boxesOf(tensor));
  for (const Box &box : boxes)
    if (Status status = visitBox(box, 0, box.offset, box.logical, width, visit); !status)
      return fail(std::move(status).error().tensor(tensor.name));
  return {};
}

Result<std::string> TensorReader::read(const format::Tensor &tensor) {
  const size_t width = unitBytes(tensor.dtype);
  auto count = elementCount(tensor.shape);
  if (!count)
    return fail(Error(Code::BadInput, "the shape overflows").tensor(tensor.name));
  int64_t units = tensor.scalar ? 1 : unitCount(tensor.dtype, *count);
  std::string bytes(static_cast<size_t>(units) * width, '\0');
  RECAST_TRY(visit(tensor, [&](int64_t first, const std::byte *elements, int64_t n) {
    std::memcpy(bytes.data() + static_cast<size_t>(first) * width, elements,
                static_cast<size_t>(n) * width);
  }));
  return bytes;
}

Result<codec::Digest> TensorReader::digest(const format::Tensor &tensor) {
  const size_t width = unitBytes(tensor.dtype);
  codec::Digest digest;
  RECAST_TRY(visit(tensor, [&](int64_t first, const std::byte *elements, int64_t n) {
    digest.add(static_cast<uint64_t>(first) * width, elements, static_cast<size_t>(n) * width);
  }));
  return digest;
}

} // namespace recast::capi
