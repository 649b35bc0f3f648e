#include "runtime/format/deepspeed/read/FlatOrder.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"

#include <algorithm>
#include <fmt/format.h>
#include <unordered_map>

namespace recast::format::deepspeed {
namespace {

class Order {
public:
  Order(const std::vector<NamedShape> &params, size_t group, const std::vector<RankStates> &ranks)
      : params_(params), group_(group), ranks_(ranks), world_(static_cast<int64_t>(ranks.size())) {
    for (const RankStates &rank : ranks) {
      partition_ = std::max(partition_, flat(rank).master.extent.elements);
      for (const auto &[name, tensor] : flat(rank).elements)
        partition_ = std::max(partition_, tensor.extent.elements);
    }
  }

  Result<FlatOrder> find(bool roundRobin, bool hasWeights) {
    auto total = checkedMul(partition_, world_);
    if (!total)
      return bad("the flat buffer is impossibly large");
    FlatOrder out;
    out.total = *total;
    RECAST_ASSIGN(out.starts, startsByShapes());
    bool mapped = std::all_of(ranks_.begin(), ranks_.end(), [&](const RankStates &rank) {
      return flat(rank).fragments.has_value();
    });
    if (mapped) {
      RECAST_ASSIGN(std::vector<int64_t> byMapping, startsByMapping());
      if (byMapping != out.starts) {
        // Both accounts must agree, gaps of `parameter_alignment` included. Only files that do not
        // list those gaps leave them to the mapping.
        if (!flat(ranks_[0]).alignment && std::is_sorted(byMapping.begin(), byMapping.end()))
          out.starts = std::move(byMapping);
        else if (roundRobin && hasWeights)
          out.uncertain = true;
        else
          return bad("the order of the flat buffer is ambiguous: 'param_shapes' and "
                     "'param_slice_mappings' disagree, and nothing tells which is right",
                     roundRobin ? "There are no module weights to compare the master copy with."
                                : "round_robin_gradients would explain it, but ds_config does not "
                                  "have it; was the configuration changed after this run?");
      }
    } else if (out.total != formulaTotal(out.starts)) {
      return bad(fmt::format("its flat buffer has {} elements, the parameters need {}", out.total,
                             formulaTotal(out.starts)));
    }
    RECAST_TRY(checkLengths(out));
    return out;
  }

private:
  const FlatState &flat(const RankStates &rank) const { return rank.flats[group_]; }
  int64_t elements(size_t i) const { return elementCount(params_[i].shape).value_or(0); }

  tl::unexpected<Error> bad(std::string message, std::string_view hint = {}) const {
    Error error(Code::BadInput, fmt::format("parameter group {}: {}", group_, message));
    if (!hint.empty())
      error = std::move(error).hint(hint);
    return fail(std::move(error).file(ranks_[0].name));
  }

  /// Prefix sums in the order of `param_shapes`, which is the order in memory.
  Result<std::vector<int64_t>> startsByShapes() const {
    const auto &alignment = flat(ranks_[0]).alignment;
    if (alignment && alignment->size() != params_.size())
      return bad(fmt::format("'param_alignment_paddings' has {} entries for {} parameters",
                             alignment->size(), params_.size()));
    std::vector<int64_t> starts;
    int64_t at = 0;
    for (size_t i = 0; i < params_.size(); ++i) {
      starts.push_back(at);
      auto next = checkedAdd(at, elements(i));
      int64_t padding = alignment ? (*alignment)[i] : 0;
      if (next && padding >= 0)
        next = checkedAdd(*next, padding);
      if (!next || padding < 0)
        return bad("its parameters are impossibly large");
      at = *next;
    }
    return starts;
  }

  /// Global positions out of every rank's fragments, which must tile each parameter in rank order.
  Result<std::vector<int64_t>> startsByMapping() const {
    std::unordered_map<std::string_view, size_t> index;
    index.reserve(params_.size());
    for (size_t i = 0; i < params_.size(); ++i)
      index.emplace(params_[i].name, i);
    std::vector<int64_t> starts(params_.size(), -1), have(params_.size(), 0);
    for (int64_t r = 0; r < world_; ++r) {
      const RankStates &rank = ranks_[static_cast<size_t>(r)];
      for (const Fragment &fragment : *flat(rank).fragments) {
        auto found = index.find(fragment.name);
        if (found == index.end())
          return fail(Error(Code::BadInput, "a fragment of a parameter that 'param_shapes' does "
                                            "not list")
                          .tensor(printable(fragment.name))
                          .file(rank.name));
        if (!rangeInside(static_cast<uint64_t>(fragment.start),
                         static_cast<uint64_t>(fragment.elements),
                         static_cast<uint64_t>(partition_)))
          return fail(
              Error(Code::BadInput, fmt::format("a fragment [{}, {}) reaches beyond the "
                                                "rank's {} elements",
                                                fragment.start,
                                                static_cast<uint64_t>(fragment.start) +
                                                    static_cast<uint64_t>(fragment.elements),
                                                partition_))
                  .tensor(printable(fragment.name))
                  .file(rank.name));
        size_t i = found->second;
        int64_t at = r * partition_ + fragment.start;
        if (starts[i] < 0)
          starts[i] = at;
        else if (at != starts[i] + have[i])
          return fail(Error(Code::BadInput, "the fragments of different ranks do not join")
                          .tensor(printable(fragment.name))
                          .file(rank.name));
        have[i] += fragment.elements;
      }
    }
    int64_t at = 0;
    for (size_t i = 0; i < params_.size(); ++i) {
      if (have[i] != elements(i))
        return fail(Error(Code::BadInput,
                          fmt::format("the fragments of all ranks have {} elements, the parameter "
                                      "has {}",
                                      have[i], elements(i)))
                        .tensor(printable(params_[i].name)));
      if (starts[i] < 0)
        starts[i] = at; // No elements, no fragments.
      at = starts[i] + have[i];
    }
    RECAST_TRY(checkDisjoint(starts));
    return starts;
  }

  Status checkDisjoint(const std::vector<int64_t> &starts) const {
    std::vector<size_t> order;
    for (size_t i = 0; i < params_.size(); ++i)
      if (elements(i) > 0)
        order.push_back(i);
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return starts[a] < starts[b]; });
    for (size_t k = 1; k < order.size(); ++k)
      if (starts[order[k - 1]] + elements(order[k - 1]) > starts[order[k]])
        return fail(Error(Code::BadInput, fmt::format("it overlaps '{}' in the flat buffer",
                                                      printable(params_[order[k - 1]].name)))
                        .tensor(printable(params_[order[k]].name))
                        .file(ranks_[0].name));
    return {};
  }

  int64_t endOf(const std::vector<int64_t> &starts) const {
    int64_t end = 0;
    for (size_t i = 0; i < starts.size(); ++i)
      end = std::max(end, starts[i] + elements(i));
    return end;
  }

  /// The buffer is a multiple of 2 W elements, so that every partition is 4-byte aligned.
  int64_t formulaTotal(const std::vector<int64_t> &starts) const {
    int64_t align = 2 * world_;
    return checkedMul(ceilDiv(endOf(starts), align), align).value_or(-1);
  }

  /// A partition may be stored without its padding; what parameters occupy must be there.
  Status checkLengths(const FlatOrder &order) const {
    int64_t end = endOf(order.starts);
    if (end > order.total)
      return bad(fmt::format("its parameters need {} elements, the files of all ranks hold {}", end,
                             order.total),
                 "A file of another run may lie in this folder.");
    for (int64_t r = 0; r < world_; ++r) {
      const RankStates &rank = ranks_[static_cast<size_t>(r)];
      int64_t needed = std::clamp<int64_t>(end - r * partition_, 0, partition_);
      auto check = [&](std::string_view what, const FlatTensor &tensor) -> Status {
        if (tensor.extent.elements >= needed)
          return {};
        return fail(Error(Code::BadInput,
                          fmt::format("parameter group {}: {} has {} elements, {} are needed",
                                      group_, what, tensor.extent.elements, needed))
                        .file(rank.name));
      };
      RECAST_TRY(check("the master copy", flat(rank).master));
      for (const auto &[name, tensor] : flat(rank).elements)
        RECAST_TRY(check(printable(name), tensor));
    }
    return {};
  }

  const std::vector<NamedShape> &params_;
  size_t group_;
  const std::vector<RankStates> &ranks_;
  int64_t world_;
  int64_t partition_ = 0; ///< Elements of one rank's share: no tensor is longer.
};

} // namespace

Result<FlatOrder> flatOrder(const std::vector<NamedShape> &params, size_t group,
                            const std::vector<RankStates> &ranks, bool roundRobin,
                            bool hasWeights) {
  return Order(params, group, ranks).find(roundRobin, hasWeights);
}

} // namespace recast::format::deepspeed
