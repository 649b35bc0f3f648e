#include "tools/recast/InitJob.h"

#include "lang/ast/Builder.h"
#include "runtime/base/NearestName.h"
#include "runtime/format/Inventory.h"
#include "runtime/format/TargetWriter.h"
#include "runtime/recipe/Recipe.h"
#include "tools/recast/KnownModel.h"

#include <algorithm>
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

Status exportWeights(rl::Scope &scope, const InitRequest &request,
                     const format::Inventory &source) {
  Roles roles = rolesOf(source);
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
  std::vector<std::string> dropped;
  for (const auto &[name, dtypes] : roles.dtypes)
    if (name != role::kWeight && name != role::kFrozen && name != role::kBuffer)
      dropped.push_back(name);
  if (!dropped.empty())
    scope.drop(dropped);
  if (!source.objects.empty())
    scope.objects().dropElse();
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

} // namespace

Result<lang::Spec> makeJob(const InitRequest &request) {
  std::string format = request.format;
  std::replace(format.begin(), format.end(), '-', '_');
  const format::TargetTraits *traits = format::targetTraits(format);
  if (!traits) {
    std::vector<std::string> known = format::targetFormats();
    return fail(
        unknownName(fmt::format("no target format is called '{}'", request.format), format, known));
  }
  if (!request.dtype.empty() && traits->holdsObjects)
    return fail(
        Error(Code::Usage,
              fmt::format("{} keeps the dtypes of the source; --dtype is for exports of weights",
                          traits->format)));
  format::ReadOptions options;
  options.tag = request.tag;
  RECAST_ASSIGN(format::Inventory source, format::readSoundInventory(request.source, options));

  rl::SpecBuilder spec;
  rl::Format from = rl::format(source.format, request.source);
  if (!request.tag.empty())
    from = std::move(from).tag(request.tag);
  auto run = spec.source("run", from);
  rl::Format to = rl::format(format, request.output);
  if (request.allowForeignObjects) {
    if (!traits->holdsObjects)
      return fail(
          Error(Code::Usage, fmt::format("{} holds no objects, foreign or not", traits->format)));
    to = std::move(to).arg("allow_foreign_objects", true);
  }
  auto out = spec.target("out", to);
  if (!request.view.empty())
    RECAST_TRY(addViews(request, source, spec, run, out));
  auto job = spec.convert(run, {out});
  if (traits->holdsObjects) {
    job.keepElse();
    job.objects().keepElse();
  } else {
    RECAST_TRY(exportWeights(job, request, source));
  }
  if (request.budget)
    job.budget(*request.budget);
  return spec.spec();
}

} // namespace recast::tools
