#include "tools/recast/InitJob.h"

#include "lang/ast/Builder.h"
#include "lang/ast/Words.h"
#include "runtime/base/NearestName.h"
#include "runtime/format/Inventory.h"
#include "runtime/format/TargetWriter.h"
#include "runtime/format/torch/write/TorchFile.h"
#include "runtime/recipe/Recipe.h"
#include "tools/recast/KnownModel.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <set>

namespace recast::tools {
namespace {

namespace rl = recast::lang;
namespace role = recast::format::role;

/// What the tensors of each role look like.
struct Roles {
  std::map<std::string, std::set<DType>> dtypes;
  bool has(const std::string &name) const { return dtypes.count(name) != 0; }
  bool allOf(const std::string &name, DType type) const {
    auto found = dtypes.find(name);
    return found != dtypes.end() && found->second == std::set<DType>{type};
  }
};

Roles rolesOf(const format::Inventory &source) {
  Roles roles;
  for (const format::Tensor &tensor : source.tensors)
    roles.dtypes[tensor.role].insert(tensor.dtype);
  return roles;
}

/// "did you mean", or the list where nothing is near.
Error unknownName(std::string message, const std::string &name,
                  const std::vector<std::string> &known) {
  std::string guess = nearestName(name, known);
  return Error(Code::Usage, std::move(message))
      .hint(guess.empty() ? fmt::format("Known are: {}.", fmt::join(known, ", "))
                          : fmt::format("Did you mean `{}`?", guess));
}

rl::Word word(DType type) { return {name(type)}; }

/// The dtype that the model computes in: of its weights, of its frozen parameters, or as the run's
/// configuration says (ZeRO-3 stores no weights).
Result<DType> modelDtype(const format::Inventory &source, const Roles &roles) {
  if (auto stated = source.properties.find("dtype"); stated != source.properties.end())
    if (auto type = parseDType(stated->second->text))
      return *type;
  for (const char *candidate : {role::kWeight, role::kFrozen, role::kMaster})
    if (roles.has(candidate) && roles.dtypes.at(candidate).size() == 1)
      return *roles.dtypes.at(candidate).begin();
  return fail(Error(Code::Usage, "the model's dtype cannot be told from the checkpoint")
                  .hint("Say it: `--dtype bf16`."));
}

/// `name : keep`, with a cast where a floating value has another dtype.
void keepAs(rl::Scope &scope, const Roles &roles, const char *name, DType type) {
  if (!roles.has(name))
    return;
  bool casts = false, plain = false;
  for (DType stored : roles.dtypes.at(name)) {
    bool cast = stored != type && info(stored).isFloat && recipe::castSupported(stored, type);
    casts |= cast;
    plain |= !cast && stored != type;
  }
  // Integers among them keep their dtype, so a cast of the whole role would be refused.
  if (casts && !plain)
    scope.role(name) = rl::keep() | rl::cast(word(type));
  else
    scope.keep({name});
}

Result<DType> wantedDtype(const InitRequest &request, const format::Inventory &source,
                          const Roles &roles) {
  if (request.dtype.empty())
    return modelDtype(source, roles);
  if (auto type = parseDType(request.dtype); type && info(*type).isFloat)
    return *type;
  std::vector<std::string> names;
  for (const DTypeInfo &type : allDTypes())
    if (type.isFloat)
      names.emplace_back(type.name);
  return fail(unknownName(fmt::format("'{}' is no floating-point dtype", request.dtype),
                          request.dtype, names));
}

void dropOthers(rl::Scope &scope, const Roles &roles) {
  std::vector<std::string> dropped;
  for (const auto &[name, dtypes] : roles.dtypes)
    if (name != role::kWeight && name != role::kFrozen && name != role::kBuffer)
      dropped.push_back(name);
  if (!dropped.empty())
    scope.drop(dropped);
}

Status exportWeights(rl::Scope &scope, const InitRequest &request,
                     const format::Inventory &source) {
  Roles roles = rolesOf(source);
  if (request.dtype.empty() && !roles.has(role::kMaster)) {
    // Nothing to round from: as stored, whatever dtypes that is.
    for (const char *name : {role::kWeight, role::kFrozen, role::kBuffer})
      if (roles.has(name))
        scope.keep({name});
    dropOthers(scope, roles);
    return {};
  }
  RECAST_ASSIGN(DType type, wantedDtype(request, source, roles));
  // Weights from their masters, so that they are rounded once; as stored where nothing is rounded.
  if (roles.allOf(role::kWeight, type))
    scope.keep({role::kWeight});
  else if (roles.has(role::kMaster))
    scope.role(role::kWeight) = roles.allOf(role::kMaster, type)
                                    ? rl::role(role::kMaster)
                                    : rl::role(role::kMaster) | rl::cast(word(type));
  else
    keepAs(scope, roles, role::kWeight, type);
  keepAs(scope, roles, role::kFrozen, type);
  if (roles.has(role::kBuffer))
    scope.keep({role::kBuffer});
  dropOthers(scope, roles);
  return {};
}

/// Both ends as views of the model that the checkpoint is of.
Status addViews(const InitRequest &request, const format::Inventory &source, rl::SpecBuilder &spec,
                rl::EndpointRef &run, rl::EndpointRef &out) {
  auto known = recogniseModel(source);
  if (!known)
    return fail(Error(Code::Usage, "--view needs a model of the standard library, and this "
                                   "checkpoint is none that can be told")
                    .file(source.root)
                    .hint("It is told by the config.json beside the tensors and by their names; a "
                          "view of your own goes into a job that you write."));
  spec.use(known->library);
  auto model = spec.let("m", rl::callOf(known->model, {rl::arg(rl::config(known->config))}));
  run.as(known->view, model);
  out.as(request.view, model);
  return {};
}

/// Objects that the target can hold are kept where all can be, else by name; the rest is dropped.
void keepObjects(rl::Scope &scope, const format::TargetTraits &traits,
                 const format::Inventory &source, bool allowForeign) {
  if (source.objects.empty())
    return;
  bool travels = source.format == "torch" || source.format == "safetensors";
  std::vector<std::string> kept;
  for (const auto &[name, object] : source.objects)
    if (travels && format::holdsObject(traits, name) &&
        format::torch::torchFile(*object, {}, {allowForeign}))
      kept.push_back(name);
  if (kept.size() == source.objects.size()) {
    scope.objects().keepElse();
    return;
  }
  // A name that the language cannot spell stays with the rest.
  std::erase_if(kept, [](const std::string &name) { return !lang::isIdentifier(name); });
  auto objects = scope.objects();
  if (!kept.empty())
    objects.keep(kept);
  objects.dropElse();
}

/// What lies beside the weights of a model folder and is needed to load it.
std::vector<std::string> sideFiles(const std::string &folder) {
  constexpr std::string_view kPatterns[] = {"config.json",    "generation_config.json",
                                            "tokenizer",      "special_tokens_map.json",
                                            "vocab.",         "merges.txt",
                                            "added_tokens",   "preprocessor_config.json",
                                            "chat_template.", "processor_config.json"};
  std::vector<std::string> out;
  std::error_code error;
  std::filesystem::directory_iterator it(folder, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    std::error_code ignored;
    if (it->is_regular_file(ignored) &&
        std::any_of(std::begin(kPatterns), std::end(kPatterns),
                    [&](std::string_view pattern) { return name.starts_with(pattern); }))
      out.push_back(std::move(name));
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// A Hugging Face model folder: its configuration says what the weights are.
bool isModelFolder(const InitRequest &request, const format::Inventory &source) {
  std::error_code error;
  return (source.format == "torch" || source.format == "safetensors") &&
         std::filesystem::is_directory(request.source, error) &&
         std::filesystem::exists(request.source + "/config.json", error);
}

/// Not `to = std::move(to).arg(...)`: that moves `to` onto itself.
void give(rl::Format &format, std::string_view name, rl::Value value) {
  rl::Format more = std::move(format).arg(name, std::move(value));
  format = std::move(more);
}

} // namespace

Result<ReadyJob> makeJob(const InitRequest &request) {
  std::string format = request.format;
  std::replace(format.begin(), format.end(), '-', '_');
  const format::TargetTraits *traits = format::targetTraits(format);
  if (!traits) {
    std::vector<std::string> known = format::targetFormats();
    return fail(
        unknownName(fmt::format("no target format is called '{}'", request.format), format, known));
  }
  bool wholeRun = traits->roles.empty(); // Else weights and what belongs to them.
  if (!request.dtype.empty() && wholeRun)
    return fail(
        Error(Code::Usage,
              fmt::format("{} keeps the dtypes of the source; --dtype is for exports of weights",
                          traits->format)));
  RECAST_ASSIGN(format::Inventory source, format::readSoundInventory(request.source, request.read));

  rl::SpecBuilder spec;
  rl::Format from = rl::format(source.format, request.source);
  for (const format::SourceArgument &argument : format::sourceArguments(source.format))
    if (const std::string &text = request.read.*argument.text; !text.empty())
      give(from, argument.name, text);
  auto run = spec.source("run", from);
  rl::Format to = rl::format(format, request.output);
  if (request.allowForeignObjects) {
    if (!wholeRun && traits->format != "torch")
      return fail(
          Error(Code::Usage, fmt::format("{} holds no objects, foreign or not", traits->format)));
    give(to, "allow_foreign_objects", true);
  }
  bool isFolder = isModelFolder(request, source);
  // Shards are called as Hugging Face's loaders look for them.
  std::string shard = request.maxShardSize;
  if (shard.empty() && isFolder && traits->format == "torch")
    shard = "5GB";
  if (!shard.empty()) {
    if (std::find(traits->options.begin(), traits->options.end(), "max_shard_size") ==
        traits->options.end())
      return fail(Error(Code::Usage, fmt::format("{} is not cut into shards", traits->format)));
    give(to, "max_shard_size", shard);
  }
  auto out = spec.target("out", to);
  if (!request.view.empty())
    RECAST_TRY(addViews(request, source, spec, run, out));
  auto job = spec.convert(run, {out});
  if (wholeRun) {
    job.keepElse();
    job.objects().keepElse();
  } else {
    RECAST_TRY(exportWeights(job, request, source));
    if (traits->format == "torch" && !shard.empty() && !source.objects.empty())
      job.objects().dropElse();
    else
      keepObjects(job, *traits, source, request.allowForeignObjects);
    if (isFolder)
      job.files(sideFiles(request.source), request.source);
  }
  if (request.budget)
    job.budget(request.budget);
  return ReadyJob{spec.spec(), std::move(source)};
}

} // namespace recast::tools
