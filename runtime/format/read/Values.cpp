#include "runtime/format/read/Values.h"

#include <bit>
#include <fmt/format.h>

namespace recast::format {
using plan::Object;
using Kind = Object::Kind;

std::string str(const Scalar &scalar) {
  switch (scalar.dtype) {
  case DType::F32:
    return fmt::format("{}", std::bit_cast<float>(static_cast<uint32_t>(scalar.bits)));
  case DType::F64:
    return fmt::format("{}", std::bit_cast<double>(scalar.bits));
  case DType::I64:
    return fmt::format("{}", static_cast<int64_t>(scalar.bits));
  case DType::I32:
    return fmt::format("{}", static_cast<int32_t>(scalar.bits));
  default:
    return fmt::format("0x{:x} ({})", scalar.bits, name(scalar.dtype));
  }
}

std::optional<int64_t> intOf(const Object *object) {
  return object && object->kind == Kind::Int ? std::optional(object->integer) : std::nullopt;
}

std::optional<bool> boolOf(const Object *object) {
  return object && object->kind == Kind::Bool ? std::optional(object->integer != 0) : std::nullopt;
}

std::optional<std::string> stringOf(const Object *object) {
  return object && object->kind == Kind::String ? std::optional(object->text) : std::nullopt;
}

std::optional<std::vector<int64_t>> intsOf(const Object *object) {
  if (!object || !object->isSequence())
    return std::nullopt;
  std::vector<int64_t> out;
  for (const plan::ObjectPtr &item : object->items) {
    if (item->kind != Kind::Int)
      return std::nullopt;
    out.push_back(item->integer);
  }
  return out;
}

std::optional<std::vector<int64_t>> shapeOf(const Object *object) {
  if (object && object->kind == Kind::Call && object->items[0]->isGlobal("torch", "Size") &&
      object->items[1]->items.size() == 1)
    object = object->items[1]->items[0].get();
  auto shape = intsOf(object);
  if (shape)
    for (int64_t extent : *shape)
      if (extent < 0)
        return std::nullopt;
  return shape;
}

std::optional<std::vector<std::string>> stringsOf(const Object *object) {
  if (!object || !object->isSequence())
    return std::nullopt;
  std::vector<std::string> out;
  for (const plan::ObjectPtr &item : object->items) {
    if (item->kind != Kind::String)
      return std::nullopt;
    out.push_back(item->text);
  }
  return out;
}

std::optional<int64_t> zeroStageOf(const Object *object) {
  if (!object)
    return std::nullopt;
  if (object->kind == Kind::Int)
    return object->integer;
  if (object->kind != Kind::Call)
    return std::nullopt;
  auto isStage = [](const Object &o) {
    return o.isGlobal("deepspeed.runtime.zero.config", "ZeroStageEnum");
  };
  const Object &callee = *object->items[0];
  const std::vector<plan::ObjectPtr> &arguments = object->items[1]->items;
  if (isStage(callee) && arguments.size() == 1)
    return intOf(arguments[0].get());
  bool getattr =
      callee.isGlobal("__builtin__", "getattr") || callee.isGlobal("builtins", "getattr");
  if (!getattr || arguments.size() != 2 || !isStage(*arguments[0]))
    return std::nullopt;
  constexpr std::string_view kNames[] = {"disabled", "optimizer_states", "gradients", "weights"};
  for (int64_t stage = 0; stage < 4; ++stage)
    if (arguments[1]->kind == Kind::String && arguments[1]->text == kNames[stage])
      return stage;
  return std::nullopt;
}

const Object *lookup(const Object *object, std::initializer_list<std::string_view> path) {
  for (std::string_view key : path)
    object = object ? object->find(key) : nullptr;
  return object;
}

uint64_t bitsOf(std::string_view bytes) {
  uint64_t bits = 0;
  for (size_t i = std::min<size_t>(bytes.size(), 8); i-- > 0;)
    bits = bits << 8 | static_cast<unsigned char>(bytes[i]);
  return bits;
}

} // namespace recast::format
