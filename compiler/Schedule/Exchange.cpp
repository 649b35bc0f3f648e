#include "compiler/Schedule/Exchange.h"

#include "compiler/Schedule/Channels.h"
#include "compiler/Schedule/Comms.h"
#include "compiler/Schedule/DeepSpeed.h"
#include "compiler/Schedule/Json.h"
#include "compiler/Schedule/Megatron.h"

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
  if ((form == Form::DeepSpeed || form == Form::Megatron) && (lowers || options.columns))
    return usage(fmt::format("{} has its own communication: no option of it applies", name(form)));
  if (lowers && options.columns)
    return usage("cells stand in columns only in files without communication");
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
  case Form::TorchCsv:
    return toCsv(lists, options.columns);
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
