// Proofs of sound lists and the finding of each fault, by its code and its witness.
#include "compiler/Schedule/Check.h"
#include "compiler/Schedule/Comms.h"
#include "compiler/Schedule/Csv.h"
#include "compiler/Schedule/Updates.h"
#include "test/unit/schedule/Fixtures.h"
#include "test/unit/schedule/Lists.h"

#include <fmt/format.h>

namespace recast::schedule {
namespace {

std::string texts(std::span<const Finding> findings) {
  std::string out;
  for (const Finding &finding : findings)
    out += fmt::format("{}: {}\n", finding.code, finding.message);
  return out;
}

/// The one finding there is to be.
void finds(const Schedule &schedule, std::string_view code, std::string_view message,
           const Limits &limits = {}, Severity severity = Severity::Error) {
  auto findings = check(schedule, limits);
  ASSERT_EQ(findings.size(), 1u) << message << "\n" << texts(findings);
  EXPECT_EQ(findings[0].code, code) << texts(findings);
  EXPECT_NE(findings[0].message.find(message), std::string::npos) << texts(findings);
  EXPECT_EQ(findings[0].severity, severity);
}

TEST(Check, ProvesWhatTheFrameworksProduced) {
  size_t count = 0;
  std::vector<std::string> outOfOrder;
  for (std::string ending : {".compute_only.csv", ".compute_comms.csv", ".compute_comms_defer.csv"})
    for (const Sample &sample : samples(ending)) {
      SCOPED_TRACE(sample.file);
      auto schedule = fromCsv(fixture(sample.file));
      ASSERT_TRUE(schedule) << schedule.error().str();
      auto findings = check(*schedule);
      for (const Finding &finding : findings)
        EXPECT_EQ(finding.code, "channel-order") << finding.message;
      if (!findings.empty())
        outOfOrder.push_back(sample.stem);
      ++count;
    }
  EXPECT_EQ(count, 19u + 15 + 11);
  // PyTorch's deferring of receives moves some of V schedules past others of the same two ranks;
  // its back ends would take one microbatch's tensor for another's.
  std::ranges::sort(outOfOrder);
  EXPECT_EQ(outOfOrder,
            (std::vector<std::string>{"torch_DualPipeV_p4_v2_m10", "torch_DualPipeV_p4_v2_m8",
                                      "torch_ZBVZeroBubble_p4_v2_m8"}));
}

TEST(Check, ProvesEveryKindThatIsGenerated) {
  for (const std::string &kind : kinds())
    for (int32_t p : {1, 2, 3, 4})
      for (int32_t m : {4, 8, 12, 24}) {
        Shape shape;
        shape.ranks = p, shape.microbatches = m;
        shape.chunks = kind == "zb-v" || kind == "dualpipe-v"          ? 2
                       : kind == "interleaved" || kind == "looped-bfs" ? 3
                                                                       : 1;
        auto schedule = generate(kind, shape);
        if (!schedule)
          continue;
        SCOPED_TRACE(fmt::format("{} p={} m={}", kind, p, m));
        auto findings = check(*schedule);
        EXPECT_TRUE(isProved(findings)) << texts(findings);
        auto updated = check(withOptimizerSteps(*schedule));
        EXPECT_TRUE(isProved(updated)) << texts(updated);
      }
}

TEST(Check, FindsActionsThatCannotBe) {
  Schedule good = fromTexts({"0F0 0B0", "1F0 1B0"});
  auto changed = [&](auto change) {
    Schedule out = good;
    change(out);
    return out;
  };
  finds(changed([](Schedule &s) { s.actions[0][0].microbatch = 1; }), "out-of-range",
        "'0F1' (rank 0, position 0) is of microbatch 1; there are 1");
  finds(changed([](Schedule &s) { s.actions[0][0].microbatch = -1; }), "out-of-range", "there are");
  finds(changed([](Schedule &s) { s.actions[0][0].stage = 2; }), "out-of-range", "is of stage 2");
  finds(changed([](Schedule &s) { s.actions[0][0].stage = -1; }), "out-of-range", "is of stage -1");
  finds(changed([](Schedule &s) { s.actions[0][0].stage = 1; }), "wrong-rank",
        "'1F0' (rank 0, position 0) is of stage 1, which is on rank 1");
  finds(changed([](Schedule &s) { s.actions[0][1].overlapsNext = true; }), "overlap", "'0B0'");
  finds(changed([](Schedule &s) { s.rankOf[0] = 7; }), "shape", "stage 0 is on rank 7");
  finds(changed([](Schedule &s) { s.ranks = 1; }), "shape", "2 lists for 1 ranks");
  finds(changed([](Schedule &s) { s.microbatches = 1 << 30; }), "missing-action", "passes");
}

TEST(Check, FindsWhatIsMissingDoubledOrOutOfOrder) {
  finds(fromTexts({"0F0 0F1 0F2 0B0", "1F0 1B0 1F1 1B1 1F2 1B2"}), "missing-action",
        "stage 0 (rank 0) has no B (or I and W) of microbatches 1, 2");
  finds(fromTexts({"0F0 0I0"}), "missing-action", "no W, though it has I, of microbatch 0");
  finds(fromTexts({"0F0 0B0 0F0"}), "doubled-action",
        "'0F0' (rank 0, position 2) has run before, as '0F0' (rank 0, position 0)");
  finds(fromTexts({"0F0 0B0 0W0"}), "doubled-action", "as '0B0' (rank 0, position 1)");
  finds(fromTexts({"0B0 0F0"}), "order",
        "'0B0' (rank 0, position 0) comes before '0F0' (rank 0, position 1)");
  finds(fromTexts({"0F0 0W0 0I0"}), "order", "'0W0' (rank 0, position 1) comes before '0I0'");
}

TEST(Check, FindsCirclesAcrossStages) {
  // What PyTorch's _validate_schedule lets through: each row is in order by itself.
  finds(
      fromTexts({"0F0 0B0 0F1 0B1", "1F0 1F1 1B0 1B1"}), "cross-stage-order",
      "'0B0' (rank 0, position 1) waits for '1B0' (rank 1, position 2), which comes after '1F1' "
      "(rank 1, position 1), which waits for '0F1' (rank 0, position 2), which comes after '0B0'");
  auto findings = check(fromTexts({"0F0 0B0 0F1 0B1", "1F0 1F1 1B0 1B1"}));
  EXPECT_EQ(findings[0].places, (std::vector<Place>{{0, 1}, {1, 2}, {1, 1}, {0, 2}}));
}

/// Two ranks, one microbatch, everything there.
const std::vector<std::string> kExchange = {"0F0 0SEND_F0 0RECV_B0 0B0 0REDUCE_GRAD",
                                            "1RECV_F0 1F0 1B0 1SEND_B0 1REDUCE_GRAD"};

Schedule exchange(int32_t rank, std::string text) {
  std::vector<std::string> lists = kExchange;
  lists[static_cast<size_t>(rank)] = std::move(text);
  return fromTexts(lists);
}

TEST(Check, FindsTransfersWithoutAnOtherEnd) {
  EXPECT_TRUE(check(fromTexts(kExchange)).empty());
  finds(exchange(1, "1F0 1B0 1SEND_B0 1REDUCE_GRAD"), "unmatched-send",
        "'0SEND_F0' (rank 0, position 1) needs '1RECV_F0' on rank 1, which is in no list");
  finds(exchange(0, "0F0 0RECV_B0 0B0 0REDUCE_GRAD"), "unmatched-receive",
        "'1RECV_F0' (rank 1, position 0) needs '0SEND_F0' on rank 0");
  finds(fromTexts({"0F0 0RECV_B0 0B0 0REDUCE_GRAD", "1F0 1B0 1SEND_B0 1REDUCE_GRAD"}),
        "missing-action", "nobody sends or receives the output of stage 0 for stage 1");
  finds(exchange(1, "1RECV_F0 1F0 1SEND_F0 1B0 1SEND_B0 1REDUCE_GRAD"), "unmatched-send",
        "no stage at its other end");
  finds(fromTexts({"0F0 0SEND_F0 1F0 1B0 0B0 0REDUCE_GRAD 1REDUCE_GRAD"}), "unmatched-send",
        "stages 0 and 1, both of rank 0: nothing is sent");
  finds(exchange(1, "1F0 1RECV_F0 1B0 1SEND_B0 1REDUCE_GRAD"), "order",
        "'1RECV_F0' (rank 1, position 1) comes after '1F0' (rank 1, position 0), which reads it");
  finds(exchange(0, "0SEND_F0 0F0 0RECV_B0 0B0 0REDUCE_GRAD"), "order", "comes before '0F0'");
}

TEST(Check, FindsDeadlocksOfTransfers) {
  finds(fromTexts(
            {"0F0 0RECV_B0 0SEND_F0 0B0 0REDUCE_GRAD", "1RECV_F0 1F0 1B0 1SEND_B0 1REDUCE_GRAD"}),
        "deadlock",
        "'0RECV_B0' (rank 0, position 1) waits for '1SEND_B0' (rank 1, position 3), which comes "
        "after '1RECV_F0' (rank 1, position 0), which waits for '0SEND_F0' (rank 0, position 2), "
        "which comes after '0RECV_B0'");
}

TEST(Check, FindsTransfersOutOfOrder) {
  finds(fromTexts({"0F0 0F1 0SEND_F1 0SEND_F0 0RECV_B0 0B0 0RECV_B1 0B1 0REDUCE_GRAD",
                   "1RECV_F0 1F0 1RECV_F1 1F1 1B0 1SEND_B0 1B1 1SEND_B1 1REDUCE_GRAD"}),
        "channel-order",
        "the transfer 0 from rank 0 to rank 1 is '0SEND_F1' (rank 0, position 2) here and "
        "'1RECV_F0' (rank 1, position 0) there");
}

TEST(Check, FindsTooLittleRoomInChannels) {
  // Rank 0 sends two before rank 1 takes one, since that first gives a gradient.
  Schedule both = fromTexts({"0F0 0SEND_F0 0F1 0SEND_F1 0RECV_B0 0B0 0RECV_B1 0B1 0REDUCE_GRAD",
                             "1RECV_F0 1F0 1B0 1SEND_B0 1RECV_F1 1F1 1B1 1SEND_B1 1REDUCE_GRAD"});
  EXPECT_TRUE(check(both).empty());
  Limits limits;
  limits.channelDepth = 2;
  EXPECT_TRUE(check(both, limits).empty());
  limits.channelDepth = 1;
  EXPECT_TRUE(check(both, limits).empty()); // The first is taken before the second is sent.
  limits.channelDepth = 0;
  finds(both, "channel-depth",
        "'0SEND_F1' (rank 0, position 3) waits for '1RECV_F1' (rank 1, position 4), which comes "
        "after '1SEND_B0' (rank 1, position 3), which waits for '0RECV_B0' (rank 0, position 4), "
        "which comes after '0SEND_F1'",
        limits);
  // Meeting pairs in one order on both sides need no room at all.
  limits.channelDepth = 0;
  EXPECT_TRUE(check(fromTexts(kExchange), limits).empty());
}

TEST(Check, PyTorchsLoweringNeedsNoRoomInChannels) {
  // It places both ends of a transfer at once: in that order of all, every pair can meet.
  for (std::string kind : {"1f1b", "dualpipe-v", "gpipe", "interleaved", "looped-bfs", "zb-v"}) {
    bool isOneChunk = kind == "gpipe" || kind == "1f1b";
    auto lowered = addComms(*generate(kind, {4, isOneChunk ? 1 : 2, 8}));
    ASSERT_TRUE(lowered);
    for (int32_t depth : {0, 1, 16}) {
      Limits limits;
      limits.channelDepth = depth;
      auto findings = check(*lowered, limits);
      EXPECT_TRUE(findings.empty()) << kind << " " << texts(findings);
    }
  }
}

TEST(Check, FindsMemoryOverTheLimit) {
  Limits limits;
  limits.activations = 4;
  EXPECT_TRUE(check(*generate("1f1b", {4, 1, 8}), limits).empty());
  limits.activations = 3;
  finds(*generate("1f1b", {4, 1, 8}), "memory-limit",
        "rank 0 holds 4 activations at time 3, with '0F3' (rank 0, position 3); the limit is 3, "
        "its peak 4. They are of 0F0, 0F1, 0F2, 0F3",
        limits);
  limits.activations = -1;
  limits.channelDepth = -1;
  EXPECT_EQ(check(*generate("1f1b", {4, 1, 8}), limits).size(), 4u);
  limits.release = Release::Input;
  limits.activations = 1;
  EXPECT_EQ(check(*generate("zb-h1", {4, 1, 8}), limits).size(), 3u);
}

TEST(Check, FindsGatheredAndReducedOutOfTurn) {
  EXPECT_TRUE(check(fromTexts({"0UNSHARD 0F0 0B0 0REDUCE_GRAD 0RESHARD 0OPT"})).empty());
  finds(fromTexts({"0F0 0UNSHARD 0B0 0RESHARD"}), "unshard-order",
        "'0F0' (rank 0, position 0) computes with parameters that are not gathered");
  finds(fromTexts({"0UNSHARD 0F0 0UNSHARD 0B0 0RESHARD"}), "unshard-order", "since position 0");
  finds(fromTexts({"0UNSHARD 0F0 0B0 0RESHARD 0RESHARD"}), "unshard-order", "not gathered");
  finds(fromTexts({"0UNSHARD 0F0 0B0"}), "unshard-order", "never frees");
  finds(fromTexts({"0F0 0F1 0B0 0B1 0REDUCE_GRAD 0REDUCE_GRAD"}), "doubled-action", "position 4");
  auto late = check(fromTexts({"0F0 0B0 0OPT 0REDUCE_GRAD"}));
  ASSERT_EQ(late.size(), 2u);
  EXPECT_NE(late[0].message.find("comes before the REDUCE_GRAD"), std::string::npos);
  auto early = check(fromTexts({"0F0 0F1 0B0 0REDUCE_GRAD 0B1"}));
  ASSERT_EQ(early.size(), 2u);
  EXPECT_EQ(early[0].code, "reduce-order");
  EXPECT_NE(early[0].message.find("after 1 of 2 backwards"), std::string::npos);
  finds(fromTexts({"0F0 0B0 0REDUCE_GRAD", "1F0 1B0"}), "missing-reduce", "stage 1 (rank 1)");
  finds(fromTexts({"0F0 0SEND_F0 0RECV_B0 0B0", "1RECV_F0 1F0 1B0 1SEND_B0"}), "missing-reduce",
        "neither scales nor reduces", {}, Severity::Warning);
}

TEST(Check, FindsUpdatesAtTheWrongCount) {
  finds(fromTexts({"0F0 0F1 0B0 0B1 0OPT 0OPT"}), "update-count", "after 0 backwards of stage 0");
  finds(fromTexts({"0F0 0B0 0OPT", "1F0 1B0"}), "update-count",
        "stage 1 (rank 1) has no OPT after its last 1 backward");
  Schedule each = *generate("async", {2, 1, 4});
  std::erase_if(each.actions[0],
                [](const Action &a) { return a.kind == ActionKind::OptimizerStep; });
  auto findings = check(each);
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].code, "update-count");
  EXPECT_NE(findings[0].message.find("'0B1' (rank 0, position 4) is backward 2 of stage 0 without"),
            std::string::npos)
      << findings[0].message;
}

Schedule withRule(const std::string &text, WeightRule rule, LagRule lag = LagRule::Derived) {
  Schedule out = fromTexts({text});
  out.updateEvery = 1;
  out.weights.rule = rule;
  out.weights.lagRule = lag;
  return out;
}

TEST(Check, FindsWeightsThatCannotBe) {
  WeightRule stash = WeightRule::Stash;
  EXPECT_TRUE(
      check(withRule("0F0 0F1 0B0 0STASH@0 0OPT 0RESTORE@0 0B1 0RESTORE@1 0OPT", stash)).empty());
  finds(withRule("0F0 0F1 0B0 0OPT 0RESTORE@0 0B1 0RESTORE@1 0OPT", stash), "version",
        "'0RESTORE@0' (rank 0, position 4) needs version 0, which is neither the latest there, 1, "
        "nor "
        "stashed");
  finds(withRule("0F0 0F1 0B0 0STASH@0 0OPT 0B1 0OPT", stash), "version",
        "'0B1' (rank 0, position 5) sees version 1, but its forward at position 1 saw version 0");
  finds(withRule("0F0 0F1 0B0 0STASH@0 0OPT 0RESTORE@0 0B1 0OPT", stash), "version",
        "updates version 1 while version 0 is active; RESTORE@1 belongs before");
  EXPECT_EQ(
      check(withRule("0F0 0F1 0B0 0STASH@7 0OPT 0RESTORE@2000000000 0B1 0RESTORE@1 0OPT", stash))
          .size(),
      3u);
  finds(withRule("0F0 0PREDICT1@1 0F1 0RESTORE@0 0B0 0OPT 0B1 0OPT", WeightRule::Latest), "version",
        "does not predict");
}

// No copy that is kept is seen where the rule is the latest version.
TEST(Check, LatestIsTheLatest) {
  WeightRule latest = WeightRule::Latest;
  EXPECT_TRUE(check(withRule("0F0 0F1 0B0 0OPT 0B1 0OPT", latest)).empty());
  finds(withRule("0F0 0B0 0STASH@0 0OPT 0RESTORE@0 0F1 0RESTORE@1 0B1 0OPT", latest), "version",
        "'0F1' (rank 0, position 5) sees version 0; the rule is latest, and the latest is 1");
  finds(withRule("0F0 0F1 0B0 0STASH@0 0OPT 0RESTORE@0 0B1 0RESTORE@1 0OPT", latest), "version",
        "'0B1' (rank 0, position 6) sees version 0; the rule is latest");
  finds(withRule("0F0 0F1 0I0 0W0 0STASH@0 0OPT 0I1 0RESTORE@0 0W1 0RESTORE@1 0OPT", latest),
        "version", "'0W1' (rank 0, position 8) sees version 0; the rule is latest");
  // What is not predicted sees it, too.
  auto predicting = check(
      withRule("0F0 0B0 0STASH@0 0OPT 0RESTORE@0 0F1 0B1 0RESTORE@1 0OPT", WeightRule::Predict));
  ASSERT_EQ(predicting.size(), 2u) << texts(predicting);
  EXPECT_NE(predicting[1].message.find("'0B1' (rank 0, position 6) sees version 0; the rule is "
                                       "predict, and the latest is 1"),
            std::string::npos)
      << texts(predicting);
  // Without updates there is one version.
  EXPECT_TRUE(check(fromTexts({"0RESTORE@0 0F0 0B0"})).empty());
}

TEST(Check, WeightPartsSeeWhatTheirInputPartsSaw) {
  WeightRule predict = WeightRule::Predict;
  EXPECT_TRUE(
      check(withRule("0F0 0PREDICT1@1 0F1 0RESTORE@0 0I0 0W0 0OPT 0I1 0W1 0OPT", predict)).empty());
  finds(
      withRule("0F0 0F1 0I0 0I1 0W0 0OPT 0W1 0OPT", predict), "version",
      "'0W1' (rank 0, position 6) sees version 1, but its input part at position 3 saw version 0");
  finds(withRule("0F0 0I0 0PREDICT0@1 0W0 0RESTORE@0 0OPT", predict), "version",
        "'0W0' (rank 0, position 3) sees version 0 predicted 1 ahead, but its input part at "
        "position 1 saw version 0");
  finds(withRule("0PREDICT0@1 0F0 0PREDICT0@1 0I0 0RESTORE@0 0W0 0OPT", predict), "version",
        "'0W0' (rank 0, position 5) sees version 0, but its input part at position 3 saw version 0 "
        "predicted 1 ahead");
}

TEST(Check, ListsThatNameAKindHaveItsOrder) {
  for (const std::string &kind : kinds())
    for (int32_t m : {3, 4, 6, 12})
      for (int32_t group : {0, 4, 5, 12}) {
        auto schedule = generate(kind, {4, usualChunks(kind), m, hasGroups(kind) ? group : 0});
        if (!schedule)
          continue;
        EXPECT_TRUE(isProved(check(*schedule))) << kind << ' ' << m << ' ' << group;
        if (auto lowered = addComms(*schedule))
          EXPECT_TRUE(isProved(check(*lowered))) << kind << ' ' << m << ' ' << group;
      }
  auto named = [](std::string_view kind, Schedule schedule) {
    schedule.kind = kind;
    return schedule;
  };
  finds(named("gpipe", *generate("1f1b", {2, 1, 4})), "kind",
        "these are not the lists of gpipe, which has '0F2' where rank 0 has '0B0' (rank 0, "
        "position 2)");
  finds(named("zb-v", *generate("1f1b", {2, 1, 4})), "kind", "zb-v has 2 chunks per rank, not 1");
  finds(named("1f1c", *generate("1f1b", {2, 1, 4})), "kind", "there is no kind of schedule '1f1c'");
  Schedule turned = *generate("gpipe", {2, 1, 2});
  std::swap(turned.actions[0], turned.actions[1]);
  std::swap(turned.rankOf[0], turned.rankOf[1]);
  finds(turned, "kind", "its stages are on other ranks");
  Schedule rare = *generate("gpipe", {2, 1, 2});
  rare.updateEvery = 3;
  finds(rare, "shape", "an update after every 3 microbatches of 2");
}

TEST(Check, SaysWherePredictionsMissTheirBackwards) {
  WeightRule predict = WeightRule::Predict;
  EXPECT_TRUE(check(withRule("0F0 0PREDICT1@1 0F1 0RESTORE@0 0B0 0OPT 0B1 0OPT", predict)).empty());
  finds(withRule("0PREDICT0@1 0F0 0PREDICT1@1 0F1 0RESTORE@0 0B0 0OPT 0B1 0OPT", predict),
        "prediction",
        "stage 0 (rank 0) over-predicts microbatch 0: the forward of 0 aims 1 updates ahead, its "
        "backward sees the weights 0 ahead");
  finds(withRule("0F0 0PREDICT1@1 0F1 0PREDICT0@1 0B0 0RESTORE@0 0OPT 0B1 0OPT", predict),
        "prediction", "under-predicts microbatch 0");
  // The paper's constant is one of the steady state: while the pipeline fills it is too large.
  auto findings = check(*generate("pipeoptim-paper", {4, 1, 8}));
  ASSERT_EQ(findings.size(), 3u) << texts(findings);
  EXPECT_TRUE(isProved(findings));
  EXPECT_NE(findings[0].message.find("stage 0 (rank 0) over-predicts microbatches 0-2: the forward "
                                     "of 0 aims 3 updates ahead, its backward sees the weights 0"),
            std::string::npos)
      << texts(findings);
  Shape shape;
  shape.ranks = 4, shape.microbatches = 8;
  shape.weights = WeightPolicy{.rule = predict};
  EXPECT_TRUE(check(*generate("pipeoptim-paper", shape)).empty());
  // The published code looks one further, everywhere.
  EXPECT_EQ(check(*generate("pipeoptim-code", {4, 1, 8})).size(), 4u);
}

TEST(Check, FindsWhatPyTorchLetsThrough) {
  // test/real/test_schedule_checks.py holds the same files against _validate_schedule. Two ranks of
  // one stage, two microbatches; the name is the code.
  size_t count = 0;
  for (const auto &entry : std::filesystem::directory_iterator(RECAST_TEST_DATA "/schedules/bad")) {
    std::string text = fixture("bad/" + entry.path().filename().string());
    std::ranges::replace(text, ',', ' ');
    size_t line = text.find('\n');
    Schedule schedule = fromTexts({text.substr(0, line), text.substr(line + 1)});
    schedule.microbatches = 2;
    auto findings = check(schedule);
    ASSERT_FALSE(findings.empty()) << entry.path();
    EXPECT_FALSE(isProved(findings));
    for (const Finding &finding : findings)
      EXPECT_EQ(finding.code, entry.path().stem().string()) << finding.message;
    ++count;
  }
  EXPECT_EQ(count, 8u);
}

TEST(Check, ManyFindingsAreCounted) {
  std::string list;
  for (int i = 0; i < 40; ++i)
    list += fmt::format("0F{} 0B{} ", i, i);
  Schedule schedule = fromTexts({list + list});
  auto findings = check(schedule);
  ASSERT_EQ(findings.size(), 16u);
  EXPECT_NE(findings.back().message.find("; 64 more like it"), std::string::npos);
}

} // namespace
} // namespace recast::schedule
