// Executes a plan. Links no LLVM: what people wait for is small and starts at once.
#include "runtime/base/Text.h"
#include "runtime/capi/Memory.h"
#include "runtime/exec/Stop.h"
#include "runtime/io/TrustedFile.h"
#include "tools/Options.h"
#include "tools/recast-run/Events.h"
#include "tools/recast-run/Progress.h"
#include "tools/recast-run/Report.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <unistd.h>

using namespace recast;
using tools::Events;

namespace {

int report(const Error &error, bool json) {
  if (json)
    fmt::print("{}\n", nlohmann::json{{"error", error.message()},
                                      {"file", error.fileName()},
                                      {"tensor", error.tensorName()},
                                      {"hint", error.hintText()},
                                      {"exit_code", error.exitCode()}}
                           .dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  fmt::print(stderr, "error: {}\n", error.str());
  return error.exitCode();
}

/// The error of a run that was stopped says how to go on with it.
Error withCommand(Error error, const std::string &command) {
  if (error.code() != Code::Interrupted || command.empty())
    return error;
  return Error(error.code(), error.message()).hint("To go on where it stopped: " + command);
}

struct Arguments {
  std::string plan, kernels, events;
  std::string order{exec::kOrderNames[0]};
  std::string command; ///< What the user typed.
  unsigned threads = 0;
  uint64_t memory = 0, readRate = 0;
  std::optional<uint32_t> rank;
  bool overwrite = false, noSync = false, noKernels = false, noDigests = false, json = false,
       quiet = false;
};

/// The kernels that the user named. Code::BadInput if the pack lacks one that the plan needs: it
/// was made for another plan.
Result<std::shared_ptr<const device::cpu::KernelPack>> loadPack(const std::string &path,
                                                                const plan::Plan &plan) {
  RECAST_ASSIGN(std::string bytes, io::readTrusted(path, device::cpu::kMaxPackBytes));
  RECAST_ASSIGN(auto pack, device::cpu::KernelPack::load(bytes, path));
  for (const plan::Family &family : plan.families)
    for (const recipe::Recipe &kernel : recipe::kernelSlices(family.recipe))
      if (!pack->find(kernel.hash(), kernel.str()).run)
        return fail(Error(Code::BadInput, fmt::format("the kernel pack does not fit the plan: it "
                                                      "has no kernel for '{}'",
                                                      kernel.str()))
                        .file(path)
                        .hint("Make one for this plan: recast compile PLAN -o PACK."));
  return pack;
}

/// Executes and tells `events`, if anybody wants to hear.
Result<exec::Report> execute(const capi::Instance &instance, exec::Options options,
                             std::optional<Events> &events, std::vector<exec::ReadyTensor> *ready) {
  if (events)
    events->start(instance);
  if (events || ready)
    options.ready = [&](const exec::ReadyTensor &tensor) {
      if (events)
        events->ready(instance, tensor);
      if (ready)
        ready->push_back(tensor);
    };
  auto done = exec::execute(instance.program, options);
  if (!events)
    return done;
  if (done)
    events->end(*done);
  else
    events->failed(done.error());
  Status told = events->close();
  if (done && !told)
    return fail(std::move(told).error());
  return done;
}

int run(const Arguments &arguments) {
  auto plan = capi::loadPlan(arguments.plan);
  if (!plan)
    return report(plan.error(), arguments.json);
  if (arguments.memory != 0)
    plan->budget = arguments.memory;
  if (Status same = capi::checkSources(*plan); !same)
    return report(same.error(), arguments.json);
  std::shared_ptr<const device::cpu::KernelPack> pack;
  if (!arguments.kernels.empty()) {
    auto loaded = loadPack(arguments.kernels, *plan);
    if (!loaded)
      return report(loaded.error(), arguments.json);
    pack = std::move(*loaded);
  }
  device::cpu::KernelFinder kernels(device::cpu::KernelFinder::Cache::Use, std::move(pack));
  auto instance = capi::instantiate(*plan, arguments.rank);
  if (!instance)
    return report(instance.error(), arguments.json);
  std::optional<capi::TargetMemory> memory;
  if (instance->program.inMemory()) {
    auto allocated = capi::allocateMemory(instance->program);
    if (!allocated)
      return report(allocated.error(), arguments.json);
    memory.emplace(std::move(*allocated));
  }
  std::optional<Events> events;
  if (!arguments.events.empty()) {
    std::vector<std::string> inputs = {arguments.plan, arguments.kernels};
    for (const exec::SourceFile &source : instance->program.sources)
      inputs.push_back(source.path);
    auto opened = Events::open(arguments.events, inputs, instance->program, arguments.overwrite);
    if (!opened)
      return report(opened.error(), arguments.json);
    events.emplace(std::move(*opened));
    std::signal(SIGPIPE, SIG_IGN); // A listener that goes away does not end the run.
  }

  // A signal asks for a clean stop; what is staged stays for the next run of the same plan.
  struct sigaction action{};
  action.sa_handler = [](int) { exec::requestStop(); };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // A file-size limit is an error of a write, not a death.
  std::signal(SIGXFSZ, SIG_IGN);

  exec::Options options;
  options.threads = arguments.threads;
  options.order = static_cast<exec::Order>(
      std::find(exec::kOrderNames.begin(), exec::kOrderNames.end(), arguments.order) -
      exec::kOrderNames.begin());
  options.sync = !arguments.noSync;
  options.overwrite = arguments.overwrite;
  options.useKernels = !arguments.noKernels;
  options.digests = !arguments.noDigests;
  options.kernels = &kernels;
  options.readRate = arguments.readRate;
  tools::Progress progress(arguments.json ? tools::Progress::Style::Machines
                                          : tools::Progress::Style::People);
  if (!arguments.quiet && (arguments.json || isatty(STDERR_FILENO))) {
    options.progress = [&](uint64_t bytes, uint64_t all) { progress.show(bytes, all); };
    options.flushing = [&] { progress.flushing(); };
  }
  // What is in memory has no manifest: the report says what it is.
  std::vector<exec::ReadyTensor> ready;
  bool listsTensors = memory && arguments.json;
  std::FILE *out = events && events->toStandardOutput() ? stderr : stdout;
  auto done = execute(*instance, options, events, listsTensors ? &ready : nullptr);
  progress.finish();
  if (!done)
    return report(withCommand(done.error(), arguments.command), arguments.json);
  instance->notes.insert(instance->notes.end(), kernels.notes().begin(), kernels.notes().end());
  if (arguments.json)
    fmt::print(out, "{}\n", tools::reportJson(*done, *instance, ready));
  else if (!arguments.quiet)
    fmt::print(out, "{}", tools::reportText(*done, *instance, *plan));
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app{"Executes a plan made by `recast plan`.\n"
               "Example: recast-run restore.rplan --memory 512MiB"};
  Arguments arguments;
  app.add_option("plan", arguments.plan, "The .rplan file")->required();
  tools::addSizeOption(app, "--memory", arguments.memory,
                       "Memory for buffers and tables, e.g. 512MiB");
  app.add_option("--rank", arguments.rank,
                 "Of a plan for the ranks of a pipeline: this one's targets alone (default: all)");
  tools::addSizeOption(
      app, "--read-rate", arguments.readRate,
      "Read at most so much per second, to leave bandwidth to others, e.g. 100MiB");
  app.add_option("--order", arguments.order,
                 "What comes first: deadlines (the plan's; files where it has none), files or "
                 "names (of the tensors written)")
      ->check(CLI::IsMember(exec::kOrderNames));
  app.add_option(
         "--events", arguments.events,
         "Say when each tensor is complete: a file or, for standard output, -; a file that\n"
         "exists is replaced if it holds events")
      ->type_name("FILE")
      ->check(tools::someName());
  app.add_option("--threads", arguments.threads, "Worker threads (default: one per core)");
  app.add_flag("--overwrite", arguments.overwrite, "Replace an output that exists");
  app.add_flag("--no-sync", arguments.noSync,
               "Do not flush to the device before the output appears");
  app.add_flag("--no-kernels", arguments.noKernels, "Use the recipe interpreter only");
  app.add_flag("--no-digests", arguments.noDigests,
               "Leave the digests of tensors out of the manifest");
  app.add_option("--kernels", arguments.kernels,
                 "A kernel pack made by `recast compile`: machine code, loaded only when named");
  app.add_flag("--json", arguments.json,
               "Print the report as JSON, and progress on standard error, one object a line");
  app.add_flag("-q,--quiet", arguments.quiet, "Print nothing but errors");
  app.add_option("--command", arguments.command, "For messages: the command that started this one")
      ->group("");
  app.failure_message([](const CLI::App *, const CLI::Error &error) {
    return fmt::format("error: {}\n  try:    recast-run --help\n", error.what());
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    int code = app.exit(error);
    return code == 0 ? 0 : static_cast<int>(Code::Usage);
  }
  if (arguments.command.empty())
    arguments.command = commandText(argc, argv);
  return run(arguments);
}
