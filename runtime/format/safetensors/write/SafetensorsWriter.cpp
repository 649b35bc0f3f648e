#include "runtime/format/safetensors/write/SafetensorsWriter.h"

#include "runtime/base/Utf8.h"
#include "runtime/format/Printable.h"
#include "runtime/format/write/Shards.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace recast::format {
namespace {

constexpr uint64_t kMaxHeader = 100'000'000;

/// Position in the reference crate's `enum Dtype`, which is its order of alignment.
constexpr DType kCrateOrder[] = {
    DType::Bool,   DType::F4E2M1,   DType::F6E2M3, DType::F6E3M2,     DType::U8,         DType::I8,
    DType::F8E5M2, DType::F8E4M3FN, DType::F8E8M0, DType::F8E4M3FNUZ, DType::F8E5M2FNUZ, DType::I16,
    DType::U16,    DType::F16,      DType::BF16,   DType::I32,        DType::U32,        DType::F32,
    DType::C64,    DType::F64,      DType::I64,    DType::U64};

int crateRank(DType type) {
  return static_cast<int>(std::find(std::begin(kCrateOrder), std::end(kCrateOrder), type) -
                          std::begin(kCrateOrder));
}

/// A JSON string. Names are checked to be UTF-8 before, the serializer would abort otherwise.
std::string quoted(std::string_view text) { return nlohmann::json(text).dump(); }

Error about(const TargetTensor &tensor, std::string message) {
  return Error(Code::BadInput, std::move(message)).tensor(printable(tensor.name));
}

class SafetensorsWriter : public TargetWriter {
public:
  using TargetWriter::TargetWriter;

  Status layOut() {
    RECAST_ASSIGN(uint64_t limit, shardLimit());
    RECAST_ASSIGN(std::vector<SizedTensor> items, sizedTensors(request_, safetensorsTraits()));
    RECAST_TRY(checkNames());
    RECAST_TRY(readMetadata());
    std::vector<std::vector<SizedTensor>> shards = cutShards(items, limit);
    for (size_t i = 0; i < shards.size(); ++i)
      RECAST_TRY(addFile(shards[i], shardName("model", ".safetensors", i, shards.size())));
    if (shards.size() > 1)
      addIndex();
    if (!request_.aliases.empty())
      notes_.push_back(fmt::format("{} tied name{} left out: a safetensors folder holds each value "
                                   "once, and the model ties them when it is built",
                                   request_.aliases.size(),
                                   request_.aliases.size() == 1 ? " is" : "s are"));
    return {};
  }

private:
  Result<uint64_t> shardLimit() const {
    auto option = request_.options.find("max_shard_size");
    if (option == request_.options.end())
      return kDefaultShardBytes;
    return parseShardSize(option->second);
  }

  Status checkNames() const {
    for (size_t i = 0; i < request_.tensors.size(); ++i) {
      const TargetTensor tensor = request_.tensors[i];
      if (tensor.name.empty() || tensor.name == "__metadata__")
        return fail(about(tensor, "this name cannot stand in a safetensors header"));
      if (info(tensor.dtype).safetensors.empty())
        return fail(about(tensor, fmt::format("safetensors has no dtype for {}",
                                              recast::name(tensor.dtype)))
                        .hint("Write it with the format torch, or drop it."));
    }
    return {};
  }

  /// The object `metadata` becomes `__metadata__`, which maps text to text.
  Status readMetadata() {
    metadata_["format"] = "pt";
    auto found = request_.objects.find("metadata");
    if (found == request_.objects.end())
      return {};
    if (!found->second->isDict())
      return badInput("the object 'metadata' is not a dict, as __metadata__ is");
    for (const auto &[key, value] : found->second->entries) {
      if (key->kind != plan::Object::Kind::String || value->kind != plan::Object::Kind::String ||
          !isUtf8(key->text) || !isUtf8(value->text))
        return fail(Error(Code::BadInput,
                          "the object 'metadata' does not map text to text, as __metadata__ does")
                        .hint("Add `objects { metadata : drop }`."));
      metadata_[key->text] = value->text;
    }
    return {};
  }

  /// Header and tensors as the reference crate writes them: widest dtype first, then by name, back
  /// to back; the header padded with spaces to a multiple of 8.
  Status addFile(std::vector<SizedTensor> items, std::string path) {
    std::sort(items.begin(), items.end(), [&](const SizedTensor &a, const SizedTensor &b) {
      const TargetTensor x = request_.tensors[a.tensor], y = request_.tensors[b.tensor];
      int left = crateRank(x.dtype), right = crateRank(y.dtype);
      return left != right ? left > right : x.name < y.name;
    });
    std::string header = R"({"__metadata__":)" + nlohmann::json(metadata_).dump();
    uint64_t position = 0;
    for (const SizedTensor &item : items) {
      const TargetTensor tensor = request_.tensors[item.tensor];
      header += fmt::format(R"(,{}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                            quoted(tensor.name), info(tensor.dtype).safetensors,
                            fmt::join(tensor.shape, ","), position, position + item.bytes);
      position += item.bytes;
    }
    header += '}';
    header.append((8 - header.size() % 8) % 8, ' ');
    if (header.size() > kMaxHeader)
      return badInput(fmt::format("the header of '{}' would have {} bytes, and readers refuse more "
                                  "than {}: choose a smaller max_shard_size",
                                  path, header.size(), kMaxHeader));
    FileTemplate image;
    uint64_t begin = 8 + header.size();
    image.size = begin + position;
    for (const SizedTensor &item : items) {
      image.tensors.push_back({begin, item.bytes, item.tensor});
      begin += item.bytes;
      total_ += item.bytes;
      place_.emplace(request_.tensors[item.tensor].name, path);
    }
    std::string head;
    for (int i = 0; i < 8; ++i)
      head += static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i));
    image.literals.push_back({0, head + header});
    addImage(path, std::move(image));
    commit_.renames.push_back(std::move(path));
    return {};
  }

  /// Its rename is the last: a folder without index is no model yet.
  void addIndex() {
    std::string text = shardIndexText(place_, total_);
    FileTemplate image;
    image.size = text.size();
    image.literals.push_back({0, std::move(text)});
    addImage("model.safetensors.index.json", std::move(image));
    commit_.renames.push_back("model.safetensors.index.json");
  }

  uint64_t total_ = 0;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, std::string> place_; ///< Tensor name -> file.
};

} // namespace

const TargetTraits &safetensorsTraits() {
  static const TargetTraits traits = [] {
    TargetTraits t;
    t.format = "safetensors";
    t.roles = {"weight", "frozen", "buffer"};
    t.holdsObjects = true;
    t.objects = {"metadata"};
    t.options = {"max_shard_size"};
    return t;
  }();
  return traits;
}

Result<std::unique_ptr<TargetWriter>> createSafetensorsWriter(WriteRequest request) {
  auto writer = std::make_unique<SafetensorsWriter>(std::move(request));
  RECAST_TRY(writer->layOut());
  return writer;
}

} // namespace recast::format
