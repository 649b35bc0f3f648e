#include "runtime/format/deepspeed/read/DeepSpeedReader.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"
#include "runtime/format/deepspeed/read/CrossCheck.h"
#include "runtime/format/deepspeed/read/FlatOrder.h"
#include "runtime/format/deepspeed/read/Grid.h"
#include "runtime/format/deepspeed/read/ModuleTensors.h"

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
  Reader(TagFolder folder) : folder_(std::move(folder)), builder_(inventory_) {}

  Inventory run() {
    inventory_.format = "deepspeed";
    inventory_.formatDetail = "DeepSpeed";
    inventory_.root = folder_.root;
    inventory_.tag = folder_.tag;
    std::vector<Error> refused = unreadableLayouts(folder_);
    readFirstModel();
    if (!models_.empty() && refused.empty())
      zero0(refused);
    if (!refused.empty())
      return giveUp(refused);

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
      groups();
      if (grid_.zero3)
        stage3();
      else
        stage12();
    }
    moduleTensors();
    objects();
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

  void zero0(std::vector<Error> &refused) {
    bool hasOptimizerFiles =
        std::any_of(folder_.files.begin(), folder_.files.end(),
                    [](const CheckpointFile &file) { return file.kind == FileKind::OptimStates; });
    if (!hasOptimizerFiles && models_[0].hasOptimizer)
      refused.push_back(
          Error(Code::BadInput, "ZeRO-0: the optimizer state lies inside the model states")
              .file(folder_.prefix + firstModel_)
              .hint("Recast reads ZeRO-1, 2 and 3. Resume the run with zero_optimization.stage = 1 "
                    "(DeepSpeed loads this checkpoint) and save again."));
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
    for (const CheckpointFile &file : grid_.optim)
      keep(readRankStates(folder_.root, folder_.prefix + file.name, builder_, budget_, detached_),
           ranks_);
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
      if (!plan::equal(*clientState(models_.front()), *clientState(rank)) && !clientNoted_) {
        builder_.note("the client state differs between ranks (random generators?); it is kept in "
                      "the model-states files, and rank 0's is the one listed here");
        clientNoted_ = true;
      }
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
    if (!ranks_.empty()) {
      property("zero", ranks_[0].stage);
      stage = fmt::format(", ZeRO-{}", ranks_[0].stage);
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
    for (size_t r = 1; r < ranks_.size(); ++r)
      add(differences(ranks_[0], ranks_[r]));
    if (!grid_.zero3 && model.iteration && model.skippedSteps && !ranks_[0].flats.empty()) {
      auto step = ranks_[0].flats[0].scalars.find("step");
      std::string expected = std::to_string(*model.iteration - *model.skippedSteps);
      if (step != ranks_[0].flats[0].scalars.end() && str(step->second) != expected)
        builder_.note(fmt::format("the optimizer's step is {}, the engine counts {} steps that "
                                  "were not skipped",
                                  str(step->second), expected));
    }
  }

  /// Groups by name, and the group of every sub-group under ZeRO-3.
  void groups() {
    const auto &shapes = models_.front().paramShapes;
    const auto &groups = ranks_[0].paramGroups->items;
    groupOf_.assign(shapes.size(), -1);
    for (size_t g = 0; g < groups.size(); ++g) {
      Group out;
      std::vector<std::pair<plan::ObjectPtr, plan::ObjectPtr>> hyper;
      for (const auto &entry : groups[g]->entries)
        if (entry.first->text != "params")
          hyper.push_back(entry);
      out.hyper = plan::dict(std::move(hyper));
      std::vector<int64_t> parts =
          grid_.zero3 ? intsOf(groups[g]->find("params")).value_or(std::vector<int64_t>{})
                      : std::vector{static_cast<int64_t>(g)};
      for (int64_t part : parts) {
        if (part < 0 || static_cast<size_t>(part) >= shapes.size() ||
            groupOf_[static_cast<size_t>(part)] != -1) {
          found_.push_back(
              Error(Code::BadInput,
                    fmt::format("parameter group {} names the sub-group {}, which {}", g, part,
                                part >= 0 && static_cast<size_t>(part) < shapes.size()
                                    ? "another group has"
                                    : "does not exist"))
                  .file(ranks_[0].name));
          continue;
        }
        groupOf_[static_cast<size_t>(part)] = static_cast<int32_t>(g);
        for (const NamedShape &param : shapes[static_cast<size_t>(part)])
          out.names.push_back(param.name);
      }
      inventory_.groups.push_back(std::move(out));
    }
    for (size_t part = 0; part < shapes.size(); ++part)
      if (groupOf_[part] < 0)
        found_.push_back(Error(Code::BadInput,
                               fmt::format("the sub-group {} belongs to no parameter group", part))
                             .file(ranks_[0].name));
  }

  /// One store per role of a flat buffer.
  std::vector<std::pair<std::string, uint32_t>> stores(size_t part) {
    std::vector<std::pair<std::string, uint32_t>> out;
    auto add = [&](const std::string &role, auto select) {
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

  void addParam(const NamedShape &param, size_t part,
                const std::vector<std::pair<std::string, uint32_t>> &stores, uint32_t layout,
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
      Tensor scalar;
      scalar.name = param.name;
      scalar.role = key;
      scalar.dtype = value.dtype;
      scalar.scalar = value.bits;
      scalar.layout = builder_.wholeLayout();
      scalar.group = groupOf_[part];
      inventory_.tensors.push_back(std::move(scalar));
    }
  }

  layout::Layout flatLayout(layout::FlatScope scope) const {
    return {{{"dp"}, {world_}}, {}, {layout::Flat{"dp", scope}}};
  }

  void stage12() {
    const ModelStates &model = models_.front();
    bool hasWeights = model.moduleIsFlat && !model.module.empty();
    for (size_t g = 0; g < model.paramShapes.size(); ++g) {
      const std::vector<NamedShape> &params = model.paramShapes[g];
      if (params.empty())
        continue;
      auto order = flatOrder(params, g, ranks_, model.roundRobin, hasWeights);
      if (!order) {
        found_.push_back(std::move(order).error());
        continue;
      }
      if (order->uncertain && !inventory_.orderUncertain)
        builder_.note("round_robin_gradients: the order of the flat buffers is taken from "
                      "param_shapes; cast(master) == weight is checked for every parameter, since "
                      "the other account in these files (param_slice_mappings) is wrong there");
      inventory_.orderUncertain |= order->uncertain;
      auto roles = stores(g);
      uint32_t layout = builder_.layout(flatLayout(layout::FlatScope::PerGroup));
      for (size_t i = 0; i < params.size(); ++i)
        addParam(params[i], g, roles, layout, order->starts[i], order->total);
    }
  }

  /// Every parameter has a slot of ceil(n / W) elements in each rank's sub-group buffer, one after
  /// the other.
  void stage3() {
    const ModelStates &model = models_.front();
    for (size_t part = 0; part < model.paramShapes.size(); ++part) {
      std::vector<int64_t> starts;
      std::optional<int64_t> at = 0;
      for (const NamedShape &param : model.paramShapes[part]) {
        starts.push_back(at.value_or(0));
        if (at)
          at = checkedAdd(*at, ceilDiv(elementCount(param.shape).value_or(0), world_));
      }
      if (!slotsFit(part, at.value_or(-1)))
        continue;
      auto roles = stores(part);
      uint32_t layout = builder_.layout(flatLayout(layout::FlatScope::PerParam));
      for (size_t i = 0; i < starts.size(); ++i)
        addParam(model.paramShapes[part][i], part, roles, layout, starts[i], 0);
    }
  }

  bool slotsFit(size_t part, int64_t expected) {
    bool fits = true;
    auto check = [&](const RankStates &rank, std::string_view what, const FlatTensor &tensor) {
      if (tensor.extent.elements == expected)
        return;
      found_.push_back(
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
  plan::ObjectPtr optimizerState() const {
    const plan::Object &state = *ranks_[0].rest;
    auto version = inventory_.properties.find("ds_version");
    if (state.find("ds_version") || version == inventory_.properties.end())
      return ranks_[0].rest;
    auto entries = state.entries;
    entries.push_back(plan::entry("ds_version", version->second));
    return plan::dict(std::move(entries));
  }

  void objects() {
    const ModelStates &model = models_.front();
    inventory_.objects["param_groups"] = ranks_[0].paramGroups;
    inventory_.objects["optimizer"] = optimizerState();
    if (model.iteration)
      inventory_.objects["iteration"] = plan::integer(*model.iteration);
    auto fromModel = [&](const std::string &name, const plan::ObjectPtr &object) {
      auto detached = model.torchFile.detached(object, detached_);
      if (detached)
        inventory_.objects[name] = std::move(*detached);
      else
        found_.push_back(std::move(detached).error());
    };
    for (const auto &[key, value] : model.torchFile.root()->entries)
      if (key->text == "lr_scheduler")
        fromModel("lr_scheduler", value);
    plan::ObjectPtr client = clientState(model);
    if (!client->entries.empty())
      fromModel("client_state", client);
  }

  Inventory done() {
    for (Error &error : found_)
      builder_.problem(std::move(error));
    builder_.finish();
    return std::move(inventory_);
  }

  TagFolder folder_;
  Inventory inventory_;
  torch::InventoryBuilder builder_;
  torch::PickleBudget budget_;
  uint64_t detached_ = kDetachedBytes;
  std::string firstModel_;
  Grid grid_;
  int64_t world_ = 0;
  std::vector<ModelStates> models_; ///< Rank 0's first.
  std::vector<RankStates> ranks_;
  std::vector<int32_t> groupOf_; ///< Parameter group of each entry of `param_shapes`.
  std::vector<Error> found_;     ///< Problems.
  bool clientNoted_ = false;
};

} // namespace
} // namespace deepspeed

Result<Inventory> readDeepSpeed(const std::string &path, const ReadOptions &options) {
  RECAST_ASSIGN(deepspeed::TagFolder folder, deepspeed::findTagFolder(path, options));
  return deepspeed::Reader(std::move(folder)).run();
}

} // namespace recast::format
