#include "runtime/format/deepspeed/read/ParameterNames.h"

#include "runtime/format/Printable.h"
#include "runtime/format/deepspeed/read/Assignment.h"

#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <fnmatch.h>

namespace recast::format::deepspeed {
namespace {

constexpr int64_t kLookedAt = 64; ///< Elements of a master that are compared with its weight.
constexpr size_t kListed = 8;

double valueAt(DType dtype, const std::string &bytes, size_t i) {
  if (dtype == DType::F32) {
    float value = 0;
    std::memcpy(&value, bytes.data() + 4 * i, 4);
    return value;
  }
  uint16_t bits = 0;
  std::memcpy(&bits, bytes.data() + 2 * i, 2);
  return dtype == DType::BF16
             ? std::bit_cast<float>(static_cast<uint32_t>(bits) << 16)
             : static_cast<double>(static_cast<float>(std::bit_cast<_Float16>(bits)));
}

class Namer {
public:
  Namer(const ModelStates &model, const ReplicatedOptimizer &optimizer)
      : file_(model.torchFile), optimizer_(optimizer) {
    using View = std::tuple<std::string, int64_t, std::vector<int64_t>>;
    std::set<View> seen;
    for (const NamedTensor &tensor : model.module) {
      if (!tensor.ref || !info(tensor.ref->dtype).isFloat ||
          model.bufferNames.contains(tensor.name))
        continue;
      // A second name of the same bytes is a tied parameter, which the optimizer has once.
      View view{tensor.ref->storage, tensor.ref->offset, tensor.ref->shape};
      if (torch::elementsOf(*tensor.ref) == 0 || seen.insert(std::move(view)).second)
        candidates_.push_back(&tensor);
    }
  }

  Result<ParameterNames> run(const std::string &frozen) {
    RECAST_TRY(leaveOut(frozen));
    RECAST_TRY(namedByTorch());
    if (!out_.groups.empty())
      return std::move(out_);
    RECAST_TRY(optimizer_.flat ? byStorage() : byOrder());
    return std::move(out_);
  }

private:
  Status leaveOut(const std::string &frozen) {
    for (size_t begin = 0; begin < frozen.size();) {
      size_t end = std::min(frozen.find(',', begin), frozen.size());
      std::string pattern = frozen.substr(begin, end - begin);
      begin = end + 1;
      std::erase(pattern, ' ');
      size_t before = candidates_.size();
      std::erase_if(candidates_, [&](const NamedTensor *tensor) {
        return fnmatch(pattern.c_str(), tensor->name.str().c_str(), 0) == 0;
      });
      if (candidates_.size() == before)
        return fail(Error(Code::Usage,
                          fmt::format("frozen: no parameter is called '{}'", printable(pattern)))
                        .file(file_.path()));
    }
    return {};
  }

  /// torch keeps `param_names` in the groups of optimizers that were given named parameters.
  Status namedByTorch() {
    std::map<std::string_view, const NamedTensor *> byName;
    for (const NamedTensor *tensor : candidates_)
      byName.emplace(tensor->name, tensor);
    ParameterNames named;
    for (size_t g = 0; g < optimizer_.groups.size(); ++g) {
      auto names = stringsOf(optimizer_.paramGroups->items[g]->find("param_names"));
      if (!names || names->size() != optimizer_.groups[g].size() || optimizer_.flat)
        return {};
      auto &group = named.groups.emplace_back();
      for (size_t i = 0; i < names->size(); ++i) {
        auto found = byName.find((*names)[i]);
        if (found == byName.end() || !shapeFits(*found->second->ref, optimizer_.groups[g][i]))
          return {};
        group.push_back({found->second->name, found->second->ref->shape});
      }
    }
    out_ = std::move(named);
    return {};
  }

  /// FP16_Optimizer makes the weights views of one flat buffer per group, masters in the same
  /// order.
  Status byStorage() {
    std::map<std::string, std::map<int64_t, const NamedTensor *>> storages;
    for (const NamedTensor *tensor : candidates_)
      if (torch::isContiguous(*tensor->ref) && torch::elementsOf(*tensor->ref) > 0)
        storages[tensor->ref->storage].emplace(tensor->ref->offset, tensor);
    for (size_t g = 0; g < optimizer_.groups.size(); ++g) {
      const plan::TensorRef &master = *optimizer_.groups[g][0].master;
      auto chosen = storages.end();
      size_t fitting = 0;
      for (auto storage = storages.begin(); storage != storages.end(); ++storage)
        if (tiles(storage->second, master)) {
          chosen = storage;
          ++fitting;
        }
      if (fitting != 1)
        return file_.bad(
            fmt::format("ZeRO-0: {} of the module's buffers {} the flat fp32 master of "
                        "group {} ({} elements), so that its parameters cannot be named",
                        fitting == 0 ? "none" : "several", fitting == 0 ? "equals" : "equal", g,
                        torch::elementsOf(master)),
            "Resume the run with zero_optimization.stage = 1 and save again.");
      auto &group = out_.groups.emplace_back();
      auto &starts = out_.starts.emplace_back();
      for (const auto &[offset, tensor] : chosen->second) {
        group.push_back({tensor->name, tensor->ref->shape});
        starts.push_back(offset);
      }
      storages.erase(chosen);
    }
    return {};
  }

  bool tiles(const std::map<int64_t, const NamedTensor *> &weights, const plan::TensorRef &master) {
    int64_t at = 0;
    for (const auto &[offset, tensor] : weights) {
      if (offset != at)
        return false;
      at += torch::elementsOf(*tensor->ref);
    }
    if (at != torch::elementsOf(master) || master.shape.size() != 1)
      return false;
    for (const auto &[offset, tensor] : weights)
      if (!valuesAgree(*tensor->ref, master, offset))
        return false;
    return true;
  }

  Status byOrder() {
    std::vector<size_t> sizes;
    size_t total = 0;
    for (const auto &group : optimizer_.groups) {
      sizes.push_back(group.size());
      total += group.size();
    }
    if (total > candidates_.size())
      return file_.bad(
          fmt::format("the optimizer has {} parameters, the module {}", total, candidates_.size()));
    Assignment found = assignInOrder(candidates_.size(), sizes, [&](size_t c, size_t g, size_t i) {
      return fits(*candidates_[c]->ref, optimizer_.groups[g][i]);
    });
    constexpr std::string_view kWayOut =
        "ZeRO-0 checkpoints do not name the parameters of the optimizer. Say which ones are "
        "frozen, deepspeed(\"...\", frozen = \"embed.*, scale\"), or resume the run with "
        "zero_optimization.stage = 1 and save again.";
    if (!found.exists)
      return file_.bad("ZeRO-0: the parameters of the optimizer are not those of the module in the "
                       "module's order, so that they cannot be named",
                       kWayOut);
    if (!found.doubtful.empty()) {
      std::string names;
      for (size_t k = 0; k < std::min(found.doubtful.size(), kListed); ++k)
        names +=
            fmt::format("{}'{}'", k ? ", " : "", printable(candidates_[found.doubtful[k]]->name));
      if (found.doubtful.size() > kListed)
        names += fmt::format(" and {} more", found.doubtful.size() - kListed);
      return file_.bad(
          fmt::format("ZeRO-0: which of the optimizer's states belong to which parameter "
                      "cannot be told for {}",
                      names),
          kWayOut);
    }
    for (const auto &group : found.groups) {
      auto &named = out_.groups.emplace_back();
      for (size_t c : group)
        named.push_back({candidates_[c]->name, candidates_[c]->ref->shape});
    }
    return {};
  }

  static bool shapeFits(const plan::TensorRef &weight, const OptimizerEntry &entry) {
    if (entry.master)
      return weight.shape == entry.master->shape;
    return entry.elements.empty() || weight.shape == entry.elements.begin()->second->shape;
  }

  bool fits(const plan::TensorRef &weight, const OptimizerEntry &entry) {
    return shapeFits(weight, entry) && (!entry.master || valuesAgree(weight, *entry.master, 0));
  }

  /// Whether the first elements of the weight can be roundings of those of its master. What is
  /// decided here is checked for every element when the checkpoint is converted.
  bool valuesAgree(const plan::TensorRef &weight, const plan::TensorRef &master, int64_t start) {
    auto known = [](DType dtype) {
      return dtype == DType::F32 || dtype == DType::BF16 || dtype == DType::F16;
    };
    if (!known(weight.dtype) || !known(master.dtype) || !torch::isContiguous(weight))
      return true;
    auto head = [&](const plan::TensorRef &ref, int64_t offset, int64_t count) {
      plan::TensorRef some = ref;
      some.offset += offset;
      some.shape = {count};
      some.strides = {1};
      return file_.elements(some, static_cast<uint64_t>(count) * 4);
    };
    int64_t count = std::min(kLookedAt, torch::elementsOf(weight));
    auto low = head(weight, 0, count), high = head(master, start, count);
    if (!low || !high)
      return true; // Reported when the data is read.
    double unit = weight.dtype == DType::F16 ? 0x1p-11 : 0x1p-8;
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      double w = valueAt(weight.dtype, *low, i), m = valueAt(master.dtype, *high, i);
      if (std::isfinite(w) && std::isfinite(m) && std::fabs(m - w) > std::fabs(m) * unit + 0x1p-25)
        return false;
    }
    return true;
  }

  const torch::TorchFile &file_;
  const ReplicatedOptimizer &optimizer_;
  std::vector<const NamedTensor *> candidates_; ///< Possible parameters, in the module's order.
  ParameterNames out_;
};

} // namespace

Result<ParameterNames> nameParameters(const ModelStates &model,
                                      const ReplicatedOptimizer &optimizer,
                                      const std::string &frozen) {
  return Namer(model, optimizer).run(frozen);
}

} // namespace recast::format::deepspeed
