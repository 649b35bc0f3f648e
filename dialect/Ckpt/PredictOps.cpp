// Weights some updates ahead: the rule and the computation.
#include "dialect/Ckpt/CkptDialect.h"

using namespace mlir;

namespace recast::ir::ckpt {

LogicalResult PredictOp::verify() {
  if (getStates().empty())
    return emitOpError("needs the role of at least one state of the optimizer");
  for (Attribute arg : getArgs())
    if (!isa<ArgAttr>(arg))
      return emitOpError() << "argument " << arg << " has no name";
  return success();
}

size_t ExtrapolateOp::stateCount(Direction direction) {
  return direction == Direction::Velocity ? 1 : 2;
}

size_t ExtrapolateOp::scalarCount(Direction direction) {
  switch (direction) {
  case Direction::Velocity:
    return 1;
  case Direction::Momentum:
    return 3;
  case Direction::Adam:
    return 4;
  }
  return 0;
}

Value ExtrapolateOp::getDecay() {
  return getScalars().size() > scalarCount(getDirection()) ? getScalars().back() : Value();
}

LogicalResult ExtrapolateOp::verify() {
  StringRef direction = stringifyDirection(getDirection());
  size_t states = stateCount(getDirection()), scalars = scalarCount(getDirection());
  if (getStates().size() != states)
    return emitOpError() << "along `" << direction << "` has " << states << " states, got "
                         << getStates().size();
  if (getScalars().size() != scalars && getScalars().size() != scalars + 1)
    return emitOpError() << "along `" << direction << "` has " << scalars
                         << " scalars, and perhaps a decay, got " << getScalars().size();
  RankedTensorType weights = getWeights().getType().getTensor();
  DType dtype = getWeights().getType().getDType();
  if (!info(dtype).isFloat || (dtype != DType::F64 && !recipe::castSupported(dtype, DType::F64)))
    return emitOpError() << "there is no arithmetic on " << weights.getElementType();
  for (Type state : getStates().getTypes())
    if (cast<ValueType>(state).getTensor() != weights)
      return emitOpError() << "a state is " << cast<ValueType>(state).getTensor()
                           << ", the weights are " << weights;
  for (Type type : getScalars().getTypes()) {
    auto scalar = cast<ValueType>(type);
    if (scalar.getDType() != DType::F64 || !scalar.getShape().empty() || scalar.getOn())
      return emitOpError() << "a scalar is " << scalar << ", expected !ckpt.value<tensor<f64>>";
  }
  for (Value value : getOperands())
    if (auto axes = varyingAxes(cast<ValueType>(value.getType())); !axes.empty())
      return emitOpError() << "the values of an operand differ along `" << axes.front() << "`";
  return success();
}

} // namespace recast::ir::ckpt
