// Executes a plan. Links no LLVM: what people wait for is small and starts at once.
#include "runtime/base/Text.h"
#include "runtime/capi/Instantiate.h"
#include "runtime/exec/Stop.h"
#include "runtime/io/TrustedFile.h"
#include "tools/recast-run/Progress.h"
#include "tools/recast-run/Report.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace recast;

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
  std::string plan, kernels;
  std::string command; ///< What the user typed.
  unsigned threads = 0;
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

int run(const Arguments &arguments, uint64_t memory) {
  auto plan = capi::loadPlan(arguments.plan);
  if (!plan)
    return report(plan.error(), arguments.json);
  if (memory != 0)
    plan->budget = memory;
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
  auto instance = capi::instantiate(*plan);
  if (!instance)
    return report(instance.error(), arguments.json);

  // A signal asks for a clean stop; what is staged stays for the next run of the same plan.
  struct sigaction action{};
  action.sa_handler = [](int) { exec::requestStop(); };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // A file-size limit is an error of a write, not a death.
  std::signal(SIGXFSZ, SIG_IGN);

  exec::Options options;
  options.threads = arguments.threads;
  options.sync = !arguments.noSync;
  options.overwrite = arguments.overwrite;
  options.useKernels = !arguments.noKernels;
  options.digests = !arguments.noDigests;
  options.kernels = &kernels;
  tools::Progress progress(arguments.json ? tools::Progress::Style::Machines
                                          : tools::Progress::Style::People);
  if (!arguments.quiet && (arguments.json || isatty(STDERR_FILENO))) {
    options.progress = [&](uint64_t bytes, uint64_t all) { progress.show(bytes, all); };
    options.flushing = [&] { progress.flushing(); };
  }
  auto done = exec::execute(instance->program, options);
  progress.finish();
  if (!done)
    return report(withCommand(done.error(), arguments.command), arguments.json);
  instance->notes.insert(instance->notes.end(), kernels.notes().begin(), kernels.notes().end());
  if (arguments.json)
    fmt::print("{}\n", tools::reportJson(*done, *instance));
  else if (!arguments.quiet)
    fmt::print("{}", tools::reportText(*done, *instance, *plan));
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app{"Executes a plan made by `recast plan`.\n"
               "Example: recast-run restore.rplan --memory 512MiB"};
  Arguments arguments;
  uint64_t memory = 0;
  app.add_option("plan", arguments.plan, "The .rplan file")->required();
  app.add_option("--memory", memory, "Memory for buffers and tables, e.g. 512MiB")
      ->transform(CLI::AsSizeValue(false));
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    int code = app.exit(error);
    return code == 0 ? 0 : static_cast<int>(Code::Usage);
  }
  if (arguments.command.empty())
    arguments.command = commandText(argc, argv);
  return run(arguments, memory);
}
