#include "compiler/Schedule/Needs.h"

#include <fmt/format.h>

namespace recast::schedule {

std::string needText(const Need &need) {
  return fmt::format("the {} of microbatch {} through stage {}",
                     need.isBackward ? "backward" : "forward", need.pass.microbatch,
                     need.pass.stage);
}

} // namespace recast::schedule
