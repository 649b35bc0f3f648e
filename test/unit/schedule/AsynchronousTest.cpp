// Lists of asynchronous kinds: as the sources write them, and what their passes see of the weights.
#include "compiler/Schedule/Lag.h"
#include "test/unit/schedule/Fixtures.h"
#include "test/unit/schedule/Lists.h"
#include "test/unit/schedule/Walk.h"

#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <functional>

namespace recast::schedule {
namespace {

constexpr ActionKind F = ActionKind::Forward, B = ActionKind::Backward;

std::string rank(const Schedule &schedule, size_t r) {
  return fmt::format("{}", fmt::join(cellTexts(schedule.actions[r]), " "));
}

Schedule made(std::string_view kind, const Shape &shape) {
  auto out = generate(kind, shape);
  EXPECT_TRUE(out) << kind << ": " << out.error().str();
  return std::move(*out);
}

/// Every p <= 4 and m <= 12 with updates after every n that divides m.
void everyWorld(std::string_view kind, const std::function<void(const Schedule &)> &check,
                std::optional<WeightPolicy> weights = {}) {
  for (int32_t p = 1; p <= 4; ++p)
    for (int32_t m = 1; m <= 12; ++m)
      for (int32_t n = 1; n <= m; ++n) {
        if (m % n != 0 || (kind == "2bw" && n < p))
          continue;
        SCOPED_TRACE(fmt::format("{} p={} m={} n={}", kind, p, m, n));
        Shape shape{p, 1, m, 0, n, weights};
        check(made(kind, shape));
      }
}

/// Calls `check(rank, microbatch, seen at F, seen at B)` for every pass.
void everyPass(const Schedule &schedule,
               const std::function<void(int32_t, int32_t, Seen, Seen)> &check) {
  Walk walked = walk(schedule);
  ASSERT_EQ(walked.seen.size(),
            size_t{2} * static_cast<size_t>(schedule.ranks * schedule.microbatches));
  for (int32_t r = 0; r < schedule.ranks; ++r)
    for (int32_t b = 0; b < schedule.microbatches; ++b)
      check(r, b, walked.seen.at({r, b, F}), walked.seen.at({r, b, B}));
}

TEST(Asynchronous, ListsAreThoseOfTheSources) {
  Schedule async = made("async", {2, 1, 3});
  EXPECT_EQ(rank(async, 0), "0F0 0F1 0B0 0OPT 0F2 0B1 0OPT 0B2 0OPT");
  EXPECT_EQ(rank(async, 1), "1F0 1B0 1OPT 1F1 1B1 1OPT 1F2 1B2 1OPT");
  Schedule stash = made("pipedream", {2, 1, 3});
  EXPECT_EQ(rank(stash, 0), "0F0 0F1 0B0 0STASH@0 0OPT 0F2 0RESTORE@0 0B1 0RESTORE@1 0STASH@1 0OPT "
                            "0RESTORE@1 0B2 0RESTORE@2 0OPT");
  EXPECT_EQ(stash.actions[1], async.actions[1]);
  Schedule paper = made("pipeoptim_paper", {2, 1, 3});
  EXPECT_EQ(rank(paper, 0), "0PREDICT0@1 0F0 0PREDICT1@1 0F1 0RESTORE@0 0B0 0OPT "
                            "0PREDICT2@1 0F2 0RESTORE@1 0B1 0OPT 0B2 0OPT");
  EXPECT_EQ(paper.actions[1], async.actions[1]);
  Schedule code = made("pipeoptim-code", {1, 1, 2});
  EXPECT_EQ(rank(code, 0),
            "0PREDICT0@1 0F0 0RESTORE@0 0B0 0OPT 0PREDICT1@1 0F1 0RESTORE@1 0B1 0OPT");
  Schedule two = made("2bw", {2, 1, 6});
  EXPECT_EQ(two.updateEvery, 2);
  EXPECT_EQ(rank(two, 1), "1F0 1B0 1F1 1B1 1STASH@0 1OPT 1RESTORE@0 1F2 1B2 1F3 1B3 1RESTORE@1 "
                          "1STASH@1 1OPT 1RESTORE@1 1F4 1B4 1F5 1B5 1RESTORE@2 1OPT");
  Schedule spec = made("spectrain", {3, 1, 1});
  EXPECT_EQ(rank(spec, 2), "2PREDICT0@1 2F0 2PREDICT0@1 2B0 2RESTORE@0 2OPT");
}

TEST(Asynchronous, UpdatesComeAfterEveryNBackwards) {
  for (std::string_view kind :
       {"async", "pipedream", "2bw", "spectrain", "xpipe", "pipeoptim-paper", "pipeoptim-code"})
    everyWorld(kind, [](const Schedule &schedule) {
      Schedule order = made("1f1b", {schedule.ranks, 1, schedule.microbatches});
      for (size_t r = 0; r < schedule.actions.size(); ++r) {
        std::vector<Action> passes;
        int32_t backwards = 0, updates = 0;
        for (const Action &action : schedule.actions[r]) {
          if (isCompute(action.kind))
            passes.push_back(action);
          backwards += action.kind == B;
          if (action.kind == ActionKind::OptimizerStep)
            EXPECT_EQ(backwards, ++updates * schedule.updateEvery);
        }
        EXPECT_EQ(updates, schedule.microbatches / schedule.updateEvery);
        EXPECT_EQ(passes, order.actions[r]);
      }
    });
}

TEST(Asynchronous, NoWeightActionChangesNothing) {
  for (std::string_view kind :
       {"async", "pipedream", "2bw", "spectrain", "xpipe", "pipeoptim-paper", "pipeoptim-code"})
    everyWorld(kind, [](const Schedule &schedule) {
      for (const auto &list : schedule.actions) {
        int32_t latest = 0, active = 0; // -1: predicted
        std::map<int32_t, int> stashes; // by version: restores of it
        for (const Action &action : list) {
          if (action.kind == ActionKind::Restore) {
            EXPECT_NE(action.value, active) << str(action);
            active = action.value;
            if (active < latest)
              ++stashes.at(active);
          } else if (action.kind == ActionKind::Predict) {
            EXPECT_GT(action.value, 0);
            active = -1;
          } else if (action.kind == ActionKind::Stash) {
            EXPECT_TRUE(stashes.try_emplace(action.value, 0).second) << "twice " << str(action);
          } else if (action.kind == ActionKind::OptimizerStep) {
            EXPECT_EQ(active, latest);
            active = ++latest;
          }
        }
        for (auto [version, restores] : stashes)
          EXPECT_GT(restores, 0) << version;
      }
    });
}

TEST(Asynchronous, LatestSeesWhatThereIs) {
  everyWorld("async", [](const Schedule &schedule) {
    int32_t n = schedule.updateEvery, p = schedule.ranks;
    everyPass(schedule, [&](int32_t r, int32_t b, Seen f, Seen back) {
      EXPECT_EQ(f.version, std::max(0, b - (p - 1 - r)) / n);
      EXPECT_EQ(back.version, b / n);
      EXPECT_EQ(f.ahead + back.ahead, 0);
    });
  });
}

TEST(Asynchronous, PipeDreamSeesTheVersionOfTheForwardAgain) {
  everyWorld("pipedream", [](const Schedule &schedule) {
    everyPass(schedule, [&](int32_t, int32_t, Seen f, Seen back) {
      EXPECT_EQ(f.version, f.latest);
      EXPECT_EQ(back.version, f.version);
      EXPECT_EQ(back.ahead + f.ahead, 0);
    });
    if (schedule.updateEvery == 1 && schedule.microbatches >= 2 * (schedule.ranks - 1))
      for (int32_t r = 0; r < schedule.ranks; ++r)
        EXPECT_EQ(walk(schedule).copies[static_cast<size_t>(r)],
                  static_cast<size_t>(schedule.ranks - r));
  });
}

TEST(Asynchronous, TwoBuffersHoldTheVersionBeforeTheLatest) {
  everyWorld("2bw", [](const Schedule &schedule) {
    int32_t n = schedule.updateEvery;
    everyPass(schedule, [&](int32_t, int32_t b, Seen f, Seen back) {
      EXPECT_EQ(f.version, std::max(b / n - 1, 0));
      EXPECT_EQ(back.version, f.version);
    });
    for (size_t copies : walk(schedule).copies)
      EXPECT_EQ(copies, schedule.microbatches > n ? 2u : 1u);
  });
}

TEST(Asynchronous, PipeOptimPredictsByConstant) {
  for (int32_t more : {0, 1})
    everyWorld(more ? "pipeoptim-code" : "pipeoptim-paper", [&](const Schedule &schedule) {
      everyPass(schedule, [&](int32_t r, int32_t, Seen f, Seen back) {
        EXPECT_EQ(f.version, f.latest);
        EXPECT_EQ(f.ahead, schedule.ranks - 1 - r + more);
        EXPECT_EQ(back.version, back.latest);
        EXPECT_EQ(back.ahead, 0);
      });
    });
}

TEST(Asynchronous, DerivedLagHitsTheVersionOfTheBackward) {
  WeightPolicy derived{.rule = WeightRule::Predict, .optimizer = Optimizer::AdamW};
  everyWorld(
      "pipeoptim-paper",
      [&](const Schedule &schedule) {
        EXPECT_EQ(schedule.weights, derived);
        everyPass(schedule, [&](int32_t r, int32_t b, Seen f, Seen back) {
          EXPECT_EQ(f.version + f.ahead, back.version);
          if (schedule.updateEvery == 1)
            EXPECT_EQ(f.ahead, std::min(b, schedule.ranks - 1 - r));
        });
      },
      derived);
}

TEST(Asynchronous, PipeOptimsFigure) {
  // Four ranks, the fifth mini-batch (1-based, as its versions): forwards with 2 + 3, 3 + 2, 4 + 1
  // and 5, all backwards with 5.
  Walk walked = walk(made("pipeoptim-paper", {4, 1, 8}));
  for (int32_t r = 0; r < 4; ++r) {
    Seen f = walked.seen.at({r, 4, F}), back = walked.seen.at({r, 4, B});
    EXPECT_EQ(f.version + 1, 2 + r);
    EXPECT_EQ(f.ahead, 3 - r);
    EXPECT_EQ(back.version + 1, 5);
  }
  EXPECT_EQ(walked.copies, (std::vector<size_t>{2, 2, 2, 1}));
}

TEST(Asynchronous, SpecTrainAimsAtOneVersionOnEveryRank) {
  everyWorld("spectrain", [](const Schedule &schedule) {
    everyPass(schedule, [&](int32_t r, int32_t, Seen f, Seen back) {
      EXPECT_EQ(f.ahead, r / 2 + schedule.ranks - 1 - r);
      EXPECT_EQ(back.ahead, r / 2);
      EXPECT_EQ(f.version, f.latest);
      EXPECT_EQ(back.version, back.latest);
    });
  });
}

TEST(Asynchronous, XPipeAimsAtOneVersionInAMiniBatch) {
  everyWorld("xpipe", [](const Schedule &schedule) {
    int32_t n = schedule.updateEvery, p = schedule.ranks;
    std::map<std::pair<int32_t, int32_t>, int32_t> aim;
    everyPass(schedule, [&](int32_t r, int32_t b, Seen f, Seen back) {
      double forward = std::floor((p + n - r / 2.0 - 2) / n + 0.5);
      double backward = std::floor((n + std::floor(r / 2.0) - 1) / n + 0.5);
      EXPECT_EQ(back.ahead, backward);
      if (b % n == 0) {
        EXPECT_EQ(f.ahead, forward);
        aim[{r, b / n}] = f.version + f.ahead;
      }
      int32_t target = aim.at({r, b / n});
      EXPECT_EQ(f.version + f.ahead, std::max(target, f.latest));
    });
  });
}

TEST(Asynchronous, RulesCanBeGivenToAnyKind) {
  Shape shape{4, 1, 8};
  shape.weights = WeightPolicy{.rule = WeightRule::Stash};
  Schedule stash = made("async", shape), dream = made("pipedream", {4, 1, 8});
  EXPECT_EQ(stash.actions, dream.actions);
  EXPECT_EQ(stash.kind, "async");
  shape.weights = WeightPolicy{.rule = WeightRule::Predict, .lagRule = LagRule::Fixed, .lag = 3};
  shape.optimizer = Optimizer::Adam;
  Schedule fixed = made("pipedream", shape);
  EXPECT_EQ(fixed.weights.optimizer, Optimizer::Adam);
  EXPECT_EQ(walk(fixed).seen.at({3, 5, F}), (Seen{5, 3, 5}));
}

TEST(Asynchronous, ShapesAreRefusedWithTheCondition) {
  auto refused = [](std::string_view kind, const Shape &shape, std::string_view reason) {
    auto schedule = generate(kind, shape);
    ASSERT_FALSE(schedule) << kind << " " << reason;
    EXPECT_NE(schedule.error().str().find(reason), std::string::npos) << schedule.error().str();
  };
  refused("pipedream", {4, 2, 8}, "1 chunk per rank, not 2");
  refused("async", {4, 1, 8, 0, 3}, "8 microbatches do not divide into updates after every 3");
  refused("async", {4, 1, 8, 0, 9}, "an update after every 9 microbatches of 8");
  refused("async", {4, 1, 8, 0, -1}, "an update after every -1");
  refused("2bw", {4, 1, 3}, "3 microbatches do not divide into updates after every 4");
  refused("2bw", {4, 1, 9, 0, 3}, "by counting, 3 would do");
  refused("2bw", {4, 1, 8, 0, 2}, "not 2 (the rule of PipeDream-2BW; by counting, 3 would do)");
  Shape back{4, 1, 8};
  back.weights = WeightPolicy{.rule = WeightRule::Predict, .lagRule = LagRule::Fixed, .lag = -1};
  refused("async", back, "0 or more updates ahead, not -1");
}

} // namespace
} // namespace recast::schedule
