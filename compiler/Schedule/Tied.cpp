#include "compiler/Schedule/Tied.h"

#include <fmt/format.h>

namespace recast::schedule {
namespace {

/// Why the two copies part at a microbatch; empty where they do not.
std::string whyNot(const Versions &versions, Pass one, Pass other) {
  auto saw = versions.forward(one), otherSaw = versions.forward(other);
  if (saw && otherSaw && saw->version != otherSaw->version)
    return fmt::format("see versions {} and {} of it in the forwards of microbatch {}",
                       saw->version, otherSaw->version, one.microbatch);
  auto applied = versions.appliedIn(one), otherApplied = versions.appliedIn(other);
  if (applied && otherApplied && applied != otherApplied)
    return fmt::format("apply the gradient of microbatch {} in updates {} and {}", one.microbatch,
                       *applied, *otherApplied);
  for (Pass pass : {one, other})
    if (versions.lag(pass).value_or(0) > 0)
      return fmt::format("do not update together: between the forward and the backward of "
                         "microbatch {} through stage {} its weights change",
                         pass.microbatch, pass.stage);
  return "";
}

} // namespace

Status checkTied(const Schedule &schedule, const Versions &versions,
                 std::span<const std::pair<int32_t, int32_t>> pairs) {
  for (auto [one, other] : pairs) {
    for (int32_t stage : {one, other})
      if (stage < 0 || stage >= schedule.stages())
        return usage(fmt::format("a parameter shared by stages {} and {}; there are stages 0 to {}",
                                 one, other, schedule.stages() - 1));
    if (one == other)
      continue;
    for (int32_t b = 0; b < schedule.microbatches; ++b)
      if (std::string reason = whyNot(versions, {one, b}, {other, b}); !reason.empty())
        return fail(Error(Code::BadInput, fmt::format("stages {} and {} share a parameter, but {}",
                                                      one, other, reason))
                        .hint("Take a synchronous kind, or put both on one stage."));
  }
  return {};
}

} // namespace recast::schedule
