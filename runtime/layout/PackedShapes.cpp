#include "runtime/layout/PackedShapes.h"

#include "runtime/base/Checked.h"

#include <algorithm>
#include <limits>
#include <span>

namespace recast::layout {
namespace {

int64_t product(int64_t a, int64_t b) {
  return checkedMul(a, b).value_or(std::numeric_limits<int64_t>::max());
}
int64_t sum(int64_t a, int64_t b) {
  return checkedAdd(a, b).value_or(std::numeric_limits<int64_t>::max());
}

/// 0 where the map does not know it.
int64_t sizeOf(const AxisMap &map, const std::string &axis) {
  auto found = map.sizes.find(axis);
  return found == map.sizes.end() ? 0 : found->second;
}

int64_t storedExtent(const AxisMap &map, std::span<const Factor> factors) {
  int64_t extent = 1;
  for (const Factor &factor : factors) {
    if (factor.alternatives.empty()) {
      extent = product(extent, sizeOf(map, factor.axis));
      continue;
    }
    int64_t total = 0;
    for (const auto &alternative : factor.alternatives)
      total = sum(total, storedExtent(map, alternative));
    extent = product(extent, total);
  }
  return extent;
}

size_t pathCount(std::span<const Factor> factors);
size_t pathCount(const Factor &factor) {
  size_t paths = 0;
  for (const auto &alternative : factor.alternatives)
    paths += pathCount(alternative);
  return factor.alternatives.empty() ? 1 : paths;
}
/// How many parts a product tells apart. Several concatenations in one map agree on the part, so
/// they do not multiply.
size_t pathCount(std::span<const Factor> factors) {
  size_t paths = 1;
  for (const Factor &factor : factors)
    paths = std::max(paths, pathCount(factor));
  return paths;
}

/// Extent that part `part` has in a product of factors.
int64_t partExtent(const AxisMap &map, std::span<const Factor> factors, size_t part) {
  int64_t extent = 1;
  for (const Factor &factor : factors) {
    if (factor.alternatives.empty()) {
      extent = product(extent, sizeOf(map, factor.axis));
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

} // namespace

std::vector<int64_t> storedShape(const AxisMap &map) {
  std::vector<int64_t> shape;
  for (const auto &dim : map.stored)
    shape.push_back(storedExtent(map, dim));
  return shape;
}

std::vector<std::vector<int64_t>> partShapes(const AxisMap &map) {
  std::vector<std::vector<int64_t>> shapes;
  for (const AxisMap::Dims &part : map.logical) {
    std::vector<int64_t> &shape = shapes.emplace_back();
    for (const auto &dim : part) {
      int64_t extent = 1;
      for (const std::string &axis : dim)
        extent = product(extent, sizeOf(map, axis));
      shape.push_back(extent);
    }
  }
  if (!shapes.empty())
    return shapes;
  for (size_t part = 0; part < map.partCount(); ++part) {
    std::vector<int64_t> &shape = shapes.emplace_back();
    for (const auto &dim : map.stored)
      shape.push_back(partExtent(map, dim, part));
  }
  return shapes;
}

} // namespace recast::layout
