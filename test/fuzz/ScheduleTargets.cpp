// Files of schedules: PyTorch's CSV, and the forms in JSON. What is read can be written in every
// form that has words for it, and is the same when it is read again.
#include "compiler/Schedule/Comms.h"
#include "compiler/Schedule/Exchange.h"
#include "test/fuzz/Target.h"

namespace recast::fuzz {
namespace {
using namespace schedule;

void inRange(const Schedule &read) {
  RECAST_PROMISE(read.ranks > 0 && read.actions.size() == static_cast<size_t>(read.ranks));
  RECAST_PROMISE(read.stages() > 0 && read.microbatches > 0 && read.chunks > 0);
  for (size_t r = 0; r < read.actions.size(); ++r)
    for (size_t i = 0; i < read.actions[r].size(); ++i) {
      const Action &action = read.actions[r][i];
      RECAST_PROMISE(action.stage >= 0 && action.stage < read.stages());
      RECAST_PROMISE(read.rankOf[static_cast<size_t>(action.stage)] == static_cast<int32_t>(r));
      RECAST_PROMISE(action.microbatch < read.microbatches);
      RECAST_PROMISE((action.microbatch >= 0) == hasMicrobatch(action.kind));
      RECAST_PROMISE(!action.overlapsNext || i + 1 < read.actions[r].size());
    }
}

bool run(Form form, std::string_view input) {
  auto read = importSchedule(input, "x", form == Form::Json ? std::nullopt : std::optional(form));
  if (!read) {
    RECAST_PROMISE(read.error().code() == Code::BadInput || read.error().code() == Code::Usage);
    for (char c : read.error().message())
      RECAST_PROMISE(static_cast<unsigned char>(c) >= 0x20);
    return false;
  }
  inRange(*read);
  auto json = exportSchedule(Form::Json, *read);
  RECAST_PROMISE(json);
  auto again = importSchedule(*json, "x", Form::Json);
  RECAST_PROMISE(again && *again == *read);
  for (Form other : {Form::TorchCsv, Form::DeepSpeed, Form::Megatron}) {
    auto text = exportSchedule(other, *read);
    if (!text)
      continue;
    auto back = importSchedule(*text, "x", other);
    // A row without actions is no row of a CSV, a highest microbatch without one is not counted.
    if (!back && other == Form::TorchCsv)
      continue;
    RECAST_PROMISE(back);
    auto twice = exportSchedule(other, *back);
    RECAST_PROMISE(twice && importSchedule(*twice, "x", other)->actions == back->actions);
    if (other != Form::DeepSpeed) // Its backwards are whole.
      RECAST_PROMISE(back->actions == computeOnly(*read).actions);
  }
  (void)exportSchedule(Form::TorchCsv, *read, {.defer = true});
  return true;
}

} // namespace

bool runScheduleCsv(std::string_view input) { return run(Form::TorchCsv, input); }
bool runScheduleJson(std::string_view input) { return run(Form::Json, input); }

} // namespace recast::fuzz
