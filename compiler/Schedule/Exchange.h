// Schedules to and from files of every form: what `recast pipe export`, `import` and `check` use.
#pragma once

#include "compiler/Schedule/Csv.h"

#include <optional>

namespace recast::schedule {

enum class Form : uint8_t {
  Json,      ///< "json": everything (Json.h).
  TorchCsv,  ///< "torch-csv" (Csv.h).
  DeepSpeed, ///< "deepspeed" (DeepSpeed.h).
  Megatron,  ///< "megatron" (Megatron.h).
};
std::string_view name(Form form);
/// "json, torch-csv, ...": for help and messages.
std::string formNames();
/// Code::Usage, with what is known, for another name. '_' means '-'.
Result<Form> formNamed(std::string_view name);

/// `comms`: with sends, receives and the actions of FSDP, as PyTorch lowers lists (Comms.h);
/// `defer`: that, with receives as late as they can be; `align`: a compute-only CSV with blanks,
/// every cell to the right of those whose data it needs, as PyTorch's PipelineScheduleMulti wants
/// it.
struct ExportOptions {
  bool comms = false, defer = false, align = false;
};

/// The text of a file. Without `comms` and `defer` communication in the lists is left out, except
/// of JSON, which says lists as they are. Code::Usage where the form cannot say the schedule, has
/// no such option, or receives that are put off would take each other's tensors (checkChannels()).
Result<std::string> exportSchedule(Form form, const Schedule &schedule,
                                   const ExportOptions &options = {});

/// The form of a text: what its JSON keys say; CSV where it is no JSON object.
Form formOf(std::string_view text);

/// Reads a text; `file` is what errors call it. Without `form`, formOf().
Result<Schedule> importSchedule(std::string_view text, std::string_view file,
                                std::optional<Form> form = std::nullopt,
                                const StatedShape &stated = {});

} // namespace recast::schedule
