// The classes and functions that real training checkpoints name in their pickles. Knowing a name
// means that its arguments are understood as data; no name is ever called.
#pragma once

#include "runtime/base/DType.h"

#include <optional>
#include <string_view>

namespace recast::format::torch {

/// Exact names only, never a module prefix: `torch.hub.load` is not `torch.Size`.
bool isKnownGlobal(std::string_view module, std::string_view name);

/// Element type of a `torch.<X>Storage` class.
std::optional<DType> storageDType(std::string_view module, std::string_view name);
/// `torch.storage.UntypedStorage`: counts bytes, the tensor says the type.
bool isUntypedStorage(std::string_view module, std::string_view name);

} // namespace recast::format::torch
