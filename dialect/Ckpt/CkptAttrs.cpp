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

LogicalResult StageAttr::verify(EmitError emitError, StringRef by, ArrayRef<int64_t> at) {
  if (by.empty())
    return emitError() << "a stage step names a mesh axis";
  for (auto [i, coordinate] : llvm::enumerate(at))
    if (coordinate < 0 || (i > 0 && coordinate <= at[i - 1]))
      return emitError() << "the coordinates of a stage step are not negative and rise, got "
                         << coordinate;
  return success();
}

LogicalResult VaryingAttr::verify(EmitError emitError, StringRef by) {
  if (by.empty())
    return emitError() << "a varying step names a mesh axis";
  return success();
}

/// The list behind the text of a #ckpt.pieces.
static Result<layout::PieceList> pieceList(StringRef text) {
  RECAST_ASSIGN(layout::Layout parsed, layout::Layout::parse("pieces " + text.str()));
  auto *list = std::get_if<layout::PieceList>(&parsed.steps.front());
  if (!list || parsed.steps.size() != 1)
    return badInput("more than one list of pieces");
  return std::move(*list);
}

LogicalResult PiecesAttr::verify(EmitError emitError, StringRef text) {
  Result<layout::PieceList> list = pieceList(text);
  if (!list)
    return emitError() << list.error().message();
  if (std::string canonical = layout::str(*list); canonical != "pieces " + text.str())
    return emitError() << "the pieces \"" << text << "\" are written \""
                       << StringRef(canonical).drop_front(strlen("pieces ")) << "\"";
  return success();
}

bool isStep(Attribute attr) {
  return isa<PadAttr, SplitAttr, ChunkAttr, FlatAttr, StageAttr, VaryingAttr, PiecesAttr>(attr);
}

Attribute stepAttr(MLIRContext *context, const layout::Step &step) {
  if (const auto *pad = std::get_if<layout::Pad>(&step))
    return PadAttr::get(context, pad->axis, pad->multiple);
  if (const auto *split = std::get_if<layout::Split>(&step))
    return SplitAttr::get(context, strings(context, split->axes), strings(context, split->by),
                          static_cast<SplitRule>(split->rule), split->widths);
  if (const auto *chunk = std::get_if<layout::Chunk>(&step))
    return ChunkAttr::get(context, chunk->dim, chunk->by);
  if (const auto *stage = std::get_if<layout::Stage>(&step))
    return StageAttr::get(context, stage->by, stage->at);
  if (const auto *varying = std::get_if<layout::Varying>(&step))
    return VaryingAttr::get(context, varying->by);
  if (const auto *list = std::get_if<layout::PieceList>(&step))
    return PiecesAttr::get(context, StringRef(layout::str(*list)).drop_front(strlen("pieces ")));
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
  if (auto stage = dyn_cast<StageAttr>(attr))
    return layout::Stage{stage.getBy().str(), stage.getAt().vec()};
  if (auto varying = dyn_cast<VaryingAttr>(attr))
    return layout::Varying{varying.getBy().str()};
  if (auto pieces = dyn_cast<PiecesAttr>(attr))
    return std::move(*pieceList(pieces.getText())); // verified when the attribute was made
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

LogicalResult LayoutAttr::verify(EmitError emitError, MeshAttr mesh, AxesAttr axes,
                                 ArrayAttr steps) {
  if (!mesh && !axes && (!steps || steps.empty()))
    return emitError() << "an empty layout: a whole tensor is written without one";
  if (steps && steps.empty())
    return emitError() << "`steps` is left out rather than empty";
  for (Attribute step : steps ? steps.getValue() : ArrayRef<Attribute>()) {
    if (!isStep(step))
      return emitError() << step << " is not a layout step";
    for (const std::string &by : layout::meshAxesOf(stepOf(step)))
      if (!mesh || !llvm::is_contained(mesh.getMesh().axes, by))
        return emitError() << "step " << step << " cuts over `" << by
                           << "`, which is no axis of the mesh";
  }
  return success();
}

} // namespace recast::ir::ckpt
