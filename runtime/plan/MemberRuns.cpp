#include "runtime/plan/MemberRuns.h"
#include "runtime/base/Checked.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace recast::plan {
namespace {

/// So many of the first values decide about the period.
constexpr size_t kSample = 512;

std::optional<int32_t> stepBetween(int64_t from, int64_t to) {
  int64_t step;
  if (__builtin_sub_overflow(to, from, &step) || step != static_cast<int32_t>(step))
    return std::nullopt;
  return static_cast<int32_t>(step);
}

template <typename Visit>
void forEachRun(std::span<const int64_t> values, size_t period, Visit visit) {
  for (size_t sequence = 0; sequence < std::min(period, values.size()); ++sequence)
    for (size_t i = sequence; i < values.size();) {
      MemberRun run{values[i], 0, 1};
      i += period;
      std::optional<int32_t> step =
          i < values.size() ? stepBetween(run.start, values[i]) : std::nullopt;
      if (step)
        for (run.step = *step;
             i < values.size() && stepBetween(values[i - period], values[i]) == step; i += period)
          ++run.count;
      visit(run);
    }
}

size_t countRuns(std::span<const int64_t> values, size_t period) {
  size_t count = 0;
  forEachRun(values, period, [&](const MemberRun &) { ++count; });
  return count;
}

uint32_t choosePeriod(std::span<const int64_t> values) {
  std::span<const int64_t> sample = values.first(std::min(values.size(), kSample));
  uint32_t best = 1;
  size_t fewest = countRuns(sample, 1);
  // A period has at least as many runs as sequences.
  for (uint32_t period = 2; period <= kMaxRunPeriod && period < fewest; ++period)
    if (size_t runs = countRuns(sample, period); runs < fewest) {
      best = period;
      fewest = runs;
    }
  return best;
}

} // namespace

uint32_t encodeRuns(std::span<const int64_t> values, std::vector<MemberRun> &out) {
  uint32_t period = choosePeriod(values);
  out.clear();
  forEachRun(values, period, [&](const MemberRun &run) { out.push_back(run); });
  return period;
}

Status decodeRuns(std::span<const MemberRun> runs, uint32_t period, int64_t least, int64_t most,
                  std::span<int64_t> values) {
  if (period == 0 || period > kMaxRunPeriod)
    return badInput(fmt::format("{} interleaved sequences", period));
  auto run = runs.begin();
  for (size_t sequence = 0; sequence < std::min<size_t>(period, values.size()); ++sequence)
    for (size_t i = sequence; i < values.size(); ++run) {
      if (run == runs.end())
        return badInput("its runs end before its members");
      size_t room = (values.size() - 1 - i) / period + 1;
      if (run->count == 0 || run->count > room)
        return badInput(
            fmt::format("a run of {} numbers where there is room for {}", run->count, room));
      // Less than 2^63: an int32_t times a uint32_t.
      int64_t reach = int64_t{run->step} * (int64_t{run->count} - 1);
      auto last = checkedAdd(run->start, reach);
      if (!last || std::min(run->start, *last) < least || std::max(run->start, *last) > most)
        return badInput(
            fmt::format("a run of {} numbers from {} by {} leaves the range of its column",
                        run->count, run->start, run->step));
      for (int64_t k = 0; k < run->count; ++k, i += period)
        values[i] = run->start + k * run->step;
    }
  if (run != runs.end())
    return badInput(fmt::format("{} runs are left over", runs.end() - run));
  return {};
}

} // namespace recast::plan
