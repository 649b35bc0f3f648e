#include "runtime/format/deepspeed/read/ModelStates.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"

#include <algorithm>
#include <fmt/format.h>
#include <unordered_set>

namespace recast::format::deepspeed {
namespace {
using plan::Object;
using plan::ObjectPtr;
using Kind = Object::Kind;

/// Of small tensors per file, while ranks are compared.
constexpr uint64_t kComparedBytes = uint64_t{1} << 26;

constexpr std::string_view kEngineKeys[] = {
    "module",
    "buffer_names",
    "optimizer",
    "param_shapes",
    "frozen_param_shapes",
    "shared_params",
    "frozen_param_fragments",
    "lr_scheduler",
    "data_sampler",
    "random_ltd",
    "sparse_tensor_module_names",
    "skipped_steps",
    "global_steps",
    "global_samples",
    "dp_world_size",
    "mp_world_size",
    "checkpoint_parallel_dimensions",
    "ds_config",
    "ds_version",
    "num_experts",
    "ds_autoep_layers",
    "autoep_layers",
    "folding",
};

class Parser {
public:
  Parser(ModelStates &out) : out_(out), root_(*out.torchFile.root()) {}

  Status run() {
    if (!root_.isDict() || !root_.find("module"))
      return bad("no 'module': this is not a model-states file of DeepSpeed");
    RECAST_TRY(paramShapes());
    module();
    if (const Object *names = root_.find("buffer_names"); names && !names->isNone()) {
      auto list = stringsOf(names);
      if (!list)
        return bad("'buffer_names' is not a list of names");
      out_.bufferNames = {list->begin(), list->end()};
    }
    if (const Object *shapes = root_.find("frozen_param_shapes"); shapes && shapes->isDict()) {
      RECAST_ASSIGN(out_.frozenShapes, namedShapes(*shapes, "frozen_param_shapes"));
    }
    if (const Object *fragments = root_.find("frozen_param_fragments"))
      out_.frozenFragments = namedTensors(*fragments);
    if (const Object *shared = root_.find("shared_params"); shared && shared->isDict())
      for (const auto &[alias, name] : shared->entries) {
        if (alias->kind != Kind::String || name->kind != Kind::String)
          return bad("'shared_params' is malformed");
        out_.shared.emplace_back(alias->text, name->text);
      }
    const Object *optimizer = root_.find("optimizer");
    out_.hasOptimizer = optimizer && !optimizer->isNone();
    out_.roundRobin =
        boolOf(lookup(&root_, {"ds_config", "zero_optimization", "round_robin_gradients"}))
            .value_or(false);
    out_.iteration = intOf(root_.find("global_steps"));
    out_.skippedSteps = intOf(root_.find("skipped_steps"));
    out_.samples = intOf(root_.find("global_samples"));
    out_.dpWorld = intOf(root_.find("dp_world_size"));
    out_.mpWorld = intOf(root_.find("mp_world_size"));
    out_.version = stringOf(root_.find("ds_version")).value_or("");
    return {};
  }

private:
  tl::unexpected<Error> bad(std::string message) const {
    return fail(Error(Code::BadInput, std::move(message)).file(out_.torchFile.path()));
  }

  Result<std::vector<NamedShape>> namedShapes(const Object &dict, std::string_view what) {
    std::vector<NamedShape> out;
    for (const auto &[name, value] : dict.entries) {
      auto shape = shapeOf(value.get());
      if (name->kind != Kind::String || !shape)
        return bad(fmt::format("'{}' is not a dict of shapes", what));
      if (!elementCount(*shape))
        return fail(Error(Code::BadInput, fmt::format("'{}': a shape that overflows", what))
                        .file(out_.torchFile.path())
                        .tensor(printable(name->text)));
      out.push_back({name->text, std::move(*shape)});
    }
    return out;
  }

  Status paramShapes() {
    const Object *shapes = root_.find("param_shapes");
    if (!shapes || shapes->isNone())
      return {};
    if (!shapes->isSequence())
      return bad("'param_shapes' is not a list of groups (a file of DeepSpeed before 0.4?)");
    out_.hasParamShapes = true;
    std::unordered_set<std::string_view> seen;
    for (const ObjectPtr &group : shapes->items) {
      if (!group->isDict())
        return bad("'param_shapes' is not a list of groups");
      RECAST_ASSIGN(std::vector<NamedShape> named, namedShapes(*group, "param_shapes"));
      out_.paramShapes.push_back(std::move(named));
    }
    for (const auto &group : out_.paramShapes)
      for (const NamedShape &param : group)
        if (!seen.insert(param.name).second)
          return fail(Error(Code::BadInput, "a parameter in two groups")
                          .file(out_.torchFile.path())
                          .tensor(printable(param.name)));
    return {};
  }

  static std::vector<NamedTensor> namedTensors(const Object &dict) {
    std::vector<NamedTensor> out;
    if (dict.isDict())
      for (const auto &[name, value] : dict.entries)
        if (name->kind == Kind::String)
          out.push_back({name->text, value->tensor, value->isNone()});
    return out;
  }

  void module() {
    const Object &module = *root_.find("module");
    out_.module = namedTensors(module);
    out_.moduleIsFlat =
        module.isDict() && std::none_of(module.entries.begin(), module.entries.end(),
                                        [](const auto &entry) { return entry.second->isDict(); });
  }

  ModelStates &out_;
  const Object &root_;
};

/// Whether there is a tensor whose bytes stay in the file.
bool holdsStorage(const Object &object) {
  auto holds = [](const ObjectPtr &inner) { return inner && holdsStorage(*inner); };
  return (object.tensor && object.tensor->literal.empty() &&
          elementCount(object.tensor->shape).value_or(1) > 0) ||
         std::any_of(object.items.begin(), object.items.end(), holds) ||
         std::any_of(object.entries.begin(), object.entries.end(),
                     [&](const auto &entry) { return holds(entry.first) || holds(entry.second); });
}

} // namespace

Result<ModelStates> readModelStates(const std::string &root, const std::string &relativePath,
                                    torch::InventoryBuilder &builder, torch::PickleBudget &budget) {
  RECAST_ASSIGN(torch::TorchFile file, torch::TorchFile::open(root + "/" + relativePath, budget));
  ModelStates out(std::move(file));
  out.name = relativePath.substr(relativePath.rfind('/') + 1);
  out.file = builder.file(relativePath, out.torchFile.info());
  builder.foreign(out.torchFile.foreignGlobals());
  RECAST_TRY(Parser(out).run());
  return out;
}

ObjectPtr clientState(const ModelStates &states) {
  std::vector<std::pair<ObjectPtr, ObjectPtr>> entries;
  for (const auto &[key, value] : states.torchFile.root()->entries)
    if (std::find(std::begin(kEngineKeys), std::end(kEngineKeys), key->text) ==
        std::end(kEngineKeys))
      entries.emplace_back(key, value);
  return plan::dict(std::move(entries));
}

std::vector<std::pair<std::string, ObjectPtr>> runObjects(const ModelStates &states) {
  std::vector<std::pair<std::string, ObjectPtr>> out;
  for (const auto &[key, value] : states.torchFile.root()->entries)
    if (key->text == "lr_scheduler")
      out.emplace_back("lr_scheduler", value);
  if (ObjectPtr client = clientState(states); !client->entries.empty())
    out.emplace_back("client_state", std::move(client));
  return out;
}

Result<std::vector<std::string>> differingObjects(const ModelStates &first,
                                                  const ModelStates &rank) {
  // Tensors are compared by their bytes, which two files have at two places.
  auto objectsOf = [](const ModelStates &states) -> Result<std::map<std::string, ObjectPtr>> {
    uint64_t budget = kComparedBytes;
    std::map<std::string, ObjectPtr> out;
    auto add = [&](std::string path, const ObjectPtr &object) -> Status {
      RECAST_ASSIGN(out[std::move(path)], states.torchFile.detached(object, budget));
      return {};
    };
    for (const auto &[key, value] : states.torchFile.root()->entries)
      if (key->text == "lr_scheduler")
        RECAST_TRY(add("lr_scheduler", value));
    ObjectPtr client = clientState(states);
    for (const auto &[key, value] : client->entries)
      RECAST_TRY(add("client_state." + key->text, value));
    return out;
  };
  RECAST_ASSIGN(auto firsts, objectsOf(first));
  RECAST_ASSIGN(auto others, objectsOf(rank));
  std::vector<std::string> out;
  for (const auto &[path, value] : firsts) {
    auto other = others.find(path);
    if (other == others.end() || holdsStorage(*value) || !plan::equal(*value, *other->second))
      out.push_back(path);
  }
  for (const auto &[path, value] : others)
    if (!firsts.contains(path))
      out.push_back(path);
  return out;
}

} // namespace recast::format::deepspeed
