#include "runtime/format/deepspeed_universal/read/AtomFile.h"

#include "runtime/base/Checked.h"
#include "runtime/format/deepspeed/read/FlatTensors.h"
#include "runtime/format/deepspeed/read/RankStates.h"

#include <fmt/format.h>

namespace recast::format::universal {
using plan::Object;

Status addAtom(const std::string &root, const std::string &path, const Atom &atom,
               Inventory &inventory, torch::InventoryBuilder &builder,
               torch::PickleBudget &budget) {
  RECAST_ASSIGN(torch::TorchFile file, torch::TorchFile::open(root + "/" + path, budget));
  uint32_t index = builder.file(path, file.info());
  builder.foreign(file.foreignGlobals());
  const Object *value = file.root().get();
  if (value->isDict())
    value = value->find("param");
  if (!value)
    return file.bad("an atom without 'param'");
  bool isTensor = value->kind == Object::Kind::Tensor;
  if (!isTensor || (value->tensor->shape.empty() && atom.role == role::kStep)) {
    RECAST_ASSIGN(Scalar scalar, deepspeed::readScalar(file, *value, "'param'"));
    inventory.tensors.push_back(
        deepspeed::scalarTensor(atom.name, atom.role, scalar, atom.group, builder));
    return {};
  }
  if (!torch::isContiguous(*value->tensor))
    return file.bad("a tensor that is not contiguous in its storage");
  plan::TensorRef ref = *value->tensor;
  if (atom.shape) {
    int64_t expected = elementCount(*atom.shape).value_or(-1);
    if (torch::elementsOf(ref) != expected)
      return file.bad(fmt::format("{} elements, where the parameter's shape [{}] has {}",
                                  torch::elementsOf(ref), fmt::join(*atom.shape, ", "), expected));
    if (ref.shape.size() == 1)
      ref.shape = *atom.shape;
  }
  builder.wholeTensor(index, file, ref, atom.name, atom.role);
  inventory.tensors.back().group = atom.group;
  return {};
}

} // namespace recast::format::universal
