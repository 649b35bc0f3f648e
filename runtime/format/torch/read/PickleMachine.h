// The stack machine behind readPickle: one method per group of opcodes.
#pragma once

#include "runtime/format/torch/read/PickleTree.h"

#include <array>
#include <deque>
#include <optional>

namespace recast::format::torch {

class PickleMachine {
public:
  PickleMachine(std::string_view bytes, PickleBudget &budget) : bytes_(bytes), budget_(budget) {
    bytesSeen_.fill(kNoNode);
  }
  /// Runs to the end of the pickle; `length` tells where that is.
  Result<Pickle> run();
  size_t length() const { return at_; }
  /// The input ended before the pickle did.
  bool isCutOff() const { return cutOff_; }

private:
  using Kind = plan::Object::Kind;

  tl::unexpected<Error> bad(std::string_view what) const;
  Status step(uint8_t opcode);
  Status stepProtocol4(uint8_t opcode);

  // Input. `take` fails at the end of the pickle.
  Result<std::string_view> take(uint64_t size);
  Result<uint64_t> number(int size); ///< Unsigned, little-endian.
  Result<std::string_view> line();

  // Nodes and the stack. A mark is a stack height; nothing below the last mark can be popped.
  Result<NodeId> make(Kind kind);
  Node &node(NodeId id) { return tree_.nodes[id]; }
  Status push(NodeId id);
  Status pushNew(Kind kind);
  Result<NodeId> pop();
  Result<NodeId> top();
  Result<std::vector<NodeId>> popToMark();

  Status pushText(Kind kind, int lengthBytes);
  Status pushLong(int lengthBytes);
  Status pushTuple(size_t count);
  Status pushGlobal(std::string_view module, std::string_view name);
  Status put(uint64_t index);
  Status get(uint64_t index);
  Status append(NodeId target, std::span<const NodeId> items);
  Status setItems(NodeId target, std::span<const NodeId> items);
  Status reduce();
  Status newObject(bool keywords);
  Status build();
  Status persistentId();

  // What a call of a known function means (PickleCalls.cpp); kNoNode: keep it as a Call.
  Result<NodeId> interpret(NodeId callee, NodeId arguments);
  Result<NodeId> latin1Bytes(const std::vector<NodeId> &arguments);
  Result<NodeId> orderedDict(const std::vector<NodeId> &arguments);
  Result<NodeId> rebuildTensor(const std::vector<NodeId> &arguments, bool explicitType);
  Result<NodeId> rebuildPlainTensor(const std::vector<NodeId> &arguments);
  Result<NodeId> viewOf(const std::vector<NodeId> &arguments, DType dtype, bool untyped,
                        bool requiresGrad);
  static bool unpackPairs(plan::TensorRef &ref);
  Result<NodeId> rebuildParameter(const std::vector<NodeId> &arguments);
  Result<NodeId> rebuildFromType(const std::vector<NodeId> &arguments);
  Result<NodeId> makeTensor(plan::TensorRef ref);
  std::optional<std::vector<int64_t>> intTuple(NodeId id) const;
  bool isGlobal(NodeId id, std::string_view module, std::string_view name) const;

  std::string_view bytes_;
  size_t at_ = 0, opcodeAt_ = 0;
  bool cutOff_ = false;
  PickleBudget &budget_;
  PickleTree tree_;
  std::deque<std::string> texts_; ///< Texts that are not in the pickle as such.
  std::vector<NodeId> stack_;
  std::vector<size_t> marks_;
  std::vector<NodeId> memo_;
  NodeId none_ = kNoNode, true_ = kNoNode, false_ = kNoNode;
  /// Integers of one byte, shared: some files hold one per parameter and rank.
  std::array<NodeId, 256> bytesSeen_;
  std::map<std::pair<std::string_view, std::string_view>, NodeId> globals_;
  Pickle out_;
};

} // namespace recast::format::torch
