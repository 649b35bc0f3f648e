// The stack machine behind readPickle: one method per group of opcodes.
#pragma once

#include "runtime/format/torch/read/PickleTree.h"

#include <array>
#include <cstring>
#include <deque>
#include <optional>

namespace recast::format::torch {

class PickleMachine {
public:
  PickleMachine(std::string_view bytes, PickleBudget &budget) : bytes_(bytes), budget_(budget) {
    lastInts_.fill(kNoNode);
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
  Result<std::string_view> take(uint64_t size) {
    if (size > bytes_.size() - at_)
      return cutOff();
    std::string_view out(bytes_.data() + at_, size);
    at_ += size;
    return out;
  }
  /// Unsigned, little-endian.
  Result<uint64_t> number(size_t size) {
    if (size > bytes_.size() - at_)
      return cutOff();
    uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + at_, size);
    at_ += size;
    return value;
  }
  tl::unexpected<Error> cutOff();
  Result<std::string_view> line();

  // Nodes and the stack. A mark is a stack height; nothing below the last mark can be popped.
  Result<NodeId> make(Kind kind);
  Node &node(NodeId id) { return tree_.nodes[id]; }
  Status push(NodeId id) {
    if (stack_.size() >= kMaxStack)
      return bad("its stack grows too deep");
    stack_.push_back(id);
    return {};
  }
  Status pushNew(Kind kind);
  Result<NodeId> pop();
  Result<NodeId> top();
  /// What lies above the last mark; valid until something is pushed. dropToMark() removes both.
  Result<std::span<const NodeId>> aboveMark();
  void dropToMark();
  /// What lies right below the last mark.
  Result<NodeId> belowMark();

  Status pushText(Kind kind, size_t lengthBytes);
  Status pushInt(int64_t value);
  /// All that follow one another: some files have one per parameter and rank.
  Status pushSmallInts();
  Status pushLong(size_t lengthBytes);
  Status pushTuple(size_t count);
  Status pushGlobal(std::string_view module, std::string_view name);
  Status put(uint64_t index);
  Status get(uint64_t index) {
    if (index >= memo_.size() || memo_[index] == kNoNode)
      return bad("it recalls what was never memoised");
    return push(memo_[index]);
  }
  Status append(NodeId target, std::span<const NodeId> items);
  Status setItems(NodeId target, std::span<const NodeId> items);
  Status addItems(NodeId target, std::span<const NodeId> items);
  /// Hands what is above the mark to what lies below it, which stays on the stack.
  Status fillFromMark(Status (PickleMachine::*fill)(NodeId, std::span<const NodeId>));
  Status reduce();
  Status newObject(bool keywords);
  Status build();
  Status persistentId();

  // What a call of a known function means (PickleCalls.cpp); kNoNode: keep it as a Call.
  Result<NodeId> interpret(NodeId callee, NodeId arguments);
  Result<NodeId> latin1Bytes(NodeList arguments);
  Result<NodeId> orderedDict(NodeList arguments);
  Result<NodeId> rebuildTensor(NodeList arguments, bool explicitType);
  Result<NodeId> rebuildPlainTensor(NodeList arguments);
  Result<NodeId> viewOf(NodeList arguments, DType dtype, bool untyped, bool requiresGrad);
  static bool unpackPairs(plan::TensorRef &ref);
  Result<NodeId> rebuildParameter(NodeList arguments);
  Result<NodeId> rebuildFromType(NodeList arguments);
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
  NodeId none_ = kNoNode, true_ = kNoNode, false_ = kNoNode, noItems_ = kNoNode;
  /// Integers by their last bits, shared: shapes, and paddings of each parameter, are few numbers.
  std::array<NodeId, 4096> lastInts_;
  std::map<std::pair<std::string_view, std::string_view>, NodeId> globals_;
  NodeId lastStorage_ = kNoNode; ///< Many tensors that follow one another lie in one storage.
  Pickle out_;
};

} // namespace recast::format::torch
