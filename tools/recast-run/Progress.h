// How far a run is: one line that rewrites itself for people, one JSON object a line for machines.
#pragma once

#include <chrono>
#include <cstdint>

namespace recast::tools {

class Progress {
public:
  enum class Style { People, Machines };
  explicit Progress(Style style) : style_(style) {}

  /// Bytes read so far and in all; prints to standard error, people at most ten times a second,
  /// machines once a second, both at the end.
  void show(uint64_t done, uint64_t all);
  /// Everything is written, and the system is asked to put it on the device.
  void flushing();
  /// Ends a line that is still open, so that what follows begins on one of its own.
  void finish();

private:
  using Clock = std::chrono::steady_clock;

  Style style_;
  Clock::time_point start_ = Clock::now(), last_;
  uint64_t first_ = UINT64_MAX; ///< Bytes that were done when it began (by an earlier run).
  bool open_ = false, ended_ = false;
};

} // namespace recast::tools
