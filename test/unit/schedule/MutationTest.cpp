// Single random changes of sound lists: each is found, or the lists mean the same as before.
#include "compiler/Schedule/Check.h"
#include "compiler/Schedule/Comms.h"
#include "compiler/Schedule/Generate.h"
#include "test/unit/schedule/Lists.h"

#include <fmt/format.h>
#include <map>
#include <random>

namespace recast::schedule {
namespace {

enum class Mutation { Drop, Double, Swap, Renumber, Move, Retype };

/// Changes one thing; false where the choice changes nothing.
bool mutate(Schedule &schedule, Mutation mutation, std::mt19937 &random) {
  auto pick = [&](size_t count) { return static_cast<size_t>(random() % count); };
  auto &list = schedule.actions[pick(schedule.actions.size())];
  size_t i = pick(list.size());
  auto at = [&](size_t index) { return list.begin() + static_cast<std::ptrdiff_t>(index); };
  Action before = list[i];
  switch (mutation) {
  case Mutation::Drop:
    list.erase(at(i));
    return true;
  case Mutation::Double:
    list.insert(at(pick(list.size() + 1)), before);
    return true;
  case Mutation::Swap: {
    size_t j = pick(list.size());
    std::swap(list[i], list[j]);
    return list[i] != before;
  }
  case Mutation::Renumber:
    list[i].microbatch = static_cast<int32_t>(pick(static_cast<size_t>(schedule.microbatches + 1)));
    return hasMicrobatch(before.kind) && list[i] != before;
  case Mutation::Move: {
    auto &other = schedule.actions[pick(schedule.actions.size())];
    if (&other == &list)
      return false;
    list.erase(at(i));
    other.insert(other.begin() + static_cast<std::ptrdiff_t>(pick(other.size() + 1)), before);
    return true;
  }
  case Mutation::Retype:
    list[i].kind = static_cast<ActionKind>(pick(4));
    return isCompute(before.kind) && list[i] != before;
  }
  return false;
}

/// What the lists do, whatever their order. Weight actions may be idle: what passes see counts.
std::map<std::string, int> contents(const Schedule &schedule) {
  std::map<std::string, int> out;
  for (size_t r = 0; r < schedule.actions.size(); ++r)
    for (const Action &action : schedule.actions[r])
      if (action.kind < ActionKind::Stash)
        ++out[fmt::format("{} {}", r, str(action))];
  return out;
}

/// What every pass of a rank reads of the weights: the updates and weight actions before it.
std::map<std::string, std::string> weightsSeen(const Schedule &schedule) {
  std::map<std::string, std::string> out;
  for (const auto &list : schedule.actions) {
    std::map<int32_t, std::pair<int, std::string>> stages;
    for (const Action &action : list) {
      auto &[version, active] = stages[action.stage];
      if (action.kind == ActionKind::OptimizerStep)
        active = fmt::format("v{}", ++version);
      else if (action.kind == ActionKind::Restore)
        active = fmt::format("v{}", action.value);
      else if (action.kind == ActionKind::Predict)
        active = fmt::format("v{}+{}", version, action.value);
      else if (isCompute(action.kind))
        out[str(action)] = active.empty() ? "v0" : active;
    }
  }
  return out;
}

TEST(Mutations, AreFoundOrHarmless) {
  std::mt19937 random(11);
  std::map<std::string, int> found;
  int harmless = 0, changed = 0;
  std::vector<Schedule> sound;
  for (std::string kind :
       {"1f1b", "gpipe", "zb-h1", "interleaved", "looped-bfs", "zb-v", "dualpipe-v",
        "interleaved-zb", "pipedream", "2bw", "pipeoptim-paper", "async"}) {
    bool isTwo = kind.ends_with("-v") || kind.starts_with("interleaved") || kind == "looped-bfs";
    auto schedule = generate(kind, {3, isTwo ? 2 : 1, 6});
    ASSERT_TRUE(schedule) << kind;
    sound.push_back(*schedule);
    if (auto lowered = addComms(*schedule))
      sound.push_back(*lowered);
  }
  for (const Schedule &schedule : sound) {
    auto before = check(schedule);
    ASSERT_TRUE(isProved(before));
    auto contentsBefore = contents(schedule);
    auto weightsBefore = weightsSeen(schedule);
    for (int round = 0; round < 600; ++round) {
      Schedule mutant = schedule;
      mutant.kind = "explicit"; // Another order of the same is not the kind's.
      auto mutation = static_cast<Mutation>(random() % 6);
      if (!mutate(mutant, mutation, random))
        continue;
      ++changed;
      auto findings = check(mutant);
      if (!isProved(findings)) {
        for (const Finding &finding : findings) {
          ++found[finding.code];
          EXPECT_FALSE(finding.message.empty());
        }
        continue;
      }
      ++harmless;
      // Another order of the same, which still runs to its end (each after its data: simulate()),
      // with weights as the rule says.
      SCOPED_TRACE(
          fmt::format("{} round {} mutation {}", schedule.kind, round, static_cast<int>(mutation)));
      EXPECT_TRUE(contents(mutant) == contentsBefore);
      EXPECT_TRUE(simulate(mutant));
      auto weights = weightsSeen(mutant);
      if (schedule.weights.rule == WeightRule::Stash)
        for (const auto &[pass, version] : weights) {
          std::string forward = pass;
          std::ranges::replace(forward, 'B', 'F');
          EXPECT_EQ(version, weights.at(forward)) << pass;
        }
      else if (schedule.weights.rule == WeightRule::DoubleBuffer)
        EXPECT_TRUE(weights == weightsBefore);
    }
  }
  // Neither side is empty, and most proofs have had something to find.
  EXPECT_GT(changed, 5000);
  EXPECT_GT(harmless, 20);
  for (std::string code :
       {"out-of-range", "wrong-rank", "overlap", "missing-action", "doubled-action", "order",
        "channel-order", "deadlock", "cross-stage-order", "update-count", "version",
        "unshard-order", "reduce-order"})
    EXPECT_GT(found[code], 0) << code;
}

} // namespace
} // namespace recast::schedule
