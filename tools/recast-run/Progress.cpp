#include "tools/recast-run/Progress.h"

#include "runtime/base/Text.h"

#include <cstdio>
#include <fmt/format.h>

namespace recast::tools {
namespace {

std::string remaining(double seconds) {
  auto left = static_cast<uint64_t>(seconds + 0.5);
  if (left < 1)
    return "less than 1 s left";
  if (left < 60)
    return fmt::format("{} s left", left);
  return left < 3600 ? fmt::format("{} min {:02} s left", left / 60, left % 60)
                     : fmt::format("{} h {:02} min left", left / 3600, left / 60 % 60);
}

} // namespace

void Progress::show(uint64_t done, uint64_t all) {
  Clock::time_point now = Clock::now();
  auto pause = std::chrono::milliseconds(style_ == Style::People ? 100 : 1000);
  bool end = done >= all;
  if (ended_ || (!end && now - last_ < pause))
    return;
  last_ = now;
  ended_ = end;
  if (first_ == UINT64_MAX) { // The rate counts from here.
    first_ = done;
    start_ = now;
  }
  double seconds = std::chrono::duration<double>(now - start_).count();
  double rate = seconds > 0 ? static_cast<double>(done - first_) / seconds : 0;
  double left = rate > 0 ? static_cast<double>(all - done) / rate : 0;
  if (style_ == Style::Machines) {
    fmt::print(stderr,
               "{{\"event\": \"progress\", \"bytes_done\": {}, \"bytes_all\": {}, \"seconds\": "
               "{:.3f}, \"bytes_per_second\": {:.0f}, \"seconds_left\": {:.1f}}}\n",
               done, all, seconds, rate, left);
    return;
  }
  double share = all == 0 ? 1 : static_cast<double>(done) / static_cast<double>(all);
  std::string line =
      fmt::format("{:3.0f} %  {} of {}", 100 * share, bytesText(done), bytesText(all));
  if (rate > 0)
    line += fmt::format("  {}/s", bytesText(static_cast<uint64_t>(rate)));
  if (!end && rate > 0)
    line += "  " + remaining(left);
  fmt::print(stderr, "\r  {:<70}", line);
  open_ = true;
  if (end)
    finish();
}

void Progress::flushing() {
  if (style_ == Style::Machines)
    fmt::print(stderr, "{{\"event\": \"flush\"}}\n");
  else
    fmt::print(stderr, "  flushing to the device ...\n");
}

void Progress::finish() {
  if (open_)
    fmt::print(stderr, "\n");
  open_ = false;
}

} // namespace recast::tools
