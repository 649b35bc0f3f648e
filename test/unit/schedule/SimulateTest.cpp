// Times against a plain longest path, against figures counted by hand, and where there are none.
#include "compiler/Schedule/Simulate.h"
#include "compiler/Schedule/Csv.h"
#include "test/unit/schedule/Fixtures.h"
#include "test/unit/schedule/Lists.h"

#include <fmt/format.h>
#include <limits>
#include <map>
#include <random>

namespace recast::schedule {
namespace {

using Times = std::vector<std::vector<double>>;

/// The longest path by going over all edges until nothing changes: slow and plain.
Times relaxed(const Schedule &schedule, const Costs &costs) {
  std::map<std::tuple<ActionKind, int32_t, int32_t>, std::pair<size_t, size_t>> at;
  bool hasComms = false;
  for (size_t r = 0; r < schedule.actions.size(); ++r)
    for (size_t i = 0; i < schedule.actions[r].size(); ++i) {
      const Action &action = schedule.actions[r][i];
      hasComms |= isSend(action.kind) || isReceive(action.kind);
      if (action.kind <= ActionKind::ReceiveBackward)
        at[{action.kind, action.stage, action.microbatch}] = {r, i};
    }
  auto takes = [&](const Action &action) {
    double factor =
        costs.stageFactor.empty() ? 1 : costs.stageFactor[static_cast<size_t>(action.stage)];
    return costs.of(action.kind) * factor;
  };
  Times start, end;
  for (const auto &list : schedule.actions) {
    start.emplace_back(list.size(), 0);
    end.emplace_back(list.size(), 0);
  }
  using Kind = ActionKind;
  auto endOf = [&](Kind kind, int32_t stage, int32_t microbatch) {
    auto found = at.find({kind, stage, microbatch});
    if (found == at.end())
      return -1.0;
    return end[found->second.first][found->second.second];
  };
  auto needed = [&](const Action &action, size_t r) {
    auto from = [&](int32_t stage, Kind made, Kind other, Kind send, Kind receive) {
      if (stage < 0 || stage >= schedule.stages())
        return 0.0;
      double out =
          std::max(endOf(made, stage, action.microbatch), endOf(other, stage, action.microbatch));
      if (schedule.rankOf[static_cast<size_t>(stage)] == static_cast<int32_t>(r))
        return out;
      if (hasComms)
        out = std::max(endOf(send, stage, action.microbatch),
                       endOf(receive, action.stage, action.microbatch));
      return out + costs.comm;
    };
    switch (action.kind) {
    case Kind::Forward:
      return from(action.stage - 1, Kind::Forward, Kind::Forward, Kind::SendForward,
                  Kind::ReceiveForward);
    case Kind::Backward:
    case Kind::BackwardInput:
      return std::max(endOf(Kind::Forward, action.stage, action.microbatch),
                      from(action.stage + 1, Kind::Backward, Kind::BackwardInput,
                           Kind::SendBackward, Kind::ReceiveBackward));
    case Kind::BackwardWeight:
      return endOf(Kind::BackwardInput, action.stage, action.microbatch);
    default:
      return 0.0;
    }
  };
  for (bool isChanged = true; isChanged;) {
    isChanged = false;
    for (size_t r = 0; r < schedule.actions.size(); ++r) {
      const auto &list = schedule.actions[r];
      for (size_t i = 0; i < list.size();) {
        size_t count = list[i].overlapsNext ? 2 : 1;
        double begin = i > 0 ? end[r][i - 1] : 0, duration = 0;
        for (size_t k = i; k < i + count; ++k) {
          begin = std::max(begin, needed(list[k], r));
          duration += takes(list[k]);
        }
        if (count == 2)
          duration = costs.overlap * duration;
        for (size_t k = i; k < i + count; ++k) {
          isChanged |= start[r][k] != begin || end[r][k] != begin + duration;
          start[r][k] = begin;
          end[r][k] = begin + duration;
        }
        i += count;
      }
    }
  }
  return start;
}

TEST(Simulate, EqualsThePlainLongestPath) {
  std::mt19937 random(5);
  for (const std::string &kind : kinds())
    for (int32_t p : {1, 2, 3, 4})
      for (int32_t m : {1, 2, 5, 8, 12}) {
        bool isV = kind == "zb-v" || kind == "dualpipe-v";
        int32_t v = isV ? 2 : kind == "interleaved" || kind == "looped-bfs" ? 3 : 1;
        Shape shape;
        shape.ranks = p, shape.chunks = v, shape.microbatches = m;
        auto schedule = generate(kind, shape);
        if (!schedule)
          continue;
        for (int round = 0; round < 3; ++round) {
          SCOPED_TRACE(fmt::format("{} p={} v={} m={} round {}", kind, p, v, m, round));
          SimulateOptions options;
          // Eighths, so that sums are exact in any order.
          auto some = [&] { return static_cast<double>(random() % 24) / 8; };
          Costs &costs = options.costs;
          costs.forward = some(), costs.backward = some(), costs.input = some();
          costs.weight = some(), costs.comm = some();
          costs.overlap = round == 0 ? 1 : 0.5;
          if (round == 2)
            for (int32_t s = 0; s < p * v; ++s)
              costs.stageFactor.push_back(some());
          auto simulation = simulate(*schedule, options);
          ASSERT_TRUE(simulation) << simulation.error().str();
          EXPECT_EQ(simulation->start, relaxed(*schedule, costs));
        }
      }
}

TEST(Simulate, PlacesTwoRanksByHand) {
  auto schedule = generate("1f1b", {2, 1, 2});
  ASSERT_TRUE(schedule);
  // Rank 0: F0 F1 B0 B1; rank 1: F0 B0 F1 B1, a half later each.
  SimulateOptions options;
  options.costs.comm = 0.5;
  auto simulation = simulate(*schedule, options);
  ASSERT_TRUE(simulation);
  EXPECT_EQ(simulation->start, (Times{{0, 1, 5, 8}, {1.5, 2.5, 4.5, 5.5}}));
  EXPECT_EQ(simulation->end, (Times{{1, 2, 7, 10}, {2.5, 4.5, 5.5, 7.5}}));
}

TEST(Simulate, TellsTheTwoBubblesApart) {
  // The zero-bubble V has no idle time inside a rank's span, but ranks start one after another.
  auto schedule = generate("zb-v", {4, 2, 8});
  ASSERT_TRUE(schedule);
  auto simulation = simulate(*schedule);
  ASSERT_TRUE(simulation);
  EXPECT_EQ(simulation->spanBubble(), 0);
  EXPECT_EQ(simulation->makespanBubble(), 3);
  EXPECT_EQ(simulation->makespan, 8 * 6 + 3);
  EXPECT_EQ(simulation->busy(), 4 * 8 * 6);
  EXPECT_DOUBLE_EQ(simulation->idleShare(), 3.0 / 51);
}

TEST(Simulate, CountsActivationsByWhatFreesThem) {
  auto peaks = [](std::string_view kind, Shape shape, Release release) {
    auto schedule = generate(kind, shape);
    EXPECT_TRUE(schedule);
    SimulateOptions options;
    options.release = release;
    auto simulation = simulate(*schedule, options);
    EXPECT_TRUE(simulation);
    std::vector<int64_t> out;
    for (const RankTimes &rank : simulation->ranks)
      out.push_back(rank.peakActivations);
    return out;
  };
  using Peaks = std::vector<int64_t>;
  EXPECT_EQ(peaks("1f1b", {4, 1, 8}, Release::Weight), (Peaks{4, 3, 2, 1}));
  EXPECT_EQ(peaks("gpipe", {4, 1, 8}, Release::Weight), (Peaks{8, 8, 8, 8}));
  EXPECT_EQ(peaks("zb-h1", {4, 1, 8}, Release::Weight), (Peaks{4, 4, 4, 4}));
  EXPECT_EQ(peaks("zb-h1", {4, 1, 8}, Release::Input), (Peaks{4, 3, 2, 1}));
  EXPECT_EQ(peaks("zb-v", {4, 2, 8}, Release::Weight), (Peaks{8, 8, 8, 8}));
  EXPECT_EQ(peaks("dualpipe-v", {4, 2, 10}, Release::Weight), (Peaks{9, 9, 9, 9}));
}

TEST(Simulate, RunsWhatPyTorchAndMegatronProduced) {
  size_t count = 0;
  for (const Sample &sample : samples(".compute_only.csv")) {
    SCOPED_TRACE(sample.file);
    auto simulation = simulate(*fromCsv(fixture(sample.file)));
    ASSERT_TRUE(simulation) << simulation.error().str();
    EXPECT_GT(simulation->makespan, 0);
    ++count;
  }
  EXPECT_EQ(count, 19u);
}

TEST(Simulate, WaitsForSendsAndReceives) {
  // The second receive is posted late, after 1F0: its data is there at 3 + 1, not at 2 + 1.
  Schedule late = fromTexts({"0F0 0SEND_F0 0F1 0SEND_F1 0RECV_B0 0B0 0RECV_B1 0B1 2F0 2F1",
                             "1RECV_F0 1F0 1RECV_F1 1F1 1B0 1SEND_B0 1B1 1SEND_B1"});
  late.rankOf = {0, 1};
  late.actions[0].resize(8);
  SimulateOptions options;
  options.costs.comm = 1;
  auto simulation = simulate(late, options);
  ASSERT_TRUE(simulation) << simulation.error().str();
  EXPECT_EQ(simulation->start[1][1], 2);
  EXPECT_EQ(simulation->start[1][3], 4);
  EXPECT_EQ(simulation->start[1][4], 5); // 1B0, whose gradient leaves at 7.
  EXPECT_EQ(simulation->start[0][5], 8);
  std::swap(late.actions[1][1], late.actions[1][2]); // Both receives, then both forwards.
  EXPECT_EQ(simulate(late, options)->start[1][3], 3);
  EXPECT_EQ(simulate(late, options)->start, relaxed(late, options.costs));
}

TEST(Simulate, RunsUpdatesAndWeightActionsInTheirLists) {
  Schedule schedule = fromTexts({"0PREDICT0@1 0F0 0RESTORE@0 0B0 0STASH@0 0OPT"});
  SimulateOptions options;
  Costs &costs = options.costs;
  costs.predict = 0.5, costs.restore = 0.25, costs.stash = 0.125, costs.optimizer = 4;
  costs.stageFactor = {2};
  auto simulation = simulate(schedule, options);
  ASSERT_TRUE(simulation);
  EXPECT_EQ(simulation->end, (Times{{1, 3, 3.5, 7.5, 7.75, 15.75}}));
}

void refused(const Schedule &schedule, std::string_view reason, Code code = Code::BadInput,
             const SimulateOptions &options = {}) {
  auto simulation = simulate(schedule, options);
  ASSERT_FALSE(simulation);
  EXPECT_EQ(simulation.error().code(), code);
  EXPECT_NE(simulation.error().str().find(reason), std::string::npos) << simulation.error().str();
}

TEST(Simulate, SaysWhoWaitsForWhom) {
  // Rank 0 wants the gradient of 0 before it gives the forward of 1; rank 1 the other way round.
  refused(fromTexts({"0F0 0B0 0F1 0B1", "1F0 1F1 1B0 1B1"}),
          "the lists wait for each other: '0B0' (rank 0, position 1) waits for '1B0' (rank 1, "
          "position 2), which comes after '1F1' (rank 1, position 1), which waits for '0F1' (rank "
          "0, position 2), which comes after '0B0'");
  refused(fromTexts({"0B0 0F0"}),
          "'0B0' (rank 0, position 0) waits for '0F0' (rank 0, position 1), "
          "which comes after '0B0'");
  refused(fromTexts({"0F0 0B0", "1F1 1B1 1B0"}),
          "'1F1' (rank 1, position 0) waits for '0F1', which is in no list");
  refused(fromTexts({"0F0 0W0 0I0"}), "'0W0' (rank 0, position 1) waits for '0I0'");
  refused(fromTexts({"0F0 0B0 0W0"}), "'0W0' (rank 0, position 2) waits for '0I0', which is in no");
  refused(fromTexts({"0F0 0SEND_F0 0RECV_B0 0B0", "1F0 1RECV_F0 1B0 1SEND_B0"}),
          "'1F0' (rank 1, position 0) waits for '1RECV_F0' (rank 1, position 1)");
  refused(fromTexts({"0F0 0RECV_B0 0B0", "1RECV_F0 1F0 1B0 1SEND_B0"}),
          "'1F0' (rank 1, position 1) waits for '0SEND_F0', which is in no list");
  // The second of a pair waits for its first.
  refused(fromTexts({"(0F0;0B0)OVERLAP_F_B"}),
          "'0B0' (rank 0, position 1) waits for '0F0' (rank 0, "
          "position 0), which runs as one with '0B0'");
}

TEST(Simulate, RefusesDoubledActions) {
  refused(fromTexts({"0F0 0F0 0B0"}), "'0F0' (rank 0, position 1) has run before");
  refused(fromTexts({"0F0 0B0 0I0"}), "'0I0' (rank 0, position 2) has run before");
  refused(fromTexts({"0F0 0I0 0W0 0W0"}), "'0W0' (rank 0, position 3) has run before");
}

TEST(Simulate, RefusesUnsoundLists) {
  Schedule schedule = fromTexts({"0F0 0B0", "1F0 1B0"});
  auto changed = [&](auto change) {
    Schedule out = schedule;
    change(out);
    return out;
  };
  refused(changed([](Schedule &s) { s.actions[0][0].stage = 2; }), "there are 2, from 0");
  refused(changed([](Schedule &s) { s.actions[0][0].stage = -1; }), "no stage");
  refused(changed([](Schedule &s) { s.actions[0][0].microbatch = -1; }), "no microbatch");
  refused(changed([](Schedule &s) { s.actions[0][0].microbatch = 1; }), "microbatch 1");
  refused(changed([](Schedule &s) { s.actions[0][0].stage = 1; }), "stage 1 is on rank 1");
  refused(changed([](Schedule &s) { s.rankOf[1] = 2; }), "stage 1 is on rank 2");
  refused(changed([](Schedule &s) { s.ranks = 3; }), "2 lists for 3 ranks");
  refused(changed([](Schedule &s) { s.microbatches = 1 << 30; }), "passes at least");
  refused(changed([](Schedule &s) { s.actions[0][1].overlapsNext = true; }), "overlapped pair");
  refused(changed([](Schedule &s) { s.actions[0] = {{ActionKind::Forward, true, 0, 0}}; }),
          "ends inside an overlapped pair");
}

TEST(Simulate, RefusesCostsThatOverflow) {
  auto schedule = generate("gpipe", {2, 1, 2});
  SimulateOptions options;
  options.costs.forward = std::numeric_limits<double>::max();
  refused(*schedule, "more than a double holds", Code::Usage, options);
  options.costs.forward = std::numeric_limits<double>::max() / 100;
  EXPECT_TRUE(simulate(*schedule, options));
  options.costs.comm = -1;
  refused(*schedule, "not negative", Code::Usage, options);
}

} // namespace
} // namespace recast::schedule
