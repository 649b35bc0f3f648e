// Leaves bandwidth to others: all workers together read no faster than was asked for.
#pragma once

#include "runtime/base/Status.h"

#include <chrono>
#include <cstdint>
#include <mutex>

namespace recast::exec {

/// A token bucket without a store of tokens: reads queue up behind each other as on a device of
/// `bytesPerSecond`, in the order in which they ask, so that what is handed out first arrives
/// first. Time in which nobody read is not made up for.
class ReadRate {
public:
  /// 0: no limit.
  explicit ReadRate(uint64_t bytesPerSecond) : rate_(bytesPerSecond) {}

  /// Returns when a device of this rate would have delivered `bytes` more. Code::Interrupted where
  /// a stop was requested meanwhile. Thread-safe.
  Status wait(uint64_t bytes);

private:
  using Clock = std::chrono::steady_clock;

  uint64_t rate_;
  std::mutex mutex_;
  Clock::time_point delivered_ = Clock::time_point::min(); ///< Of the last read that asked.
};

} // namespace recast::exec
