#include "compiler/Schedule/Exchange.h"

#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Channels.h"
#include "compiler/Schedule/Comms.h"
#include "compiler/Schedule/DeepSpeed.h"
#include "compiler/Schedule/Json.h"
#include "compiler/Schedule/Megatron.h"
#include "compiler/Schedule/Simulate.h"

#include <algorithm>
#include <fmt/ranges.h>

namespace recast::schedule {
namespace {

constexpr std::string_view kForms[] = {"json", "torch-csv", "deepspeed", "megatron"};

bool isObject(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r\n");
  return begin != text.npos && text[begin] == '{';
}

Form formOf(const JsonValue &root) {
  return root.has("schedule_table") ? Form::Megatron
         : root.has("steps")        ? Form::DeepSpeed
                                    : Form::Json;
}

Result<Schedule> readTree(const JsonValue &root, Form form) {
  if (form == Form::Json)
    return fromJson(root);
  if (form == Form::Megatron)
    return fromMegatronJson(root);
  RECAST_ASSIGN(InstructionStreams streams, fromDeepSpeedJson(root));
  return fromInstructions(streams);
}

Result<Schedule> readText(std::string_view text, std::optional<Form> form,
                          const StatedShape &stated) {
  if (form == Form::TorchCsv || (!form && !isObject(text)))
    return fromCsv(text, stated);
  RECAST_ASSIGN(nlohmann::json tree, readJson(text));
  JsonValue root(tree);
  RECAST_ASSIGN(Schedule out, readTree(root, form ? *form : formOf(root)));
  RECAST_TRY(checkStated(out, stated));
  return out;
}

/// Every action in the first column that its list and its data leave free.
Result<Columns> alignedColumns(const Schedule &schedule) {
  Costs one;
  one.forward = one.backward = one.input = one.weight = 1;
  RECAST_ASSIGN(Simulation times, simulate(schedule, {.costs = one}));
  constexpr double kMostCells = 1 << 28; // With many ranks most are blank.
  if (times.makespan * schedule.ranks > kMostCells)
    return usage(
        fmt::format("{} ranks of {} columns are too many cells", schedule.ranks, times.makespan));
  Columns out;
  for (size_t r = 0; r < times.start.size(); ++r) {
    for (const Action &action : schedule.actions[r])
      if (action.overlapsNext)
        return usage(fmt::format(
            "PyTorch runs pairs like that of '{}' only from rows without columns", str(action)));
    std::vector<int32_t> &columns = out.emplace_back();
    for (double start : times.start[r])
      columns.push_back(static_cast<int32_t>(start));
  }
  return out;
}

} // namespace

std::string_view name(Form form) { return kForms[static_cast<size_t>(form)]; }

std::string formNames() { return fmt::format("{}", fmt::join(kForms, ", ")); }

Result<Form> formNamed(std::string_view name) {
  std::string wanted(name);
  std::replace(wanted.begin(), wanted.end(), '_', '-');
  auto found = std::ranges::find(kForms, wanted);
  if (found == std::end(kForms))
    return fail(Error(Code::Usage, fmt::format("there is no form of schedules '{}'", name))
                    .hint(fmt::format("Known: {}.", formNames())));
  return static_cast<Form>(found - std::begin(kForms));
}

Result<std::string> exportSchedule(Form form, const Schedule &schedule,
                                   const ExportOptions &options) {
  bool lowers = options.comms || options.defer;
  if ((form == Form::DeepSpeed || form == Form::Megatron) && (lowers || options.align))
    return usage(fmt::format("{} has its own communication: no option of it applies", name(form)));
  if (options.align && (lowers || form != Form::TorchCsv))
    return usage("cells are aligned only in a torch-csv without communication");
  Schedule lists = lowers || form == Form::TorchCsv ? computeOnly(schedule) : schedule;
  if (lowers) {
    RECAST_ASSIGN(lists, addComms(lists));
  }
  if (options.defer) {
    RECAST_ASSIGN(lists, deferReceives(lists));
    // PyTorch takes it, and computes wrong gradients.
    if (auto ordered = checkChannels(lists); !ordered)
      return fail(
          Error(Code::Usage, fmt::format("put off, receives are out of the order of sends: {}",
                                         ordered.error().message()))
              .hint("PyTorch matches both by their order. Leave receives where they are."));
  }
  switch (form) {
  case Form::Json:
    return toJson(lists);
  case Form::TorchCsv: {
    if (!options.align)
      return toCsv(lists);
    RECAST_ASSIGN(Columns columns, alignedColumns(lists));
    return toCsv(lists, &columns);
  }
  case Form::DeepSpeed: {
    RECAST_ASSIGN(InstructionStreams streams, toInstructions(lists));
    return toDeepSpeedJson(streams);
  }
  case Form::Megatron:
    return toMegatronJson(lists);
  }
  return internal("a form that is not written");
}

Form formOf(std::string_view text) {
  if (!isObject(text))
    return Form::TorchCsv;
  auto tree = readJson(text);
  return tree ? formOf(JsonValue(*tree)) : Form::Json;
}

Result<Schedule> importSchedule(std::string_view text, std::string_view file,
                                std::optional<Form> form, const StatedShape &stated) {
  auto out = readText(text, form, stated);
  if (!out)
    return fail(std::move(out).error().file(file));
  return out;
}

} // namespace recast::schedule
