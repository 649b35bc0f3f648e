#include "runtime/format/torch/read/Pickle.h"

#include "runtime/format/Printable.h"
#include "runtime/format/torch/read/KnownGlobals.h"
#include "runtime/format/torch/read/PickleMachine.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>

namespace recast::format::torch {
namespace {

/// Two's complement, little-endian, as LONG1 and LONG4 store it, to decimal digits.
std::string toDecimal(std::string_view bytes) {
  bool negative = static_cast<unsigned char>(bytes.back()) >= 0x80;
  std::vector<uint32_t> limbs((bytes.size() + 3) / 4, negative ? 0xffffffffu : 0);
  for (size_t i = 0; i < bytes.size(); ++i) {
    limbs[i / 4] &= ~(0xffu << (i % 4 * 8));
    limbs[i / 4] |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])) << (i % 4 * 8);
  }
  if (negative) {
    uint64_t carry = 1;
    for (uint32_t &limb : limbs) {
      carry += static_cast<uint32_t>(~limb);
      limb = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
  }
  std::vector<uint32_t> groups; ///< Nine decimal digits each, least significant first.
  while (!limbs.empty()) {
    uint64_t remainder = 0;
    for (size_t i = limbs.size(); i-- > 0;) {
      remainder = remainder << 32 | limbs[i];
      limbs[i] = static_cast<uint32_t>(remainder / 1'000'000'000);
      remainder %= 1'000'000'000;
    }
    groups.push_back(static_cast<uint32_t>(remainder));
    while (!limbs.empty() && limbs.back() == 0)
      limbs.pop_back();
  }
  std::string out = negative ? "-" : "";
  out += std::to_string(groups.back());
  for (size_t i = groups.size() - 1; i-- > 0;)
    out += fmt::format("{:09}", groups[i]);
  return out;
}

} // namespace

Result<Pickle> readPickle(std::string_view bytes, PickleBudget &budget) {
  PickleMachine machine(bytes, budget);
  RECAST_ASSIGN(Pickle out, machine.run());
  if (machine.length() != bytes.size())
    return badInput(fmt::format("damaged or hostile pickle: bytes follow its end (byte {} of {})",
                                machine.length(), bytes.size()));
  return out;
}

Result<Pickle> readPickleAt(std::string_view bytes, size_t &consumed, PickleBudget &budget) {
  PickleMachine machine(bytes, budget);
  auto out = machine.run();
  consumed = machine.isCutOff() ? bytes.size() + 1 : machine.length();
  return out;
}

tl::unexpected<Error> PickleMachine::bad(std::string_view what) const {
  return badInput(
      fmt::format("damaged or hostile pickle: {} (byte {} of {})", what, opcodeAt_, bytes_.size()));
}

Result<Pickle> PickleMachine::run() {
  // Most opcodes make no node of their own.
  tree_.nodes.reserve(std::min(bytes_.size() / 8, plan::kMaxObjectNodes));
  RECAST_ASSIGN(none_, make(Kind::None));
  RECAST_ASSIGN(false_, make(Kind::Bool));
  RECAST_ASSIGN(true_, make(Kind::Bool));
  node(true_).integer = 1;

  RECAST_ASSIGN(std::string_view head, take(2));
  if (head[0] != '\x80' || head[1] < 2 || head[1] > 5)
    return bad("it does not start with protocol 2, 3, 4 or 5");
  while (true) {
    opcodeAt_ = at_;
    RECAST_ASSIGN(std::string_view opcode, take(1));
    if (opcode[0] == '.')
      break;
    RECAST_TRY(step(static_cast<uint8_t>(opcode[0])));
  }
  if (at_ > budget_.bytes)
    return bad("the files of this checkpoint hold too many bytes of pickle together");
  budget_.bytes -= at_;
  if (!marks_.empty() || stack_.size() != 1)
    return bad("it does not end with one object");
  RECAST_ASSIGN(out_.root, tree_.build(stack_[0], budget_));
  return std::move(out_);
}

tl::unexpected<Error> PickleMachine::cutOff() {
  cutOff_ = true;
  return bad("it ends in the middle of an opcode");
}

Result<std::string_view> PickleMachine::line() {
  size_t end = bytes_.find('\n', at_);
  if (end == std::string_view::npos) {
    cutOff_ = true;
    return bad("it ends in the middle of a name");
  }
  std::string_view out = bytes_.substr(at_, end - at_);
  at_ = end + 1;
  return out;
}

Result<NodeId> PickleMachine::make(Kind kind) {
  if (budget_.nodes == 0)
    return bad("the files of this checkpoint hold too many objects together");
  if (tree_.nodes.size() >= plan::kMaxObjectNodes)
    return bad(fmt::format("it makes more than {} objects", plan::kMaxObjectNodes));
  --budget_.nodes;
  tree_.nodes.emplace_back().kind = kind;
  return static_cast<NodeId>(tree_.nodes.size() - 1);
}

Status PickleMachine::pushNew(Kind kind) {
  RECAST_ASSIGN(NodeId id, make(kind));
  return push(id);
}

Result<NodeId> PickleMachine::pop() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()))
    return bad("it pops from an empty stack");
  NodeId id = stack_.back();
  stack_.pop_back();
  return id;
}

Result<NodeId> PickleMachine::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()))
    return bad("it looks at an empty stack");
  return stack_.back();
}

Result<std::span<const NodeId>> PickleMachine::aboveMark() {
  if (marks_.empty())
    return bad("it looks for a mark that is not there");
  return std::span(stack_).subspan(marks_.back());
}

void PickleMachine::dropToMark() {
  stack_.resize(marks_.back());
  marks_.pop_back();
}

Result<NodeId> PickleMachine::belowMark() {
  size_t floor = marks_.size() < 2 ? 0 : marks_[marks_.size() - 2];
  if (marks_.back() <= floor)
    return bad("it looks at an empty stack");
  return stack_[marks_.back() - 1];
}

Status PickleMachine::fillFromMark(Status (PickleMachine::*fill)(NodeId, std::span<const NodeId>)) {
  RECAST_ASSIGN(std::span<const NodeId> items, aboveMark());
  RECAST_ASSIGN(NodeId target, belowMark());
  RECAST_TRY((this->*fill)(target, items));
  dropToMark();
  return {};
}

Status PickleMachine::pushText(Kind kind, size_t lengthBytes) {
  RECAST_ASSIGN(uint64_t size, number(lengthBytes));
  RECAST_ASSIGN(std::string_view text, take(size));
  RECAST_TRY(pushNew(kind));
  node(stack_.back()).text = text;
  return {};
}

Status PickleMachine::pushLong(size_t lengthBytes) {
  RECAST_ASSIGN(uint64_t size, number(lengthBytes));
  if (size > kMaxLongBytes)
    return bad(fmt::format("an integer of {} bytes", size));
  RECAST_ASSIGN(std::string_view raw, take(size));
  if (raw.size() > 8) {
    RECAST_TRY(pushNew(Kind::BigInt));
    node(stack_.back()).text = texts_.emplace_back(toDecimal(raw));
    return {};
  }
  uint64_t value = !raw.empty() && static_cast<unsigned char>(raw.back()) >= 0x80 ? UINT64_MAX : 0;
  for (size_t i = raw.size(); i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(raw[i]);
  return pushInt(static_cast<int64_t>(value));
}

Status PickleMachine::pushInt(int64_t value) {
  NodeId &last = lastInts_[static_cast<uint64_t>(value) % lastInts_.size()];
  if (last == kNoNode || node(last).integer != value) {
    RECAST_ASSIGN(last, make(Kind::Int));
    node(last).integer = value;
  }
  return push(last);
}

Status PickleMachine::pushSmallInts() {
  do {
    RECAST_ASSIGN(std::string_view value, take(1));
    RECAST_TRY(pushInt(static_cast<unsigned char>(value[0])));
    opcodeAt_ = at_;
  } while (at_ < bytes_.size() && bytes_[at_] == 'K' && ++at_);
  return {};
}

Status PickleMachine::pushTuple(size_t count) {
  std::array<NodeId, 3> items{};
  for (size_t i = count; i-- > 0;) {
    RECAST_ASSIGN(items[i], pop());
  }
  RECAST_TRY(pushNew(Kind::Tuple));
  tree_.append(node(stack_.back()).children, std::span(items).first(count));
  return {};
}

Status PickleMachine::pushGlobal(std::string_view module, std::string_view name) {
  auto found = globals_.find({module, name});
  if (found != globals_.end())
    return push(found->second);
  if (!isKnownGlobal(module, name))
    out_.foreignGlobals.insert(printable(fmt::format("{}.{}", module, name)));
  RECAST_ASSIGN(NodeId moduleNode, make(Kind::String));
  node(moduleNode).text = module;
  RECAST_ASSIGN(NodeId id, make(Kind::Global));
  node(id).text = name;
  node(id).first = moduleNode;
  globals_.emplace(std::pair(module, name), id);
  return push(id);
}

Status PickleMachine::put(uint64_t index) {
  // Picklers number the memo densely; a sparse index would only cost memory.
  if (index > memo_.size() + 1)
    return bad("its memo has gaps");
  if (index >= kMaxStack)
    return bad("its memo grows too large");
  RECAST_ASSIGN(NodeId id, top());
  if (index == memo_.size())
    memo_.push_back(id);
  else if (index > memo_.size())
    memo_.insert(memo_.end(), {kNoNode, id});
  else
    memo_[index] = id;
  return {};
}

Status PickleMachine::append(NodeId target, std::span<const NodeId> items) {
  Node &list = node(target);
  if (list.kind == Kind::List && !list.isStorage) {
    tree_.append(list.children, items);
    return {};
  }
  // A list class of someone's own: items as values of None keys.
  if (list.kind == Kind::Call || list.kind == Kind::Instance) {
    for (NodeId item : items)
      tree_.append(list.children, std::array{none_, item});
    return {};
  }
  return bad("it appends to something that is not a list");
}

Status PickleMachine::setItems(NodeId target, std::span<const NodeId> items) {
  Node &dict = node(target);
  if (items.size() % 2)
    return bad("a key without a value");
  if (dict.isStorage || (dict.kind != Kind::Dict && dict.kind != Kind::Ordered &&
                         dict.kind != Kind::Call && dict.kind != Kind::Instance))
    return bad("it sets items of something that is not a dict");
  tree_.append(dict.children, items);
  return {};
}

Status PickleMachine::addItems(NodeId target, std::span<const NodeId> items) {
  if (node(target).kind != Kind::Set)
    return bad("it adds items to something that is not a set");
  tree_.append(node(target).children, items);
  return {};
}

Status PickleMachine::reduce() {
  RECAST_ASSIGN(NodeId arguments, pop());
  RECAST_ASSIGN(NodeId callee, pop());
  if (node(arguments).kind != Kind::Tuple)
    return bad("a call whose arguments are not a tuple");
  RECAST_ASSIGN(NodeId meaning, interpret(callee, arguments));
  if (meaning != kNoNode)
    return push(meaning);
  RECAST_TRY(pushNew(Kind::Call));
  node(stack_.back()).first = callee;
  node(stack_.back()).second = arguments;
  return {};
}

Status PickleMachine::newObject(bool keywords) {
  if (keywords) {
    // Keyword arguments are not part of an Instance; classes that need them are nobody's here.
    RECAST_ASSIGN(NodeId dict, pop());
    if (node(dict).kind != Kind::Dict || !node(dict).children.empty())
      return bad("an object made with keyword arguments");
  }
  RECAST_ASSIGN(NodeId arguments, pop());
  RECAST_ASSIGN(NodeId callee, pop());
  if (node(arguments).kind != Kind::Tuple)
    return bad("an object whose arguments are not a tuple");
  RECAST_TRY(pushNew(Kind::Instance));
  node(stack_.back()).first = callee;
  node(stack_.back()).second = arguments;
  return {};
}

Status PickleMachine::build() {
  RECAST_ASSIGN(NodeId state, pop());
  RECAST_ASSIGN(NodeId target, top());
  Node &object = node(target);
  if (object.kind == Kind::Call || object.kind == Kind::Instance) {
    if (object.third != kNoNode)
      return bad("an object is given its state twice");
    object.third = state;
    return {};
  }
  // Attributes of an OrderedDict are torch's `_metadata` (versions of modules), those of a tensor
  // are Python conveniences: neither is data of a checkpoint.
  if (object.kind == Kind::Ordered || object.kind == Kind::Tensor)
    return {};
  return bad("it gives a state to a plain value");
}

} // namespace recast::format::torch
