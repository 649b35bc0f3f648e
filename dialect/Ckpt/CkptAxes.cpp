#include "dialect/Ckpt/CkptDialect.h"
#include "runtime/layout/PackedShapes.h"

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
  if (text != map->str())
    return emitError() << "the map \"" << text << "\" is written \"" << map->str() << "\"";
  llvm::StringSet<> used;
  for (const auto &dim : map->stored)
    collectAxes(dim, used);
  for (size_t part = 0; part < map->logical.size(); ++part)
    for (const std::string &axis : map->partAxes(part))
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

SmallVector<int64_t> AxesAttr::getStoredShape() const {
  return llvm::to_vector(layout::storedShape(getAxisMap()));
}

std::vector<std::vector<int64_t>> AxesAttr::getPartShapes() const {
  return layout::partShapes(getAxisMap());
}

} // namespace recast::ir::ckpt
