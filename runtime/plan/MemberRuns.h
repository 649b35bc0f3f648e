// Sequences of numbers as arithmetic runs. Layers of a model are alike, so the numbers of their
// tensors (ids of names, starts in a buffer, totals) grow by one step from layer to layer: with as
// many interleaved sequences as a layer has tensors of one shape, a few runs say them all.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <vector>

namespace recast::plan {

/// start, start + step, ...: `count` numbers. One number alone has step 0.
struct MemberRun {
  int64_t start = 0;
  int32_t step = 0;
  uint32_t count = 0;
  bool operator==(const MemberRun &) const = default;
};
inline constexpr size_t kMemberRunBytes = 16;

/// Most sequences that are interleaved.
inline constexpr uint32_t kMaxRunPeriod = 16;

/// The runs of the sequences 0, p, 2p, ...; 1, p + 1, ...; up to p - 1, one sequence after the
/// other and each cut greedily, are put into `out`. Returns the period p, which is chosen by the
/// first numbers: the same `values` have the same period and runs. Fewer than 2^32 values.
uint32_t encodeRuns(std::span<const int64_t> values, std::vector<MemberRun> &out);

/// Fills `values` with what `runs` say. An error if they do not say exactly so many values, or one
/// outside [least, most].
Status decodeRuns(std::span<const MemberRun> runs, uint32_t period, int64_t least, int64_t most,
                  std::span<int64_t> values);

} // namespace recast::plan
