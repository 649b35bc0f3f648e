// The nodes that a pickle builds while it runs. Containers are filled after they were used, so
// nodes refer to each other by number; the immutable plan::Object tree is made once at the end,
// when cycles, depth and size can be judged.
#pragma once

#include "runtime/format/torch/read/Pickle.h"

#include <memory>
#include <memory_resource>
#include <span>
#include <vector>

namespace recast::format::torch {

using NodeId = uint32_t;
inline constexpr NodeId kNoNode = 0xffffffffu;

/// A persistent id: `('storage', class, key, location, numel)`.
struct StorageNode {
  std::string_view module, name; ///< Storage class.
  std::string key, location;
  int64_t elements = 0;
};

/// Nodes in a row, in memory of the tree: a checkpoint has a few per tensor, and they all go at
/// once. Copies share that memory, so only one of them may grow.
class NodeList {
public:
  NodeList() = default;
  std::span<const NodeId> ids() const { return {ids_, size_}; }
  auto begin() const { return ids().begin(); }
  auto end() const { return ids().end(); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  NodeId operator[](size_t i) const { return ids_[i]; }

private:
  friend struct PickleTree;
  NodeId *ids_ = nullptr;
  uint32_t size_ = 0, room_ = 0;
};

struct Node {
  using Kind = plan::Object::Kind;
  Kind kind = Kind::None;
  /// Not a value of its own but the persistent id `storages[value]`.
  bool isStorage = false;
  /// Callee, arguments, state of a Call or Instance; the module of a Global is `first`'s text.
  NodeId first = kNoNode, second = kNoNode, third = kNoNode;
  union {
    int64_t integer = 0;
    double real;
    uint64_t index; ///< Into `storages` or `tensors`.
  };
  std::string_view text; ///< Into the pickle, or into `texts`.
  /// Items; for Dict, Ordered, Call and Instance alternating keys and values.
  NodeList children;
};

struct PickleTree {
  std::vector<Node> nodes;
  std::vector<StorageNode> storages;
  std::vector<std::shared_ptr<const plan::TensorRef>> tensors;

  void append(NodeList &list, std::span<const NodeId> ids);

  /// The tree below `root` as immutable objects: no cycles, unique string and integer keys, at most
  /// kMaxObjectDepth deep and kMaxObjectNodes large when sharing is expanded.
  Result<plan::ObjectPtr> build(NodeId root, PickleBudget &budget) const;

private:
  std::pmr::monotonic_buffer_resource lists_;
};

} // namespace recast::format::torch
