#include "runtime/format/deepspeed/read/ModuleTensors.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"

#include <algorithm>
#include <fmt/format.h>
#include <unordered_map>
#include <unordered_set>

namespace recast::format::deepspeed {
namespace {

struct Trainable {
  int32_t group = -1;
  const std::vector<int64_t> *shape = nullptr;
};

class ModuleReader {
public:
  ModuleReader(const std::vector<ModelStates> &models, bool zero3,
               const std::vector<int32_t> &groupOf, Inventory &inventory,
               torch::InventoryBuilder &builder)
      : models_(models), first_(models.front()), zero3_(zero3), inventory_(inventory),
        builder_(builder) {
    module_.reserve(first_.module.size());
    for (size_t g = 0; g < first_.paramShapes.size(); ++g)
      for (const NamedShape &param : first_.paramShapes[g])
        trainable_[param.name] = {g < groupOf.size() ? groupOf[g] : -1, &param.shape};
    for (const NamedTensor &tensor : first_.module)
      module_.emplace(tensor.name, &tensor);
    for (const ModelStates &model : models) {
      auto &byName = fragments_.emplace_back();
      for (const NamedTensor &fragment : model.frozenFragments)
        byName.emplace(fragment.name, &fragment);
    }
    for (const NamedShape &frozen : first_.frozenShapes)
      frozen_.insert(frozen.name);
  }

  void run() {
    if (!first_.moduleIsFlat) {
      problem("the module is not a flat dict of tensors (a Megatron or pipeline checkpoint)", {},
              "Recast reads modules as torch's state_dict() gives them.");
      return;
    }
    declaredAliases();
    if (!zero3_)
      storageAliases();
    for (const NamedTensor &tensor : first_.module)
      moduleTensor(tensor);
    if (!zero3_)
      missingWeights();
    for (const NamedShape &frozen : first_.frozenShapes)
      frozenFragments(frozen);
    buffersOfRanks();
    for (const auto &[alias, canonical] : aliases_) {
      inventory_.aliases.emplace_back(alias, canonical);
      builder_.note(fmt::format("tied: '{}' is '{}'", printable(alias), printable(canonical)));
    }
  }

private:
  void problem(std::string message, std::string_view tensor = {}, std::string_view hint = {}) {
    Error error = Error(Code::BadInput, std::move(message)).file(first_.name);
    if (!tensor.empty())
      error = std::move(error).tensor(printable(tensor));
    if (!hint.empty())
      error = std::move(error).hint(hint);
    builder_.problem(std::move(error));
  }

  /// `shared_params` maps every alias to one name; the canonical one is the name with a master.
  void declaredAliases() {
    std::map<std::string, std::vector<std::string>> sets;
    for (const auto &[alias, name] : first_.shared)
      sets[name].push_back(alias);
    for (auto &[name, members] : sets) {
      members.push_back(name);
      auto hasMaster = [&](const std::string &member) { return trainable_.contains(member); };
      if (std::count_if(members.begin(), members.end(), hasMaster) > 1) {
        problem("tied parameters that have several master copies", name);
        continue;
      }
      auto canonical = std::find_if(members.begin(), members.end(), hasMaster);
      std::string chosen = canonical == members.end() ? name : *canonical;
      for (const std::string &member : members)
        if (member != chosen)
          aliases_.emplace(member, chosen);
    }
  }

  /// Old files have no `shared_params`: the same bytes under a second name are a second name.
  void storageAliases() {
    auto isSecond = [&](const NamedTensor &tensor) {
      return tensor.ref && !trainable_.contains(tensor.name) &&
             !first_.bufferNames.contains(tensor.name) && !aliases_.contains(tensor.name);
    };
    if (std::none_of(first_.module.begin(), first_.module.end(), isSecond))
      return;
    using View = std::tuple<std::string, int64_t, std::vector<int64_t>>;
    std::map<View, std::string> owners;
    auto view = [](const plan::TensorRef &ref) { return View{ref.storage, ref.offset, ref.shape}; };
    for (const NamedTensor &tensor : first_.module)
      if (tensor.ref && torch::elementsOf(*tensor.ref) > 0 && trainable_.contains(tensor.name))
        owners.emplace(view(*tensor.ref), tensor.name);
    for (const NamedTensor &tensor : first_.module) {
      if (!isSecond(tensor))
        continue;
      auto owner = owners.find(view(*tensor.ref));
      if (owner != owners.end())
        aliases_.emplace(tensor.name, owner->second);
    }
  }

  void moduleTensor(const NamedTensor &tensor) {
    if (tensor.none || aliases_.contains(tensor.name))
      return;
    auto param = trainable_.find(tensor.name);
    bool isBuffer = first_.bufferNames.contains(tensor.name);
    // Under ZeRO-3 parameters are placeholders here: masters and fragments hold the data.
    if (zero3_ && !isBuffer) {
      if (param == trainable_.end() && !frozen_.contains(tensor.name))
        problem("the parameter has neither a master copy nor a frozen value in this checkpoint",
                tensor.name);
      return;
    }
    if (!tensor.ref)
      return problem("not a plain tensor (sparse, quantised, conjugated or a class of its own)",
                     tensor.name);
    if (param == trainable_.end())
      return whole(tensor, isBuffer ? role::kBuffer : role::kFrozen, -1);
    if (tensor.ref->shape != *param->second.shape)
      return problem(fmt::format("its weight has the shape [{}], 'param_shapes' says [{}]",
                                 fmt::join(tensor.ref->shape, ", "),
                                 fmt::join(*param->second.shape, ", ")),
                     tensor.name);
    whole(tensor, role::kWeight, param->second.group);
  }

  void whole(const NamedTensor &tensor, Name role, int32_t group) {
    Status added = builder_.view(first_.file, first_.torchFile, *tensor.ref, tensor.name, role);
    if (!added)
      return builder_.problem(
          std::move(added).error().tensor(printable(tensor.name)).file(first_.name));
    inventory_.tensors.back().group = group;
  }

  void missingWeights() {
    for (const auto &group : first_.paramShapes)
      for (const NamedShape &param : group)
        if (!module_.contains(param.name))
          problem("the parameter has a master copy but no weight in the module", param.name);
  }

  /// Stage 2 keeps frozen parameters whole, in the module too; stage 3 in one fragment per rank.
  void frozenFragments(const NamedShape &frozen) {
    if (aliases_.contains(frozen.name) || (!zero3_ && module_.contains(frozen.name)))
      return;
    int64_t elements = elementCount(frozen.shape).value_or(0);
    if (!zero3_) {
      const NamedTensor *tensor = find(fragments_[0], frozen.name);
      if (!tensor || !tensor->ref || tensor->ref->shape != frozen.shape)
        return problem("a frozen parameter without a whole value", frozen.name);
      return whole(*tensor, role::kFrozen, -1);
    }
    auto world = static_cast<int64_t>(models_.size());
    int64_t slot = ceilDiv(elements, world);
    std::vector<Extent> extents;
    DType dtype = DType::F32;
    for (int64_t r = 0; r < world; ++r) {
      const ModelStates &model = models_[static_cast<size_t>(r)];
      const NamedTensor *tensor = find(fragments_[static_cast<size_t>(r)], frozen.name);
      int64_t begin = checkedMul(r, slot).value_or(elements);
      int64_t needed = std::clamp<int64_t>(elements - begin, 0, slot);
      bool usable = tensor && tensor->ref && torch::isContiguous(*tensor->ref) &&
                    torch::elementsOf(*tensor->ref) >= needed;
      if (!usable || (r > 0 && tensor->ref->dtype != dtype)) {
        builder_.problem(Error(Code::BadInput,
                               fmt::format("the frozen value of rank {} is missing or shorter than "
                                           "{} elements",
                                           r, needed))
                             .tensor(printable(frozen.name))
                             .file(model.name));
        return;
      }
      dtype = tensor->ref->dtype;
      extents.push_back(builder_.extent(model.file, model.torchFile, *tensor->ref));
    }
    Tensor out;
    out.name = frozen.name;
    out.role = role::kFrozen;
    out.dtype = dtype;
    out.shape = frozen.shape;
    out.layout =
        builder_.layout({{{"dp"}, {world}}, {}, {layout::Flat{"dp", layout::FlatScope::PerParam}}});
    out.store = builder_.store(dtype, std::move(extents));
    inventory_.tensors.push_back(std::move(out));
  }

  /// Under ZeRO-3 each rank stores its own copy of the buffers, and rank 0's are taken. Where the
  /// records' checksums say that another rank's differ (running statistics), the user is told.
  void buffersOfRanks() {
    if (!zero3_ || models_.size() < 2)
      return;
    std::vector<ByName> modules(models_.size());
    for (size_t r = 0; r < models_.size(); ++r)
      for (const NamedTensor &tensor : models_[r].module)
        modules[r].emplace(tensor.name, &tensor);
    for (Tensor &tensor : inventory_.tensors) {
      const NamedTensor *mine = find(module_, tensor.name);
      if (tensor.role != role::kBuffer || !mine || !mine->ref)
        continue;
      std::vector<Extent> copies;
      for (size_t r = 0; r < models_.size(); ++r) {
        const NamedTensor *copy = find(modules[r], tensor.name);
        if (!copy || !copy->ref || copy->ref->shape != tensor.shape ||
            copy->ref->dtype != tensor.dtype || !torch::isContiguous(*copy->ref))
          break;
        copies.push_back(builder_.extent(models_[r].file, models_[r].torchFile, *copy->ref));
        const torch::ZipMember *a = first_.torchFile.storage(mine->ref->storage);
        const torch::ZipMember *b = models_[r].torchFile.storage(copy->ref->storage);
        if (a && b && (a->crc32 != b->crc32 || a->size != b->size))
          builder_.note(
              fmt::format("buffer '{0}' of rank {1} differs from that of rank 0, which is "
                          "the one taken unless a job says `as same {{ \"{0}\" varying "
                          "dp }}`",
                          printable(tensor.name), r));
      }
      if (copies.size() == models_.size())
        tensor.copies = builder_.store(tensor.dtype, std::move(copies));
    }
  }

  using ByName = std::unordered_map<Name, const NamedTensor *>;
  static const NamedTensor *find(const ByName &tensors, Name name) {
    auto found = tensors.find(name);
    return found == tensors.end() ? nullptr : found->second;
  }

  const std::vector<ModelStates> &models_;
  const ModelStates &first_;
  bool zero3_;
  Inventory &inventory_;
  torch::InventoryBuilder &builder_;
  std::unordered_map<Name, Trainable> trainable_;
  std::unordered_set<Name> frozen_;
  ByName module_;
  std::vector<ByName> fragments_;              ///< One per rank.
  std::map<std::string, std::string> aliases_; ///< Alias -> canonical name.
};

} // namespace

void addModuleTensors(const std::vector<ModelStates> &models, bool zero3,
                      const std::vector<int32_t> &groupOf, Inventory &inventory,
                      torch::InventoryBuilder &builder) {
  ModuleReader(models, zero3, groupOf, inventory, builder).run();
}

} // namespace recast::format::deepspeed
