#include "runtime/format/deepspeed_universal/read/UniversalReader.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"
#include "runtime/format/deepspeed/read/ModelStates.h"
#include "runtime/format/deepspeed/read/TagFolder.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

namespace recast::format {
namespace {
namespace fs = std::filesystem;
using deepspeed::ModelStates;
using plan::Object;
using plan::ObjectPtr;
using Kind = Object::Kind;

constexpr uint64_t kDetachedBytes = uint64_t{1} << 26;

bool isFolder(const std::string &path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

/// Names in a folder, sorted; `folders`: only folders, else only files.
Result<std::vector<std::string>> list(const std::string &folder, bool folders) {
  std::error_code error;
  fs::directory_iterator entries(folder, error), end;
  std::vector<std::string> names;
  for (; !error && entries != end; entries.increment(error)) {
    std::error_code ignored;
    if (entries->is_directory(ignored) == folders)
      names.push_back(entries->path().filename().string());
  }
  if (error)
    return ioError("cannot list the folder", error.value(), folder);
  std::sort(names.begin(), names.end());
  return names;
}

class Reader {
public:
  Reader(std::string root, std::string prefix, std::string tag)
      : prefix_(std::move(prefix)), builder_(inventory_) {
    inventory_.format = "deepspeed_universal";
    inventory_.formatDetail = "DeepSpeed universal checkpoint";
    inventory_.root = std::move(root);
    inventory_.tag = std::move(tag);
  }

  Result<Inventory> run() {
    RECAST_ASSIGN(std::vector<std::string> names, list(absolute("zero"), /*folders=*/true));
    readModel();
    readGroups();
    std::set<std::string, std::less<>> present(names.begin(), names.end());
    // In the order of the parameters, then the rest by name.
    std::vector<std::string> order;
    for (const auto &[name, shape] : shapes_) {
      if (present.erase(name))
        order.push_back(name);
      else
        problem("the parameter has no folder below zero/", prefix_ + "zero", name);
    }
    order.insert(order.end(), present.begin(), present.end());
    for (const std::string &name : order)
      atom(name);
    loaderNotes();
    builder_.finish();
    return std::move(inventory_);
  }

private:
  /// What DeepSpeed's loaders (0.19) do not take from such a folder.
  void loaderNotes() {
    size_t values = 0;
    for (const Tensor &tensor : inventory_.tensors)
      values += tensor.role == role::kFrozen || tensor.role == role::kBuffer;
    if (values > 0)
      builder_.note(fmt::format("DeepSpeed does not load frozen parameters and buffers ({} here) "
                                "from a universal checkpoint: they keep their initial values",
                                values));
    for (size_t g = 1; g < inventory_.groups.size(); ++g)
      if (!plan::equal(*inventory_.groups[0].hyper, *inventory_.groups[g].hyper)) {
        builder_.note("under ZeRO-3 DeepSpeed applies the hyper-parameters of group 0 to every "
                      "group of a universal checkpoint");
        break;
      }
  }

  std::string absolute(const std::string &relative) const {
    return inventory_.root + "/" + prefix_ + relative;
  }
  void problem(std::string message, std::string_view file, std::string_view tensor = {}) {
    Error error = Error(Code::BadInput, std::move(message)).file(file);
    if (!tensor.empty())
      error = std::move(error).tensor(printable(tensor));
    builder_.problem(std::move(error));
  }

  void readModel() {
    auto files = deepspeed::listCheckpoint(absolute(""));
    if (!files)
      return builder_.problem(std::move(files).error());
    const deepspeed::CheckpointFile *first = nullptr;
    int64_t modelRanks = 0;
    for (const auto &file : *files) {
      bool model = file.kind == deepspeed::FileKind::ModelStates ||
                   file.kind == deepspeed::FileKind::Zero3ModelStates;
      if (model && file.mp == 0 && !first)
        first = &file;
      if (model)
        modelRanks = std::max(modelRanks, file.mp + 1);
      // All of them belong to the checkpoint, also those that are read nowhere.
      if (!model)
        continue;
      if (auto info = io::statFile(absolute(file.name)))
        builder_.file(prefix_ + file.name, *info);
    }
    if (!first)
      return problem("no *_model_states.pt beside zero/: DeepSpeed's loaders need one",
                     inventory_.root + "/" + prefix_);
    auto model =
        deepspeed::readModelStates(inventory_.root, prefix_ + first->name, builder_, budget_);
    if (!model)
      return builder_.problem(std::move(model).error());
    inventory_.iteration = model->iteration;
    if (model->iteration) {
      inventory_.properties["global_steps"] = plan::integer(*model->iteration);
      inventory_.objects["iteration"] = plan::integer(*model->iteration);
    }
    if (!model->version.empty()) {
      inventory_.properties["ds_version"] = plan::string(model->version);
      inventory_.formatDetail =
          fmt::format("DeepSpeed {} universal checkpoint", printable(model->version, 40));
    }
    bufferNames_ = model->bufferNames;
    parts_ = model->paramShapes;
    // With several model-parallel ranks these are the shapes of shards, not of atoms.
    if (modelRanks == 1)
      for (const auto &part : parts_)
        for (const auto &param : part)
          shapes_.emplace_back(param.name, param.shape);
    for (size_t i = 0; i < shapes_.size(); ++i)
      shapeOf_.emplace(shapes_[i].first, i);
    auto keepObject = [&](const std::string &name, const ObjectPtr &object) {
      auto detached = model->torchFile.detached(object, detached_);
      if (detached)
        inventory_.objects[name] = std::move(*detached);
      else
        builder_.problem(std::move(detached).error());
    };
    for (const auto &[key, value] : model->torchFile.root()->entries)
      if (key->text == "lr_scheduler")
        keepObject("lr_scheduler", value);
    ObjectPtr client = clientState(*model);
    if (!client->entries.empty())
      keepObject("client_state", client);
  }

  void readGroups() {
    std::string path = "zero/optimizer_state.pt";
    auto file = torch::TorchFile::open(absolute(path), budget_);
    if (!file)
      return builder_.problem(std::move(file).error());
    builder_.file(prefix_ + path, file->info());
    builder_.foreign(file->foreignGlobals());
    const Object *groups = lookup(file->root().get(), {"param_groups"});
    if (!groups || groups->kind != Kind::List)
      return problem("no 'param_groups'", prefix_ + path);
    std::optional<int64_t> stage = zeroStageOf(file->root()->find("zero_stage"));
    if (stage)
      inventory_.properties["zero"] = plan::integer(*stage);

    // Flat tensors that upstream's converter leaves in the file are dead weight.
    constexpr std::string_view kDropped[] = {"param_groups", "optimizer_state_dict",
                                             "fp32_flat_groups"};
    std::vector<std::pair<ObjectPtr, ObjectPtr>> rest;
    for (const auto &entry : file->root()->entries) {
      if (entry.first->text == "param_groups") {
        auto detached = file->detached(entry.second, detached_);
        if (!detached)
          return builder_.problem(std::move(detached).error());
        inventory_.objects["param_groups"] = *detached;
      } else if (std::find(std::begin(kDropped), std::end(kDropped), entry.first->text) ==
                 std::end(kDropped)) {
        rest.push_back(entry);
      }
    }
    auto optimizer = file->detached(plan::dict(std::move(rest)), detached_);
    if (!optimizer)
      return builder_.problem(std::move(optimizer).error());
    inventory_.objects["optimizer"] = std::move(*optimizer);
    nameGroups(*inventory_.objects["param_groups"]);
  }

  /// Group i is entry i of `param_shapes`, or (ZeRO-3) the sub-groups that its `params` lists.
  void nameGroups(const Object &groups) {
    std::vector<std::vector<int64_t>> partsOf;
    std::set<int64_t> used;
    for (size_t g = 0; g < groups.items.size(); ++g) {
      auto params = intsOf(groups.items[g]->find("params"));
      partsOf.push_back(params.value_or(std::vector<int64_t>{}));
      used.insert(partsOf.back().begin(), partsOf.back().end());
    }
    bool complete = used.size() == parts_.size() && !used.empty() && *used.begin() == 0 &&
                    *used.rbegin() == static_cast<int64_t>(parts_.size()) - 1;
    if (!complete && !parts_.empty())
      builder_.note("which parameter belongs to which group is not told by these files: their "
                    "param_shapes are those of ZeRO-3 sub-groups");
    for (size_t g = 0; g < groups.items.size(); ++g) {
      Group out;
      std::vector<std::pair<ObjectPtr, ObjectPtr>> hyper;
      for (const auto &entry : groups.items[g]->entries)
        if (entry.first->text != "params")
          hyper.push_back(entry);
      out.hyper = plan::dict(std::move(hyper));
      if (complete)
        for (int64_t part : partsOf[g])
          for (const auto &param : parts_[static_cast<size_t>(part)]) {
            out.names.push_back(param.name);
            groupOf_.emplace(param.name, static_cast<int32_t>(g));
          }
      inventory_.groups.push_back(std::move(out));
    }
  }

  void atom(const std::string &name) {
    std::string folder = "zero/" + name;
    auto files = list(absolute(folder), /*folders=*/false);
    if (!files)
      return builder_.problem(std::move(files).error());
    std::vector<std::string> states;
    for (const std::string &file : *files)
      if (file.ends_with(".pt"))
        states.push_back(file.substr(0, file.size() - 3));
    bool onlyMaster = states == std::vector<std::string>{"fp32"};
    bool declared = shapeOf_.contains(name);
    if (std::find(states.begin(), states.end(), "fp32") == states.end())
      problem("no fp32.pt", prefix_ + folder, name);
    for (const std::string &state : states) {
      std::string role = state;
      if (state == "fp32")
        role = declared || !onlyMaster       ? role::kMaster
               : bufferNames_.contains(name) ? role::kBuffer
                                             : role::kFrozen;
      Status status = stateFile(name, folder + "/" + state + ".pt", role);
      if (!status)
        builder_.problem(std::move(status).error().tensor(printable(name)));
    }
  }

  Status stateFile(const std::string &name, const std::string &path, const std::string &role) {
    RECAST_ASSIGN(torch::TorchFile file, torch::TorchFile::open(absolute(path), budget_));
    uint32_t index = builder_.file(prefix_ + path, file.info());
    builder_.foreign(file.foreignGlobals());
    const Object *value = file.root().get();
    if (value->isDict())
      value = value->find("param");
    auto bad = [&](std::string message) {
      return fail(Error(Code::BadInput, std::move(message)).file(file.path()));
    };
    if (!value)
      return bad("an atom without 'param'");
    auto group = groupOf_.find(name);
    int32_t groupIndex = group == groupOf_.end() ? -1 : group->second;
    bool isTensor = value->kind == Kind::Tensor;
    if (!isTensor || (value->tensor->shape.empty() && role == role::kStep)) {
      Tensor tensor;
      tensor.name = name;
      tensor.role = role;
      tensor.layout = builder_.wholeLayout();
      tensor.group = groupIndex;
      if (isTensor && byteWidth(value->tensor->dtype) <= 8) {
        RECAST_ASSIGN(std::string bytes, file.elements(*value->tensor, 8));
        tensor.dtype = value->tensor->dtype;
        tensor.scalar = bitsOf(bytes);
      } else if (auto number = intOf(value)) {
        tensor.dtype = DType::I64;
        tensor.scalar = static_cast<uint64_t>(*number);
      } else {
        return bad("neither a tensor nor an integer");
      }
      inventory_.tensors.push_back(std::move(tensor));
      return {};
    }
    if (!torch::isContiguous(*value->tensor))
      return bad("a tensor that is not contiguous in its storage");
    plan::TensorRef ref = *value->tensor;
    if (auto declared = shapeOf_.find(name); declared != shapeOf_.end()) {
      const std::vector<int64_t> &shape = shapes_[declared->second].second;
      int64_t expected = elementCount(shape).value_or(-1);
      if (torch::elementsOf(ref) != expected)
        return bad(fmt::format("{} elements, where the parameter's shape [{}] has {}",
                               torch::elementsOf(ref), fmt::join(shape, ", "), expected));
      // ZeRO-3 atoms are flat.
      if (ref.shape.size() == 1)
        ref.shape = shape;
    }
    builder_.wholeTensor(index, file, ref, name, role);
    inventory_.tensors.back().group = groupIndex;
    return {};
  }

  std::string prefix_;
  Inventory inventory_;
  torch::InventoryBuilder builder_;
  torch::PickleBudget budget_;
  uint64_t detached_ = kDetachedBytes;
  std::vector<std::vector<deepspeed::NamedShape>> parts_; ///< `param_shapes`.
  std::vector<std::pair<std::string, std::vector<int64_t>>> shapes_;
  std::map<std::string, size_t, std::less<>> shapeOf_; ///< Index into `shapes_`.
  std::map<std::string, int32_t> groupOf_;
  std::set<std::string> bufferNames_;
};

} // namespace

Result<Inventory> readUniversal(const std::string &path, const ReadOptions &options) {
  std::string root = path;
  while (root.size() > 1 && root.back() == '/')
    root.pop_back();
  if (!isFolder(root))
    return fail(Error(Code::BadInput, "no such folder").file(path));
  if (isFolder(root + "/zero") && options.tag.empty()) {
    std::error_code error;
    fs::path absolute = fs::absolute(root, error).lexically_normal();
    std::string tag = absolute.filename().string();
    return Reader(root, "", tag).run();
  }
  std::string tag = options.tag;
  if (tag.empty()) {
    std::string pointer = root + "/latest_universal";
    std::error_code error;
    if (!fs::exists(pointer, error))
      return fail(Error(Code::BadInput, "no universal checkpoint here: neither 'latest_universal' "
                                        "nor a folder 'zero'")
                      .file(path)
                      .hint("Give the folder that ds_to_universal or recast wrote."));
    RECAST_ASSIGN(tag, deepspeed::readPointer(pointer));
  }
  if (tag.find('/') != std::string::npos || tag == ".." || !isFolder(root + "/" + tag + "/zero"))
    return fail(
        Error(Code::BadInput, fmt::format("no universal checkpoint '{}' (no folder '{}/zero')",
                                          printable(tag), printable(tag)))
            .file(path));
  return Reader(root, tag + "/", tag).run();
}

} // namespace recast::format
