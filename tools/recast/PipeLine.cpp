#include "tools/recast/PipeLine.h"

#include "compiler/Schedule/Exchange.h"
#include "compiler/Schedule/Generate.h"
#include "runtime/base/Printable.h"
#include "tools/Options.h"

#include <charconv>
#include <cstdint>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace recast::tools {
namespace {

/// A whole number of that size that fits 32 bits. (CLI11's PositiveNumber names its bound with 309
/// digits.)
CLI::Validator atLeast(int32_t least) {
  return CLI::Validator(
      [least](std::string &text) -> std::string {
        int32_t number = 0;
        auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error == std::errc() && rest == text.data() + text.size() && number >= least)
          return {};
        return fmt::format("'{}' is no whole number from {} to {}", printable(text, 40), least,
                           INT32_MAX);
      },
      "");
}

void addNumbers(CLI::App *command, PipeSource &source) {
  command->add_option("--ranks", source.ranks, "Pipeline ranks")->check(atLeast(1));
  command->add_option("--chunks", source.chunks, "Stages of a rank (default: what the kind needs)")
      ->check(atLeast(1));
  command->add_option("--microbatches", source.microbatches, "Microbatches, over all ranks")
      ->check(atLeast(1));
  command
      ->add_option("--group", source.group,
                   "interleaved kinds: microbatches that one chunk runs before the next")
      ->check(atLeast(1));
  command
      ->add_option("--update", source.update, "asynchronous kinds: microbatches per optimizer step")
      ->check(atLeast(1));
}
void addCosts(CLI::App *command, PipeSource &source) {
  command->add_option(
      "--cost", source.costs,
      "Times: f forward, b backward, i and w its input and weight parts, comm, opt, "
      "...\n(default: f=1,b=2,i=1,w=1)");
}
void addSource(CLI::App *command, PipeSource &source) {
  command
      ->add_option("schedule", source.what,
                   "A kind, or a file: of any form that export writes, told by its content, or a\n"
                   "specification (.ucl). What names an existing file is the file")
      ->required();
  command->add_option("pipeline", source.pipeline,
                      "Which pipeline of a specification (if it has several)");
  command->add_option("-D", source.defines,
                      "Give a `let` of the specification another value: -D name=value");
  addNumbers(command, source);
}

} // namespace

void PipeLine::addTo(CLI::App &app, std::function<Result<int>()> &action) {
  CLI::App *pipe = app.add_subcommand(
      "pipe",
      fmt::format("Pipeline schedules: show, prove, compare, cut and exchange them.\n"
                  "Example: recast pipe compare gpipe,1f1b,zb-v --ranks 4 --microbatches 8\n"
                  "Kinds: {}",
                  fmt::join(schedule::kinds(), ", ")));
  pipe->require_subcommand(1);

  CLI::App *command = pipe->add_subcommand(
      "show", "Who does what when: timeline, idle time, activations.\n"
              "Example: recast pipe show 1f1b --ranks 4 --microbatches 8 --svg 1f1b.svg");
  addSource(command, show_.source);
  addCosts(command, show_.source);
  command->add_flag("--json", show_.json, "Print for machines");
  command->add_option("--svg", show_.svg, "Draw it into this file, too; -: print the picture alone")
      ->type_name("FILE")
      ->check(someName());
  command->callback([this, &action] { action = [this] { return pipeShow(show_); }; });

  command = pipe->add_subcommand(
      "check", "Prove a schedule, or refute it with a witness; exit code 1 if it is refuted.\n"
               "Example: recast pipe check zbv.csv --ranks 4 --microbatches 8");
  addSource(command, check_.source);
  addCosts(command, check_.source);
  command
      ->add_option("--depth", check_.depth,
                   "Sends that may be under way from one rank to another (0: a send waits for "
                   "its receive; default: any number)")
      ->check(atLeast(0));
  command
      ->add_option("--activations", check_.activations,
                   "The most activations (of one stage and microbatch) that a rank may keep")
      ->check(atLeast(1));
  command->add_flag("--json", check_.json, "Print for machines");
  command->add_flag("-q,--quiet", check_.quiet, "Print nothing but errors");
  command->callback([this, &action] { action = [this] { return pipeCheck(check_); }; });

  command = pipe->add_subcommand(
      "compare", "Kinds side by side, on the same model.\n"
                 "Example: recast pipe compare gpipe,1f1b,zb-h1 --ranks 8 --microbatches 32");
  command->add_option("kinds", compare_.kinds, "Kinds or files, with commas or blanks between")
      ->required();
  addNumbers(command, compare_.source);
  addCosts(command, compare_.source);
  command->add_flag("--json", compare_.json, "Print for machines");
  command->callback([this, &action] { action = [this] { return pipeCompare(compare_); }; });

  command = pipe->add_subcommand(
      "export", "Write a schedule for another program.\n"
                "Example: recast pipe export zb-v --ranks 4 --microbatches 8 --to torch-csv -o "
                "zbv.csv");
  addSource(command, export_.source);
  command->add_option("--to", export_.form, schedule::formNames())->required();
  command->add_flag("--comms", export_.comms,
                    "torch-csv: with sends, receives, UNSHARD, RESHARD, REDUCE_GRAD");
  command->add_flag("--defer", export_.defer, "torch-csv: the same, receives as late as they may");
  command->add_flag("--align", export_.align,
                    "torch-csv: blanks where a rank waits, as PipelineScheduleMulti needs them");
  command->add_flag("--unchecked", export_.unchecked,
                    "Write what `recast pipe check` refutes, too");
  command->add_option("-o", export_.output, "The file (default: standard output)")
      ->type_name("FILE")
      ->check(someName());
  command->callback([this, &action] { action = [this] { return pipeExport(export_); }; });

  command = pipe->add_subcommand(
      "cut",
      "What there is when training stops: versions, stashes, microbatches under way; whether\n"
      "weights and optimizer state alone resume exactly (exit code 1 if not), and what to save.\n"
      "Example: recast pipe cut 1f1b --ranks 4 --microbatches 8 --after 7");
  addSource(command, cut_.source);
  addCosts(command, cut_.source);
  command->add_option("--after", cut_.after, "Once all backwards up to this microbatch have run")
      ->check(atLeast(0));
  command->add_option("--time", cut_.time, "At this time, in units of the costs");
  command->add_flag("--json", cut_.json, "Print for machines");
  command->callback([this, &action] { action = [this] { return pipeCut(cut_); }; });

  command = pipe->add_subcommand("import", "Say a schedule of another program as a pipeline.\n"
                                           "Example: recast pipe import zbv.csv -o zbv.ucl");
  addSource(command, import_.source);
  command->add_option("--name", import_.name, "What the pipeline is called")->default_str("p");
  command->add_flag("--ir", import_.ir, "As IR of the pipe dialect, not as UCL");
  command->add_option("-o", import_.output, "The file (default: standard output)")
      ->type_name("FILE")
      ->check(someName());
  command->callback([this, &action] { action = [this] { return pipeImport(import_); }; });
}

} // namespace recast::tools
