#include "compiler/Schedule/Timeline.h"
#include "compiler/Schedule/Csv.h"
#include "test/unit/schedule/Fixtures.h"
#include "test/unit/schedule/Lists.h"

namespace recast::schedule {
namespace {

const Action &at(const Schedule &schedule, Place place) {
  return schedule.actions[static_cast<size_t>(place.rank)][place.index];
}

TEST(Timeline, TheCriticalPathIsAsLongAsTheMakespan) {
  for (const std::string &kind : kinds())
    for (double comm : {0.0, 0.75}) {
      bool isV = kind == "zb-v" || kind == "dualpipe-v";
      auto schedule = generate(kind, {4, isV || kind == "looped-bfs" ? 2 : 1, 8});
      ASSERT_TRUE(schedule) << kind;
      SCOPED_TRACE(kind);
      SimulateOptions options;
      options.costs.comm = comm;
      options.costs.input = 1.25;
      for (int32_t s = 0; s < schedule->stages(); ++s)
        options.costs.stageFactor.push_back(1 + 0.25 * (s % 3));
      auto simulation = simulate(*schedule, options);
      ASSERT_TRUE(simulation);
      auto path = criticalPath(*schedule, *simulation, options.costs);
      ASSERT_FALSE(path.empty());
      auto start = [&](Place place) {
        return simulation->start[static_cast<size_t>(place.rank)][place.index];
      };
      auto end = [&](Place place) {
        return simulation->end[static_cast<size_t>(place.rank)][place.index];
      };
      EXPECT_EQ(start(path.front()), 0);
      EXPECT_EQ(end(path.back()), simulation->makespan);
      for (size_t i = 1; i < path.size(); ++i) {
        bool isSameRank = path[i].rank == path[i - 1].rank;
        EXPECT_EQ(start(path[i]), end(path[i - 1]) + (isSameRank ? 0 : comm));
        // Of a pair the other one may have waited.
        bool isPair = kind == "dualpipe-v";
        if (!isSameRank && !isPair) {
          EXPECT_EQ(at(*schedule, path[i]).microbatch, at(*schedule, path[i - 1]).microbatch);
        }
      }
      // Any action of it taking longer makes the whole longer: the longest action stands for them.
      options.costs.stageFactor[static_cast<size_t>(at(*schedule, path[path.size() / 2]).stage)] *=
          2;
      EXPECT_GT(simulate(*schedule, options)->makespan, simulation->makespan);
    }
}

TEST(Timeline, TheCriticalPathGoesOverSends) {
  Schedule schedule = fromTexts({"0F0 0SEND_F0 0RECV_B0 0B0", "1RECV_F0 1F0 1B0 1SEND_B0"});
  SimulateOptions options;
  options.costs.comm = 1;
  auto simulation = simulate(schedule, options);
  ASSERT_TRUE(simulation) << simulation.error().str();
  std::string text;
  for (Place place : criticalPath(schedule, *simulation, options.costs))
    text += str(at(schedule, place)) + " ";
  EXPECT_EQ(text, "0F0 0SEND_F0 1F0 1B0 1SEND_B0 0B0 ");
}

TEST(Timeline, IdleAndBusyMakeTheMakespan) {
  for (const Sample &sample : samples(".compute_only.csv")) {
    SCOPED_TRACE(sample.file);
    Schedule schedule = *fromCsv(fixture(sample.file));
    auto simulation = simulate(schedule);
    ASSERT_TRUE(simulation);
    for (int32_t r = 0; r < schedule.ranks; ++r) {
      double idle = 0, last = -1;
      for (Window window : idleWindows(*simulation, r)) {
        EXPECT_LT(window.begin, window.end);
        EXPECT_GT(window.begin, last);
        last = window.end;
        idle += window.end - window.begin;
      }
      const RankTimes &times = simulation->ranks[static_cast<size_t>(r)];
      EXPECT_EQ(idle, times.makespanBubble(simulation->makespan));
    }
  }
  auto schedule = generate("gpipe", {2, 1, 2});
  auto simulation = simulate(*schedule);
  EXPECT_EQ(idleWindows(*simulation, 0), (std::vector<Window>{{2, 5}}));
  EXPECT_EQ(idleWindows(*simulation, 1), (std::vector<Window>{{0, 1}, {7, 9}}));
}

TEST(Timeline, TheCurveOfActivationsReachesThePeakAndEndsEmpty) {
  for (const Sample &sample : samples(".compute_only.csv"))
    for (Release release : {Release::Weight, Release::Input}) {
      SCOPED_TRACE(sample.file);
      Schedule schedule = *fromCsv(fixture(sample.file));
      SimulateOptions options;
      options.release = release;
      auto simulation = simulate(schedule, options);
      ASSERT_TRUE(simulation);
      for (int32_t r = 0; r < schedule.ranks; ++r) {
        int64_t peak = 0;
        auto curve = activationCurve(schedule, *simulation, r, release);
        for (size_t i = 1; i < curve.size(); ++i) {
          EXPECT_GE(curve[i].time, curve[i - 1].time);
          peak = std::max(peak, curve[i].held);
        }
        EXPECT_EQ(curve.back().held, 0);
        EXPECT_EQ(peak, simulation->ranks[static_cast<size_t>(r)].peakActivations);
      }
    }
  auto schedule = generate("1f1b", {1, 1, 2});
  auto simulation = simulate(*schedule);
  EXPECT_EQ(activationCurve(*schedule, *simulation, 0),
            (std::vector<ActivationPoint>{{0, 0}, {0, 1}, {3, 0}, {3, 1}, {6, 0}}));
}

} // namespace
} // namespace recast::schedule
