#include "runtime/format/torch/read/KnownGlobals.h"

#include <algorithm>
#include <utility>

namespace recast::format::torch {
namespace {
using Name = std::pair<std::string_view, std::string_view>;

constexpr std::pair<std::string_view, DType> kStorages[] = {
    {"FloatStorage", DType::F32},        {"DoubleStorage", DType::F64},
    {"HalfStorage", DType::F16},         {"BFloat16Storage", DType::BF16},
    {"LongStorage", DType::I64},         {"IntStorage", DType::I32},
    {"ShortStorage", DType::I16},        {"CharStorage", DType::I8},
    {"ByteStorage", DType::U8},          {"BoolStorage", DType::Bool},
    {"ComplexFloatStorage", DType::C64}, {"ComplexDoubleStorage", DType::C128},
};

/// `builtins` in Python 3, `__builtin__` as protocol 2 spells it.
constexpr std::string_view kBuiltins[] = {
    "set", "frozenset", "dict",      "list",    "tuple",  "int",   "float", "bool",
    "str", "bytes",     "bytearray", "complex", "object", "slice", "range",
};

constexpr Name kNames[] = {
    {"collections", "OrderedDict"},
    {"collections", "defaultdict"},
    {"collections", "Counter"},
    {"collections", "deque"},
    {"_codecs", "encode"},
    {"copyreg", "_reconstructor"},
    {"copy_reg", "_reconstructor"},
    {"argparse", "Namespace"},
    {"pathlib", "Path"},
    {"pathlib", "PosixPath"},
    {"pathlib", "PurePosixPath"},
    {"torch", "Size"},
    {"torch", "device"},
    {"torch", "Tensor"},
    {"torch._utils", "_rebuild_tensor"},
    {"torch._utils", "_rebuild_tensor_v2"},
    {"torch._utils", "_rebuild_tensor_v3"},
    {"torch._utils", "_rebuild_parameter"},
    {"torch._utils", "_rebuild_parameter_with_state"},
    {"torch._tensor", "_rebuild_from_type_v2"},
    {"torch.nn.parameter", "Parameter"},
    {"torch.serialization", "_get_layout"},
    {"torch.storage", "UntypedStorage"},
    {"numpy", "ndarray"},
    {"numpy", "dtype"},
    {"numpy.core.multiarray", "_reconstruct"},
    {"numpy.core.multiarray", "scalar"},
    {"numpy._core.multiarray", "_reconstruct"},
    {"numpy._core.multiarray", "scalar"},
    {"deepspeed.utils.tensor_fragment", "fragment_address"},
    {"deepspeed.runtime.bf16_optimizer", "fragment_address"},
    {"deepspeed.runtime.zero.config", "ZeroStageEnum"},
    {"deepspeed.runtime.fp16.loss_scaler", "LossScaler"},
    {"deepspeed.runtime.fp16.loss_scaler", "DynamicLossScaler"},
    {"deepspeed.checkpoint.universal_checkpoint", "SubparamShape"},
};

} // namespace

std::optional<DType> storageDType(std::string_view module, std::string_view name) {
  if (module != "torch")
    return std::nullopt;
  for (const auto &[storage, dtype] : kStorages)
    if (storage == name)
      return dtype;
  return std::nullopt;
}

bool isUntypedStorage(std::string_view module, std::string_view name) {
  return module == "torch.storage" && name == "UntypedStorage";
}

bool isKnownGlobal(std::string_view module, std::string_view name) {
  if (module == "builtins" || module == "__builtin__")
    return std::find(std::begin(kBuiltins), std::end(kBuiltins), name) != std::end(kBuiltins);
  if (std::find(std::begin(kNames), std::end(kNames), Name(module, name)) != std::end(kNames))
    return true;
  return storageDType(module, name) || (module == "torch" && dtypeFromTorch(name));
}

} // namespace recast::format::torch
