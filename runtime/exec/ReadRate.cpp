#include "runtime/exec/ReadRate.h"

#include "runtime/exec/Stop.h"

#include <algorithm>
#include <thread>

namespace recast::exec {

Status ReadRate::wait(uint64_t bytes) {
  if (rate_ == 0)
    return {};
  // Below a year, which a duration holds.
  double seconds = std::min(static_cast<double>(bytes) / static_cast<double>(rate_), 3e7);
  Clock::time_point until;
  {
    std::lock_guard lock(mutex_);
    delivered_ = std::max(delivered_, Clock::now()) + std::chrono::duration_cast<Clock::duration>(
                                                          std::chrono::duration<double>(seconds));
    until = delivered_;
  }
  constexpr auto kLook = std::chrono::milliseconds(50); // For a request to stop.
  while (Clock::now() < until) {
    if (stopRequested())
      return interrupted();
    std::this_thread::sleep_until(std::min(until, Clock::now() + kLook));
  }
  return {};
}

} // namespace recast::exec
