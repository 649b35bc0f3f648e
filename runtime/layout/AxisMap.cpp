#include "runtime/layout/AxisMap.h"

#include "runtime/base/Checked.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace recast::layout {

namespace {

using Product = std::vector<Factor>;

/// Far above kMaxParts: counts stay comparable and do not overflow.
constexpr size_t kManyPaths = size_t{1} << 32;

size_t pathCount(const Factor &factor) {
  if (factor.alternatives.empty())
    return 1;
  size_t count = 0;
  for (const Product &alternative : factor.alternatives)
    count = std::min(count + layout::pathCount(alternative), kManyPaths);
  return count;
}

/// Axes on path `path` of `product`, in text order.
void collectPath(const Product &product, size_t path, std::vector<std::string> &out) {
  size_t rest = layout::pathCount(product);
  for (const Factor &factor : product) {
    if (!factor.axis.empty()) {
      out.push_back(factor.axis);
      continue;
    }
    rest /= pathCount(factor);
    size_t own = path / rest;
    path %= rest;
    for (const Product &alternative : factor.alternatives) {
      size_t inner = layout::pathCount(alternative);
      if (own < inner) {
        collectPath(alternative, own, out);
        break;
      }
      own -= inner;
    }
  }
}

std::string join(const std::vector<std::string> &words) {
  return fmt::format("{}", fmt::join(words, " "));
}

std::string printFactor(const Factor &factor);

std::string printFactors(const Product &product) {
  std::vector<std::string> words;
  for (const Factor &factor : product)
    words.push_back(printFactor(factor));
  return join(words);
}

// As an item of its own: in parentheses unless it already is one name or one sum.
std::string printItem(const Product &product) {
  std::string text = printFactors(product);
  return product.size() == 1 ? text : fmt::format("({})", text);
}

std::string printFactor(const Factor &factor) {
  if (!factor.axis.empty())
    return factor.axis;
  std::vector<std::string> summands;
  for (const Product &alternative : factor.alternatives)
    summands.push_back(printItem(alternative));
  return fmt::format("({})", fmt::join(summands, " + "));
}

} // namespace

AxisMap AxisMap::identity(const std::vector<int64_t> &shape) {
  AxisMap map;
  for (size_t i = 0; i < shape.size(); ++i) {
    std::string name = fmt::format("d{}", i);
    map.stored.push_back({Factor{name, {}}});
    map.sizes.emplace(std::move(name), shape[i]);
  }
  return map;
}

size_t pathCount(std::span<const Factor> product) {
  size_t count = 1;
  for (const Factor &factor : product)
    count = std::min(count * pathCount(factor), kManyPaths);
  return count;
}

size_t AxisMap::partCount() const {
  size_t count = 1;
  for (const Product &dim : stored)
    count = std::min(count * pathCount(dim), kManyPaths);
  return count;
}

std::vector<size_t> AxisMap::pathsOf(size_t part) const {
  std::vector<size_t> out(stored.size());
  for (size_t i = stored.size(); i-- > 0;) {
    size_t count = pathCount(stored[i]);
    out[i] = part % count;
    part /= count;
  }
  return out;
}

std::vector<std::string> AxisMap::partAxes(size_t part) const {
  std::vector<std::string> out;
  if (part < logical.size()) {
    for (const auto &dim : logical[part])
      out.insert(out.end(), dim.begin(), dim.end());
    return out;
  }
  std::vector<size_t> paths = pathsOf(part);
  for (size_t i = 0; i < stored.size(); ++i)
    collectPath(stored[i], paths[i], out);
  return out;
}

Status AxisMap::checkLogical() const {
  if (logical.empty())
    return {};
  if (logical.size() != partCount())
    return badInput(fmt::format("there are {} patterns before '->' for the {} parts behind it",
                                logical.size(), partCount()));
  AxisMap implied = *this;
  implied.logical.clear();
  for (size_t part = 0; part < logical.size(); ++part) {
    std::vector<std::string> listed = partAxes(part), names = implied.partAxes(part);
    std::ranges::sort(listed);
    std::ranges::sort(names);
    if (std::ranges::adjacent_find(names) != names.end())
      return badInput(fmt::format("an axis occurs twice after '->' in part {}", part));
    if (listed != names)
      return badInput(fmt::format(
          "the two sides of '->' do not have the same axes, each once: part {} has {} before it "
          "and {} behind it",
          part, fmt::join(listed, ", "), fmt::join(names, ", ")));
  }
  return {};
}

std::string AxisMap::str() const {
  std::vector<std::string> words;
  for (const Dims &part : logical) {
    for (const auto &dim : part)
      words.push_back(dim.size() == 1 ? dim.front() : fmt::format("({})", join(dim)));
    words.push_back(&part == &logical.back() ? "->" : "+");
  }
  for (const Product &dim : stored)
    words.push_back(printItem(dim));
  return join(words);
}

namespace {

// Axes by logical dimension as far as the map says so: explicitly, or because the shape has as
// many dimensions as the stored tensor, or as the part has axes. Else one group: the whole part.
std::vector<std::pair<std::vector<std::string>, int64_t>>
groupsOf(const AxisMap &map, size_t part, const std::vector<int64_t> &shape) {
  std::vector<std::pair<std::vector<std::string>, int64_t>> groups;
  if (part < map.logical.size() && map.logical[part].size() == shape.size()) {
    for (size_t i = 0; i < shape.size(); ++i)
      groups.emplace_back(map.logical[part][i], shape[i]);
    return groups;
  }
  std::vector<std::string> axes = map.partAxes(part);
  if (map.logical.empty() && map.stored.size() == shape.size()) {
    std::vector<size_t> paths = map.pathsOf(part);
    for (size_t i = 0; i < shape.size(); ++i) {
      std::vector<std::string> names;
      collectPath(map.stored[i], paths[i], names);
      groups.emplace_back(std::move(names), shape[i]);
    }
  } else if (axes.size() == shape.size()) {
    for (size_t i = 0; i < shape.size(); ++i)
      groups.push_back({{axes[i]}, shape[i]});
  } else if (auto count = elementCount(shape)) {
    groups.emplace_back(std::move(axes), *count);
  }
  return groups;
}

} // namespace

Result<AxisMap> AxisMap::inferSizes(const std::vector<std::vector<int64_t>> &shapes) const {
  if (partCount() != shapes.size())
    return badInput(
        fmt::format("map \"{}\" has {} parts, got {} shapes", str(), partCount(), shapes.size()));
  AxisMap out = *this;
  std::set<std::string> open;
  for (bool changed = true; changed;) {
    changed = false;
    open.clear();
    for (size_t part = 0; part < shapes.size(); ++part) {
      for (const auto &[names, extent] : groupsOf(out, part, shapes[part])) {
        int64_t known = 1;
        std::vector<std::string> missing;
        for (const std::string &name : names) {
          auto found = out.sizes.find(name);
          if (found == out.sizes.end()) {
            missing.push_back(name);
            continue;
          }
          auto next = checkedMul(known, found->second);
          if (!next || found->second < 0)
            return badInput(fmt::format("map \"{}\": extents do not fit 64 bits", str()));
          known = *next;
        }
        open.insert(missing.begin(), missing.end());
        if (missing.size() != 1 || known == 0)
          continue;
        if (extent % known != 0)
          return badInput(
              fmt::format("map \"{}\": {} does not divide by {}, so axis {} has no size", str(),
                          extent, known, missing.front()));
        out.sizes.emplace(missing.front(), extent / known);
        changed = true;
      }
    }
  }
  if (!open.empty())
    return fail(
        Error(Code::BadInput, fmt::format("map \"{}\": axis {} has no size", str(), *open.begin()))
            .hint(fmt::format("Add \", {}=INT\" to the map.", *open.begin())));
  return out;
}

} // namespace recast::layout
