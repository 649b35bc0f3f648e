// How an extent is cut: the rules that frameworks disagree on.
#include "runtime/base/Checked.h"
#include "runtime/layout/Resolve.h"

#include <algorithm>
#include <numeric>

namespace recast::layout {

Range splitRange(SplitRule rule, std::span<const int64_t> bounds, int64_t extent, int64_t ways,
                 int64_t q) {
  switch (rule) {
  case SplitRule::Even:
  case SplitRule::Ceil: {
    int64_t width = ceilDiv(extent, ways);
    // q * width <= extent + ways: no overflow, as extents stay far below 2^63.
    return {std::min(q * width, extent), std::min((q + 1) * width, extent)};
  }
  case SplitRule::Balanced: {
    int64_t width = extent / ways, longer = extent % ways;
    int64_t begin = q * width + std::min(q, longer);
    return {begin, begin + width + (q < longer)};
  }
  case SplitRule::Widths:
    return {bounds[q], bounds[q + 1]};
  }
  return {};
}

std::vector<int64_t> splitFactors(std::span<const int64_t> extents, int64_t ways) {
  std::vector<int64_t> factors;
  for (size_t i = 0; i + 1 < extents.size(); ++i) {
    factors.push_back(std::gcd(extents[i], ways));
    ways /= factors.back();
  }
  factors.push_back(ways);
  return factors;
}

} // namespace recast::layout
