#include "runtime/format/deepspeed/read/FlatTensors.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"
#include "runtime/format/deepspeed/read/FlatOrder.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::format::deepspeed {
namespace {

class FlatReader {
public:
  FlatReader(const ModelStates &model, const std::vector<RankStates> &ranks,
             const std::vector<int32_t> &groupOf, Inventory &inventory,
             torch::InventoryBuilder &builder, std::vector<Error> &problems)
      : model_(model), ranks_(ranks), world_(static_cast<int64_t>(ranks.size())), groupOf_(groupOf),
        inventory_(inventory), builder_(builder), problems_(problems) {}

  void stage12() {
    bool hasWeights = model_.moduleIsFlat && !model_.module.empty();
    for (size_t g = 0; g < model_.paramShapes.size(); ++g) {
      const std::vector<NamedShape> &params = model_.paramShapes[g];
      if (params.empty())
        continue;
      auto order = flatOrder(params, g, ranks_, model_.roundRobin, hasWeights);
      if (!order) {
        problems_.push_back(std::move(order).error());
        continue;
      }
      if (order->uncertain && !inventory_.orderUncertain)
        builder_.note("round_robin_gradients: the order of the flat buffers is taken from "
                      "param_shapes; cast(master) == weight is checked for every parameter, since "
                      "the other account in these files (param_slice_mappings) is wrong there");
      inventory_.orderUncertain |= order->uncertain;
      auto roles = stores(g);
      uint32_t layout = builder_.layout(flatLayout(layout::FlatScope::PerGroup));
      reserve(params.size(), roles.size(), g);
      for (size_t i = 0; i < params.size(); ++i)
        addParam(params[i], g, roles, layout, order->starts[i], order->total);
    }
  }

  /// Every parameter has a slot of ceil(n / W) elements in each rank's sub-group buffer, one after
  /// the other.
  void stage3() {
    for (size_t part = 0; part < model_.paramShapes.size(); ++part) {
      std::vector<int64_t> starts;
      std::optional<int64_t> at = 0;
      for (const NamedShape &param : model_.paramShapes[part]) {
        starts.push_back(at.value_or(0));
        if (at)
          at = checkedAdd(*at, ceilDiv(elementCount(param.shape).value_or(0), world_));
      }
      if (!slotsFit(part, at.value_or(-1)))
        continue;
      auto roles = stores(part);
      uint32_t layout = builder_.layout(flatLayout(layout::FlatScope::PerParam));
      reserve(starts.size(), roles.size(), part);
      for (size_t i = 0; i < starts.size(); ++i)
        addParam(model_.paramShapes[part][i], part, roles, layout, starts[i], 0);
    }
  }

private:
  /// One store per role of a flat buffer.
  std::vector<std::pair<Name, uint32_t>> stores(size_t part) {
    std::vector<std::pair<Name, uint32_t>> out;
    auto add = [&](Name role, auto select) {
      std::vector<Extent> extents;
      for (const RankStates &rank : ranks_)
        extents.push_back(select(rank.flats[part]).extent);
      DType dtype = select(ranks_[0].flats[part]).dtype;
      out.emplace_back(role, builder_.store(dtype, std::move(extents)));
    };
    add(role::kMaster, [](const FlatState &state) { return state.master; });
    for (const auto &[key, tensor] : ranks_[0].flats[part].elements)
      add(key, [&key](const FlatState &state) { return state.elements.at(key); });
    return out;
  }

  void reserve(size_t params, size_t roles, size_t part) {
    size_t tensors = params * (roles + ranks_[0].flats[part].scalars.size());
    // As a vector grows by itself, since ZeRO-3 has many parts.
    if (size_t needed = inventory_.tensors.size() + tensors; needed > inventory_.tensors.capacity())
      inventory_.tensors.reserve(std::max(needed, 2 * inventory_.tensors.capacity()));
  }

  void addParam(const NamedShape &param, size_t part,
                const std::vector<std::pair<Name, uint32_t>> &stores, uint32_t layout,
                int64_t start, int64_t total) {
    Tensor tensor;
    tensor.name = param.name;
    tensor.shape = param.shape;
    tensor.layout = layout;
    tensor.start = start;
    tensor.groupTotal = total;
    tensor.group = groupOf_[part];
    for (const auto &[role, store] : stores) {
      tensor.role = role;
      tensor.store = store;
      tensor.dtype = inventory_.stores[store].dtype;
      inventory_.tensors.push_back(tensor);
    }
    for (const auto &[key, value] : ranks_[0].flats[part].scalars) {
      inventory_.tensors.push_back(scalarTensor(param.name, key, value, groupOf_[part], builder_));
    }
  }

  layout::Layout flatLayout(layout::FlatScope scope) const {
    return {{{"dp"}, {world_}}, {}, {layout::Flat{"dp", scope}}};
  }

  bool slotsFit(size_t part, int64_t expected) {
    bool fits = true;
    auto check = [&](const RankStates &rank, std::string_view what, const FlatTensor &tensor) {
      if (tensor.extent.elements == expected)
        return;
      problems_.push_back(
          Error(Code::BadInput,
                fmt::format("sub-group {}: {} has {} elements, its parameters need {} "
                            "on each of {} ranks",
                            part, printable(what), tensor.extent.elements, expected, world_))
              .file(rank.name));
      fits = false;
    };
    for (const RankStates &rank : ranks_) {
      check(rank, "the master copy", rank.flats[part].master);
      for (const auto &[key, tensor] : rank.flats[part].elements)
        check(rank, key, tensor);
    }
    return fits;
  }

  const ModelStates &model_;
  const std::vector<RankStates> &ranks_;
  int64_t world_;
  const std::vector<int32_t> &groupOf_;
  Inventory &inventory_;
  torch::InventoryBuilder &builder_;
  std::vector<Error> &problems_;
};

} // namespace

Tensor scalarTensor(Name name, Name role, const Scalar &value, int32_t group,
                    torch::InventoryBuilder &builder) {
  Tensor out;
  out.name = name;
  out.role = role;
  out.dtype = value.dtype;
  out.scalar = value.bits;
  out.layout = builder.wholeLayout();
  out.group = group;
  return out;
}

void addFlatTensors(const ModelStates &model, const std::vector<RankStates> &ranks, bool zero3,
                    const std::vector<int32_t> &groupOf, Inventory &inventory,
                    torch::InventoryBuilder &builder, std::vector<Error> &problems) {
  FlatReader reader(model, ranks, groupOf, inventory, builder, problems);
  if (zero3)
    reader.stage3();
  else
    reader.stage12();
}

} // namespace recast::format::deepspeed
