#include "dialect/Ckpt/CkptDialect.h"

#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;

namespace recast::ir::ckpt {

// ---- helpers of the assembly format: `{g = 8, r = 4}`
static ParseResult parseAxisSizes(AsmParser &parser, SmallVector<AxisSize> &sizes) {
  return parser.parseCommaSeparatedList([&]() -> ParseResult {
    std::string name;
    int64_t size;
    if (parser.parseKeywordOrString(&name) || parser.parseEqual() || parser.parseInteger(size))
      return failure();
    sizes.push_back({parser.getBuilder().getStringAttr(name), size});
    return success();
  });
}

static void printAxisSizes(AsmPrinter &printer, ArrayRef<AxisSize> sizes) {
  llvm::interleaveComma(sizes, printer, [&](const AxisSize &axis) {
    printer.printKeywordOrString(axis.name.getValue());
    printer << " = " << axis.size;
  });
}

} // namespace recast::ir::ckpt

#include "dialect/Ckpt/CkptEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/Ckpt/CkptAttrs.cpp.inc"

namespace recast::ir::ckpt {

void CkptDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/Ckpt/CkptAttrs.cpp.inc"
      >();
}

using EmitError = function_ref<InFlightDiagnostic()>;

static SmallVector<StringAttr> strings(MLIRContext *context, const std::vector<std::string> &from) {
  return llvm::map_to_vector(
      from, [&](const std::string &text) { return StringAttr::get(context, text); });
}

static std::vector<std::string> strings(ArrayRef<StringAttr> from) {
  std::vector<std::string> out;
  for (StringAttr text : from)
    out.push_back(text.str());
  return out;
}

// ---- mesh
MeshAttr MeshAttr::get(MLIRContext *context, const layout::Mesh &mesh) {
  return get(context, strings(context, mesh.axes), mesh.sizes);
}

layout::Mesh MeshAttr::getMesh() const {
  return {strings(getAxes()), std::vector<int64_t>(getSizes().begin(), getSizes().end())};
}

LogicalResult MeshAttr::verify(EmitError emitError, ArrayRef<StringAttr> axes,
                               ArrayRef<int64_t> sizes) {
  if (axes.empty())
    return emitError() << "a mesh has at least one axis";
  if (axes.size() != sizes.size())
    return emitError() << "a mesh of " << axes.size() << " axes has " << sizes.size() << " sizes";
  int64_t ranks = 1;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    if (axis.getValue().empty())
      return emitError() << "mesh axis " << i << " has no name";
    if (llvm::is_contained(axes.take_front(i), axis))
      return emitError() << "mesh axis `" << axis.getValue() << "` appears twice";
    if (sizes[i] < 1)
      return emitError() << "mesh axis `" << axis.getValue() << "` has size " << sizes[i]
                         << ", expected at least 1";
    if (llvm::MulOverflow(ranks, sizes[i], ranks))
      return emitError() << "the number of ranks of the mesh does not fit 64 bits";
  }
  return success();
}

// ---- axes
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

// ---- steps
LogicalResult PadAttr::verify(EmitError emitError, StringRef axis, int64_t multiple) {
  if (axis.empty())
    return emitError() << "a pad step names an axis";
  if (multiple < 1)
    return emitError() << "axis `" << axis << "` is padded to a multiple of " << multiple
                       << ", expected at least 1";
  return success();
}

LogicalResult SplitAttr::verify(EmitError emitError, ArrayRef<StringAttr> axes,
                                ArrayRef<StringAttr> by, SplitRule rule, ArrayRef<int64_t> widths) {
  if (axes.empty() || by.empty())
    return emitError() << "a split step names at least one axis and one mesh axis";
  if ((rule == SplitRule::Widths) != !widths.empty())
    return emitError() << "a split step has widths exactly with `rule widths`";
  for (int64_t width : widths)
    if (width < 0)
      return emitError() << "a split step has the negative width " << width;
  return success();
}

LogicalResult ChunkAttr::verify(EmitError emitError, int64_t dim, StringRef by) {
  if (dim < 0)
    return emitError() << "a chunk step cuts dimension " << dim << ", expected at least 0";
  if (by.empty())
    return emitError() << "a chunk step names a mesh axis";
  return success();
}

LogicalResult FlatAttr::verify(EmitError emitError, StringRef by, FlatScope per) {
  if (by.empty())
    return emitError() << "a flat step names a mesh axis";
  return success();
}

bool isStep(Attribute attr) { return isa<PadAttr, SplitAttr, ChunkAttr, FlatAttr>(attr); }

Attribute stepAttr(MLIRContext *context, const layout::Step &step) {
  if (const auto *pad = std::get_if<layout::Pad>(&step))
    return PadAttr::get(context, pad->axis, pad->multiple);
  if (const auto *split = std::get_if<layout::Split>(&step))
    return SplitAttr::get(context, strings(context, split->axes), strings(context, split->by),
                          static_cast<SplitRule>(split->rule), split->widths);
  if (const auto *chunk = std::get_if<layout::Chunk>(&step))
    return ChunkAttr::get(context, chunk->dim, chunk->by);
  const auto &flat = std::get<layout::Flat>(step);
  return FlatAttr::get(context, flat.by, static_cast<FlatScope>(flat.scope));
}

layout::Step stepOf(Attribute attr) {
  if (auto pad = dyn_cast<PadAttr>(attr))
    return layout::Pad{pad.getAxis().str(), pad.getMultiple()};
  if (auto split = dyn_cast<SplitAttr>(attr))
    return layout::Split{strings(split.getAxes()), strings(split.getBy()),
                         static_cast<layout::SplitRule>(split.getRule()),
                         std::vector<int64_t>(split.getWidths().begin(), split.getWidths().end())};
  if (auto chunk = dyn_cast<ChunkAttr>(attr))
    return layout::Chunk{chunk.getDim(), chunk.getBy().str()};
  auto flat = cast<FlatAttr>(attr);
  return layout::Flat{flat.getBy().str(), static_cast<layout::FlatScope>(flat.getPer())};
}

// ---- layout
LayoutAttr LayoutAttr::get(MLIRContext *context, const layout::Layout &layout) {
  if (layout.isWhole())
    return {};
  MeshAttr mesh = layout.mesh.axes.empty() ? MeshAttr() : MeshAttr::get(context, layout.mesh);
  AxesAttr axes = layout.axes.stored.empty() ? AxesAttr() : AxesAttr::get(context, layout.axes);
  SmallVector<Attribute> steps = llvm::map_to_vector(
      layout.steps, [&](const layout::Step &step) { return stepAttr(context, step); });
  return get(context, mesh, axes, steps.empty() ? ArrayAttr() : ArrayAttr::get(context, steps));
}

layout::Layout LayoutAttr::getLayout() const {
  layout::Layout out;
  if (getMesh())
    out.mesh = getMesh().getMesh();
  if (getAxes())
    out.axes = getAxes().getAxisMap();
  if (getSteps())
    for (Attribute step : getSteps())
      out.steps.push_back(stepOf(step));
  return out;
}

/// The mesh axes that a step cuts over.
static std::vector<std::string> meshAxes(const layout::Step &step) {
  if (const auto *split = std::get_if<layout::Split>(&step))
    return split->by;
  if (const auto *chunk = std::get_if<layout::Chunk>(&step))
    return {chunk->by};
  if (const auto *flat = std::get_if<layout::Flat>(&step))
    return {flat->by};
  return {};
}

LogicalResult LayoutAttr::verify(EmitError emitError, MeshAttr mesh, AxesAttr axes,
                                 ArrayAttr steps) {
  if (!mesh && !axes && (!steps || steps.empty()))
    return emitError() << "an empty layout: a whole tensor is written without one";
  if (steps && steps.empty())
    return emitError() << "`steps` is left out rather than empty";
  for (Attribute step : steps ? steps.getValue() : ArrayRef<Attribute>()) {
    if (!isStep(step))
      return emitError() << step << " is not a layout step";
    for (const std::string &by : meshAxes(stepOf(step)))
      if (!mesh || !llvm::is_contained(mesh.getMesh().axes, by))
        return emitError() << "step " << step << " cuts over `" << by
                           << "`, which is no axis of the mesh";
  }
  return success();
}

} // namespace recast::ir::ckpt
