#include "runtime/format/deepspeed_universal/read/UniversalReader.h"

#include "runtime/format/Printable.h"
#include "runtime/format/deepspeed/read/CrossCheck.h"
#include "runtime/format/deepspeed/read/FlatTensors.h"
#include "runtime/format/deepspeed/read/ModuleTensors.h"
#include "runtime/format/deepspeed/read/ParameterGroups.h"
#include "runtime/format/deepspeed/read/TagFolder.h"
#include "runtime/format/deepspeed_universal/read/AtomFile.h"
#include "runtime/format/deepspeed_universal/read/OptimizerStateFile.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

namespace recast::format {
namespace {
namespace fs = std::filesystem;
using deepspeed::ModelStates;
using plan::Object;
using plan::ObjectPtr;

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
    readOptimizer();
    readModels();
    if (optimizer_.paramGroups)
      nameGroups(*optimizer_.paramGroups);
    std::vector<Tensor> module = moduleTensors();
    readAtoms(names);
    for (Tensor &tensor : module)
      if (tensor.role == role::kWeight || !atoms_.contains(tensor.name))
        inventory_.tensors.push_back(std::move(tensor));
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

  void readOptimizer() {
    auto read = universal::readOptimizerState(inventory_.root, prefix_ + "zero/optimizer_state.pt",
                                              builder_, budget_, detached_);
    if (!read)
      return builder_.problem(std::move(read).error());
    optimizer_ = std::move(*read);
    if (optimizer_.stage)
      inventory_.properties["zero"] = plan::integer(*optimizer_.stage);
    inventory_.objects["optimizer"] = optimizer_.rest;
    if (optimizer_.paramGroups)
      inventory_.objects["param_groups"] = optimizer_.paramGroups;
    else
      builder_.note("there are no parameter groups in zero/optimizer_state.pt (old versions of "
                    "DeepSpeed): no hyper-parameters, and no universal folder can be made of it");
  }

  bool zero3() const { return optimizer_.stage == 3; }

  /// The model-states files that hold the run's state: one, or under ZeRO-3 one per rank. Others
  /// (hard links under another stage's name, other model-parallel ranks) are noted only.
  void readModels() {
    auto files = deepspeed::listCheckpoint(absolute(""));
    if (!files)
      return builder_.problem(std::move(files).error());
    using deepspeed::FileKind;
    std::vector<const deepspeed::CheckpointFile *> wanted, other;
    for (const auto &file : *files) {
      if (file.kind != FileKind::ModelStates && file.kind != FileKind::Zero3ModelStates)
        continue;
      modelRanks_ = std::max(modelRanks_, file.mp + 1);
      // All of them belong to the checkpoint, also those that are read nowhere.
      if (auto info = io::statFile(absolute(file.name)))
        builder_.file(prefix_ + file.name, *info);
      bool perRank = file.kind == FileKind::Zero3ModelStates;
      if (file.mp == 0)
        (perRank == zero3() ? wanted : other).push_back(&file);
    }
    if (wanted.empty())
      wanted = std::move(other);
    if (wanted.empty())
      return problem("no *_model_states.pt beside zero/: DeepSpeed's loaders need one",
                     inventory_.root + "/" + prefix_);
    if (!zero3())
      wanted.resize(1);
    std::set<std::string> perRank;
    for (const auto *file : wanted) {
      auto model =
          deepspeed::readModelStates(inventory_.root, prefix_ + file->name, builder_, budget_);
      if (!model)
        return builder_.problem(std::move(model).error());
      if (modelRanks_ == 1)
        inventory_.keptFiles.push_back(model->file);
      models_.push_back(std::move(*model));
      if (models_.size() == 1)
        continue;
      for (Error &error : deepspeed::differences(models_.front(), models_.back()))
        builder_.problem(std::move(error));
      auto differing = deepspeed::differingObjects(models_.front(), models_.back());
      if (!differing)
        return builder_.problem(std::move(differing).error());
      perRank.insert(differing->begin(), differing->end());
    }
    inventory_.perRank.assign(perRank.begin(), perRank.end());
    describe(models_.front());
  }

  void describe(const ModelStates &model) {
    inventory_.iteration = model.iteration;
    if (model.iteration) {
      inventory_.properties["global_steps"] = plan::integer(*model.iteration);
      inventory_.objects["iteration"] = plan::integer(*model.iteration);
    }
    if (!model.version.empty()) {
      inventory_.properties["ds_version"] = plan::string(model.version);
      inventory_.formatDetail =
          fmt::format("DeepSpeed {} universal checkpoint", printable(model.version, 40));
    }
    // With several model-parallel ranks these are the shapes of shards, not of atoms.
    if (modelRanks_ == 1)
      for (const auto &part : model.paramShapes)
        for (const auto &param : part)
          shapes_.emplace_back(param.name, param.shape);
    for (size_t i = 0; i < shapes_.size(); ++i)
      shapeOf_.emplace(shapes_[i].first, i);
    auto keepObject = [&](const std::string &name, const ObjectPtr &object) {
      auto detached = model.torchFile.detached(object, detached_);
      if (detached)
        inventory_.objects[name] = std::move(*detached);
      else
        builder_.problem(std::move(detached).error());
    };
    for (const auto &[name, object] : runObjects(model))
      keepObject(name, object);
  }

  /// Group i is entry i of `param_shapes`, or (ZeRO-3) the sub-groups that its `params` lists.
  void nameGroups(const Object &groups) {
    std::vector<std::vector<deepspeed::NamedShape>> parts;
    if (!models_.empty())
      parts = models_.front().paramShapes;
    std::vector<std::vector<int64_t>> partsOf;
    std::set<int64_t> used;
    for (const ObjectPtr &group : groups.items) {
      partsOf.push_back(intsOf(group->find("params")).value_or(std::vector<int64_t>{}));
      used.insert(partsOf.back().begin(), partsOf.back().end());
    }
    bool complete = used.size() == parts.size() && !used.empty() && *used.begin() == 0 &&
                    *used.rbegin() == static_cast<int64_t>(parts.size()) - 1;
    if (!complete && !parts.empty())
      builder_.note("which parameter belongs to which group is not told by these files: their "
                    "param_shapes are those of ZeRO-3 sub-groups");
    partGroups_.assign(parts.size(), -1);
    for (size_t g = 0; g < groups.items.size(); ++g) {
      Group out;
      out.hyper = deepspeed::hyperParameters(*groups.items[g]);
      if (complete)
        for (int64_t part : partsOf[g]) {
          partGroups_[static_cast<size_t>(part)] = static_cast<int32_t>(g);
          for (const auto &param : parts[static_cast<size_t>(part)]) {
            out.names.push_back(param.name);
            groupOf_.emplace(param.name, static_cast<int32_t>(g));
          }
        }
      inventory_.groups.push_back(std::move(out));
    }
  }

  /// Weights, frozen parameters, buffers and tied names, which upstream leaves in the model-states
  /// files. Shards of model-parallel runs are not joined here, so they are not listed.
  std::vector<Tensor> moduleTensors() {
    if (models_.empty() || modelRanks_ > 1 || !models_.front().moduleIsFlat)
      return {};
    bool allRanks =
        !zero3() || static_cast<int64_t>(models_.size()) == models_.front().dpWorld.value_or(1);
    if (!allRanks && !models_.front().frozenShapes.empty()) {
      builder_.note("the files of some ranks are not here, and with them parts of the frozen "
                    "parameters: those are left out");
      return {};
    }
    deepspeed::addModuleTensors(models_, zero3(), partGroups_, inventory_, builder_);
    return std::exchange(inventory_.tensors, {});
  }

  void readAtoms(const std::vector<std::string> &names) {
    std::set<std::string, std::less<>> present(names.begin(), names.end());
    for (const auto &[alias, canonical] : inventory_.aliases)
      if (present.erase(alias))
        builder_.note(fmt::format("zero/{} is left out: '{}' is '{}', which has the master",
                                  printable(alias), printable(alias), printable(canonical)));
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
      readAtom(name);
    bool hasSteps = std::any_of(inventory_.tensors.begin(), inventory_.tensors.end(),
                                [](const Tensor &tensor) { return tensor.role == role::kStep; });
    if (!hasSteps && !models_.empty() &&
        optimizer_.steps.size() == models_.front().paramShapes.size())
      for (size_t part = 0; part < optimizer_.steps.size(); ++part)
        for (const auto &param : models_.front().paramShapes[part])
          inventory_.tensors.push_back(deepspeed::scalarTensor(
              param.name, role::kStep, optimizer_.steps[part], group(param.name), builder_));
  }

  int32_t group(const std::string &name) const {
    auto found = groupOf_.find(name);
    return found == groupOf_.end() ? -1 : found->second;
  }

  void readAtom(const std::string &name) {
    std::string folder = "zero/" + name;
    auto files = list(absolute(folder), /*folders=*/false);
    if (!files)
      return builder_.problem(std::move(files).error());
    std::vector<std::string> states;
    for (const std::string &file : *files)
      if (file.ends_with(".pt"))
        states.push_back(file.substr(0, file.size() - 3));
    bool onlyMaster = states == std::vector<std::string>{"fp32"};
    auto declared = shapeOf_.find(name);
    bool isBuffer = !models_.empty() && models_.front().bufferNames.contains(name);
    if (std::find(states.begin(), states.end(), "fp32") == states.end())
      problem("no fp32.pt", prefix_ + folder, name);
    for (const std::string &state : states) {
      universal::Atom atom{name, state, nullptr, group(name)};
      if (declared != shapeOf_.end())
        atom.shape = &shapes_[declared->second].second;
      if (state == "fp32")
        atom.role = atom.shape || !onlyMaster ? role::kMaster
                    : isBuffer                ? role::kBuffer
                                              : role::kFrozen;
      Status status = universal::addAtom(inventory_.root, prefix_ + folder + "/" + state + ".pt",
                                         atom, inventory_, builder_, budget_);
      if (!status)
        builder_.problem(std::move(status).error().tensor(printable(name)));
    }
    atoms_.insert(name);
  }

  std::string prefix_;
  Inventory inventory_;
  torch::InventoryBuilder builder_;
  torch::PickleBudget budget_;
  uint64_t detached_ = kDetachedBytes;
  universal::OptimizerStateFile optimizer_;
  std::vector<ModelStates> models_; ///< Under ZeRO-3 by rank, else one.
  int64_t modelRanks_ = 0;
  std::vector<std::pair<std::string, std::vector<int64_t>>> shapes_;
  std::map<std::string, size_t, std::less<>> shapeOf_; ///< Index into `shapes_`.
  std::map<std::string, int32_t> groupOf_;
  std::vector<int32_t> partGroups_; ///< Group of each entry of `param_shapes`.
  std::set<std::string> atoms_;     ///< Names with a folder below zero/.
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
