#include "runtime/layout/Place.h"

#include "runtime/base/Checked.h"
#include "runtime/layout/Nest.h"

#include <algorithm>
#include <tuple>

namespace recast::layout {

void padAxis(LocalAxis &axis, int64_t multiple) {
  axis.extent = ceilDiv(axis.extent, multiple) * multiple;
}

void cutAxis(LocalAxis &axis, Range range) {
  int64_t extent = range.end - range.begin;
  axis.start += range.begin;
  axis.valid = std::clamp<int64_t>(axis.valid - range.begin, 0, extent);
  axis.extent = extent;
}

static bool holds(const ResolvedPart &part, std::span<const LocalAxis> axes) {
  return std::ranges::all_of(part.axes, [&](int axis) { return axes[axis].valid > 0; });
}

bool holdsAny(const ResolvedLayout &layout, std::span<const LocalAxis> axes) {
  for (size_t part = 0; part < layout.parts.size(); ++part)
    if (layout.wants(part) && holds(layout.parts[part], axes))
      return true;
  return false;
}

namespace {

class PartPlacer {
public:
  PartPlacer(const ResolvedLayout &layout, std::span<const LocalAxis> axes)
      : layout_(layout), axes_(axes), strideOfAxis_(axes.size()) {}

  int64_t extentOf(const ResolvedProduct &product) const {
    int64_t extent = 1;
    for (const ResolvedFactor &factor : product)
      extent *= extentOf(factor);
    return extent;
  }

  PlacedBox place(uint32_t part) {
    box_ = {};
    box_.part = part;
    box_.dimOffsets.assign(layout_.dims.size(), 0);
    const ResolvedPart &info = layout_.parts[part];
    for (size_t i = 0; i < info.axes.size(); ++i) {
      strideOfAxis_[info.axes[i]] = info.logicalStrides[i];
      box_.logicalOffset += axes_[info.axes[i]].start * info.logicalStrides[i];
    }
    size_t path =
        part; // In the dimensions up to the one at hand, the last of which varies fastest.
    for (size_t dim = layout_.dims.size(); dim-- > 0;) {
      size_t paths = pathsOf(layout_.dims[dim]);
      walk(layout_.dims[dim], path % paths, 1, static_cast<int>(dim));
      path /= paths;
    }
    // A nest: the order by falling stride is outer to inner.
    std::ranges::sort(box_.axes, [](const BoxAxis &a, const BoxAxis &b) {
      return std::tuple(a.dim, -a.dimStride) < std::tuple(b.dim, -b.dimStride);
    });
    return std::move(box_);
  }

private:
  int64_t extentOf(const ResolvedFactor &factor) const {
    if (factor.axis >= 0)
      return axes_[factor.axis].extent;
    int64_t extent = 0;
    for (const ResolvedProduct &alternative : factor.alternatives)
      extent += extentOf(alternative);
    return extent;
  }

  static size_t pathsOf(const ResolvedProduct &product) {
    size_t paths = 1;
    for (const ResolvedFactor &factor : product)
      paths *= factor.paths;
    return paths;
  }

  // `path` picks the alternatives; `stride` is the distance of neighbours of the last factor.
  void walk(const ResolvedProduct &product, size_t path, int64_t stride, int dim) {
    for (size_t i = product.size(); i-- > 0;) {
      const ResolvedFactor &factor = product[i];
      if (factor.axis >= 0) {
        if (axes_[factor.axis].valid > 1)
          box_.axes.push_back({axes_[factor.axis].valid, strideOfAxis_[factor.axis], stride, dim});
      } else {
        enter(factor, path % factor.paths, stride, dim);
      }
      path /= factor.paths;
      stride *= extentOf(factor);
    }
  }

  void enter(const ResolvedFactor &factor, size_t path, int64_t stride, int dim) {
    int64_t before = 0;
    for (const ResolvedProduct &alternative : factor.alternatives) {
      size_t paths = pathsOf(alternative);
      if (path < paths) {
        box_.dimOffsets[dim] += before * stride;
        return walk(alternative, path, stride, dim);
      }
      path -= paths;
      before += extentOf(alternative);
    }
  }

  const ResolvedLayout &layout_;
  std::span<const LocalAxis> axes_;
  std::vector<int64_t> strideOfAxis_; // in the part at hand
  PlacedBox box_;
};

// Axes [first, last) of a box lie along `dim`.
std::pair<size_t, size_t> axesOf(const PlacedBox &box, int dim) {
  auto [first, last] = std::ranges::equal_range(box.axes, dim, {}, &BoxAxis::dim);
  return {first - box.axes.begin(), last - box.axes.begin()};
}

std::vector<NestDim> nestOf(const PlacedBox &box, int dim) {
  auto [first, last] = axesOf(box, dim);
  std::vector<NestDim> nest;
  for (size_t i = first; i < last; ++i)
    nest.push_back({box.axes[i].extent, box.axes[i].dimStride});
  return nest;
}

std::vector<NestDim> storedNest(const Piece &piece) {
  std::vector<NestDim> nest;
  for (const BoxDim &dim : piece.dims)
    nest.push_back({dim.extent, dim.storedStride});
  return nest;
}

// Drops dimensions of one element and joins neighbours that continue each other in both spaces.
void mergeDims(std::vector<BoxDim> &dims) {
  std::vector<BoxDim> out;
  for (const BoxDim &dim : dims) {
    if (dim.extent == 1)
      continue;
    if (!out.empty() && out.back().logicalStride == dim.logicalStride * dim.extent &&
        out.back().storedStride == dim.storedStride * dim.extent) {
      out.back() = {out.back().extent * dim.extent, dim.logicalStride, dim.storedStride};
      continue;
    }
    out.push_back(dim);
  }
  dims = std::move(out);
}

// The same along one stored dimension, so that a chunk cuts as few and as large boxes as it can.
void mergeAxes(std::vector<BoxAxis> &axes) {
  std::vector<BoxAxis> out;
  for (const BoxAxis &axis : axes) {
    if (axis.extent == 1)
      continue;
    if (!out.empty() && out.back().dim == axis.dim &&
        out.back().logicalStride == axis.logicalStride * axis.extent &&
        out.back().dimStride == axis.dimStride * axis.extent) {
      out.back() = {out.back().extent * axis.extent, axis.logicalStride, axis.dimStride, axis.dim};
      continue;
    }
    out.push_back(axis);
  }
  axes = std::move(out);
}

} // namespace

LocalTensor placeParts(const ResolvedLayout &layout, std::span<const LocalAxis> axes) {
  PartPlacer placer(layout, axes);
  LocalTensor out;
  for (const ResolvedProduct &dim : layout.dims)
    out.dimExtents.push_back(placer.extentOf(dim));
  for (size_t part = 0; part < layout.parts.size(); ++part) {
    if (!layout.wants(part) || !holds(layout.parts[part], axes))
      continue;
    out.boxes.push_back(placer.place(static_cast<uint32_t>(part)));
    mergeAxes(out.boxes.back().axes);
  }
  return out;
}

LocalTensor chunkDim(const LocalTensor &tensor, int dim, Range range) {
  LocalTensor out;
  out.dimExtents = tensor.dimExtents;
  out.dimExtents[dim] = range.end - range.begin;
  for (const PlacedBox &box : tensor.boxes) {
    size_t first = axesOf(box, dim).first;
    for (const IndexBox &cut :
         cutInterval(nestOf(box, dim), box.dimOffsets[dim], range.begin, range.end)) {
      PlacedBox one = box;
      one.dimOffsets[dim] -= range.begin;
      for (size_t i = 0; i < cut.size(); ++i) {
        BoxAxis &axis = one.axes[first + i];
        one.logicalOffset += cut[i].begin * axis.logicalStride;
        one.dimOffsets[dim] += cut[i].begin * axis.dimStride;
        axis.extent = cut[i].end - cut[i].begin;
      }
      mergeAxes(one.axes);
      out.boxes.push_back(std::move(one));
    }
  }
  return out;
}

std::optional<int64_t> nextInDim(const LocalTensor &tensor, int dim, int64_t lo) {
  std::optional<int64_t> best;
  for (const PlacedBox &box : tensor.boxes) {
    auto next = nextPosition(nestOf(box, dim), box.dimOffsets[dim], lo);
    if (next && (!best || *next < *best))
      best = next;
  }
  return best;
}

LocalBuffer ravel(const LocalTensor &tensor) {
  size_t rank = tensor.dimExtents.size();
  std::vector<int64_t> strides(rank);
  LocalBuffer out;
  out.elements = 1;
  for (size_t i = rank; i-- > 0;) {
    strides[i] = out.elements;
    out.elements *= tensor.dimExtents[i];
  }
  for (const PlacedBox &box : tensor.boxes) {
    Piece piece;
    piece.part = box.part;
    piece.logicalOffset = box.logicalOffset;
    for (size_t i = 0; i < rank; ++i)
      piece.storedOffset += box.dimOffsets[i] * strides[i];
    for (const BoxAxis &axis : box.axes)
      piece.dims.push_back({axis.extent, axis.logicalStride, axis.dimStride * strides[axis.dim]});
    mergeDims(piece.dims);
    out.pieces.push_back(std::move(piece));
  }
  return out;
}

std::vector<Piece> cutBuffer(const LocalBuffer &buffer, int64_t lo, int64_t hi) {
  std::vector<Piece> out;
  for (const Piece &piece : buffer.pieces) {
    for (const IndexBox &cut : cutInterval(storedNest(piece), piece.storedOffset, lo, hi)) {
      Piece one = piece;
      one.storedOffset -= lo;
      for (size_t i = 0; i < cut.size(); ++i) {
        one.logicalOffset += cut[i].begin * one.dims[i].logicalStride;
        one.storedOffset += cut[i].begin * one.dims[i].storedStride;
        one.dims[i].extent = cut[i].end - cut[i].begin;
      }
      out.push_back(std::move(one));
    }
  }
  return out;
}

std::optional<int64_t> nextInBuffer(const LocalBuffer &buffer, int64_t lo) {
  std::optional<int64_t> best;
  for (const Piece &piece : buffer.pieces) {
    auto next = nextPosition(storedNest(piece), piece.storedOffset, lo);
    if (next && (!best || *next < *best))
      best = next;
  }
  return best;
}

void canonicalise(std::vector<Piece> &pieces) {
  for (Piece &piece : pieces) {
    std::erase_if(piece.dims, [](const BoxDim &dim) { return dim.extent == 1; });
    std::ranges::sort(piece.dims, std::ranges::greater{}, &BoxDim::logicalStride);
    mergeDims(piece.dims);
  }
  std::ranges::sort(pieces, {},
                    [](const Piece &piece) { return std::pair(piece.part, piece.logicalOffset); });
}

} // namespace recast::layout
