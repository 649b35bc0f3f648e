// The command line. Each command's help teaches by an example; the work is done elsewhere.
#include "runtime/base/NearestName.h"
#include "runtime/base/Printable.h"
#include "runtime/base/Text.h"
#include "runtime/exec/Program.h"
#include "tools/Options.h"
#include "tools/recast/Commands.h"
#include "tools/recast/Diff.h"
#include "tools/recast/Inspect.h"
#include "tools/recast/PipeLine.h"
#include "tools/recast/PlanningMemory.h"
#include "tools/recast/Verify.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <functional>
#include <optional>

using namespace recast;
using namespace recast::tools;

namespace {

constexpr const char *kIntroduction =
    R"(recast: checkpoints from one layout or format into another, proved before they are written.

The three commonest commands:
  recast inspect runs/z3                                               what is in there, and what is wrong with it
  recast convert runs/z3 -o runs/universal --to deepspeed-universal    resume on any number of ranks
  recast convert runs/z3 -o export --to safetensors --dtype bf16       weights for everybody else

`recast COMMAND --help` explains each command.
Exit codes: 0 done, 1 the answer is no, 2 wrong use, 3 bad or changed input, 4 I/O, 5 over budget,
70 a bug of ours, 130 interrupted.)";

void addExecute(CLI::App *command, ExecuteOptions &options) {
  addSizeOption(*command, "--memory", options.memory, "Memory for buffers and tables, e.g. 512MiB");
  command->add_option("--threads", options.threads, "Worker threads (default: one per core)");
  command->add_flag("--overwrite", options.overwrite, "Replace an output that exists, atomically");
  command->add_flag("--no-sync", options.noSync,
                    "Do not flush to the device before the output appears");
  command->add_flag("--no-kernels", options.noKernels, "Use the recipe interpreter only");
  command->add_flag("--no-digests", options.noDigests,
                    "Leave the digests of tensors out of the manifest");
  command->add_option("--kernels", options.kernels,
                      "A kernel pack made by `recast compile`: machine code, used only when named");
  command
      ->add_option("--order", options.order,
                   "What comes first: deadlines (the job's; files where it has none), files or "
                   "names (of the tensors written)")
      ->check(CLI::IsMember(exec::kOrderNames));
  command
      ->add_option(
          "--events", options.events,
          "Say when each tensor is complete: a file or, for standard output, -; a file that\n"
          "exists is replaced if it holds events")
      ->type_name("FILE")
      ->check(someName());
  addSizeOption(*command, "--read-rate", options.readRate,
                "Read at most so much per second, to leave bandwidth to others, e.g. 100MiB");
  command->add_option("--rank", options.rank,
                      "Of a job for the ranks of a pipeline: this one's targets (default: all)");
  command->add_flag("--json", options.json,
                    "Print for machines; progress on standard error, one object a line");
  command->add_flag("-q,--quiet", options.quiet, "Print nothing but errors");
}

void addReadOptions(CLI::App *command, format::ReadOptions &read) {
  command->add_option("--tag", read.tag, "Which tag of a run (default: the latest)");
  command->add_option("--key", read.key,
                      "Which dict of a torch file is the model's, e.g. model or a.b");
  command->add_option("--frozen", read.frozen,
                      "DeepSpeed without ZeRO: parameters that were not trained, e.g. "
                      "\"embed.*, scale\"");
}

/// What `convert` and `init` say about the target alike.
void addTargetOptions(CLI::App *command, InitRequest &job) {
  command->add_option("--dtype", job.dtype,
                      "safetensors, torch: dtype of the weights (default: the model's)");
  command->add_option("--max-shard-size", job.maxShardSize,
                      "safetensors, torch: the most bytes per file, e.g. 5GB");
}

CLI::App *addSpecCommand(CLI::App &app, const char *name, const char *help, SpecOptions &options,
                         const char *file = "A .ucl specification or an .rplan") {
  CLI::App *command = app.add_subcommand(name, help);
  command->add_option("file", options.file, file)->required();
  command->add_option("-D", options.defines, "Give a `let` another value: -D name=value");
  return command;
}

struct CommandLine {
  ConvertOptions convert;
  InitOptions init;
  SpecOptions check, plan, explain, compile;
  ExecuteOptions run;
  RebindOptions rebind;
  FormatOptions format;
  InspectOptions inspect;
  std::string compileTarget;
  std::string inspectPath, planPath, verifyPath, left, right;
  DiffOptions diff;
  bool verifyQuiet = false;
  PipeLine pipe;
  std::function<Result<int>()> action;

  void addReading(CLI::App &app);
  void addConverting(CLI::App &app);
  void addPlanning(CLI::App &app);
};

void CommandLine::addReading(CLI::App &app) {
  CLI::App *command = app.add_subcommand(
      "inspect",
      "Show what a checkpoint holds and what is wrong with it.\nExample: recast inspect runs/z3");
  command->add_option("path", inspectPath, "A run, a tag, one rank's file, a model folder")
      ->required();
  command->add_flag("--json", inspect.json, "Print for machines");
  command->add_option("--match", inspect.match,
                      "List the tensors whose names match, e.g. \"*.bias\"");
  command->add_flag("--objects", inspect.objects, "Show the objects too");
  command->add_flag("--digests", inspect.digests,
                    "Read every tensor and print its digest, which depends on values, dtype and\n"
                    "shape alone: equal for equal tensors in any format and on any ranks");
  addReadOptions(command, inspect.read);
  command->callback([this] {
    action = [this]() -> Result<int> { return tools::inspect(inspectPath, inspect); };
  });

  command = app.add_subcommand(
      "verify",
      "Check that a checkpoint is complete and that no byte changed: an output of Recast\n"
      "against its manifest (hashes of bytes, digests of tensors), any other against the checksums "
      "in its own files.\n"
      "Example: recast verify runs/universal");
  command->add_option("path", verifyPath, "The folder that a loader is given, or a tag")
      ->required();
  command->add_flag("-q,--quiet", verifyQuiet, "Print nothing but errors");
  command->callback([this] { action = [this] { return verify(verifyPath, verifyQuiet); }; });

  command = app.add_subcommand(
      "diff", "Compare two checkpoints of any formats, by logical name, bit for bit.\n"
              "Example: recast diff runs/z3 runs/universal");
  command->add_option("left", left)->required();
  command->add_option("right", right)->required();
  command->add_flag("--json", diff.json, "Print for machines");
  command->add_flag("--values", diff.values,
                    "Read all values; otherwise, where Recast wrote both sides, the digests in\n"
                    "their manifests are compared first, and what they find equal is not read");
  command->add_flag("--strict", diff.strict,
                    "Other dtypes, and roles of one side only, are differences too, not notes");
  command->callback([this] {
    action = [this]() -> Result<int> {
      RECAST_ASSIGN(bool equal, tools::diff(left, right, diff));
      return equal ? 0 : static_cast<int>(Code::Negative);
    };
  });
}

void CommandLine::addConverting(CLI::App &app) {
  CLI::App *command = app.add_subcommand(
      "convert", "Convert a checkpoint, or run a specification.\n"
                 "Examples: recast convert runs/z3 -o runs/universal --to deepspeed-universal\n"
                 "          recast convert job.ucl -D run=runs/z3");
  command->add_option("source", convert.job.source, "A checkpoint, or a .ucl specification")
      ->required();
  command->add_option("-o,--output", convert.job.output,
                      "Where the result goes: what the framework's loader is given");
  command->add_option("--to", convert.job.format, "deepspeed-universal, safetensors or torch");
  addTargetOptions(command, convert.job);
  addReadOptions(command, convert.job.read);
  command->add_option("-D", convert.defines,
                      "Give a `let` of the specification another value: -D name=value");
  command->add_flag("--dry-run", convert.dryRun, "Bind, prove and explain; write nothing");
  command->add_flag(
      "--no-fuse", convert.noFuse,
      "Read for every target apart, and merge nothing: the same result, for comparison");
  command->add_flag("--allow-foreign-objects", convert.job.allowForeignObjects,
                    "Write classes outside the allow-list again (see recast inspect --objects)");
  addExecute(command, convert.execute);
  command->callback([this] { action = [this] { return tools::convert(convert); }; });

  command = app.add_subcommand(
      "init", "Write the specification that `convert` would run, to be edited.\n"
              "Example: recast init runs/z3 --to safetensors --out-dir export -o job.ucl\n"
              "Example: recast init Llama-3.1-8B --to safetensors --view fused -o job.ucl");
  command->add_option("source", init.job.source, "A checkpoint")->required();
  command->add_option("--to", init.job.format, "deepspeed-universal, safetensors or torch")
      ->required();
  command->add_option("--out-dir", init.job.output, "Where the result will go")->default_str("out");
  addTargetOptions(command, init.job);
  command->add_option("--view", init.job.view,
                      "Names and packing of the result, of the model's views (hf, fused); "
                      "default: as in the source");
  addReadOptions(command, init.job.read);
  addSizeOption(*command, "--memory", init.job.budget, "A budget for the job, e.g. 512MiB");
  command->add_option("-o", init.file, "File to write (default: standard output)");
  init.job.output = "out";
  command->callback([this] { action = [this] { return tools::init(init); }; });

  command = app.add_subcommand("run", "Execute a plan (as recast-run, which links no LLVM).\n"
                                      "Example: recast run job.rplan --memory 512MiB");
  command->add_option("plan", planPath, "The .rplan file")->required();
  addExecute(command, run);
  command->callback([this] { action = [this] { return tools::run(planPath, run); }; });
}

void CommandLine::addPlanning(CLI::App &app) {
  CLI::App *command = addSpecCommand(app, "check",
                                     "Bind, type and prove a job; no bulk byte is read.\n"
                                     "Example: recast check job.ucl",
                                     check);
  command->add_flag("--json", check.json, "Print for machines");
  command->add_flag("-q,--quiet", check.quiet, "Print nothing but errors");
  command->callback([this] { action = [this] { return tools::check(check); }; });

  command = addSpecCommand(app, "plan",
                           "Compile a job into a plan.\nExample: recast plan job.ucl -o job.rplan",
                           plan, "A .ucl specification");
  command->add_option("-o", plan.output, "The .rplan to write")->required();
  command->add_flag(
      "--no-fuse", plan.noFuse,
      "Read for every target apart, and merge nothing: the same result, for comparison");
  command->add_flag("-q,--quiet", plan.quiet, "Print nothing but errors");
  command->callback([this] { action = [this] { return makePlan(plan); }; });

  command = addSpecCommand(app, "compile",
                           "Compile the kernels of a plan into a pack, for machines without the "
                           "compiler.\nExample: recast compile job.rplan -o job.rpack\n"
                           "         recast run job.rplan --kernels job.rpack",
                           compile);
  command->add_option("-o", compile.output, "The .rpack (or .ptx) to write")->required();
  command->add_option("--target", compileTarget,
                      "x86-64-v2, -v3, -v4 or aarch64 (default: this machine's best); nvptx or "
                      "nvptx-sm_90 for PTX");
  command->add_flag("-q,--quiet", compile.quiet, "Print nothing but errors");
  command->callback([this] { action = [this] { return compileKernels(compile, compileTarget); }; });

  command = app.add_subcommand(
      "rebind",
      "Fit a plan to the next step of the same run, without compiling; anything but values\n"
      "that changed is refused.\n"
      "Example: recast rebind job.rplan runs/z3 -o next.rplan");
  command->add_option("plan", rebind.plan, "The .rplan file")->required();
  command->add_option("source", rebind.source, "The checkpoint to read instead")->required();
  command->add_option("-o", rebind.output, "The .rplan to write (default: the plan is replaced)");
  addReadOptions(command, rebind.read);
  command->add_flag("-q,--quiet", rebind.quiet, "Print nothing but errors");
  command->callback([this] { action = [this] { return tools::rebind(rebind); }; });

  command = addSpecCommand(
      app, "explain",
      "Show what a plan or a job will read, compute and write, and what was proved.\n"
      "Example: recast explain job.ucl --ir\n"
      "         recast explain job.ucl --why",
      explain);
  command->add_flag("--json", explain.json, "Print for machines");
  command->add_flag(
      "--why", explain.why,
      "Per family: what the compiler did, the bytes and memory that it saves, what it\n"
      "did not do and why");
  command->add_flag(
      "--no-fuse", explain.noFuse,
      "Of a job: as with reads of its own for every target and nothing merged, for comparison");
  command->add_flag("--ir", explain.ir, "Show the bound IR and the plan dialect too (jobs only)");
  command->callback([this] { action = [this] { return tools::explain(explain); }; });

  command =
      app.add_subcommand("fmt", "Format specifications in place.\nExample: recast fmt job.ucl");
  command->add_option("files", format.files, "The .ucl files")->required();
  command->add_flag("--check", format.check,
                    "Change nothing; exit code 1 if a file is not formatted");
  command->add_flag("--stdout", format.toStdout, "Print instead of writing");
  command->add_flag("--from-mlir", format.fromMlir,
                    "The files are declared ckpt IR; print it as UCL");
  command->callback([this] { action = [this] { return formatFiles(format); }; });
}

/// "recast pipe show": what was asked for.
std::string commandOf(const CLI::App &app) {
  std::string out;
  for (const CLI::App *at = &app; at;
       at = at->get_subcommands().empty() ? nullptr : at->get_subcommands().front())
    out += (out.empty() ? "" : " ") + at->get_name();
  return out;
}

/// In the form of every other error, with the help of the command that was meant.
std::string wrongUse(const CLI::App *app, const CLI::Error &error) {
  return fmt::format("error: {}\n  try:    {} --help\n", error.what(), commandOf(*app));
}

/// A message if the first of `words` is none of the commands of `app`, or the second none of that
/// command's own. `words` end with a null pointer; `name` is what leads here: "recast pipe".
std::optional<std::string> unknownCommand(const CLI::App &app, const std::string &name,
                                          const char *const *words) {
  std::vector<const CLI::App *> commands =
      app.get_subcommands([](const CLI::App *) { return true; });
  if (commands.empty() || !*words || **words == '-')
    return std::nullopt;
  std::vector<std::string> names;
  for (const CLI::App *command : commands) {
    if (command->get_name() == *words)
      return unknownCommand(*command, name + " " + *words, words + 1);
    names.push_back(command->get_name());
  }
  std::string near = nearestName(*words, names);
  return fmt::format("error: there is no command '{}'\n  try:    {}\n", printable(*words, 80),
                     near.empty() ? fmt::format("One of {}.", fmt::join(names, ", "))
                                  : fmt::format("Did you mean `{} {}`?", name, near));
}

} // namespace

int main(int argc, char **argv) {
  reservePlanningMemory();
  CLI::App app{kIntroduction, "recast"};
  app.set_version_flag("--version", std::string("recast 0.1.0"));
  CommandLine line;
  line.addReading(app);
  line.addConverting(app);
  line.addPlanning(app);
  line.pipe.addTo(app, line.action);
  app.require_subcommand(0, 1);
  app.failure_message(wrongUse);
  if (auto message = unknownCommand(app, "recast", argv + 1)) {
    fmt::print(stderr, "{}", *message);
    return static_cast<int>(Code::Usage);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    int code = app.exit(error);
    return code == 0 ? 0 : static_cast<int>(Code::Usage);
  }
  if (!line.action) {
    fmt::print("{}\n", kIntroduction);
    return 0;
  }
  line.convert.execute.command = line.run.command = commandText(argc, argv);
  Result<int> result = line.action();
  // An answer that did not arrive is no answer: a full disk behind a pipe, say.
  if (result && std::fflush(stdout) != 0)
    result = ioError("cannot write the answer", errno, "standard output");
  if (result)
    return *result;
  Error error = std::move(result).error();
  if (error.code() == Code::Usage && error.fileName().empty())
    error = std::move(error).hint(commandOf(app) + " --help");
  fmt::print(stderr, "error: {}\n", error.str());
  return error.exitCode();
}
