#include "runtime/format/deepspeed/read/DeepSpeedReader.h"

#include "runtime/format/Printable.h"
#include "runtime/format/deepspeed/read/CrossCheck.h"
#include "runtime/format/deepspeed/read/FlatTensors.h"
#include "runtime/format/deepspeed/read/Grid.h"
#include "runtime/format/deepspeed/read/ModuleTensors.h"
#include "runtime/format/deepspeed/read/ParameterGroups.h"
#include "runtime/format/deepspeed/read/ReplicatedTensors.h"
#include "runtime/format/deepspeed/read/Unreadable.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace recast::format {
namespace deepspeed {
namespace {

/// Bytes of small tensors that objects may bring along, over all files.
constexpr uint64_t kDetachedBytes = uint64_t{1} << 26;

class Reader {
public:
  Reader(TagFolder folder, std::string frozen)
      : folder_(std::move(folder)), frozen_(std::move(frozen)), builder_(inventory_) {}

  Inventory run() {
    inventory_.format = "deepspeed";
    inventory_.formatDetail = "DeepSpeed";
    inventory_.root = folder_.root;
    inventory_.tag = folder_.tag;
    std::vector<Error> refused = unreadableLayouts(folder_);
    readFirstModel();
    if (!models_.empty() && refused.empty())
      refused = unreadableSettings(models_[0]);
    if (!refused.empty())
      return giveUp(refused);
    if (!models_.empty() && models_[0].hasOptimizer)
      return zero0();
    if (!frozen_.empty())
      found_.push_back(Error(Code::Usage, "`frozen` is for runs without ZeRO: these files tell "
                                          "which parameters are frozen"));

    grid_ = makeGrid(folder_, models_.empty() ? 0 : models_[0].dpWorld.value_or(0), found_);
    world_ = grid_.world;
    readOptimizerFiles();
    readOtherModels();
    describe();
    if (models_.empty() || ranks_.empty() || !found_.empty()) {
      moduleTensors();
      return done();
    }
    crossCheck();
    if (found_.empty()) {
      groupOf_ = addGroups(models_.front(), ranks_[0], grid_.zero3, inventory_, found_);
      addFlatTensors(models_.front(), ranks_, grid_.zero3, groupOf_, inventory_, builder_, found_);
    }
    moduleTensors();
    objects(ranks_[0].paramGroups, ranks_[0].rest);
    if (ranks_[0].elastic)
      builder_.note(
          "elastic_checkpoint: the hyper-parameters of the groups (learning rate, ...) are "
          "not in these files; a run that resumes keeps its own");
    keptFiles();
    return done();
  }

private:
  template <typename T> bool keep(Result<T> result, std::vector<T> &into) {
    if (result) {
      into.push_back(std::move(*result));
      return true;
    }
    found_.push_back(std::move(result).error());
    return false;
  }
  void add(std::vector<Error> errors) {
    for (Error &error : errors)
      found_.push_back(std::move(error));
  }

  void readFirstModel() {
    for (FileKind kind : {FileKind::Zero3ModelStates, FileKind::ModelStates})
      for (const CheckpointFile &file : folder_.files)
        if (file.kind == kind && file.mp == 0) {
          keep(readModelStates(folder_.root, folder_.prefix + file.name, builder_, budget_),
               models_);
          firstModel_ = file.name;
          return;
        }
  }

  /// Without ZeRO every rank has the whole state, and one file holds it.
  Inventory zero0() {
    grid_ = gridOfReplicas(folder_, models_[0].dpWorld.value_or(1), found_);
    world_ = grid_.world;
    stage_ = 0;
    describe();
    auto optimizer = readReplicatedOptimizer(models_[0], detached_);
    auto names = optimizer ? nameParameters(models_[0], *optimizer, frozen_)
                           : Result<ParameterNames>(tl::unexpected(optimizer.error()));
    if (!names) {
      found_.push_back(std::move(names).error());
      return done();
    }
    models_[0].paramShapes = names->groups;
    for (size_t g = 0; g < names->groups.size(); ++g) {
      Group group;
      group.hyper = hyperParameters(*optimizer->paramGroups->items[g]);
      for (const NamedShape &param : names->groups[g])
        group.names.push_back(param.name);
      inventory_.groups.push_back(std::move(group));
      groupOf_.push_back(static_cast<int32_t>(g));
    }
    addReplicatedTensors(models_[0], *optimizer, *names, inventory_, builder_);
    bool hasMasters = !optimizer->groups.empty() && !optimizer->groups[0].empty() &&
                      optimizer->groups[0][0].master;
    // What the first elements say of the order is checked for all of them.
    inventory_.orderUncertain = hasMasters;
    builder_.note(hasMasters
                      ? "ZeRO-0: the optimizer's parameters are named by their order in the module "
                        "and by their values; cast(master) == weight is checked for every one"
                      : "ZeRO-0: the optimizer's parameters have no names in the file; every group "
                        "is taken to list them in the order of the module");
    moduleTensors();
    // One tensor per range of bytes: where the weight is the master, it is reported as that.
    if (!hasMasters)
      std::erase_if(inventory_.tensors,
                    [](const Tensor &tensor) { return tensor.role == role::kWeight; });
    objects(optimizer->paramGroups, optimizer->rest);
    keptFiles();
    return done();
  }

  Inventory giveUp(const std::vector<Error> &refused) {
    // What cannot be read can still be shown: all files, version and step.
    for (const CheckpointFile &file : folder_.files)
      if (auto info = io::statFile(folder_.folder() + "/" + file.name))
        builder_.file(folder_.prefix + file.name, *info);
    describe();
    found_.insert(found_.begin(), refused.begin(), refused.end());
    return done();
  }

  /// Model-states files carry the weights (ZeRO-1, 2) and the state of every rank.
  void keptFiles() {
    std::set<std::string> kept;
    for (const CheckpointFile &file : grid_.model)
      kept.insert(folder_.prefix + file.name);
    for (uint32_t i = 0; i < inventory_.files.size(); ++i)
      if (kept.contains(inventory_.files[i].path))
        inventory_.keptFiles.push_back(i);
  }

  void readOptimizerFiles() {
    for (const CheckpointFile &file : grid_.optim) {
      if (!keep(readRankStates(folder_.root, folder_.prefix + file.name, builder_, budget_,
                               detached_),
                ranks_) ||
          ranks_.size() == 1)
        continue;
      RankStates &rank = ranks_.back();
      std::vector<Error> differing = differences(ranks_.front(), rank);
      std::move(differing.begin(), differing.end(), std::back_inserter(rankDifferences_));
      // A thousand ranks times all parameters: what was compared is not kept.
      rank.paramGroups = rank.rest = plan::none();
      for (FlatState &flat : rank.flats)
        flat.alignment.reset();
    }
  }

  void readOtherModels() {
    for (const CheckpointFile &file : grid_.model) {
      if (file.name == firstModel_)
        continue;
      if (!keep(readModelStates(folder_.root, folder_.prefix + file.name, builder_, budget_),
                models_) ||
          models_.size() == 1)
        continue;
      ModelStates &rank = models_.back();
      add(differences(models_.front(), rank));
      if (auto differing = differingObjects(models_.front(), rank))
        perRank_.insert(differing->begin(), differing->end());
      else
        found_.push_back(std::move(differing).error());
      // A thousand ranks times all names: keep what differs by rank.
      rank.paramShapes.clear();
      std::erase_if(rank.module, [&](const NamedTensor &tensor) {
        return !rank.bufferNames.contains(tensor.name);
      });
      rank.torchFile.dropTree();
    }
  }

  void describe() {
    std::string version, stage;
    if (!models_.empty()) {
      const ModelStates &model = models_.front();
      inventory_.iteration = model.iteration;
      version = model.version;
      property("global_steps", model.iteration);
      property("skipped_steps", model.skippedSteps);
      property("global_samples", model.samples);
    }
    if (!ranks_.empty())
      stage_ = ranks_[0].stage;
    if (stage_) {
      property("zero", stage_);
      stage = fmt::format(", ZeRO-{}", *stage_);
    }
    if (world_ > 0) {
      property("dp", world_);
      property("world", world_);
      inventory_.mesh = {{"dp"}, {world_}};
    }
    if (!version.empty()) {
      inventory_.properties["ds_version"] = plan::string(version);
      inventory_.formatDetail = fmt::format("DeepSpeed {}{}", printable(version, 40), stage);
    } else {
      inventory_.formatDetail = "DeepSpeed" + stage;
    }
  }

  void property(const std::string &name, std::optional<int64_t> value) {
    if (value)
      inventory_.properties[name] = plan::integer(*value);
  }

  void crossCheck() {
    const ModelStates &model = models_.front();
    if (!model.hasParamShapes)
      found_.push_back(Error(Code::BadInput, "no 'param_shapes': without them the flat buffers "
                                             "cannot be cut into parameters")
                           .file(model.name));
    add(differences(model, ranks_[0], world_, grid_.zero3));
    add(std::move(rankDifferences_));
    if (!grid_.zero3 && model.iteration && model.skippedSteps && !ranks_[0].flats.empty()) {
      auto step = ranks_[0].flats[0].scalars.find("step");
      std::string expected = std::to_string(*model.iteration - *model.skippedSteps);
      if (step != ranks_[0].flats[0].scalars.end() && str(step->second) != expected)
        builder_.note(fmt::format("the optimizer's step is {}, the engine counts {} steps that "
                                  "were not skipped",
                                  str(step->second), expected));
    }
  }

  void moduleTensors() {
    bool whole = !models_.empty() && models_.size() == grid_.model.size() &&
                 models_.front().name == grid_.model.front().name;
    if (!whole)
      return;
    addModuleTensors(models_, grid_.zero3, groupOf_, inventory_, builder_);
    for (const NamedTensor &tensor : models_.front().module)
      if (tensor.ref && info(tensor.ref->dtype).isFloat &&
          !models_.front().bufferNames.contains(tensor.name)) {
        inventory_.properties["dtype"] = plan::string(std::string(name(tensor.ref->dtype)));
        break;
      }
  }

  /// What rank 0's optimizer keeps besides flat tensors. ZeRO-3 files have the version one level
  /// above it, ZeRO-1 and 2 inside: here it is always inside.
  plan::ObjectPtr withVersion(const plan::ObjectPtr &state) const {
    auto version = inventory_.properties.find("ds_version");
    if (state->find("ds_version") || version == inventory_.properties.end())
      return state;
    auto entries = state->entries;
    entries.push_back(plan::entry("ds_version", version->second));
    return plan::dict(std::move(entries));
  }

  void objects(const plan::ObjectPtr &paramGroups, const plan::ObjectPtr &optimizer) {
    inventory_.perRank.assign(perRank_.begin(), perRank_.end());
    if (!perRank_.empty())
      builder_.note(fmt::format("the ranks have values of their own for {}: all are kept in the "
                                "model-states files, and rank 0's are listed here",
                                printable(fmt::format("{}", fmt::join(perRank_, ", ")), 400)));
    const ModelStates &model = models_.front();
    inventory_.objects["param_groups"] = paramGroups;
    inventory_.objects["optimizer"] = withVersion(optimizer);
    if (model.iteration)
      inventory_.objects["iteration"] = plan::integer(*model.iteration);
    auto fromModel = [&](const std::string &name, const plan::ObjectPtr &object) {
      auto detached = model.torchFile.detached(object, detached_);
      if (detached)
        inventory_.objects[name] = std::move(*detached);
      else
        found_.push_back(std::move(detached).error());
    };
    for (const auto &[name, object] : runObjects(model))
      fromModel(name, object);
  }

  Inventory done() {
    for (Error &error : found_)
      builder_.problem(std::move(error));
    builder_.finish();
    return std::move(inventory_);
  }

  TagFolder folder_;
  std::string frozen_;
  Inventory inventory_;
  torch::InventoryBuilder builder_;
  torch::PickleBudget budget_;
  uint64_t detached_ = kDetachedBytes;
  std::string firstModel_;
  Grid grid_;
  int64_t world_ = 0;
  std::optional<int64_t> stage_;       ///< Of ZeRO.
  std::vector<ModelStates> models_;    ///< Rank 0's first.
  std::vector<RankStates> ranks_;      ///< Of all but the first, only where their buffers lie.
  std::vector<Error> rankDifferences_; ///< Between these.
  std::vector<int32_t> groupOf_;       ///< Parameter group of each entry of `param_shapes`.
  std::vector<Error> found_;           ///< Problems.
  std::set<std::string> perRank_;
};

} // namespace
} // namespace deepspeed

Result<Inventory> readDeepSpeed(const std::string &path, const ReadOptions &options) {
  RECAST_ASSIGN(deepspeed::TagFolder folder, deepspeed::findTagFolder(path, options));
  return deepspeed::Reader(std::move(folder), options.frozen).run();
}

} // namespace recast::format
