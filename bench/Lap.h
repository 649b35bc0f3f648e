// Processor time between two points of a benchmark.
#pragma once

#include <ctime>

namespace recast::bench {

/// Processor seconds since the last call: other work on the machine does not count.
inline double lap() {
  static std::clock_t last = std::clock();
  std::clock_t now = std::clock();
  double out = static_cast<double>(now - last) / CLOCKS_PER_SEC;
  last = now;
  return out;
}

} // namespace recast::bench
