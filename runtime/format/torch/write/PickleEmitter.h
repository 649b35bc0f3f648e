// Writes an object tree as a pickle that torch.load reads: protocol 2, the opcodes of CPython's
// pickletools, tensors as torch.save writes them (torch/_utils.py, torch/serialization.py).
#pragma once

#include "runtime/base/Status.h"
#include "runtime/plan/Object.h"

#include <functional>
#include <string>

namespace recast::format::torch {

/// Gives a tensor of the tree the key of a storage that holds exactly its elements, row-major.
using StorageKey = std::function<Result<std::string>(const plan::TensorRef &)>;

struct EmitOptions {
  /// Write classes and calls outside the allow-list too (`--allow-foreign-objects`).
  bool allowForeign = false;
};

/// The pickle of `root`. Every tensor is written contiguous, with offset 0. Fails with BadInput on
/// a global outside the allow-list, on a dtype that torch lacks, and on a tree deeper than
/// plan::kMaxObjectDepth.
Result<std::string> emitPickle(const plan::Object &root, const StorageKey &storageKey,
                               const EmitOptions &options = {});

} // namespace recast::format::torch
