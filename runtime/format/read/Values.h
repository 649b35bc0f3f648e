// Values out of inert object trees, as optionals: what a checkpoint should hold is never certain.
#pragma once

#include "runtime/base/DType.h"
#include "runtime/plan/Object.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace recast::format {

/// A value that was read with the metadata: a Python number or a 0-dim tensor, by its bits.
struct Scalar {
  DType dtype = DType::F32;
  uint64_t bits = 0;
  bool operator==(const Scalar &) const = default;
};
/// "3.0", "3": for messages.
std::string str(const Scalar &scalar);

/// All of these take null and answer nothing for it.
std::optional<int64_t> intOf(const plan::Object *object);
std::optional<bool> boolOf(const plan::Object *object);
std::optional<std::string> stringOf(const plan::Object *object);
/// torch.Size, or a plain tuple or list of non-negative integers.
std::optional<std::vector<int64_t>> shapeOf(const plan::Object *object);
/// Strings of a list or tuple; nothing if one item is something else.
std::optional<std::vector<std::string>> stringsOf(const plan::Object *object);
std::optional<std::vector<int64_t>> intsOf(const plan::Object *object);
/// DeepSpeed's ZeroStageEnum in both pickled forms (a call with the number; `getattr` with the
/// member's name, as Python 3.11.0 to 3.11.2 write it), or a plain integer.
std::optional<int64_t> zeroStageOf(const plan::Object *object);
/// Follows string keys from dict to dict; null where one is missing.
const plan::Object *lookup(const plan::Object *object,
                           std::initializer_list<std::string_view> path);
/// Little-endian bytes of one element, up to 8.
uint64_t bitsOf(std::string_view bytes);

} // namespace recast::format
