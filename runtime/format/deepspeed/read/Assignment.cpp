#include "runtime/format/deepspeed/read/Assignment.h"

#include <map>
#include <numeric>
#include <set>

namespace recast::format::deepspeed {
namespace {

constexpr size_t kMaxStates = 1'000'000;

/// How many slots of each group are filled.
using Filled = std::vector<size_t>;

/// What happens to one item: group, or the number of groups when it stays out; and the slot.
using Move = std::pair<size_t, size_t>;

} // namespace

Assignment assignInOrder(size_t items, const std::vector<size_t> &groupSizes,
                         const std::function<bool(size_t, size_t, size_t)> &fits) {
  Assignment out;
  size_t groups = groupSizes.size();
  size_t slots = std::accumulate(groupSizes.begin(), groupSizes.end(), size_t{0});
  if (slots > items)
    return out;
  // Layer k: the states that items [0, k) can lead to, with the moves that item k then has.
  std::vector<std::map<Filled, std::vector<Move>>> layers(items + 1);
  layers[0].emplace(Filled(groups, 0), std::vector<Move>());
  std::map<std::pair<size_t, Move>, bool> known; // `fits` may read files.
  size_t states = 1;
  for (size_t k = 0; k < items; ++k)
    for (auto &[filled, moves] : layers[k]) {
      size_t used = std::accumulate(filled.begin(), filled.end(), size_t{0});
      auto go = [&](Move move, Filled next) {
        moves.push_back(move);
        states += layers[k + 1].emplace(std::move(next), std::vector<Move>()).second;
      };
      if (k - used < items - slots)
        go({groups, 0}, filled);
      for (size_t g = 0; g < groups; ++g) {
        if (filled[g] == groupSizes[g])
          continue;
        Move move{g, filled[g]};
        auto [entry, isNew] = known.try_emplace({k, move}, false);
        if (isNew)
          entry->second = fits(k, g, filled[g]);
        if (!entry->second)
          continue;
        Filled next = filled;
        ++next[g];
        go(move, std::move(next));
      }
      if (states > kMaxStates) {
        out.exists = true;
        out.doubtful.resize(items);
        std::iota(out.doubtful.begin(), out.doubtful.end(), size_t{0});
        return out;
      }
    }
  // Backwards: only what can still fill every slot counts.
  std::set<Filled> alive;
  if (layers[items].contains(groupSizes))
    alive.insert(groupSizes);
  out.exists = !alive.empty();
  out.groups.resize(groups);
  for (size_t g = 0; g < groups; ++g)
    out.groups[g].resize(groupSizes[g]);
  for (size_t k = items; k-- > 0;) {
    std::set<Filled> before;
    std::set<Move> taken;
    for (const auto &[filled, moves] : layers[k])
      for (const Move &move : moves) {
        Filled next = filled;
        if (move.first < groups)
          ++next[move.first];
        if (!alive.contains(next))
          continue;
        before.insert(filled);
        taken.insert(move);
        if (move.first < groups)
          out.groups[move.first][move.second] = k;
      }
    if (taken.size() > 1)
      out.doubtful.insert(out.doubtful.begin(), k);
    alive = std::move(before);
  }
  return out;
}

} // namespace recast::format::deepspeed
