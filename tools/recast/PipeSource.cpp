#include "tools/recast/PipeSource.h"

#include "compiler/Pipe/DeclaredSchedule.h"
#include "compiler/Schedule/Exchange.h"
#include "lang/import/Import.h"
#include "runtime/base/NearestName.h"
#include "runtime/base/Printable.h"
#include "runtime/io/File.h"
#include "tools/recast/Driver.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace recast::tools {
namespace {
namespace fs = std::filesystem;
using schedule::Schedule;

constexpr uint64_t kLargestFile = uint64_t{1} << 30;

Result<Schedule> readSchedule(const PipeSource &source) {
  RECAST_ASSIGN(std::string text, io::readWhole(source.what, kLargestFile));
  schedule::StatedShape stated{source.ranks, source.chunks, source.microbatches};
  auto out = schedule::importSchedule(text, source.what, std::nullopt, stated);
  if (!out && out.error().code() == Code::Usage)
    return fail(std::move(out).error().hint("A file says its numbers itself: leave them out."));
  // A form was not told by the name; whoever expected another one is told the rule.
  if (!out && schedule::formOf(text) == schedule::Form::TorchCsv &&
      fs::path(source.what).extension() != ".csv")
    return fail(std::move(out).error().hint(
        "Text that begins with '{' is read as JSON, other text as PyTorch's CSV; the name of a "
        "specification ends in .ucl."));
  return out;
}

/// A pipeline that a specification declares.
Result<LoadedSchedule> readPipeline(const PipeSource &source) {
  RECAST_ASSIGN(lang::Spec spec, loadSpec(source.what, source.defines));
  std::vector<std::string> names;
  for (const lang::Pipeline &pipeline : spec.pipelines)
    names.push_back(pipeline.name);
  auto refuse = [&](std::string message) {
    return fail(Error(Code::Usage, std::move(message))
                    .file(source.what)
                    .hint(names.empty() ? "" : fmt::format("It has {}.", fmt::join(names, ", "))));
  };
  if (source.pipeline.empty() && names.size() != 1)
    return refuse(names.empty() ? "it has no pipeline" : "it has several pipelines: name one");
  std::string name = source.pipeline.empty() ? names.front() : source.pipeline;
  if (!spec.pipeline(name))
    return refuse(fmt::format("it has no pipeline '{}'", name));
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  // The pipeline alone: what else the file says may need checkpoints that are not here.
  lang::Spec alone;
  alone.file = spec.file;
  alone.lets = spec.lets;
  alone.models = spec.models;
  alone.pipelines = {*spec.pipeline(name)};
  RECAST_ASSIGN(auto module, lang::importSpec(alone, context));
  auto declared = compiler::readSchedule(*module->getOps<ir::pipe::ScheduleOp>().begin());
  if (!declared)
    return fail(std::move(declared).error().file(source.what));
  RECAST_TRY(
      schedule::checkStated(declared->lists, {source.ranks, source.chunks, source.microbatches}));
  return LoadedSchedule{std::move(declared->lists), std::move(declared->costs)};
}

/// Code::Usage that names both things that a word can be.
Status checkKind(const std::string &word) {
  std::vector<std::string> kinds = schedule::kinds();
  std::string kind = word;
  std::replace(kind.begin(), kind.end(), '_', '-');
  if (std::ranges::find(kinds, kind) != kinds.end())
    return {};
  std::transform(kind.begin(), kind.end(), kind.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  std::string nearest = nearestName(kind, kinds);
  std::error_code ignored;
  const char *place =
      fs::is_directory(word, ignored) ? "is a folder: neither a file" : "is no file";
  return fail(Error(Code::Usage, fmt::format("'{}' {} here, and no kind of schedule",
                                             printable(word, 60), place))
                  .hint(nearest.empty() ? fmt::format("Kinds: {}.", fmt::join(kinds, ", "))
                                        : fmt::format("Did you mean '{}'?", nearest)));
}

Result<Schedule> makeSchedule(const PipeSource &source) {
  RECAST_TRY(checkKind(source.what));
  for (auto [name, value] :
       {std::pair("--ranks", source.ranks), std::pair("--microbatches", source.microbatches)})
    if (value == 0)
      return fail(
          Error(Code::Usage, fmt::format("{}, a kind of schedule, needs {}", source.what, name))
              .hint(fmt::format("recast pipe ... {} --ranks 4 --microbatches 8", source.what)));
  schedule::Shape shape;
  shape.ranks = source.ranks;
  shape.chunks = source.chunks == 0 ? schedule::usualChunks(source.what) : source.chunks;
  shape.microbatches = source.microbatches;
  shape.group = source.group;
  shape.updateEvery = source.update;
  return schedule::generate(source.what, shape);
}

} // namespace

bool isFile(const PipeSource &source) {
  std::string extension = fs::path(source.what).extension();
  std::error_code ignored;
  fs::file_status status = fs::status(source.what, ignored);
  return (fs::exists(status) && !fs::is_directory(status)) ||
         source.what.find('/') != source.what.npos || extension == ".ucl" || extension == ".csv" ||
         extension == ".json";
}

Result<LoadedSchedule> loadSchedule(const PipeSource &source) {
  bool isSpec = fs::path(source.what).extension() == ".ucl", isFile = tools::isFile(source);
  LoadedSchedule out;
  if (isFile && (source.group != 0 || source.update != 0))
    return usage("--group and --update are for a kind of schedule; a file says them itself");
  if (!isSpec && !source.pipeline.empty())
    return usage(fmt::format("'{}' would be a pipeline of a .ucl file, and '{}' is none",
                             source.pipeline, source.what));
  if (!isSpec && !source.defines.empty())
    return usage(fmt::format("-D gives a `let` of a .ucl file another value, and '{}' is none",
                             source.what));
  if (isSpec) {
    RECAST_ASSIGN(out, readPipeline(source));
  } else {
    RECAST_ASSIGN(out.schedule, isFile ? readSchedule(source) : makeSchedule(source));
  }
  if (!source.costs)
    return out;
  RECAST_ASSIGN(out.costs, schedule::parseCosts(*source.costs));
  return out;
}

std::string titleOf(const Schedule &schedule) {
  return fmt::format("{}: {} rank{}{}, {} microbatch{}", schedule.kind, schedule.ranks,
                     schedule.ranks == 1 ? "" : "s",
                     schedule.chunks > 1 ? fmt::format(" with {} stages{}", schedule.chunks,
                                                       schedule.ranks == 1 ? "" : " each")
                                         : "",
                     schedule.microbatches, schedule.microbatches == 1 ? "" : "es");
}

} // namespace recast::tools
