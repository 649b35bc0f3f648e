#include "runtime/format/torch/write/TorchWriter.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"
#include "runtime/format/torch/write/TorchFile.h"
#include "runtime/format/write/Shards.h"
#include "runtime/io/Directory.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace recast::format {
namespace {
using plan::Object;
using plan::ObjectPtr;
using Entries = std::vector<std::pair<ObjectPtr, ObjectPtr>>;

class TorchWriter : public TargetWriter {
public:
  using TargetWriter::TargetWriter;

  Status layOut() {
    RECAST_ASSIGN(std::vector<SizedTensor> tensors, sizedTensors(request_, torchTraits()));
    RECAST_TRY(checkTypes());
    for (const auto &[alias, canonical] : request_.aliases)
      aliasesOf_[canonical].push_back(alias);
    options_.allowForeign = option("allow_foreign_objects") == "true";
    std::string limit = option("max_shard_size");
    if (limit.empty())
      return addWhole(tensors);
    RECAST_ASSIGN(uint64_t bytes, parseShardSize(limit));
    if (!option("file").empty())
      return fail(Error(Code::Usage, "`file` names one file, and max_shard_size makes several")
                      .hint("Give one of the two."));
    return addShards(cutShards(tensors, bytes));
  }

private:
  std::string option(const std::string &name) const {
    auto found = request_.options.find(name);
    return found == request_.options.end() ? "" : found->second;
  }

  /// Here, where their names are known.
  Status checkTypes() const {
    for (size_t i = 0; i < request_.tensors.size(); ++i) {
      const TargetTensor tensor = request_.tensors[i];
      auto bad = [&](std::string message) {
        return fail(Error(Code::BadInput, std::move(message))
                        .tensor(printable(tensor.name))
                        .hint("Write it with the format safetensors, or drop it."));
      };
      if (info(tensor.dtype).torch.empty())
        return bad(fmt::format("torch has no dtype for {}", recast::name(tensor.dtype)));
      if (isPacked(tensor.dtype) && (tensor.shape.empty() || tensor.shape.back() % 2))
        return bad(fmt::format("torch keeps two elements of {} in a byte, and the last dimension "
                               "of this tensor is not even",
                               recast::name(tensor.dtype)));
    }
    return {};
  }

  /// The entries of a state dict: tensors in order, each followed by the names tied to it.
  Status addEntries(const std::vector<SizedTensor> &tensors, Entries &out,
                    torch::TensorSlots &slots) {
    std::set<std::string_view> names;
    for (const SizedTensor &sized : tensors) {
      const TargetTensor tensor = request_.tensors[sized.tensor];
      plan::TensorRef ref;
      ref.dtype = tensor.dtype;
      ref.shape.assign(tensor.shape.begin(), tensor.shape.end());
      if (tensor.isScalar) {
        for (uint64_t i = 0; i < sized.bytes; ++i)
          ref.literal += static_cast<char>(tensor.scalarBits >> (8 * i));
      } else {
        ref.storage = std::to_string(sized.tensor);
        slots[ref.storage] = sized.tensor;
      }
      ObjectPtr value = plan::tensor(std::move(ref));
      std::vector<std::string> all = {std::string(tensor.name)};
      if (auto tied = aliasesOf_.find(all[0]); tied != aliasesOf_.end())
        all.insert(all.end(), tied->second.begin(), tied->second.end());
      for (const std::string &name : all)
        out.push_back(plan::entry(name, value));
    }
    for (const auto &[key, value] : out)
      if (!names.insert(key->text).second)
        return fail(Error(Code::BadInput, "two values have this name in one state dict")
                        .tensor(printable(key->text)));
    return {};
  }

  static ObjectPtr ordered(Entries entries) {
    auto out = std::make_shared<Object>();
    out->kind = Object::Kind::Ordered;
    out->entries = std::move(entries);
    return out;
  }

  Status addWhole(const std::vector<SizedTensor> &tensors) {
    std::string path = option("file");
    if (path.empty())
      path = "model.pt";
    if (!io::checkRelativePath(path) || path.find('/') != std::string::npos)
      return fail(Error(Code::Usage,
                        fmt::format("file = '{}' is not the name of a file", printable(path, 80)))
                      .hint("Write a name, such as file = \"model.pt\"."));
    Entries entries;
    torch::TensorSlots slots;
    RECAST_TRY(addEntries(tensors, entries, slots));
    std::string key = option("key");
    if (!key.empty()) {
      auto state = ordered(std::move(entries));
      entries.clear();
      entries.push_back(plan::entry(key, state));
    }
    std::set<std::string_view> taken;
    for (const auto &[name, value] : entries)
      taken.insert(name->text);
    for (const auto &[name, object] : request_.objects) {
      if (taken.count(name))
        return fail(Error(Code::BadInput, fmt::format("an object and a tensor are both called '{}'",
                                                      printable(name)))
                        .hint("Give the state dict a key of its own, such as key = \"model\", or "
                              "drop the object."));
      entries.push_back(plan::entry(name, object));
    }
    // torch.save of a model writes an OrderedDict, of a training state a dict.
    bool isState = key.empty() && request_.objects.empty();
    return addFile(path, isState ? ordered(std::move(entries)) : plan::dict(std::move(entries)),
                   slots);
  }

  Status addShards(const std::vector<std::vector<SizedTensor>> &shards) {
    if (!request_.objects.empty() || !option("key").empty())
      return fail(Error(Code::Usage, "the shards of a model hold tensors only")
                      .hint("Drop the objects and `key`, or leave out max_shard_size."));
    std::map<std::string, std::string> place;
    uint64_t total = 0;
    for (size_t i = 0; i < shards.size(); ++i) {
      std::string path = shardName("pytorch_model", ".bin", i, shards.size());
      Entries entries;
      torch::TensorSlots slots;
      RECAST_TRY(addEntries(shards[i], entries, slots));
      for (const auto &[name, value] : entries)
        if (!place.emplace(name->text, path).second)
          return fail(Error(Code::BadInput, "two values have this name in one model")
                          .tensor(printable(name->text)));
      for (const SizedTensor &tensor : shards[i])
        total += tensor.bytes;
      RECAST_TRY(addFile(path, ordered(std::move(entries)), slots));
    }
    if (shards.size() == 1)
      return {};
    // Renamed last: a folder without index is no model yet.
    std::string text = shardIndexText(place, total);
    FileTemplate image;
    image.size = text.size();
    image.literals.push_back({0, std::move(text)});
    addImage("pytorch_model.bin.index.json", std::move(image));
    commit_.renames.push_back("pytorch_model.bin.index.json");
    return {};
  }

  Status addFile(const std::string &path, const ObjectPtr &root, const torch::TensorSlots &slots) {
    auto archive = torch::torchFile(*root, slots, options_);
    if (!archive)
      return fail(Error(std::move(archive).error()).file(path));
    addImage(path, std::move(*archive));
    commit_.renames.push_back(path);
    return {};
  }

  torch::EmitOptions options_;
  std::map<std::string, std::vector<std::string>> aliasesOf_;
};

} // namespace

const TargetTraits &torchTraits() {
  static const TargetTraits traits = [] {
    TargetTraits t;
    t.format = "torch";
    t.roles = {"weight", "frozen", "buffer"};
    t.holdsObjects = true;
    t.options = {"file", "key", "max_shard_size", "allow_foreign_objects"};
    return t;
  }();
  return traits;
}

Result<std::unique_ptr<TargetWriter>> createTorchWriter(WriteRequest request) {
  auto writer = std::make_unique<TorchWriter>(std::move(request));
  RECAST_TRY(writer->layOut());
  return writer;
}

} // namespace recast::format
