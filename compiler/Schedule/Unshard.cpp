#include "compiler/Schedule/Unshard.h"

#include "compiler/Schedule/HashOrder.h"

#include <algorithm>
#include <list>
#include <unordered_map>

namespace recast::schedule {
namespace {

/// A forward and a backward at work, and one more on its way.
constexpr size_t kPrefetch = 3;
/// A pair may bring the fourth.
using Next = std::array<int32_t, kPrefetch + 1>;
constexpr int32_t kNone = -1;

/// By index of a cell's first action: the stages that the rank runs next, from that cell on, in the
/// order of their first use. Other indices are left empty.
std::vector<Next> nextStages(const std::vector<Action> &list) {
  struct Use {
    int32_t stage;
    size_t cell;
  };
  std::list<Use> uses; // By stage its next use; the nearest first.
  std::unordered_map<int32_t, std::list<Use>::iterator> byStage;
  auto moveToFront = [&](int32_t stage, size_t cell) {
    auto [found, isNew] = byStage.try_emplace(stage, uses.begin());
    if (isNew)
      found->second = uses.insert(uses.begin(), {stage, cell});
    else
      uses.splice(uses.begin(), uses, found->second);
    found->second->cell = cell;
  };
  std::vector<Next> out(list.size());
  for (size_t end = list.size(); end > 0;) {
    size_t cell = end - 1 - (end > 1 && list[end - 2].overlapsNext ? 1 : 0);
    for (size_t i = end; i > cell; --i)
      moveToFront(list[i - 1].stage, cell);
    Next &next = out[cell];
    next.fill(kNone);
    size_t count = 0;
    size_t thirdCell = 0;
    for (auto use = uses.begin(); use != uses.end() && count < next.size(); ++use, ++count) {
      if (count == kPrefetch && use->cell != thirdCell)
        break;
      next[count] = use->stage;
      thirdCell = use->cell;
    }
    end = cell;
  }
  return out;
}

} // namespace

std::vector<Action> withUnshard(const std::vector<Action> &list) {
  std::vector<Next> next = nextStages(list);
  std::vector<Action> out;
  out.reserve(list.size() + list.size() / 4);
  HashOrderedSet active;
  auto reshard = [&](int32_t stage) {
    active.remove(stage);
    out.push_back({ActionKind::Reshard, false, stage});
  };
  for (size_t i = 0; i < list.size(); ++i) {
    bool isSecond = i > 0 && list[i - 1].overlapsNext;
    if (!isSecond) {
      const Next &wanted = next[i];
      for (int32_t stage : active.values())
        if (std::find(wanted.begin(), wanted.end(), stage) == wanted.end())
          reshard(stage);
      for (int32_t stage : wanted)
        if (stage != kNone && !active.contains(stage)) {
          active.add(stage);
          out.push_back({ActionKind::Unshard, false, stage});
        }
    }
    out.push_back(list[i]);
  }
  for (int32_t stage : active.values())
    reshard(stage);
  return out;
}

} // namespace recast::schedule
