#include "tools/recast/Commands.h"

#include "compiler/Codegen/MakePack.h"
#include "lang/ucl/Format.h"
#include "runtime/base/Text.h"
#include "runtime/capi/Instantiate.h"
#include "runtime/capi/Rebind.h"
#include "runtime/device/cpu/Kernels.h"
#include "runtime/io/File.h"
#include "runtime/plan/Plan.h"
#include "tools/recast/Driver.h"
#include "tools/recast/Explain.h"
#include "tools/recast/InitJob.h"
#include "tools/recast/WriteFile.h"

#include <filesystem>
#include <fmt/format.h>

namespace recast::tools {
namespace {

namespace fs = std::filesystem;

bool isSpec(const std::string &path) { return fs::path(path).extension() == ".ucl"; }

/// The user's own job, or one made for a checkpoint.
Result<ReadyJob> jobFor(const ConvertOptions &options) {
  InitRequest request = options.job;
  if (isSpec(request.source)) {
    if (request.allowForeignObjects)
      return usage("a specification says it itself: deepspeed_universal(\"...\", "
                   "allow_foreign_objects = true)");
    bool saysMore = false;
    for (const format::SourceArgument &argument : format::sourceArguments(""))
      saysMore |= !(request.read.*argument.text).empty();
    for (const std::string *text :
         {&request.output, &request.format, &request.dtype, &request.maxShardSize})
      saysMore |= !text->empty();
    if (saysMore)
      return usage(
          "a specification says its source and targets itself: --tag, -o, --to, --dtype and their "
          "like go with a checkpoint");
    RECAST_ASSIGN(lang::Spec spec, loadSpec(request.source, options.defines));
    return ReadyJob{std::move(spec), std::nullopt};
  }
  if (request.output.empty() || request.format.empty())
    return fail(Error(Code::Usage, "where to, and in which format?")
                    .hint(fmt::format("recast convert {} -o DST --to deepspeed-universal",
                                      request.source)));
  request.budget = options.execute.memory;
  return makeJob(request);
}

/// Kernels that are not built in go to the cache while the compiler is here. Without them the
/// interpreter computes the same, so a failure is no more than a note.
void prepareKernels(const plan::Plan &plan, bool quiet) {
  auto added = codegen::fillKernelCache(codegen::kernelsOfPlan(plan));
  if (!added && !quiet)
    fmt::print(stderr, "note: {}\n", added.error().str());
}

} // namespace

std::vector<std::string> ExecuteOptions::arguments() const {
  std::vector<std::string> out;
  auto flag = [&out](bool set, const char *name) {
    if (set)
      out.emplace_back(name);
  };
  if (memory)
    out.insert(out.end(), {"--memory", std::to_string(memory)});
  if (threads)
    out.insert(out.end(), {"--threads", std::to_string(threads)});
  if (!kernels.empty())
    out.insert(out.end(), {"--kernels", kernels});
  if (!events.empty())
    out.insert(out.end(), {"--events", events});
  if (!order.empty())
    out.insert(out.end(), {"--order", order});
  if (readRate)
    out.insert(out.end(), {"--read-rate", std::to_string(readRate)});
  if (rank)
    out.insert(out.end(), {"--rank", std::to_string(*rank)});
  flag(overwrite, "--overwrite");
  flag(noSync, "--no-sync");
  flag(noKernels, "--no-kernels");
  flag(noDigests, "--no-digests");
  flag(json, "--json");
  flag(quiet, "--quiet");
  if (!command.empty())
    out.insert(out.end(), {"--command", command});
  return out;
}

Result<int> convert(const ConvertOptions &options) {
  // recast-run gets a plan, and does not know where it came from.
  RECAST_TRY(refuseInput(options.execute.events, options.job.source));
  RECAST_ASSIGN(ReadyJob job, jobFor(options));
  RECAST_ASSIGN(compiler::Compiled compiled,
                compileSpec(job.spec, {.fuse = !options.noFuse, .source = std::move(job.source)}));
  if (options.dryRun) {
    PlanOrJob loaded{std::move(compiled.plan),
                     std::move(compiled.proofs),
                     std::move(compiled.notes),
                     {},
                     {},
                     {},
                     {}};
    RECAST_ASSIGN(std::string text,
                  options.execute.json ? explainJson(loaded) : explainText(loaded));
    fmt::print("{}\n", text);
    return 0;
  }
  if (!options.execute.quiet && !options.execute.json) {
    std::FILE *out = options.execute.events == "-" ? stderr : stdout;
    PlanOrJob loaded;
    loaded.proofs = compiled.proofs;
    fmt::print(out, "{}", proofsText(loaded));
    for (const std::string &note : compiled.notes)
      fmt::print(out, "  note      {}\n", note);
  }
  if (!options.execute.noKernels && options.execute.kernels.empty())
    prepareKernels(compiled.plan, options.execute.quiet);
  RECAST_TRY(executePlan(compiled.plan, options.execute.arguments()));
  return 0;
}

Result<int> init(const InitOptions &options) {
  RECAST_ASSIGN(ReadyJob made, makeJob(options.job));
  std::string text = lang::format(made.spec);
  if (options.file.empty() || options.file == "-") {
    fmt::print("{}", text);
    return 0;
  }
  RECAST_TRY(writeNewFile(options.file, text));
  fmt::print("wrote {}; next: recast check {}\n", options.file, options.file);
  return 0;
}

Result<int> check(const SpecOptions &options) {
  RECAST_ASSIGN(PlanOrJob loaded, loadPlanOrJob(options.file, options.defines));
  if (options.json) {
    RECAST_ASSIGN(std::string text, explainJson(loaded));
    fmt::print("{}\n", text);
    return 0;
  }
  RECAST_ASSIGN(capi::Instance instance, capi::instantiate(loaded.plan));
  if (options.quiet)
    return 0;
  fmt::print("{}", proofsText(loaded));
  fmt::print("  proved   memory: {}\n", memoryText(loaded.plan, instance.forecast.memory));
  for (const std::string &note : loaded.notes)
    fmt::print("  note     {}\n", note);
  fmt::print("{} is sound; next: recast {} {}\n", options.file,
             isSpec(options.file) ? "convert" : "run", options.file);
  return 0;
}

Result<int> makePlan(const SpecOptions &options) {
  RECAST_TRY(refuseInput(options.output, options.file));
  RECAST_ASSIGN(lang::Spec spec, loadSpec(options.file, options.defines));
  RECAST_ASSIGN(compiler::Compiled compiled, compileSpec(spec, {.fuse = !options.noFuse}));
  std::string bytes = plan::writeArtifact(compiled.plan);
  RECAST_TRY(replaceFile(options.output, bytes));
  prepareKernels(compiled.plan, options.quiet);
  if (!options.quiet)
    fmt::print("wrote {} ({}); next: recast run {}\n", options.output, bytesText(bytes.size()),
               options.output);
  return 0;
}

Result<int> explain(const SpecOptions &options) {
  RECAST_ASSIGN(
      PlanOrJob loaded,
      loadPlanOrJob(options.file, options.defines,
                    {.keepIr = options.ir, .keepRemarks = options.why, .fuse = !options.noFuse}));
  RECAST_ASSIGN(std::string text,
                options.json ? explainJson(loaded, options.why) : explainText(loaded, options.why));
  fmt::print("{}\n", text);
  return 0;
}

Result<int> compileKernels(const SpecOptions &options, const std::string &target) {
  RECAST_TRY(refuseInput(options.output, options.file));
  RECAST_ASSIGN(PlanOrJob loaded, loadPlanOrJob(options.file, options.defines));
  std::vector<recipe::Recipe> kernels = codegen::kernelsOfPlan(loaded.plan);
  std::string count = fmt::format("{} kernel{}", kernels.size(), kernels.size() == 1 ? "" : "s");
  if (kernels.empty() && !options.quiet)
    fmt::print("note: {} moves bytes and computes nothing, so it needs no kernels\n", options.file);
  bool isPtx = fs::path(options.output).extension() == ".ptx";
  if (target.starts_with("nvptx") || (target.empty() && isPtx)) {
    RECAST_ASSIGN(std::string ptx,
                  codegen::makePtx(kernels, isPtx && target.empty() ? "nvptx" : target));
    RECAST_TRY(replaceFile(options.output, ptx));
    if (!options.quiet)
      fmt::print("wrote {} ({})\n", options.output, count);
    return 0;
  }
  std::string_view level = target.empty() ? device::cpu::bestCpuLevel() : target;
  RECAST_ASSIGN(std::string pack, codegen::makePack(kernels, level));
  RECAST_TRY(replaceFile(options.output, pack));
  if (!options.quiet)
    fmt::print("wrote {} ({} for {}, {}); next: recast {} {} --kernels {}\n", options.output, count,
               level, bytesText(pack.size()), isSpec(options.file) ? "convert" : "run",
               options.file, options.output);
  return 0;
}

namespace {

/// The text of the job with another path for its source, wherever it stands in quotes.
Result<std::string> specWithSource(const std::string &spec, const std::string &before,
                                   const std::string &now) {
  auto fail = [&](const char *why) {
    return tl::unexpected<Error>(
        Error(Code::Usage, why).file(now).hint("Compile the job again with `recast plan`."));
  };
  if (now.find_first_of("\"\\\n") != now.npos)
    return fail("the new path cannot stand in a specification");
  std::string from = fmt::format("\"{}\"", before), to = fmt::format("\"{}\"", now), text = spec;
  size_t at = text.find(from);
  if (at == text.npos)
    return fail("the job in the plan does not name the path of its source in one piece");
  for (; at != text.npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return lang::formatText(text, "the job in the plan");
}

} // namespace

Result<int> rebind(const RebindOptions &options) {
  RECAST_ASSIGN(plan::Plan old, capi::loadPlan(options.plan));
  capi::RebindRequest request{options.source, options.read, {}};
  if (old.sources.size() == 1 && old.sources[0].path != options.source) {
    RECAST_ASSIGN(request.spec, specWithSource(old.spec, old.sources[0].path, options.source));
  }
  RECAST_ASSIGN(plan::Plan plan, capi::rebind(old, request));
  RECAST_ASSIGN(capi::Instance instance, capi::instantiate(plan));
  std::string output = options.output.empty() ? options.plan : options.output;
  std::string bytes = plan::writeArtifact(plan);
  RECAST_TRY(replaceFile(output, bytes));
  if (!options.quiet)
    fmt::print("wrote {} ({}) for {}; next: recast run {}\n", output, bytesText(bytes.size()),
               plan.sources[0].tag.empty() ? plan.sources[0].path : plan.sources[0].tag, output);
  return 0;
}

Result<int> run(const std::string &plan, const ExecuteOptions &options) {
  if (isSpec(plan))
    return fail(Error(Code::Usage, "this is a specification, not a plan")
                    .file(plan)
                    .hint(fmt::format("recast convert {}", plan)));
  RECAST_TRY(executePlanFile(plan, options.arguments()));
  return 0;
}

Result<int> formatFiles(const FormatOptions &options) {
  int changed = 0;
  for (const std::string &file : options.files) {
    if (options.fromMlir) {
      RECAST_ASSIGN(lang::Spec spec, specFromMlir(file));
      fmt::print("{}", lang::format(spec));
      continue;
    }
    RECAST_ASSIGN(std::string text, io::readWhole(file, uint64_t{16} << 20));
    RECAST_ASSIGN(std::string formatted, lang::formatText(text, file));
    if (options.toStdout) {
      fmt::print("{}", formatted);
    } else if (formatted != text) {
      ++changed;
      if (options.check)
        fmt::print("{} is not formatted\n", file);
      else
        RECAST_TRY(replaceFile(file, formatted));
    }
  }
  return options.check && changed ? static_cast<int>(Code::Negative) : 0;
}

} // namespace recast::tools
