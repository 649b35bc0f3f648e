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

/// Extent that path `path` has in a product of factors.
int64_t pathExtent(const AxisMap &map, std::span<const Factor> factors, size_t path) {
  int64_t extent = 1;
  size_t rest = pathCount(factors);
  for (const Factor &factor : factors) {
    rest /= pathCount({&factor, 1});
    size_t own = path / rest;
    path %= rest;
    if (factor.alternatives.empty()) {
      extent = product(extent, sizeOf(map, factor.axis));
      continue;
    }
    for (const auto &alternative : factor.alternatives) {
      size_t inner = pathCount(alternative);
      if (own < inner) {
        extent = product(extent, pathExtent(map, alternative, own));
        break;
      }
      own -= inner;
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
    std::vector<size_t> paths = map.pathsOf(part);
    for (size_t i = 0; i < paths.size(); ++i)
      shape.push_back(pathExtent(map, map.stored[i], paths[i]));
  }
  return shapes;
}

} // namespace recast::layout
