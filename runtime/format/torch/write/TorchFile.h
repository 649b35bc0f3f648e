// What torch.save makes of an object tree, as a file image.
#pragma once

#include "runtime/format/torch/write/PickleEmitter.h"
#include "runtime/format/torch/write/ZipImage.h"

#include <map>
#include <string>

namespace recast::format::torch {

/// Tensors of the tree whose bytes come later: TensorRef::storage -> index of the target tensor.
/// Two that name one storage share it, as tied parameters do.
using TensorSlots = std::map<std::string, uint32_t>;

/// The archive of `root`: storages are numbered in the order in which the pickle meets them. A
/// tensor is either in `slots`, or carries its bytes in TensorRef::literal, or has no elements;
/// anything else is an error. No `serialization_id`: torch does not ask for it, and it would be
/// one more thing that changes. Errors: those of emitPickle.
Result<FileTemplate> torchFile(const plan::Object &root, const TensorSlots &slots,
                               const EmitOptions &options = {});

} // namespace recast::format::torch
