// How long schedules of many actions take on one core; see kHelp.
#include "bench/Lap.h"
#include "compiler/Schedule/Check.h"
#include "compiler/Schedule/Generate.h"
#include "compiler/Schedule/Simulate.h"
#include "compiler/Schedule/Versions.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace recast;
using bench::lap;
using namespace recast::schedule;

namespace {

constexpr char kHelp[] =
    R"(bench_schedule [KIND RANKS CHUNKS MICROBATCHES [GROUP]]

How long a schedule of many actions takes to generate, to simulate, to derive weight versions of and to prove,
in seconds of one core. Without arguments: interleaved 64 8 10000 80, which is 10.2 million actions.
)";

int failed(const Error &error) {
  std::fprintf(stderr, "error: %s\n", error.str().c_str());
  return error.exitCode();
}

} // namespace

int main(int argc, char **argv) {
  std::string kind = "interleaved";
  Shape shape{64, 8, 10000, 80};
  if (argc == 2) {
    const bool asked = std::string_view(argv[1]) == "--help";
    std::fputs(kHelp, asked ? stdout : stderr);
    return asked ? 0 : 2;
  }
  if (argc >= 5) {
    kind = argv[1];
    shape = {std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]),
             argc > 5 ? std::atoi(argv[5]) : 0};
  }
  double total = 0;
  auto report = [&](const char *what) {
    double seconds = lap();
    total += seconds;
    std::printf("%-9s %7.3f s\n", what, seconds);
  };
  lap();
  auto schedule = generate(kind, shape);
  if (!schedule)
    return failed(schedule.error());
  report("generate");
  auto simulation = simulate(*schedule);
  if (!simulation)
    return failed(simulation.error());
  report("simulate");
  auto versions = versionsOf(*schedule);
  if (!versions)
    return failed(versions.error());
  report("versions");
  double analysed = total;
  if (!isProved(check(*schedule)))
    return failed(Error(Code::Internal, "a generated schedule is refuted"));
  report("check");
  size_t actions = 0;
  for (const auto &list : schedule->actions)
    actions += list.size();
  std::printf("total     %7.3f s, %.3f s before check: %zu actions, makespan %.0f, span bubble "
              "%.0f, peak %lld\n",
              total, analysed, actions, simulation->makespan, simulation->spanBubble(),
              static_cast<long long>(simulation->peakActivations()));
  return 0;
}
