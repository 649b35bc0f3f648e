// Small worlds for the brute-force tests: logical shapes, the maps that can hold them, meshes, and
// all lists of steps over them.
#pragma once

#include "runtime/layout/ElementMap.h"
#include "runtime/layout/Pieces.h"

#include <functional>
#include <string>
#include <vector>

namespace recast::layout::test {

using Shapes = std::vector<std::vector<int64_t>>;

struct World {
  Layout layout;
  Shapes shapes;
  FlatPosition position; ///< Set for layouts that end in `flat per group`.
};

/// Maps that hold the same logical tensors.
struct Subject {
  Shapes shapes;
  std::vector<AxisMap> maps;
};

/// Fails the test when the text does not parse.
Layout layoutOf(const std::string &text);
AxisMap mapOf(const std::string &text);
std::vector<Subject> subjects();
std::vector<Mesh> meshes();

/// Calls `visit` for each valid list of at most `maxSteps` steps; returns how many there were. Of
/// lists of three steps only one in `thin` is tried.
size_t forEachWorld(const Subject &subject, const AxisMap &map, const Mesh &mesh, int maxSteps,
                    const std::function<void(const World &)> &visit, size_t thin = 1);

/// Slot by slot content of all ranks by the definition.
std::vector<std::vector<Slot>> slotsOf(const World &world);
/// The same by pieces, from fragment().
std::vector<std::vector<Slot>> expand(const std::vector<Fragment> &fragments, int64_t rankCount);

std::string describe(const World &world);

} // namespace recast::layout::test
