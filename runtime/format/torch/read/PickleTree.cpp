#include "runtime/format/torch/read/PickleTree.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>

namespace recast::format::torch {
namespace {
using plan::Object;
using plan::ObjectPtr;
using Kind = Object::Kind;

uint64_t saturatingAdd(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

/// What a node weighs when every reference to it is a copy.
struct Weight {
  int height = 1;
  uint64_t nodes = 1;
  uint64_t text = 0;
};

class Builder {
public:
  Builder(const PickleTree &tree) : tree_(tree), slotOf_(tree.nodes.size(), kNoSlot) {}

  Result<ObjectPtr> build(NodeId root) {
    RECAST_TRY(visit(root, 0));
    return slots_[slotOf_[root]].object;
  }

  const Weight &weight(NodeId id) const { return slots_[slotOf_[id]].weight; }

private:
  struct Slot {
    ObjectPtr object; ///< Null while it is being made.
    Weight weight;
  };
  static constexpr uint32_t kNoSlot = 0xffffffffu;

  /// Makes the object of a node, unless it is there already.
  Status visit(NodeId id, int depth) {
    if (slotOf_[id] != kNoSlot) {
      const Slot &slot = slots_[slotOf_[id]];
      if (!slot.object)
        return refused("a container holds itself");
      if (depth + slot.weight.height > plan::kMaxObjectDepth)
        return tooDeep();
      return {};
    }
    if (depth >= plan::kMaxObjectDepth)
      return tooDeep();
    auto index = static_cast<uint32_t>(slots_.size());
    slotOf_[id] = index;
    slots_.emplace_back();
    auto out = std::make_shared<Object>();
    Weight weight;
    RECAST_TRY(fill(tree_.nodes[id], *out, weight, depth));
    if (weight.nodes > plan::kMaxObjectNodes)
      return refused(fmt::format("it expands to more than {} nodes", plan::kMaxObjectNodes));
    if (weight.text > kMaxTreeText)
      return refused(fmt::format("it expands to more than {} bytes of text", kMaxTreeText));
    slots_[index] = {std::move(out), weight};
    return {};
  }

  static tl::unexpected<Error> refused(std::string_view why) {
    return badInput(fmt::format("pickle refused: {}", why));
  }
  static tl::unexpected<Error> tooDeep() {
    return refused(fmt::format("nested deeper than {} levels", plan::kMaxObjectDepth));
  }

  Status child(NodeId id, ObjectPtr &out, Weight &weight, int depth) {
    RECAST_TRY(visit(id, depth + 1));
    const Slot &slot = slots_[slotOf_[id]];
    const Weight &part = slot.weight;
    weight.height = std::max(weight.height, part.height + 1);
    weight.nodes = saturatingAdd(weight.nodes, part.nodes);
    weight.text = saturatingAdd(weight.text, part.text);
    out = slot.object;
    return {};
  }

  Status fill(const Node &node, Object &out, Weight &weight, int depth) {
    if (node.isStorage)
      return storage(tree_.storages[node.index], out, weight);
    out.kind = node.kind;
    switch (node.kind) {
    case Kind::None:
      return {};
    case Kind::Bool:
    case Kind::Int:
      out.integer = node.integer;
      return {};
    case Kind::Float:
      out.real = node.real;
      return {};
    case Kind::BigInt:
    case Kind::String:
    case Kind::Bytes:
      out.text = node.text;
      weight.text = node.text.size();
      return {};
    case Kind::Tensor: {
      out.tensor = tree_.tensors[node.index];
      const plan::TensorRef &ref = *out.tensor;
      weight.text = ref.storage.size() + ref.location.size() + 16 * ref.shape.size();
      return {};
    }
    case Kind::Global:
      out.module = tree_.nodes[node.first].text;
      out.name = node.text;
      weight.text = out.module.size() + out.name.size();
      return {};
    case Kind::List:
    case Kind::Tuple:
    case Kind::Set:
      out.items.reserve(node.children.size());
      for (NodeId id : node.children)
        RECAST_TRY(child(id, out.items.emplace_back(), weight, depth));
      return {};
    case Kind::Call:
    case Kind::Instance:
      out.items.reserve(3);
      for (NodeId id : {node.first, node.second, node.third}) {
        if (id == kNoNode)
          continue;
        RECAST_TRY(child(id, out.items.emplace_back(), weight, depth));
      }
      return entries(node, out, weight, depth);
    case Kind::Dict:
    case Kind::Ordered:
      RECAST_TRY(entries(node, out, weight, depth));
      return uniqueKeys(out);
    }
    return {};
  }

  Status entries(const Node &node, Object &out, Weight &weight, int depth) {
    out.entries.reserve(node.children.size() / 2);
    for (size_t i = 0; i + 1 < node.children.size(); i += 2) {
      auto &[key, value] = out.entries.emplace_back();
      RECAST_TRY(child(node.children[i], key, weight, depth));
      RECAST_TRY(child(node.children[i + 1], value, weight, depth));
    }
    return {};
  }

  static bool isNumber(const Object &key) {
    return key.kind == Kind::Int || key.kind == Kind::Bool;
  }

  /// Almost all dicts are told to be sound here: the smallest by comparing keys, the others by
  /// hashes that are all different.
  static bool mayRepeat(const Object &dict) {
    constexpr size_t kFew = 8;
    const auto &entries = dict.entries;
    if (entries.size() <= kFew) {
      for (size_t i = 1; i < entries.size(); ++i)
        for (size_t k = 0; k < i; ++k) {
          const Object &a = *entries[i].first, &b = *entries[k].first;
          if (a.integer == b.integer && a.text == b.text)
            return true;
        }
      return false;
    }
    std::vector<uint64_t> hashes;
    hashes.reserve(entries.size());
    for (const auto &[key, value] : entries)
      if (key->kind == Kind::String)
        hashes.push_back(std::hash<std::string_view>()(key->text));
      else if (isNumber(*key))
        hashes.push_back(static_cast<uint64_t>(key->integer));
    std::sort(hashes.begin(), hashes.end());
    return std::adjacent_find(hashes.begin(), hashes.end()) != hashes.end();
  }

  /// Python lets the last of two equal keys win, silently; no writer produces them.
  static Status uniqueKeys(const Object &dict) {
    if (!mayRepeat(dict))
      return {};
    std::vector<std::string_view> names;
    std::vector<int64_t> numbers;
    for (const auto &[key, value] : dict.entries) {
      if (key->kind == Kind::String)
        names.push_back(key->text);
      else if (isNumber(*key))
        numbers.push_back(key->integer);
    }
    std::sort(names.begin(), names.end());
    std::sort(numbers.begin(), numbers.end());
    auto name = std::adjacent_find(names.begin(), names.end());
    if (name != names.end())
      return refused(fmt::format("the key '{}' occurs twice in one dict", *name));
    auto number = std::adjacent_find(numbers.begin(), numbers.end());
    if (number != numbers.end())
      return refused(fmt::format("the key {} occurs twice in one dict", *number));
    return {};
  }

  /// A storage outside any tensor: kept as the call that would make it, for `inspect`.
  static Status storage(const StorageNode &node, Object &out, Weight &weight) {
    out.kind = Kind::Call;
    out.items = {plan::global(std::string(node.module), std::string(node.name)),
                 plan::tuple({plan::string(node.key), plan::string(node.location),
                              plan::integer(node.elements)})};
    weight = {3, 6, node.module.size() + node.name.size() + node.key.size() + node.location.size()};
    return {};
  }

  const PickleTree &tree_;
  std::vector<uint32_t> slotOf_; ///< Of each node: most only lead to tensors and become no object.
  std::vector<Slot> slots_;
};

} // namespace

void PickleTree::append(NodeList &list, std::span<const NodeId> ids) {
  if (ids.size() > list.room_ - list.size_) {
    // The first items often are all: exactly so many, and twice as many later.
    size_t room = std::max<size_t>(list.size_ + ids.size(), 2 * size_t{list.room_});
    auto *grown = static_cast<NodeId *>(lists_.allocate(room * sizeof(NodeId), alignof(NodeId)));
    std::copy(list.begin(), list.end(), grown);
    list.ids_ = grown;
    list.room_ = static_cast<uint32_t>(room);
  }
  std::copy(ids.begin(), ids.end(), list.ids_ + list.size_);
  list.size_ += static_cast<uint32_t>(ids.size());
}

Result<ObjectPtr> PickleTree::build(NodeId root, PickleBudget &budget) const {
  Builder builder(*this);
  RECAST_ASSIGN(ObjectPtr out, builder.build(root));
  uint64_t text = builder.weight(root).text;
  if (text > budget.bytes)
    return badInput("pickle refused: the files of this checkpoint hold too much text together");
  budget.bytes -= text;
  return out;
}

} // namespace recast::format::torch
