#include "compiler/Schedule/Schedule.h"

#include <fmt/format.h>

namespace recast::schedule {

int32_t Schedule::rankOf(int32_t stage) const {
  if (placement == Placement::Loop)
    return stage % ranks;
  return stage < ranks ? stage : 2 * ranks - 1 - stage;
}

std::string str(const Action &action) {
  constexpr char kLetters[] = {'F', 'B', 'I', 'W'};
  return fmt::format("{}{}{}", action.stage, kLetters[static_cast<size_t>(action.kind)],
                     action.microbatch);
}

} // namespace recast::schedule
