// Which opcode does what: protocols 2 and 3, and the additions of protocols 4 and 5.
#include "runtime/format/torch/read/PickleMachine.h"

#include <bit>
#include <fmt/format.h>

namespace recast::format::torch {

Status PickleMachine::step(uint8_t opcode) {
  switch (opcode) {
  case '(':
    if (marks_.size() >= kMaxStack)
      return bad("its stack grows too deep");
    marks_.push_back(stack_.size());
    return {};
  case '0':
    RECAST_TRY(pop());
    return {};
  case '1':
    RECAST_TRY(aboveMark());
    dropToMark();
    return {};
  case '2': {
    RECAST_ASSIGN(NodeId id, top());
    return push(id);
  }
  case 'N':
    return push(none_);
  case 0x88:
    return push(true_);
  case 0x89:
    return push(false_);
  case 'J': {
    RECAST_ASSIGN(uint64_t value, number(4));
    return pushInt(static_cast<int32_t>(static_cast<uint32_t>(value)));
  }
  case 'K':
    return pushSmallInts();
  case 'M': {
    RECAST_ASSIGN(uint64_t value, number(2));
    return pushInt(static_cast<int64_t>(value));
  }
  case 0x8a:
    return pushLong(1);
  case 0x8b:
    return pushLong(4);
  case 'G': {
    // The one big-endian value in a pickle.
    RECAST_ASSIGN(std::string_view raw, take(8));
    uint64_t value = 0;
    for (char c : raw)
      value = value << 8 | static_cast<unsigned char>(c);
    RECAST_TRY(pushNew(Kind::Float));
    node(stack_.back()).real = std::bit_cast<double>(value);
    return {};
  }
  case 'X':
    return pushText(Kind::String, 4);
  // Python 2 strings; torch's storage keys were such.
  case 'U':
    return pushText(Kind::String, 1);
  case 'T':
    return pushText(Kind::String, 4);
  case 'C':
    return pushText(Kind::Bytes, 1);
  case 'B':
    return pushText(Kind::Bytes, 4);
  case '}':
    return pushNew(Kind::Dict);
  case ']':
    return pushNew(Kind::List);
  case ')':
    if (noItems_ == kNoNode) {
      RECAST_ASSIGN(noItems_, make(Kind::Tuple));
    }
    return push(noItems_);
  case 0x85:
  case 0x86:
  case 0x87:
    return pushTuple(static_cast<size_t>(opcode - 0x84));
  case 't': {
    RECAST_ASSIGN(std::span<const NodeId> items, aboveMark());
    RECAST_ASSIGN(NodeId id, make(Kind::Tuple));
    tree_.append(node(id).children, items);
    dropToMark();
    return push(id);
  }
  case 'a': {
    RECAST_ASSIGN(NodeId item, pop());
    RECAST_ASSIGN(NodeId target, top());
    return append(target, std::span(&item, 1));
  }
  case 'e':
    return fillFromMark(&PickleMachine::append);
  case 's': {
    RECAST_ASSIGN(NodeId value, pop());
    RECAST_ASSIGN(NodeId key, pop());
    RECAST_ASSIGN(NodeId target, top());
    NodeId items[] = {key, value};
    return setItems(target, items);
  }
  case 'u':
    return fillFromMark(&PickleMachine::setItems);
  case 'q': {
    RECAST_ASSIGN(uint64_t index, number(1));
    return put(index);
  }
  case 'r': {
    RECAST_ASSIGN(uint64_t index, number(4));
    return put(index);
  }
  case 'h': {
    RECAST_ASSIGN(uint64_t index, number(1));
    return get(index);
  }
  case 'j': {
    RECAST_ASSIGN(uint64_t index, number(4));
    return get(index);
  }
  case 'c': {
    RECAST_ASSIGN(std::string_view module, line());
    RECAST_ASSIGN(std::string_view name, line());
    return pushGlobal(module, name);
  }
  case 'R':
    return reduce();
  case 0x81:
    return newObject(/*keywords=*/false);
  case 'b':
    return build();
  case 'Q':
    return persistentId();
  default:
    return stepProtocol4(opcode);
  }
}

/// Opcodes of protocols 4 and 5.
Status PickleMachine::stepProtocol4(uint8_t opcode) {
  switch (opcode) {
  case 0x8c:
    return pushText(Kind::String, 1);
  case 0x8d:
    return pushText(Kind::String, 8);
  case 0x8e:
  case 0x96: // A bytearray: the same bytes, as data.
    return pushText(Kind::Bytes, 8);
  case 0x8f:
    return pushNew(Kind::Set);
  case 0x90:
    return fillFromMark(&PickleMachine::addItems);
  case 0x91: {
    RECAST_ASSIGN(std::span<const NodeId> items, aboveMark());
    RECAST_ASSIGN(NodeId list, make(Kind::List));
    tree_.append(node(list).children, items);
    dropToMark();
    RECAST_TRY(pushGlobal("builtins", "frozenset"));
    RECAST_ASSIGN(NodeId callee, pop());
    RECAST_ASSIGN(NodeId arguments, make(Kind::Tuple));
    tree_.append(node(arguments).children, std::span(&list, 1));
    RECAST_TRY(pushNew(Kind::Call));
    node(stack_.back()).first = callee;
    node(stack_.back()).second = arguments;
    return {};
  }
  case 0x92:
    return newObject(/*keywords=*/true);
  case 0x93: {
    RECAST_ASSIGN(NodeId name, pop());
    RECAST_ASSIGN(NodeId module, pop());
    if (node(name).kind != Kind::String || node(module).kind != Kind::String)
      return bad("a global whose name is not a string");
    return pushGlobal(node(module).text, node(name).text);
  }
  case 0x94:
    return put(memo_.size());
  case 0x95: {
    RECAST_ASSIGN(uint64_t size, number(8));
    if (size > bytes_.size() - at_) {
      cutOff_ = true;
      return bad("a frame reaches beyond its end");
    }
    return {};
  }
  default:
    return bad(fmt::format("opcode 0x{:02x} is not one that torch.save writes", opcode));
  }
}

} // namespace recast::format::torch
