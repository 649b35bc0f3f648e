#include "lang/ast/Words.h"
#include "lang/import/ExportEndpoint.h"
#include "lang/import/ExportJob.h"
#include "lang/import/ExportModel.h"
#include "lang/import/ExportPipeline.h"
#include "lang/import/Import.h"

#include <fmt/format.h>

using namespace mlir;
using namespace recast::ir;

namespace recast::lang {

Location placeOf(mlir::Location loc) {
  if (auto place = dyn_cast<FileLineColLoc>(loc))
    return {place.getLine(), place.getColumn()};
  return {};
}

tl::unexpected<Error> failAt(mlir::Location loc, std::string message) {
  if (auto place = dyn_cast<FileLineColLoc>(loc))
    message = fmt::format("{}:{}:{}: {}", place.getFilename().str(), place.getLine(),
                          place.getColumn(), message);
  return usage(std::move(message));
}

Result<std::string> identifier(StringRef text, mlir::Location loc) {
  if (isIdentifier(text.str()))
    return text.str();
  return failAt(loc, fmt::format("`{}` is no name that the language can spell", text.str()));
}

Result<std::vector<std::string>> identifiers(std::optional<ArrayAttr> names, mlir::Location loc) {
  std::vector<std::string> out;
  for (Attribute name : names.value_or(ArrayAttr()) ? names->getValue() : ArrayRef<Attribute>()) {
    auto symbol = dyn_cast<FlatSymbolRefAttr>(name);
    RECAST_ASSIGN(std::string text,
                  identifier(symbol ? symbol.getValue() : cast<StringAttr>(name).getValue(), loc));
    out.push_back(std::move(text));
  }
  return out;
}

std::vector<Glob> globs(std::optional<ArrayAttr> patterns) {
  std::vector<Glob> out;
  if (patterns)
    for (Attribute pattern : *patterns)
      out.push_back({cast<StringAttr>(pattern).str(), {}});
  return out;
}

Result<Spec> exportSpec(ModuleOp module) {
  Spec out;
  if (auto place = dyn_cast<FileLineColLoc>(module.getLoc()))
    out.file = place.getFilename().str();
  for (mlir::Operation &op : *module.getBody()) {
    if (auto model = dyn_cast<ckpt::ModelOp>(op)) {
      RECAST_ASSIGN(Model made, exportModel(model));
      out.models.push_back(std::move(made));
    } else if (auto view = dyn_cast<ckpt::ViewOp>(op)) {
      RECAST_ASSIGN(View made, exportView(view));
      out.views.push_back(std::move(made));
    } else if (auto pipeline = dyn_cast<pipe::ScheduleOp>(op)) {
      RECAST_ASSIGN(Pipeline made, exportPipeline(pipeline));
      out.pipelines.push_back(std::move(made));
    } else if (auto source = dyn_cast<ckpt::SourceOp>(op)) {
      RECAST_ASSIGN(Endpoint endpoint, exportEndpoint(source));
      out.endpoints.push_back(std::move(endpoint));
    } else if (auto target = dyn_cast<ckpt::TargetOp>(op)) {
      RECAST_ASSIGN(Endpoint endpoint, exportEndpoint(target));
      out.endpoints.push_back(std::move(endpoint));
    } else if (auto job = dyn_cast<ckpt::JobOp>(op)) {
      RECAST_ASSIGN(Job made, exportJob(job));
      out.jobs.push_back(std::move(made));
    } else {
      return failAt(op.getLoc(),
                    fmt::format("{} is not declared IR: only models, views, endpoints and "
                                "jobs can be written as text",
                                op.getName().getStringRef().str()));
    }
  }
  return out;
}

} // namespace recast::lang
