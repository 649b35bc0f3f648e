// What the calls in a torch pickle mean. Everything that is not understood exactly stays a Call.
#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"
#include "runtime/format/torch/read/KnownGlobals.h"
#include "runtime/format/torch/read/PickleMachine.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::format::torch {

bool PickleMachine::isGlobal(NodeId id, std::string_view module, std::string_view name) const {
  const Node &n = tree_.nodes[id];
  return n.kind == Kind::Global && n.text == name && tree_.nodes[n.first].text == module;
}

std::optional<std::vector<int64_t>> PickleMachine::intTuple(NodeId id) const {
  const Node &n = tree_.nodes[id];
  // torch.Size inside the arguments of a tensor is a call with one tuple.
  if (n.kind == Kind::Call && isGlobal(n.first, "torch", "Size")) {
    const Node &arguments = tree_.nodes[n.second];
    if (arguments.children.size() != 1 || tree_.nodes[arguments.children[0]].kind != Kind::Tuple)
      return std::nullopt;
    return intTuple(arguments.children[0]);
  }
  if (n.kind != Kind::Tuple)
    return std::nullopt;
  std::vector<int64_t> out;
  out.reserve(n.children.size());
  for (NodeId child : n.children) {
    if (tree_.nodes[child].kind != Kind::Int)
      return std::nullopt;
    out.push_back(tree_.nodes[child].integer);
  }
  return out;
}

Result<NodeId> PickleMachine::interpret(NodeId callee, NodeId argumentTuple) {
  if (node(callee).kind != Kind::Global)
    return kNoNode;
  const NodeList arguments = node(argumentTuple).children;
  std::string_view module = node(node(callee).first).text, name = node(callee).text;
  if (module == "torch._utils") {
    if (name == "_rebuild_tensor")
      return rebuildPlainTensor(arguments);
    if (name == "_rebuild_tensor_v2")
      return rebuildTensor(arguments, /*explicitType=*/false);
    if (name == "_rebuild_tensor_v3")
      return rebuildTensor(arguments, /*explicitType=*/true);
    if (name == "_rebuild_parameter" || name == "_rebuild_parameter_with_state")
      return rebuildParameter(arguments);
  }
  if (module == "torch._tensor" && name == "_rebuild_from_type_v2")
    return rebuildFromType(arguments);
  if (module == "collections" && name == "OrderedDict")
    return orderedDict(arguments);
  bool builtin = module == "builtins" || module == "__builtin__";
  if (builtin && name == "set" && arguments.size() == 1 && node(arguments[0]).kind == Kind::List) {
    RECAST_ASSIGN(NodeId id, make(Kind::Set));
    tree_.append(node(id).children, node(arguments[0]).children.ids());
    return id;
  }
  if (builtin && name == "bytes" && arguments.empty())
    return make(Kind::Bytes);
  if (module == "_codecs" && name == "encode")
    return latin1Bytes(arguments);
  return kNoNode;
}

/// Protocol 2 has no bytes: Python writes them as text of code points 0 to 255, to be encoded.
Result<NodeId> PickleMachine::latin1Bytes(NodeList arguments) {
  if (arguments.size() != 2 || node(arguments[0]).kind != Kind::String ||
      node(arguments[1]).text != "latin1")
    return kNoNode;
  std::string_view text = node(arguments[0]).text;
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      bytes += static_cast<char>(lead);
      continue;
    }
    auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[++i]) : 0u;
    if ((lead != 0xC2 && lead != 0xC3) || next >> 6 != 0x2)
      return bad("bytes that are not latin-1 text");
    bytes += static_cast<char>((lead & 0x3) << 6 | (next & 0x3F));
  }
  RECAST_ASSIGN(NodeId id, make(Kind::Bytes));
  node(id).text = texts_.emplace_back(std::move(bytes));
  return id;
}

Result<NodeId> PickleMachine::orderedDict(NodeList arguments) {
  NodeList children;
  if (arguments.size() == 1 && node(arguments[0]).kind == Kind::List) {
    // Python 2 passes the pairs to the constructor.
    for (NodeId pair : node(arguments[0]).children) {
      const Node &n = node(pair);
      if ((n.kind != Kind::List && n.kind != Kind::Tuple) || n.children.size() != 2)
        return kNoNode;
      tree_.append(children, n.children.ids());
    }
  } else if (!arguments.empty()) {
    return kNoNode;
  }
  RECAST_ASSIGN(NodeId id, make(Kind::Ordered));
  node(id).children = children;
  return id;
}

Status PickleMachine::persistentId() {
  RECAST_ASSIGN(NodeId id, pop());
  const Node tuple = node(id);
  auto is = [&](size_t i, Kind kind) { return node(tuple.children[i]).kind == kind; };
  if (tuple.kind == Kind::Tuple && !tuple.children.empty() && is(0, Kind::String) &&
      node(tuple.children[0]).text == "module")
    return bad("a whole nn.Module, whose class only its program knows; save its state_dict() "
               "instead");
  // The old format adds a sixth item: a view of another storage, which no torch since 0.4 writes.
  size_t count = tuple.children.size();
  bool isOld = tuple.kind == Kind::Tuple && count == 6 && is(5, Kind::None);
  if (tuple.kind != Kind::Tuple || (count != 5 && !isOld) || !is(0, Kind::String) ||
      node(tuple.children[0]).text != "storage" || !is(1, Kind::Global) || !is(2, Kind::String) ||
      !is(3, Kind::String) || !is(4, Kind::Int))
    return bad("a persistent id that is not a storage of torch");
  const Node &cls = node(tuple.children[1]);
  if (lastStorage_ != kNoNode) {
    const StorageNode &last = tree_.storages[node(lastStorage_).index];
    if (last.module == node(cls.first).text && last.name == cls.text &&
        last.key == node(tuple.children[2]).text && last.location == node(tuple.children[3]).text &&
        last.elements == node(tuple.children[4]).integer)
      return push(lastStorage_);
  }
  StorageNode storage;
  storage.module = node(cls.first).text;
  storage.name = cls.text;
  storage.key = node(tuple.children[2]).text;
  storage.location = node(tuple.children[3]).text;
  storage.elements = node(tuple.children[4]).integer;

  auto dtype = storageDType(storage.module, storage.name);
  if (dtype || isUntypedStorage(storage.module, storage.name)) {
    int64_t width = dtype ? byteWidth(*dtype) : 1;
    auto bytes = checkedMul(storage.elements, width);
    if (storage.elements < 0 || !bytes)
      return bad(fmt::format("storage '{}' has an impossible size", printable(storage.key)));
    auto [known, isNew] = out_.storages.emplace(storage.key, static_cast<uint64_t>(*bytes));
    if (!isNew && known->second != static_cast<uint64_t>(*bytes))
      return bad(fmt::format("storage '{}' is given two sizes", printable(storage.key)));
  }
  tree_.storages.push_back(std::move(storage));
  RECAST_TRY(pushNew(Kind::None));
  node(stack_.back()).isStorage = true;
  node(stack_.back()).index = tree_.storages.size() - 1;
  lastStorage_ = stack_.back();
  return {};
}

Result<NodeId> PickleMachine::rebuildTensor(NodeList arguments, bool explicitType) {
  // (storage, offset, size, stride, requires_grad, hooks[, dtype][, metadata])
  size_t fixed = explicitType ? 7 : 6;
  if (arguments.size() < fixed || arguments.size() > fixed + 1 || !node(arguments[0]).isStorage ||
      node(arguments[1]).kind != Kind::Int || node(arguments[4]).kind != Kind::Bool)
    return kNoNode;
  // Metadata says "conjugated" or "negated": the bytes are then not the values.
  if (arguments.size() == fixed + 1 && node(arguments[fixed]).kind != Kind::None &&
      !(node(arguments[fixed]).kind == Kind::Dict && node(arguments[fixed]).children.empty()))
    return kNoNode;
  const StorageNode &storage = tree_.storages[node(arguments[0]).index];
  std::optional<DType> dtype = storageDType(storage.module, storage.name);
  bool untyped = isUntypedStorage(storage.module, storage.name);
  if (explicitType) {
    const Node &type = node(arguments[6]);
    if (!untyped || type.kind != Kind::Global || node(type.first).text != "torch")
      return kNoNode;
    dtype = dtypeFromTorch(type.text);
  }
  if (!dtype)
    return kNoNode;
  return viewOf(arguments, *dtype, untyped, node(arguments[4]).integer != 0);
}

/// (storage, offset, size, stride): torch before 0.4.
Result<NodeId> PickleMachine::rebuildPlainTensor(NodeList arguments) {
  if (arguments.size() != 4 || !node(arguments[0]).isStorage ||
      node(arguments[1]).kind != Kind::Int)
    return kNoNode;
  const StorageNode &storage = tree_.storages[node(arguments[0]).index];
  auto dtype = storageDType(storage.module, storage.name);
  return dtype ? viewOf(arguments, *dtype, /*untyped=*/false, /*requiresGrad=*/false)
               : Result<NodeId>(kNoNode);
}

/// (storage, offset, size, stride, ...), all of the right kind.
Result<NodeId> PickleMachine::viewOf(NodeList arguments, DType dtype, bool untyped,
                                     bool requiresGrad) {
  const StorageNode &storage = tree_.storages[node(arguments[0]).index];
  auto shape = intTuple(arguments[2]), strides = intTuple(arguments[3]);
  if (!shape || !strides || shape->size() != strides->size())
    return bad("a tensor with a malformed size");

  plan::TensorRef ref;
  ref.dtype = dtype;
  ref.storage = storage.key;
  ref.location = storage.location;
  ref.storageElements =
      untyped ? storage.elements / std::max(byteWidth(dtype), 1u) : storage.elements;
  ref.offset = node(arguments[1]).integer;
  ref.shape = std::move(*shape);
  ref.strides = std::move(*strides);
  ref.requiresGrad = requiresGrad;
  if (byteWidth(dtype) == 0 && !unpackPairs(ref))
    return kNoNode;
  return makeTensor(std::move(ref));
}

/// torch counts a byte with two values as one element; we count values. False for views that take
/// the two apart, and for those without a dimension along which they lie.
bool PickleMachine::unpackPairs(plan::TensorRef &ref) {
  if (ref.shape.empty() || (ref.shape.back() > 1 && ref.strides.back() != 1))
    return false;
  std::vector<int64_t *> numbers = {&ref.storageElements, &ref.offset, &ref.shape.back()};
  for (size_t i = 0; i + 1 < ref.strides.size(); ++i)
    numbers.push_back(&ref.strides[i]);
  for (int64_t *number : numbers) {
    auto twice = checkedMul<int64_t>(*number, 2);
    if (!twice)
      return false;
    *number = *twice;
  }
  ref.strides.back() = 1;
  return true;
}

Result<NodeId> PickleMachine::makeTensor(plan::TensorRef ref) {
  // The last element that the view touches, plus one.
  std::optional<int64_t> end = ref.offset;
  auto count = elementCount(ref.shape);
  for (size_t i = 0; i < ref.shape.size() && count && *count > 0 && end; ++i) {
    auto reach = checkedMul(ref.shape[i] - 1, ref.strides[i]);
    end = ref.strides[i] < 0 || !reach ? std::nullopt : checkedAdd(*end, *reach);
  }
  if (end && count && *count > 0)
    end = checkedAdd(*end, int64_t{1});
  if (ref.offset < 0 || !count || !end || *end > ref.storageElements)
    return bad(
        fmt::format("a tensor that reaches beyond its storage '{}'", printable(ref.storage)));
  RECAST_ASSIGN(NodeId id, make(Kind::Tensor));
  node(id).index = tree_.tensors.size();
  tree_.tensors.push_back(std::make_shared<const plan::TensorRef>(std::move(ref)));
  return id;
}

Result<NodeId> PickleMachine::rebuildParameter(NodeList arguments) {
  if (arguments.size() < 3 || node(arguments[0]).kind != Kind::Tensor ||
      node(arguments[1]).kind != Kind::Bool)
    return kNoNode;
  plan::TensorRef ref = *tree_.tensors[node(arguments[0]).index];
  ref.parameter = true;
  ref.requiresGrad = node(arguments[1]).integer != 0;
  return makeTensor(std::move(ref));
}

/// (function, type, arguments, state): a plain tensor or parameter that has Python attributes.
Result<NodeId> PickleMachine::rebuildFromType(NodeList arguments) {
  if (arguments.size() != 4 || node(arguments[2]).kind != Kind::Tuple ||
      !(isGlobal(arguments[1], "torch", "Tensor") ||
        isGlobal(arguments[1], "torch.nn.parameter", "Parameter")) ||
      isGlobal(arguments[0], "torch._tensor", "_rebuild_from_type_v2"))
    return kNoNode;
  RECAST_ASSIGN(NodeId id, interpret(arguments[0], arguments[2]));
  return id != kNoNode && node(id).kind == Kind::Tensor ? id : kNoNode;
}

} // namespace recast::format::torch
