#include "compiler/Codegen/RecipeBody.h"

#include "compiler/Codegen/CastLowering.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace recast::codegen {
using recipe::Op;

std::vector<Value> evaluate(Lanes &lanes, const recipe::Recipe &recipe,
                            const std::vector<Value> &loads, const Target &target) {
  std::vector<Value> values(recipe.nodes.size()), results(recipe.outputCount());
  for (size_t i = 0; i < recipe.nodes.size(); ++i) {
    const recipe::Node &node = recipe.nodes[i];
    switch (node.op) {
    case Op::Load:
      values[i] = loads[node.slot];
      break;
    case Op::Cast:
      values[i] = emitCast(lanes, values[node.a], recipe.nodes[node.a].type, node.type,
                           node.overflow, target);
      break;
    case Op::Store:
      results[node.slot] = values[node.a];
      break;
    case Op::CheckEqual:
    case Op::Add:
    case Op::Divide:
      llvm_unreachable("refused before");
    }
  }
  return results;
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
