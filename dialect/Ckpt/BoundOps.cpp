#include "dialect/Ckpt/CkptDialect.h"
#include "dialect/Ckpt/MemberTable.h"

using namespace mlir;

namespace recast::ir::ckpt {

// ---- ckpt.family
void FamilyOp::build(OpBuilder &builder, OperationState &state, StringRef name,
                     ArrayRef<StringRef> roles, ArrayRef<StringRef> targets,
                     DenseResourceElementsAttr members, TypeRange inputs) {
  SmallVector<Attribute> symbols;
  for (StringRef target : targets)
    symbols.push_back(FlatSymbolRefAttr::get(builder.getContext(), target));
  state.addAttribute(getSymNameAttrName(state.name), builder.getStringAttr(name));
  state.addAttribute(getRolesAttrName(state.name), builder.getStrArrayAttr(roles));
  state.addAttribute(getTargetsAttrName(state.name), builder.getArrayAttr(symbols));
  state.addAttribute(getMembersAttrName(state.name), members);
  Block &block = state.addRegion()->emplaceBlock();
  for (Type input : inputs)
    block.addArgument(input, state.location);
}

YieldOp FamilyOp::getYield() { return cast<YieldOp>(getBlock().getTerminator()); }

ArrayRef<int64_t> FamilyOp::getShape() {
  return cast<ValueType>(getInputs().front().getType()).getShape();
}

LogicalResult FamilyOp::verify() {
  auto type = dyn_cast<RankedTensorType>(getMembers().getType());
  if (!type || type.getRank() != 2 || !type.getElementType().isSignlessInteger(64))
    return emitOpError() << "members are a tensor of rows x columns of i64, got "
                         << getMembers().getType();
  if (type.getDimSize(0) < 1)
    return emitOpError("a family has at least one member");
  return success();
}

/// One value for all elements of a member.
static bool isScalarInput(FamilyOp family, size_t input) {
  auto type = cast<ValueType>(family.getInputs()[input].getType());
  return input > 0 && type.getShape().empty() && type.getShape() != family.getShape() &&
         type.getDType() == DType::F64;
}

/// Every row in range; `row` is shown to whoever looks for the wrong one.
static LogicalResult verifyRows(FamilyOp family, const MemberTable &table, MemberColumns columns) {
  auto inRange = [](int64_t id) { return id >= 0 && id < std::numeric_limits<uint32_t>::max(); };
  for (size_t member = 0; member < table.size(); ++member) {
    ArrayRef<int64_t> row = table.row(member);
    auto fault = [&](const Twine &what) {
      return family.emitOpError() << "member " << member << ": " << what;
    };
    if (!inRange(row[columns.name()]))
      return fault("string id " + Twine(row[columns.name()]) + " of the name is out of range");
    for (size_t input = 0; input < columns.inputs; ++input) {
      int64_t store = row[columns.store(input)];
      if (store != -1 && !inRange(store))
        return fault("store " + Twine(store) + " of input " + Twine(input) + " is out of range");
      if (store != -1 && (row[columns.start(input)] < 0 || row[columns.total(input)] < 0))
        return fault("input " + Twine(input) + " has a negative flat position");
      if (store != -1 && isScalarInput(family, input))
        return fault("input " + Twine(input) + " is a scalar, but lies in a store");
      if (!inRange(row[columns.inputPart(input)]))
        return fault("the part of input " + Twine(input) + " is out of range");
    }
    for (size_t output = 0; output < columns.outputs; ++output) {
      if (!inRange(row[columns.targetName(output)]) || !inRange(row[columns.targetRole(output)]))
        return fault("a string id of output " + Twine(output) + " is out of range");
      if (!inRange(row[columns.outputPart(output)]))
        return fault("the part of output " + Twine(output) + " is out of range");
    }
  }
  return success();
}

LogicalResult FamilyOp::verifyRegions() {
  Block &block = getBlock();
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield)
    return emitOpError("region ends in ckpt.yield");
  size_t inputs = block.getNumArguments(), outputs = yield.getValues().size();
  if (!inputs)
    return emitOpError("a family has at least one input");
  if (getRoles().size() != inputs)
    return emitOpError() << "has " << inputs << " inputs and " << getRoles().size() << " roles";
  if (getTargets().size() != outputs)
    return emitOpError() << "yields " << outputs << " values to " << getTargets().size()
                         << " targets";
  for (BlockArgument argument : block.getArguments()) {
    auto value = dyn_cast<ValueType>(argument.getType());
    if (!value)
      return emitOpError() << "input " << argument.getArgNumber() << " is a " << argument.getType()
                           << ", expected a !ckpt.value";
    if (value.getShape() != getShape() && !isScalarInput(*this, argument.getArgNumber()))
      return emitOpError() << "input " << argument.getArgNumber()
                           << " has another shape than the first: one family, one shape";
  }
  for (auto [i, type] : llvm::enumerate(yield.getValues().getTypes()))
    if (!isa<ValueType>(type))
      return emitOpError() << "output " << i << " is a " << type << ", expected a !ckpt.value";
  MemberColumns columns{inputs, outputs};
  auto type = cast<RankedTensorType>(getMembers().getType());
  if (type.getDimSize(1) != static_cast<int64_t>(columns.count()))
    return emitOpError() << "with " << inputs << " inputs and " << outputs
                         << " outputs a member has " << columns.count() << " columns, got "
                         << type.getDimSize(1);
  if (auto table = MemberTable::read(*this))
    return verifyRows(*this, *table, columns);
  // Without its resource (printed with elided data) the table is not there to be looked at.
  return success();
}

/// Where values differ between ranks there is no one tensor to move.
static LogicalResult verifySame(Operation *op, ValueType type) {
  std::vector<std::string> axes = varyingAxes(type);
  if (axes.empty())
    return success();
  return op->emitOpError() << "the values differ along `" << axes.front()
                           << "`; ckpt.average or ckpt.select says which are meant";
}

// ---- ckpt.map, ckpt.unmap
/// `parts` packed by `axes` give `packed`.
static LogicalResult verifyPacking(Operation *op, AxesAttr axes, TypeRange parts,
                                   ValueType packed) {
  std::vector<std::vector<int64_t>> shapes = axes.getPartShapes();
  if (parts.size() != shapes.size())
    return op->emitOpError() << "axes have " << shapes.size() << " parts, got " << parts.size();
  auto expect = [&](ValueType value, ArrayRef<int64_t> shape, const Twine &what) -> LogicalResult {
    if (value.getShape() == shape)
      return success();
    return op->emitOpError() << what << " is " << value.getTensor() << ", axes say "
                             << RankedTensorType::get(shape, value.getTensor().getElementType());
  };
  if (failed(expect(packed, axes.getStoredShape(), "the stored tensor")))
    return failure();
  for (auto [i, part] : llvm::enumerate(parts)) {
    auto value = cast<ValueType>(part);
    if (value.getDType() != packed.getDType())
      return op->emitOpError() << "part " << i << " holds " << value.getTensor().getElementType()
                               << ", the stored tensor " << packed.getTensor().getElementType();
    if (failed(expect(value, shapes[i], "part " + Twine(i))))
      return failure();
  }
  return success();
}

LogicalResult MapOp::verify() {
  if (getResult().getType().getOn())
    return emitOpError("the result has no `on`; ckpt.reshard says where it lies");
  for (Type part : getParts().getTypes())
    if (failed(verifySame(*this, cast<ValueType>(part))))
      return failure();
  return verifyPacking(*this, getAxes(), getParts().getTypes(), getResult().getType());
}

LogicalResult UnmapOp::verify() {
  for (Type part : getParts().getTypes())
    if (cast<ValueType>(part).getOn())
      return emitOpError("the results have no `on`; ckpt.reshard says where they lie");
  if (failed(verifySame(*this, getInput().getType())))
    return failure();
  return verifyPacking(*this, getAxes(), getParts().getTypes(), getInput().getType());
}

// ---- ckpt.reshard
LogicalResult ReshardOp::verify() {
  for (ValueType type : {getInput().getType(), getResult().getType()})
    if (failed(verifySame(*this, type)))
      return failure();
  RankedTensorType from = getInput().getType().getTensor(), to = getResult().getType().getTensor();
  if (from != to)
    return emitOpError() << "changes only where a value lies, not " << from << " to " << to;
  return success();
}

// ---- ckpt.cast
/// Where overflow is common enough that a cast must say what it does.
static bool isNarrowFloat(DType dtype) { return info(dtype).isFloat && bitWidth(dtype) <= 8; }

void CastOp::build(OpBuilder &builder, OperationState &state, Value input, Type to,
                   std::optional<Overflow> overflow) {
  state.addOperands(input);
  state.addAttribute(getToAttrName(state.name), TypeAttr::get(to));
  if (std::optional<DType> dtype = dtypeOf(to); !overflow && dtype && isNarrowFloat(*dtype))
    overflow = Overflow::Ieee;
  if (overflow)
    state.addAttribute(getOverflowAttrName(state.name),
                       OverflowAttr::get(builder.getContext(), *overflow));
  auto value = dyn_cast<ValueType>(input.getType());
  state.addTypes(value ? Type(value.withElementType(to)) : input.getType());
}

void CastOp::build(OpBuilder &builder, OperationState &state, Value input, DType to,
                   std::optional<Overflow> overflow) {
  build(builder, state, input, typeOf(builder.getContext(), to), overflow);
}

LogicalResult CastOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                       ValueRange operands, DictionaryAttr attributes,
                                       OpaqueProperties properties, RegionRange regions,
                                       SmallVectorImpl<Type> &types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  Type to = adaptor.getTo();
  auto value = dyn_cast<ValueType>(operands.front().getType());
  if (!dtypeOf(to))
    return emitOptionalError(location, "cast to ", to, ", which checkpoints do not store");
  types.push_back(value ? Type(value.withElementType(to)) : operands.front().getType());
  return success();
}

DType CastOp::getTargetDType() { return *dtypeOf(getTo()); }

recipe::Overflow CastOp::getRecipeOverflow() {
  return static_cast<recipe::Overflow>(getOverflow().value_or(Overflow::Ieee));
}

LogicalResult CastOp::verify() {
  if (!dtypeOf(getTo()))
    return emitOpError() << "to " << getTo() << ", which checkpoints do not store";
  DType to = getTargetDType();
  if (isNarrowFloat(to) && !getOverflow())
    return emitOpError() << "to " << getTo()
                         << " says what overflow does: `overflow saturate`, for one";
  if (getOverflow() && !recipe::overflowAllowed(to, getRecipeOverflow()))
    return emitOpError() << "to " << getTo() << " cannot have overflow "
                         << stringifyOverflow(*getOverflow());
  auto value = dyn_cast<ValueType>(getInput().getType());
  if (value && !recipe::castSupported(value.getDType(), to))
    return emitOpError() << "from " << value.getTensor().getElementType() << " to " << getTo()
                         << " is not supported";
  return success();
}

} // namespace recast::ir::ckpt
