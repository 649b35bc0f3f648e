// One state of one parameter: zero/NAME/STATE.pt.
#pragma once

#include "runtime/format/torch/read/InventoryBuilder.h"

namespace recast::format::universal {

struct Atom {
  Name name, role;
  /// As `param_shapes` says it, which flat atoms of ZeRO-3 need; null: only the atom knows.
  const std::vector<int64_t> *shape = nullptr;
  int32_t group = -1;
};

/// Adds the tensor of `root` + "/" + `path`: a dict with `param` beside the hints for tensor
/// parallelism (cat_dim, sub_param_shape, vocab_tensor, ...), which say how a loader cuts and not
/// what the values are, or a bare tensor. A `param` may be a view: vocabulary padding stays behind
/// it in the storage. `step` may be a number.
Status addAtom(const std::string &root, const std::string &path, const Atom &atom,
               Inventory &inventory, torch::InventoryBuilder &builder, torch::PickleBudget &budget);

} // namespace recast::format::universal
