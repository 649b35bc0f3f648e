#include "runtime/layout/Mesh.h"

#include "runtime/base/Checked.h"
#include "runtime/layout/TextScanner.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::layout {

int64_t Mesh::rankCount() const {
  if (axes.size() != sizes.size())
    return 0;
  int64_t count = 1;
  for (int64_t size : sizes) {
    auto next = checkedMul(count, size);
    if (size < 1 || !next)
      return 0;
    count = *next;
  }
  return count;
}

int Mesh::axisIndex(std::string_view name) const {
  auto found = std::ranges::find(axes, name);
  return found == axes.end() ? -1 : static_cast<int>(found - axes.begin());
}

std::vector<int64_t> Mesh::coordinates(int64_t rank) const {
  std::vector<int64_t> out(sizes.size());
  for (size_t i = sizes.size(); i-- > 0;) {
    int64_t size = std::max<int64_t>(sizes[i], 1);
    out[i] = rank % size;
    rank /= size;
  }
  return out;
}

std::string Mesh::str() const {
  std::string out = "(";
  for (size_t i = 0; i < axes.size(); ++i)
    out += fmt::format("{}{} = {}", i ? ", " : "", axes[i], i < sizes.size() ? sizes[i] : 0);
  return out + ")";
}

Status verify(const Mesh &mesh) {
  if (mesh.axes.size() != mesh.sizes.size())
    return badInput(
        fmt::format("mesh has {} axes but {} sizes", mesh.axes.size(), mesh.sizes.size()));
  for (size_t i = 0; i < mesh.axes.size(); ++i) {
    if (!isName(mesh.axes[i]))
      return badInput(fmt::format("mesh axis {} has no valid name", i));
    if (mesh.axisIndex(mesh.axes[i]) != static_cast<int>(i))
      return badInput(fmt::format("mesh axis {} is listed twice", mesh.axes[i]));
    if (mesh.sizes[i] < 1)
      return badInput(
          fmt::format("mesh axis {} has size {}, expected 1 or more", mesh.axes[i], mesh.sizes[i]));
  }
  int64_t ranks = mesh.rankCount();
  if (ranks < 1 || ranks > kMaxRanks)
    return badInput(fmt::format("mesh {} has more than {} ranks", mesh.str(), kMaxRanks));
  return {};
}

} // namespace recast::layout
