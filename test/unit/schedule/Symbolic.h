// Training by symbols: every weight, activation and gradient is a hash of what it is made from. Two
// runs that end in the same symbols did the same arithmetic.
#pragma once

#include "compiler/Schedule/Cut.h"
#include "compiler/Schedule/Needs.h"

#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

namespace recast::schedule {

using Symbol = uint64_t;
template <typename... Parts> Symbol make(Parts... parts) {
  Symbol out = 14695981039346656037u;
  for (Symbol part : {static_cast<Symbol>(parts)...}) {
    out = (out ^ part) * 0x9e3779b97f4a7c15u;
    out ^= out >> 29;
  }
  return out;
}

/// All that a run holds between two actions.
struct Training {
  struct Stage {
    int32_t version = 0;
    Symbol state = 1; ///< W, m and v.
    Symbol sum = 0;   ///< Of gradients.
    int32_t active = 0, ahead = 0;
    Symbol predicted = 0;
    std::map<int32_t, Symbol> stashed;
    Symbol weights() const { return make('w', state); }
  };
  using Key = std::pair<int32_t, int32_t>; ///< Stage, microbatch.
  CutPosition position;
  std::vector<Stage> stages;
  std::map<Key, Symbol> output, held, gradient, split;
  std::set<std::pair<Key, bool>> done; ///< Forward: false; backward: true.

  explicit Training(const Schedule &schedule)
      : position(schedule.actions.size(), 0), stages(schedule.rankOf.size()) {}

  Symbol seen(const Stage &stage) const {
    if (stage.ahead > 0)
      return stage.predicted;
    return stage.active == stage.version ? stage.weights() : stage.stashed.at(stage.active);
  }
  Symbol input(Key key) const {
    return key.first == 0 ? make('d', key.second) : output.at({key.first - 1, key.second});
  }
  void forward(Key key, Symbol weights) {
    held[key] = make('h', input(key), weights);
    output[key] = make('f', held[key]);
  }

  /// Runs the next action of a rank; false where it waits or the list has ended.
  bool step(const Schedule &schedule, size_t rank) {
    const std::vector<Action> &list = schedule.actions[rank];
    if (position[rank] == list.size())
      return false;
    bool isPair = list[position[rank]].overlapsNext;
    for (size_t i = position[rank]; i <= position[rank] + isPair; ++i) {
      bool waits = false;
      forEachNeed(list[i], schedule.stages(), [&](const Need &need) {
        waits |= !done.contains({{need.pass.stage, need.pass.microbatch}, need.isBackward});
      });
      if (waits)
        return false;
    }
    for (int i = 0; i <= isPair; ++i)
      run(list[position[rank]++], schedule.stages());
    return true;
  }

  void run(const Action &action, int32_t count) {
    Stage &stage = stages[static_cast<size_t>(action.stage)];
    Key key{action.stage, action.microbatch};
    switch (action.kind) {
    case ActionKind::Forward:
      forward(key, seen(stage));
      done.insert({key, false});
      return;
    case ActionKind::Backward:
    case ActionKind::BackwardInput: {
      Symbol from = action.stage + 1 == count ? make('l', output.at(key))
                                              : gradient.at({action.stage + 1, action.microbatch});
      gradient[key] = make('b', held.at(key), from, seen(stage));
      split[key] = make('s', held.at(key), from);
      done.insert({key, true});
      if (action.kind == ActionKind::Backward)
        stage.sum = make('+', stage.sum, split.at(key));
      return;
    }
    case ActionKind::BackwardWeight:
      stage.sum = make('+', stage.sum, split.at(key));
      return;
    case ActionKind::OptimizerStep:
      if (stage.ahead == 0 && stage.active == stage.version)
        ++stage.active;
      ++stage.version;
      stage.state = make('o', stage.state, stage.sum);
      stage.sum = 0;
      return;
    case ActionKind::Stash:
      stage.stashed[action.value] = stage.weights();
      return;
    case ActionKind::Predict:
      stage.active = stage.version;
      stage.ahead = action.value;
      stage.predicted = make('p', stage.state, action.value);
      return;
    case ActionKind::Restore:
      stage.active = action.value;
      stage.ahead = 0;
      return;
    default:
      return;
    }
  }

  /// Until all lists have ended.
  void finish(const Schedule &schedule) {
    for (bool isMoving = true; isMoving;) {
      isMoving = false;
      for (size_t r = 0; r < position.size(); ++r)
        while (step(schedule, r))
          isMoving = true;
    }
    for (size_t r = 0; r < position.size(); ++r)
      EXPECT_EQ(position[r], schedule.actions[r].size());
  }

  std::vector<Symbol> results() const {
    std::vector<Symbol> out;
    for (const Stage &stage : stages)
      out.push_back(stage.state);
    return out;
  }
};

/// A new run from what `cut` says of `stopped`, all else being rubbish; with `alone`, from W, m and
/// v and nothing more.
inline Training resume(const Schedule &schedule, const Training &stopped, const Cut &cut,
                       bool alone) {
  Training out(schedule);
  Symbol rubbish = 12345;
  out.position = stopped.position;
  out.done = stopped.done;
  for (auto from : {&Training::output, &Training::held, &Training::gradient, &Training::split})
    for (const auto &[key, symbol] : stopped.*from)
      (out.*from)[key] = ++rubbish;
  for (size_t s = 0; s < out.stages.size(); ++s) {
    const Training::Stage &was = stopped.stages[s];
    const StageCut &said = cut.stages[s];
    Training::Stage &stage = out.stages[s];
    EXPECT_EQ(said.version, was.version);
    stage.version = was.version;
    stage.state = was.state;
    // Where the lists stand is known without being saved.
    stage.active = was.active;
    stage.ahead = was.ahead;
    bool isFresh = was.active == was.version;
    stage.predicted = isFresh                         ? make('p', stage.state, was.ahead)
                      : said.lostPrediction && !alone ? was.predicted
                                                      : ++rubbish;
    for (const auto &[version, symbol] : was.stashed)
      stage.stashed[version] = version == stage.version ? stage.weights() : ++rubbish;
    stage.sum = was.sum == 0 ? 0 : ++rubbish;
    if (alone)
      continue;
    for (int32_t version : said.stashed)
      stage.stashed[version] = was.stashed.at(version);
    if (!said.gradients.empty())
      stage.sum = was.sum;
    for (const HeldPass &held : said.held) {
      Training::Key key{held.pass.stage, held.pass.microbatch};
      if (held.replay == Replay::Exact) {
        out.forward(key, held.saw.version == stage.version ? stage.weights()
                                                           : stage.stashed.at(held.saw.version));
        continue;
      }
      out.held[key] = stopped.held.at(key);
      out.output[key] = stopped.output.at(key);
      if (held.replay == Replay::Split)
        out.split[key] = stopped.split.at(key);
    }
  }
  if (!alone)
    for (const Transit &transit : cut.transit)
      if (transit.isGradient) {
        Training::Key from{transit.to.stage + 1, transit.to.microbatch};
        out.gradient[from] = stopped.gradient.at(from);
      }
  return out;
}

} // namespace recast::schedule
