// Names to indices: mesh, map and shapes. The steps are in ResolveSteps.cpp.
#include "runtime/layout/Resolve.h"

#include "runtime/base/Checked.h"
#include "runtime/layout/ResolveSteps.h"
#include "runtime/layout/TextScanner.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace recast::layout {

namespace {

/// Checks that the structure is one that the parser could have built, so that text and structure
/// stay one to one and no recursion below is deeper than the text allows.
class PatternBuilder {
public:
  explicit PatternBuilder(std::vector<std::string> &names) : names_(names) {}

  Result<ResolvedProduct> product(const std::vector<Factor> &in, int depth) {
    if (depth > kMaxMapDepth)
      return badInput(fmt::format("map has more than {} nested groups", kMaxMapDepth));
    if (in.empty())
      return badInput("map has an empty product");
    ResolvedProduct out;
    for (const Factor &factor : in) {
      RECAST_ASSIGN(ResolvedFactor one, resolveFactor(factor, depth));
      out.push_back(std::move(one));
    }
    return out;
  }

private:
  Result<ResolvedFactor> resolveFactor(const Factor &factor, int depth) {
    if (++factors_ > kMaxMapFactors)
      return badInput(fmt::format("map has more than {} factors", kMaxMapFactors));
    ResolvedFactor out;
    if (factor.alternatives.empty()) {
      RECAST_ASSIGN(out.axis, axisIndex(factor.axis));
      return out;
    }
    if (!factor.axis.empty())
      return badInput(
          fmt::format("map factor {} is both an axis and a concatenation", factor.axis));
    if (factor.alternatives.size() < 2)
      return badInput("map has a concatenation of one");
    out.paths = 0;
    for (const auto &alternative : factor.alternatives) {
      if (alternative.size() == 1 && !alternative.front().alternatives.empty())
        return badInput("map has a concatenation directly inside a concatenation");
      RECAST_ASSIGN(ResolvedProduct one, product(alternative, depth + 1));
      out.paths += pathCount(alternative);
      out.alternatives.push_back(std::move(one));
    }
    return out;
  }

  Result<int> axisIndex(const std::string &name) {
    if (!isName(name) || name == "by")
      return badInput("map has an axis without a valid name");
    auto found = std::ranges::find(names_, name);
    if (found != names_.end())
      return static_cast<int>(found - names_.begin());
    names_.push_back(name);
    return static_cast<int>(names_.size() - 1);
  }

  std::vector<std::string> &names_;
  size_t factors_ = 0;
};

Status checkSizes(const AxisMap &map, const std::vector<std::string> &names,
                  std::vector<int64_t> &sizes) {
  for (const std::string &name : names) {
    auto found = map.sizes.find(name);
    if (found == map.sizes.end())
      return fail(Error(Code::BadInput, fmt::format("axis {} has no size", name))
                      .hint(fmt::format("Add \", {}=INT\" to the map.", name)));
    if (found->second < 0)
      return badInput(fmt::format("axis {} has the size {}", name, found->second));
    sizes.push_back(found->second);
  }
  if (map.sizes.size() != names.size())
    for (const auto &[name, size] : map.sizes)
      if (std::ranges::find(names, name) == names.end())
        return badInput(fmt::format("a size is given for {}, which is no axis of the map", name));
  return {};
}

std::string shapeText(std::span<const int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// Whether consecutive axes multiply up to the dimensions of `shape`. Extents of 1 and of 0 leave a
// choice of where to cut, so all choices are followed (set of axes used up after each dimension).
bool groupsTo(std::span<const int64_t> extents, std::span<const int64_t> shape) {
  if (shape.empty()) // a scalar: only axes of 1 make it up
    return std::ranges::all_of(extents, [](int64_t extent) { return extent == 1; });
  std::set<size_t> reached = {0};
  for (int64_t dim : shape) {
    std::set<size_t> next;
    for (size_t from : reached) {
      int64_t product = 1;
      if (dim == 1)
        next.insert(from);
      for (size_t to = from; to < extents.size(); ++to) {
        product *= extents[to]; // fits: the caller has checked the product of all
        if (product == dim)
          next.insert(to + 1);
      }
    }
    reached = std::move(next);
  }
  return reached.contains(extents.size());
}

Result<ResolvedPart> resolvePart(const AxisMap &map, const std::vector<std::string> &names,
                                 const std::vector<int64_t> &sizes, size_t index,
                                 const std::vector<int64_t> &shape) {
  ResolvedPart part;
  std::vector<int64_t> extents;
  for (const std::string &name : map.partAxes(index)) {
    auto found = std::ranges::find(names, name);
    int axis = static_cast<int>(found - names.begin());
    if (std::ranges::find(part.axes, axis) != part.axes.end())
      return badInput(fmt::format("axis {} occurs twice in part {} of the map", name, index));
    part.axes.push_back(axis);
    extents.push_back(sizes[axis]);
  }
  if (part.axes.size() > kMaxAxesPerPart)
    return badInput(
        fmt::format("part {} of the map has more than {} axes", index, kMaxAxesPerPart));
  // Empty axes count as 1 here: strides inside an empty tensor must not overflow either.
  int64_t stride = 1;
  part.logicalStrides.resize(extents.size());
  for (size_t i = extents.size(); i-- > 0;) {
    part.logicalStrides[i] = stride;
    auto next = checkedMul(stride, std::max<int64_t>(extents[i], 1));
    if (!next)
      return badInput(
          fmt::format("part {} of the map has more elements than 64 bits count", index));
    stride = *next;
  }
  if (!map.logical.empty() && map.logical[index].size() == shape.size()) {
    size_t at = 0;
    for (size_t i = 0; i < shape.size(); ++i) {
      int64_t product = 1;
      for (size_t k = 0; k < map.logical[index][i].size(); ++k)
        product *= extents[at++];
      if (product != shape[i])
        return badInput(fmt::format("logical dimension {} is {} by the map, but the tensor has {}",
                                    i, product, shape[i]));
    }
  } else if (!map.logical.empty() || !groupsTo(extents, shape)) {
    std::vector<std::string> words;
    for (size_t i = 0; i < extents.size(); ++i)
      words.push_back(fmt::format("{} = {}", names[part.axes[i]], extents[i]));
    return badInput(fmt::format("the axes of part {} ({}) do not make up the shape {}", index,
                                fmt::join(words, ", "), shapeText(shape)));
  }
  return part;
}

Result<AxisMap> mapOf(const Layout &layout, const Shapes &shapes) {
  if (!layout.axes.stored.empty())
    return layout.axes;
  if (!layout.axes.logical.empty() || !layout.axes.sizes.empty())
    return badInput("map has logical dimensions or sizes but no stored dimensions");
  if (shapes.size() != 1)
    return badInput(
        fmt::format("a layout without a map has one part, got {} shapes", shapes.size()));
  if (shapes.front().size() > kMaxAxesPerPart)
    return badInput(fmt::format("a shape of {} dimensions is too long (at most {})",
                                shapes.front().size(), kMaxAxesPerPart));
  return AxisMap::identity(shapes.front());
}

} // namespace

int64_t ResolvedLayout::rankCount() const {
  int64_t count = 1;
  for (int64_t size : meshSizes)
    count *= size;
  return count;
}

Result<ResolvedLayout> resolve(const Layout &layout, const Shapes &shapes) {
  RECAST_TRY(verify(layout.mesh));
  for (const auto &shape : shapes)
    if (!elementCount(shape))
      return badInput(fmt::format("the shape {} is not valid", shapeText(shape)));
  RECAST_ASSIGN(AxisMap map, mapOf(layout, shapes));

  ResolvedLayout out;
  out.meshSizes = layout.mesh.sizes;
  std::vector<std::string> names;
  PatternBuilder pattern(names);
  for (const auto &dim : map.stored) {
    RECAST_ASSIGN(ResolvedProduct one, pattern.product(dim, 1));
    out.dims.push_back(std::move(one));
  }
  RECAST_TRY(checkSizes(map, names, out.axisSizes));

  size_t parts = map.partCount();
  if (parts > kMaxParts)
    return badInput(fmt::format("a map of {} parts is too large (at most {})", parts, kMaxParts));
  if (parts != shapes.size())
    return badInput(fmt::format("the map \"{}\" packs {} tensors, got {} shapes", map.str(), parts,
                                shapes.size()));
  RECAST_TRY(map.checkLogical());
  for (size_t i = 0; i < parts; ++i) {
    RECAST_ASSIGN(ResolvedPart part, resolvePart(map, names, out.axisSizes, i, shapes[i]));
    out.parts.push_back(std::move(part));
  }
  RECAST_TRY(resolveSteps(layout, names, out));
  return out;
}

Status verify(const Layout &layout, const Shapes &shapes) {
  if (auto resolved = resolve(layout, shapes); !resolved)
    return fail(std::move(resolved).error());
  return {};
}

} // namespace recast::layout
