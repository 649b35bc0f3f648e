#include "runtime/format/torch/read/TorchReader.h"

#include "runtime/format/Printable.h"
#include "runtime/format/read/ModelFolder.h"
#include "runtime/format/torch/read/InventoryBuilder.h"
#include "runtime/format/torch/read/StateDict.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace recast::format {
namespace {
using plan::Object;
using plan::ObjectPtr;
using Kind = Object::Kind;

constexpr std::string_view kSuffixes[] = {".pt", ".pth", ".bin"};
constexpr ModelNames kNames{"torch", "pytorch_model.bin", "pytorch_model.bin.index.json",
                            kSuffixes};
/// Small tensors of objects that are read with the metadata, in all.
constexpr uint64_t kDetachedBytes = uint64_t{64} << 20;

class Reader {
public:
  Reader(const ModelFiles &model, const std::string &key)
      : model_(model), key_(key), check_(model, inventory_), builder_(inventory_) {
    inventory_.format = "torch";
    inventory_.root = model.root;
  }

  Result<Inventory> run() {
    bool isSound = true;
    for (const std::string &name : model_.files) {
      auto read = readFile(name);
      if (read)
        continue;
      if (model_.index.empty())
        return fail(std::move(read).error());
      builder_.problem(std::move(read).error());
      isSound = false;
    }
    if (isSound && !model_.index.empty())
      check_.finish(totalBytes_);
    inventory_.formatDetail =
        model_.index.empty()
            ? fmt::format("torch.save, state dict at {}", chosen_ == torch::kTopLevel
                                                              ? "the top level"
                                                              : "key '" + printable(chosen_) + "'")
            : fmt::format("torch.save, {} files", model_.files.size());
    builder_.finish();
    return std::move(inventory_);
  }

private:
  /// A view by what makes it equal to another one.
  using View = std::tuple<std::string, DType, int64_t, std::vector<int64_t>, std::vector<int64_t>>;

  Status readFile(const std::string &name) {
    std::string path = model_.root + "/" + name;
    RECAST_ASSIGN(torch::TorchFile file, torch::TorchFile::open(path, budget_));
    auto found = torch::findStateDict(*file.root(), key_);
    if (!found)
      return fail(Error(std::move(found).error()).file(path));
    chosen_ = found->key;
    noteOthers(*found, name);
    uint32_t index = builder_.file(name, file.info());
    builder_.foreign(file.foreignGlobals());
    std::map<View, std::string> views;
    for (const auto &[key, value] : found->dict->entries) {
      if (key->kind != Kind::String || !torch::isTensorLike(*value))
        continue;
      if (check_.takes(key->text, name))
        addTensor(file, index, key->text, *value, views);
    }
    return addObjects(file, *found);
  }

  void noteOthers(const torch::StateDict &found, const std::string &file) {
    std::vector<std::string> shown;
    for (const std::string &key : found.others)
      shown.push_back("'" + printable(key) + "'");
    if (!shown.empty())
      builder_.note(fmt::format("'{}': the state dict at key '{}' was taken; other dicts of "
                                "tensors are at {}",
                                printable(file), printable(found.key), fmt::join(shown, ", ")));
  }

  void addTensor(const torch::TorchFile &file, uint32_t index, const std::string &name,
                 const Object &object, std::map<View, std::string> &views) {
    auto bad = [&](std::string what, std::string hint) {
      builder_.problem(Error(Code::BadInput, std::move(what))
                           .tensor(printable(name))
                           .file(file.path())
                           .hint(std::move(hint)));
    };
    if (object.kind != Kind::Tensor) {
      torch::Refusal refusal = torch::explainRefusal(object);
      return bad(std::move(refusal.what), std::move(refusal.hint));
    }
    const plan::TensorRef &ref = *object.tensor;
    uint64_t bytes = static_cast<uint64_t>(torch::elementsOf(ref)) * bitWidth(ref.dtype) / 8;
    if (bytes > 0) {
      auto [first, isNew] =
          views.try_emplace(View{ref.storage, ref.dtype, ref.offset, ref.shape, ref.strides}, name);
      if (!isNew) {
        inventory_.aliases.emplace_back(name, first->second);
        return;
      }
    }
    if (auto added = builder_.view(index, file, ref, name, role::kWeight); !added)
      return bad(added.error().message(), "Save it by itself: tensor.clone().");
    totalBytes_ += bytes;
  }

  /// Everything that is no tensor of the state dict: its other values, and what lies beside it.
  Status addObjects(const torch::TorchFile &file, const torch::StateDict &found) {
    for (const auto &[key, value] : found.dict->entries)
      if (key->kind == Kind::String && !torch::isTensorLike(*value))
        RECAST_TRY(addObject(file, key->text, value));
      else if (key->kind != Kind::String && torch::isTensorLike(*value))
        builder_.problem(Error(Code::BadInput, "the state dict has a tensor under a key that is no "
                                               "text, which no other format can name")
                             .file(file.path())
                             .hint("Save it under a name, or outside of the state dict."));
      else if (key->kind != Kind::String)
        builder_.note("the state dict has a key that is no text; its value is left out");
    if (found.dict == file.root().get())
      return {};
    for (const auto &[key, value] : file.root()->entries)
      if (key->kind == Kind::String && value.get() != found.dict)
        if (ObjectPtr rest = without(value, found.dict))
          RECAST_TRY(addObject(file, key->text, rest));
    return {};
  }

  /// `object` without the dict `taken` somewhere inside; null if nothing else is in it.
  static ObjectPtr without(const ObjectPtr &object, const Object *taken) {
    if (!object->isDict())
      return object;
    auto out = std::make_shared<Object>(*object);
    out->entries.clear();
    bool changed = false;
    for (const auto &[key, value] : object->entries) {
      ObjectPtr rest = value.get() == taken ? nullptr : without(value, taken);
      changed = changed || rest != value;
      if (rest)
        out->entries.emplace_back(key, std::move(rest));
    }
    if (!changed)
      return object;
    return out->entries.empty() ? nullptr : ObjectPtr(std::move(out));
  }

  Status addObject(const torch::TorchFile &file, const std::string &name, const ObjectPtr &object) {
    RECAST_ASSIGN(ObjectPtr detached, file.detached(object, detached_));
    auto [known, isNew] = inventory_.objects.emplace(name, detached);
    if (!isNew && !plan::equal(*known->second, *detached))
      builder_.problem(Error(Code::BadInput,
                             fmt::format("two objects are called '{}' and differ", printable(name)))
                           .file(file.path()));
    return {};
  }

  const ModelFiles &model_;
  std::string key_, chosen_;
  Inventory inventory_;
  ShardCheck check_;
  torch::InventoryBuilder builder_;
  torch::PickleBudget budget_;
  uint64_t detached_ = kDetachedBytes, totalBytes_ = 0;
};

} // namespace

Result<Inventory> readTorch(const std::string &path, const ReadOptions &options) {
  RECAST_ASSIGN(ModelFiles model, findModel(path, kNames));
  return Reader(model, options.key).run();
}

} // namespace recast::format
