#include "runtime/format/deepspeed/read/ReplicatedTensors.h"

#include "runtime/base/Checked.h"
#include "runtime/format/deepspeed/read/FlatTensors.h"

namespace recast::format::deepspeed {
namespace {

/// The part of a flat tensor that one parameter occupies.
plan::TensorRef cut(const plan::TensorRef &flat, int64_t start, const std::vector<int64_t> &shape) {
  plan::TensorRef out = flat;
  out.offset += start;
  out.shape = shape;
  out.strides.assign(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;)
    out.strides[d - 1] = out.strides[d] * shape[d];
  return out;
}

} // namespace

void addReplicatedTensors(const ModelStates &model, const ReplicatedOptimizer &optimizer,
                          const ParameterNames &names, Inventory &inventory,
                          torch::InventoryBuilder &builder) {
  std::map<std::string_view, const plan::TensorRef *> weights;
  for (const NamedTensor &tensor : model.module)
    if (tensor.ref)
      weights.emplace(tensor.name, tensor.ref.get());
  for (size_t g = 0; g < names.groups.size(); ++g)
    for (size_t i = 0; i < names.groups[g].size(); ++i) {
      const NamedShape &param = names.groups[g][i];
      const OptimizerEntry &entry = optimizer.groups[g][optimizer.flat ? 0 : i];
      auto addTensor = [&](const plan::TensorRef &ref, Name role) {
        builder.wholeTensor(model.file, model.torchFile,
                            optimizer.flat ? cut(ref, names.starts[g][i], param.shape) : ref,
                            param.name, role);
        inventory.tensors.back().group = static_cast<int32_t>(g);
      };
      if (entry.master) {
        addTensor(*entry.master, role::kMaster);
      } else if (builder.view(model.file, model.torchFile, *weights.at(param.name), param.name,
                              role::kMaster)) { // Else its weight is reported as a problem.
        inventory.tensors.back().group = static_cast<int32_t>(g);
      }
      for (const auto &[key, ref] : entry.elements)
        addTensor(*ref, key);
      for (const auto &[key, value] : entry.scalars)
        inventory.tensors.push_back(
            scalarTensor(param.name, key, value, static_cast<int32_t>(g), builder));
    }
}

} // namespace recast::format::deepspeed
