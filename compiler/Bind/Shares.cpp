#include "compiler/Bind/Shares.h"

#include "runtime/layout/Pieces.h"

#include <algorithm>
#include <map>
#include <utility>

namespace recast::compiler {

std::vector<Share> sharesOf(const Job &job, const Resolution &resolution) {
  std::vector<Share> shares(1);
  std::map<std::string, size_t> named{{"", 0}};
  // By place, so that each is named once.
  std::map<std::pair<uint32_t, const layout::Layout *>, size_t> known;
  auto shareOf = [&](const Cell &cell) {
    const layout::Layout &layout = *cell.to.layout;
    if (layout.mesh.rankCount() <= 1)
      return size_t{0};
    auto [place, isNew] = known.try_emplace({cell.target, &layout}, 0);
    if (isNew) {
      std::string name = layout::shareName(layout, job.targets[cell.target].rank);
      place->second = named.try_emplace(std::move(name), named.size()).first->second;
      shares.resize(named.size());
    }
    return place->second;
  };
  for (const Cell &cell : resolution.cells)
    shares[shareOf(cell)].push_back(&cell);
  return shares;
}

std::vector<std::vector<uint32_t>> checkedIn(const std::vector<Share> &shares,
                                             const std::vector<int32_t> &armed) {
  constexpr uint32_t kNone = UINT32_MAX;
  std::vector<std::vector<uint32_t>> out(shares.size());
  // Of weights their last master; of masters the one before it that has the same weight.
  std::vector<uint32_t> masterOf(armed.size(), kNone), before(armed.size(), kNone);
  std::vector<uint32_t> masters;
  for (uint32_t i = 0; i < armed.size(); ++i)
    if (armed[i] >= 0) {
      before[i] = std::exchange(masterOf[static_cast<size_t>(armed[i])], i);
      masters.push_back(i);
    }
  if (masters.empty())
    return out;
  std::vector<char> isWritten(armed.size(), 0); // Of masters: or their weights.
  for (size_t s = 0; s < shares.size(); ++s) {
    for (const Cell *cell : shares[s]) {
      if (armed[cell->tensor] >= 0)
        out[s].push_back(cell->tensor);
      for (uint32_t m = masterOf[cell->tensor]; m != kNone; m = before[m])
        out[s].push_back(m);
    }
    for (uint32_t master : out[s])
      isWritten[master] = 1;
  }
  std::ranges::copy_if(masters, std::back_inserter(out.front()),
                       [&](uint32_t master) { return !isWritten[master]; });
  for (std::vector<uint32_t> &list : out) {
    std::ranges::sort(list);
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
  return out;
}

} // namespace recast::compiler
