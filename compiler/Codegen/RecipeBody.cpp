#include "compiler/Codegen/RecipeBody.h"

#include "compiler/Codegen/CastLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <algorithm>
#include <bit>

using namespace mlir;

namespace recast::codegen {
using recipe::Op;
namespace {

Value emitOperation(Lanes &lanes, const recipe::Node &node, Value a, Value b) {
  switch (node.op) {
  case Op::Add:
    return lanes.addF64(a, b);
  case Op::Subtract:
    return lanes.subF64(a, b);
  case Op::Multiply:
    return lanes.mulF64(a, b);
  case Op::Quotient:
  case Op::Divide:
    return lanes.divF64(a, b);
  default:
    return lanes.sqrtF64(a);
  }
}

/// As recipe::addBits and the others: of NaN operands the first comes out, quiet; what has no value
/// otherwise is one NaN, whatever the processor makes of it.
Value withTheRightNan(Lanes &lanes, const recipe::Node &node, Value a, Value b, Value result) {
  constexpr uint64_t kQuiet = uint64_t{1} << 51, kNoValue = 0x7ff8000000000000;
  Value nan = lanes.constant(a, kNoValue);
  if (recipe::operandCount(node.op) > 1)
    nan = lanes.select(lanes.isNanF64(b), lanes.bitOr(b, kQuiet), nan);
  nan = lanes.select(lanes.isNanF64(a), lanes.bitOr(a, kQuiet), nan);
  return lanes.select(lanes.isNanF64(result), nan, result);
}

/// The value of every node; with `anyNan`, of NaNs just some NaN.
std::vector<Value> valuesOf(Lanes &lanes, const recipe::Recipe &recipe,
                            const std::vector<Value> &loads, const Target &target, bool anyNan) {
  // Arithmetic runs in the default environment. (GPUs have conversions that lose NaNs.)
  const bool floatUnit =
      !target.isGpu() && std::ranges::any_of(recipe.nodes, [](const recipe::Node &node) {
        return recipe::isArithmetic(node.op);
      });
  std::vector<Value> values(recipe.nodes.size());
  for (size_t i = 0; i < recipe.nodes.size(); ++i) {
    const recipe::Node &node = recipe.nodes[i];
    Value a = values[node.a], b = values[node.b];
    switch (node.op) {
    case Op::Load:
    case Op::Scalar:
      values[i] = loads[node.slot];
      break;
    case Op::Cast:
      values[i] = emitCast(lanes, a, recipe.nodes[node.a].type, node.type, node.overflow, target,
                           floatUnit);
      break;
    case Op::Add:
    case Op::Subtract:
    case Op::Multiply:
    case Op::Quotient:
    case Op::Divide:
    case Op::SquareRoot:
      if (node.op == Op::Divide)
        b = lanes.constant(a, std::bit_cast<uint64_t>(static_cast<double>(node.slot)));
      values[i] = emitOperation(lanes, node, a, b);
      if (!anyNan)
        values[i] = withTheRightNan(lanes, node, a, b, values[i]);
      break;
    case Op::Store:
      break;
    case Op::CheckEqual:
      llvm_unreachable("refused before");
    }
  }
  return values;
}

std::vector<Value> storedBy(const recipe::Recipe &recipe, const std::vector<Value> &values) {
  std::vector<Value> results(recipe.outputCount());
  for (const recipe::Node &node : recipe.nodes)
    if (node.op == Op::Store)
      results[node.slot] = values[node.a];
  return results;
}

/// Whether some lane of some arithmetic is NaN; null where there is none. A NaN operand makes a NaN
/// result, so only the last operations are looked at.
Value someNan(Lanes &lanes, const recipe::Recipe &recipe, const std::vector<Value> &values) {
  std::vector<bool> isOperand(recipe.nodes.size());
  for (const recipe::Node &node : recipe.nodes)
    if (recipe::isArithmetic(node.op)) {
      isOperand[node.a] = true;
      if (recipe::operandCount(node.op) > 1)
        isOperand[node.b] = true;
    }
  Value found;
  for (size_t i = 0; i < values.size(); ++i)
    if (recipe::isArithmetic(recipe.nodes[i].op) && !isOperand[i]) {
      Value nan = lanes.isNanF64(values[i]);
      found = found ? arith::OrIOp::create(lanes.builder(), found, nan) : nan;
    }
  return found ? lanes.any(found) : Value();
}

} // namespace

std::vector<Value> evaluate(Lanes &lanes, const recipe::Recipe &recipe,
                            const std::vector<Value> &loads, const Target &target) {
  const std::vector<Value> values = valuesOf(lanes, recipe, loads, target, /*anyNan=*/true);
  std::vector<Value> results = storedBy(recipe, values);
  Value nan = someNan(lanes, recipe, values);
  if (!nan)
    return results;
  // NaNs are rare: where there is one in a vector, all of it is computed again, by the rules.
  ImplicitLocOpBuilder &b = lanes.builder();
  auto branch = [&](OpBuilder &inner, const auto &made) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
    scf::YieldOp::create(b, made());
  };
  auto chosen = scf::IfOp::create(
      b, nan,
      [&](OpBuilder &inner, Location) {
        branch(inner, [&] {
          return storedBy(recipe, valuesOf(lanes, recipe, loads, target, /*anyNan=*/false));
        });
      },
      [&](OpBuilder &inner, Location) { branch(inner, [&] { return results; }); });
  return {chosen.getResults().begin(), chosen.getResults().end()};
}

Value loadScalar(Lanes &lanes, const recipe::Recipe &recipe, size_t slot, Value base) {
  ImplicitLocOpBuilder &b = lanes.builder();
  return lanes.everywhere(LLVM::LoadOp::create(
      b, b.getIntegerType(bitWidth(recipe.inputType(slot))), base, /*alignment=*/1));
}

void emitBody(Lanes &lanes, const recipe::Recipe &recipe, const std::vector<Value> &inputs,
              const std::vector<Value> &outputs, Value index, const Target &target,
              unsigned alignment) {
  ImplicitLocOpBuilder &b = lanes.builder();
  auto element = [&](Value base, DType type) -> Value {
    return LLVM::GEPOp::create(b, base.getType(), b.getIntegerType(bitWidth(type)), base,
                               ArrayRef<LLVM::GEPArg>{index});
  };
  std::vector<Value> loads;
  for (size_t slot = 0; slot < inputs.size(); ++slot) {
    if (recipe.isScalarInput(slot)) {
      loads.push_back(loadScalar(lanes, recipe, slot, inputs[slot]));
      continue;
    }
    DType type = recipe.inputType(slot);
    loads.push_back(LLVM::LoadOp::create(b, lanes.integers(bitWidth(type)),
                                         element(inputs[slot], type), alignment));
  }
  std::vector<Value> results = evaluate(lanes, recipe, loads, target);
  for (size_t slot = 0; slot < outputs.size(); ++slot)
    LLVM::StoreOp::create(b, results[slot], element(outputs[slot], recipe.outputType(slot)),
                          alignment);
}

} // namespace recast::codegen
