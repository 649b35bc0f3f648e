#include "dialect/Ckpt/CkptDialect.h"

#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;

namespace recast::ir::ckpt {

using EmitError = function_ref<InFlightDiagnostic()>;

AxesAttr AxesAttr::get(MLIRContext *context, const layout::AxisMap &axes) {
  SmallVector<AxisSize> sizes;
  for (const auto &[name, size] : axes.sizes)
    sizes.push_back({StringAttr::get(context, name), size});
  return get(context, axes.str(), sizes);
}

static std::map<std::string, int64_t> sizeMap(ArrayRef<AxisSize> sizes) {
  std::map<std::string, int64_t> out;
  for (const AxisSize &axis : sizes)
    out.emplace(axis.name.str(), axis.size);
  return out;
}

layout::AxisMap AxesAttr::getAxisMap() const {
  auto map = layout::AxisMap::parse(getText().str(), sizeMap(getSizes()));
  assert(map && "verified when the attribute was made");
  return std::move(*map);
}

static void collectAxes(ArrayRef<layout::Factor> factors, llvm::StringSet<> &names) {
  for (const layout::Factor &factor : factors) {
    if (factor.alternatives.empty())
      names.insert(factor.axis);
    for (const auto &alternative : factor.alternatives)
      collectAxes(alternative, names);
  }
}

LogicalResult AxesAttr::verify(EmitError emitError, StringRef text, ArrayRef<AxisSize> sizes) {
  auto parsed = sizeMap(sizes);
  if (parsed.size() != sizes.size())
    return emitError() << "an axis has two extents";
  for (const AxisSize &axis : sizes)
    if (axis.size < 0)
      return emitError() << "axis `" << axis.name.getValue() << "` has extent " << axis.size;
  auto map = layout::AxisMap::parse(text.str(), std::move(parsed));
  if (!map)
    return emitError() << map.error().message();
  if (map->stored.empty())
    return emitError() << "an empty map: the axes of a tensor as it is are left out";
  if (map->partCount() == 0)
    return emitError() << "the concatenations of \"" << text
                       << "\" differ in their number of parts";
  if (text != map->str())
    return emitError() << "the map \"" << text << "\" is written \"" << map->str() << "\"";
  llvm::StringSet<> used;
  for (const auto &dim : map->stored)
    collectAxes(dim, used);
  for (const auto &dim : map->logical)
    for (const std::string &axis : dim)
      used.insert(axis);
  for (const auto &entry : used)
    if (!map->sizes.count(entry.getKey().str()))
      return emitError() << "axis `" << entry.getKey() << "` has no extent";
  for (const AxisSize &axis : sizes)
    if (!used.contains(axis.name.getValue()))
      return emitError() << "axis `" << axis.name.getValue() << "` is not in the map \"" << text
                         << "\"";
  return success();
}

/// Product of extents; saturates, since a tensor type of that shape cannot exist anyway.
static int64_t product(int64_t a, int64_t b) {
  int64_t out;
  return llvm::MulOverflow(a, b, out) ? std::numeric_limits<int64_t>::max() : out;
}
static int64_t sum(int64_t a, int64_t b) {
  int64_t out;
  return llvm::AddOverflow(a, b, out) ? std::numeric_limits<int64_t>::max() : out;
}

static int64_t storedExtent(const layout::AxisMap &map, ArrayRef<layout::Factor> factors) {
  int64_t extent = 1;
  for (const layout::Factor &factor : factors) {
    if (factor.alternatives.empty()) {
      extent = product(extent, map.sizes.at(factor.axis));
      continue;
    }
    int64_t total = 0;
    for (const auto &alternative : factor.alternatives)
      total = sum(total, storedExtent(map, alternative));
    extent = product(extent, total);
  }
  return extent;
}

static size_t pathCount(ArrayRef<layout::Factor> factors);
static size_t pathCount(const layout::Factor &factor) {
  size_t paths = 0;
  for (const auto &alternative : factor.alternatives)
    paths += pathCount(alternative);
  return factor.alternatives.empty() ? 1 : paths;
}
/// How many parts a product tells apart. Several concatenations in one map agree on the part, so
/// they do not multiply.
static size_t pathCount(ArrayRef<layout::Factor> factors) {
  size_t paths = 1;
  for (const layout::Factor &factor : factors)
    paths = std::max(paths, pathCount(factor));
  return paths;
}

/// Extent that part `part` has in a product of factors.
static int64_t partExtent(const layout::AxisMap &map, ArrayRef<layout::Factor> factors,
                          size_t part) {
  int64_t extent = 1;
  for (const layout::Factor &factor : factors) {
    if (factor.alternatives.empty()) {
      extent = product(extent, map.sizes.at(factor.axis));
      continue;
    }
    size_t first = 0;
    for (const auto &alternative : factor.alternatives) {
      size_t paths = pathCount(alternative);
      if (part < first + paths) {
        extent = product(extent, partExtent(map, alternative, part - first));
        break;
      }
      first += paths;
    }
  }
  return extent;
}

SmallVector<int64_t> AxesAttr::getStoredShape() const {
  layout::AxisMap map = getAxisMap();
  return llvm::map_to_vector(map.stored, [&](const auto &dim) { return storedExtent(map, dim); });
}

std::vector<std::vector<int64_t>> AxesAttr::getPartShapes() const {
  layout::AxisMap map = getAxisMap();
  std::vector<std::vector<int64_t>> shapes;
  if (!map.logical.empty()) {
    std::vector<int64_t> &shape = shapes.emplace_back();
    for (const auto &dim : map.logical) {
      int64_t extent = 1;
      for (const std::string &axis : dim)
        extent = product(extent, map.sizes.at(axis));
      shape.push_back(extent);
    }
    return shapes;
  }
  for (size_t part = 0; part < map.partCount(); ++part) {
    std::vector<int64_t> &shape = shapes.emplace_back();
    for (const auto &dim : map.stored)
      shape.push_back(partExtent(map, dim, part));
  }
  return shapes;
}

} // namespace recast::ir::ckpt
