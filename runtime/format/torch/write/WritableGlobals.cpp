#include "runtime/format/torch/write/WritableGlobals.h"

#include "runtime/base/DType.h"

#include <algorithm>
#include <span>
#include <utility>

namespace recast::format::torch {
namespace {
using Name = std::pair<std::string_view, std::string_view>;

constexpr Name kEnums[] = {{"deepspeed.runtime.zero.config", "ZeroStageEnum"}};

constexpr Name kCallables[] = {
    {"__builtin__", "set"},
    {"__builtin__", "frozenset"},
    {"__builtin__", "complex"},
    {"builtins", "set"},
    {"builtins", "frozenset"},
    {"builtins", "complex"},
    {"_codecs", "encode"},
    {"argparse", "Namespace"},
    {"collections", "OrderedDict"},
    {"collections", "defaultdict"},
    {"collections", "Counter"},
    {"collections", "deque"},
    {"pathlib", "Path"},
    {"pathlib", "PosixPath"},
    {"pathlib", "PurePosixPath"},
    {"torch", "Size"},
    {"torch", "device"},
    {"torch.serialization", "_get_layout"},
    // Scalars only: an array's shape is an argument and may ask for any amount of memory.
    {"numpy", "dtype"},
    {"numpy.core.multiarray", "scalar"},
    {"numpy._core.multiarray", "scalar"},
    {"deepspeed.checkpoint.universal_checkpoint", "SubparamShape"},
    {"deepspeed.runtime.fp16.loss_scaler", "LossScaler"},
    {"deepspeed.runtime.fp16.loss_scaler", "DynamicLossScaler"},
    {"deepspeed.runtime.zero.config", "ZeroStageEnum"},
    {"deepspeed.utils.tensor_fragment", "fragment_address"},
};

constexpr std::string_view kTypes[] = {"bool", "dict",  "float", "int",
                                       "list", "bytes", "str",   "tuple"};

bool isOneOf(std::span<const Name> names, Name wanted) {
  return std::find(names.begin(), names.end(), wanted) != names.end();
}

} // namespace

bool isWritableEnum(std::string_view module, std::string_view name) {
  return isOneOf(kEnums, {module, name});
}

bool isWritableCallable(std::string_view module, std::string_view name) {
  return isOneOf(kCallables, {module, name});
}

bool isWritableGlobal(std::string_view module, std::string_view name) {
  if (isWritableCallable(module, name))
    return true;
  if (module == "builtins" || module == "__builtin__")
    return std::find(std::begin(kTypes), std::end(kTypes), name) != std::end(kTypes);
  return module == "torch" && dtypeFromTorch(name).has_value();
}

} // namespace recast::format::torch
