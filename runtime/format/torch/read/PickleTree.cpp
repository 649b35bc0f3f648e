#include "runtime/format/torch/read/PickleTree.h"

#include <algorithm>
#include <fmt/format.h>

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
  Builder(const PickleTree &tree) : tree_(tree), built_(tree.nodes.size()) {}

  Result<ObjectPtr> object(NodeId id, int depth) {
    Slot &slot = built_[id];
    if (slot.state == State::Open)
      return refused("a container holds itself");
    if (slot.state == State::Done) {
      if (depth + slot.weight.height > plan::kMaxObjectDepth)
        return tooDeep();
      return slot.object;
    }
    if (depth >= plan::kMaxObjectDepth)
      return tooDeep();
    slot.state = State::Open;
    auto out = std::make_shared<Object>();
    Weight weight;
    RECAST_TRY(fill(tree_.nodes[id], *out, weight, depth));
    if (weight.nodes > plan::kMaxObjectNodes)
      return refused(fmt::format("it expands to more than {} nodes", plan::kMaxObjectNodes));
    if (weight.text > kMaxTreeText)
      return refused(fmt::format("it expands to more than {} bytes of text", kMaxTreeText));
    slot.weight = weight;
    slot.object = std::move(out);
    slot.state = State::Done;
    return slot.object;
  }

  const Weight &weight(NodeId id) const { return built_[id].weight; }

private:
  enum class State : uint8_t { New, Open, Done };
  struct Slot {
    ObjectPtr object;
    Weight weight;
    State state = State::New;
  };

  static tl::unexpected<Error> refused(std::string_view why) {
    return badInput(fmt::format("pickle refused: {}", why));
  }
  static tl::unexpected<Error> tooDeep() {
    return refused(fmt::format("nested deeper than {} levels", plan::kMaxObjectDepth));
  }

  Result<ObjectPtr> child(NodeId id, Weight &weight, int depth) {
    RECAST_ASSIGN(ObjectPtr out, object(id, depth + 1));
    const Weight &part = built_[id].weight;
    weight.height = std::max(weight.height, part.height + 1);
    weight.nodes = saturatingAdd(weight.nodes, part.nodes);
    weight.text = saturatingAdd(weight.text, part.text);
    return out;
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
      for (NodeId id : node.children) {
        RECAST_ASSIGN(ObjectPtr item, child(id, weight, depth));
        out.items.push_back(std::move(item));
      }
      return {};
    case Kind::Call:
    case Kind::Instance:
      for (NodeId id : {node.first, node.second, node.third}) {
        if (id == kNoNode)
          continue;
        RECAST_ASSIGN(ObjectPtr item, child(id, weight, depth));
        out.items.push_back(std::move(item));
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
      RECAST_ASSIGN(ObjectPtr key, child(node.children[i], weight, depth));
      RECAST_ASSIGN(ObjectPtr value, child(node.children[i + 1], weight, depth));
      out.entries.emplace_back(std::move(key), std::move(value));
    }
    return {};
  }

  /// Python lets the last of two equal keys win, silently; no writer produces them.
  static Status uniqueKeys(const Object &dict) {
    std::vector<std::string_view> names;
    std::vector<int64_t> numbers;
    for (const auto &[key, value] : dict.entries) {
      if (key->kind == Kind::String)
        names.push_back(key->text);
      else if (key->kind == Kind::Int || key->kind == Kind::Bool)
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
  std::vector<Slot> built_;
};

} // namespace

Result<ObjectPtr> PickleTree::build(NodeId root, PickleBudget &budget) const {
  Builder builder(*this);
  RECAST_ASSIGN(ObjectPtr out, builder.object(root, 0));
  uint64_t text = builder.weight(root).text;
  if (text > budget.bytes)
    return badInput("pickle refused: the files of this checkpoint hold too much text together");
  budget.bytes -= text;
  return out;
}

} // namespace recast::format::torch
