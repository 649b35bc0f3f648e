#include "Worlds.h"

#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <numeric>

namespace recast::layout::test {

Layout layoutOf(const std::string &text) {
  auto layout = Layout::parse(text);
  EXPECT_TRUE(layout) << text << ": " << (layout ? "" : layout.error().str());
  return layout ? *layout : Layout{};
}

AxisMap mapOf(const std::string &text) {
  auto map = AxisMap::parse(text, {});
  EXPECT_TRUE(map) << text << ": " << (map ? "" : map.error().str());
  return map ? *map : AxisMap{};
}

std::vector<Subject> subjects() {
  auto identity = [](std::vector<int64_t> shape) {
    return Subject{{shape}, {AxisMap::identity(shape)}};
  };
  std::vector<Subject> out;
  out.push_back({{{}}, {AxisMap{}}});
  for (int64_t a = 0; a <= 4; ++a)
    out.push_back(identity({a}));
  for (std::vector<int64_t> shape :
       {std::vector<int64_t>{0, 3}, {2, 0}, {1, 4}, {2, 2}, {3, 2}, {4, 3}, {2, 3, 2}, {3, 1, 2}})
    out.push_back(identity(shape));
  // One tensor in many forms: grouped, transposed, interleaved, factored in two ways that do not
  // nest, chunked across axes.
  out.push_back(
      {{{12}},
       {mapOf("(a b), a=3, b=4"), mapOf("(c d), c=4, d=3"), mapOf("(c d) -> d c, c=6, d=2"),
        mapOf("(a b) -> (b a), a=2, b=6"), mapOf("a b, a=3, b=4")}});
  out.push_back({{{8, 2}},
                 {mapOf("(g r (two j)) h -> (g r (j two)) h, g=2, r=1, two=2, j=2, h=2"),
                  mapOf("(g d) h -> h (d g), g=4, d=2, h=2"), mapOf("(g d h), g=2, d=4, h=2")}});
  out.push_back({{{8, 2}, {4, 2}, {4, 2}},
                 {mapOf("((g r d) + (g d) + (g d)) h, g=2, r=2, d=2, h=2"),
                  mapOf("(g ((r d) + d + d)) h, g=2, r=2, d=2, h=2")}});
  out.push_back({{{3, 2}, {3, 2}}, {mapOf("(f + f) h, f=3, h=2"), mapOf("(f h + f h), f=3, h=2")}});
  out.push_back({{{2, 3}, {2, 2}},
                 {mapOf("e (f + k), e=2, f=3, k=2"), mapOf("((e f) + (e k)), e=2, f=3, k=2")}});
  // Logical sides for several parts: fused transposed matrices (GPT-2's c_attn), parts that are
  // transposed and grouped each in its own way.
  out.push_back({{{4, 3}, {4, 3}, {4, 3}},
                 {mapOf("(n d) h + (n d) h + (n d) h -> h (n d + n d + n d), n=2, d=2, h=3"),
                  mapOf("((n d) + (n d) + (n d)) h, n=2, d=2, h=3")}});
  out.push_back({{{4, 3}, {6}},
                 {mapOf("(a b) h + (k h) -> (h (b a) + k h), a=2, b=2, h=3, k=2"),
                  mapOf("(b a) h + (h k) -> h (b a + k), a=2, b=2, h=3, k=2")}});
  // Two concatenations: a matrix of blocks, in two dimensions and in one. Experts that are stacked
  // and packed. A concatenation inside another one.
  out.push_back({{{2, 2}, {2, 1}, {3, 2}, {3, 1}},
                 {mapOf("(a + b) (c + d), a=2, b=3, c=2, d=1"),
                  mapOf("((a + b) (c + d)), a=2, b=3, c=2, d=1")}});
  out.push_back({{{2}, {2}, {2}, {2}, {2}, {2}},
                 {mapOf("(e + e + e) (f + f), e=1, f=2"),
                  mapOf("((e + e + e) f + (e + e + e) f), e=1, f=2")}});
  out.push_back({{{2}, {2, 2}, {2, 3}}, {mapOf("(a + b (a + c)), a=2, b=2, c=3")}});
  return out;
}

std::vector<Mesh> meshes() {
  return {{{}, {}},
          {{"x"}, {2}},
          {{"x"}, {3}},
          {{"x", "y"}, {2, 2}},
          {{"x", "y"}, {1, 4}},
          {{"x", "y", "z"}, {2, 2, 2}}};
}

namespace {

std::vector<std::string> axisNames(const AxisMap &map) {
  std::vector<std::string> names;
  for (const auto &entry : map.sizes)
    names.push_back(entry.first);
  return names;
}

std::vector<Step> stepsFor(const AxisMap &map, const Mesh &mesh) {
  std::vector<Step> out;
  std::vector<std::string> axes = axisNames(map);
  for (const std::string &axis : axes) {
    for (int64_t multiple : {2, 3})
      out.push_back(Pad{axis, multiple});
    for (size_t m = 0; m < mesh.axes.size(); ++m) {
      for (SplitRule rule : {SplitRule::Even, SplitRule::Ceil, SplitRule::Balanced})
        out.push_back(Split{{axis}, {mesh.axes[m]}, rule, {}});
      std::vector<int64_t> widths(mesh.sizes[m], 0);
      widths.back() = map.sizes.at(axis) - map.sizes.at(axis) / 3;
      widths.front() += map.sizes.at(axis) / 3;
      out.push_back(Split{{axis}, {mesh.axes[m]}, SplitRule::Widths, widths});
    }
    if (mesh.axes.size() > 1)
      out.push_back(Split{{axis}, {mesh.axes[1], mesh.axes[0]}, SplitRule::Ceil, {}});
  }
  for (size_t i = 0; i < axes.size() && !mesh.axes.empty(); ++i)
    for (size_t k = 0; k < axes.size(); ++k)
      if (i != k) {
        for (SplitRule rule : {SplitRule::Even, SplitRule::Balanced, SplitRule::Ceil})
          out.push_back(Split{{axes[i], axes[k]}, {mesh.axes.back()}, rule, {}});
        int64_t ways = mesh.sizes.back() / std::gcd(map.sizes.at(axes[i]), mesh.sizes.back());
        std::vector<int64_t> widths(ways, 0);
        widths.back() = map.sizes.at(axes[k]) - map.sizes.at(axes[k]) / 3;
        widths.front() += map.sizes.at(axes[k]) / 3;
        out.push_back(Split{{axes[i], axes[k]}, {mesh.axes.back()}, SplitRule::Widths, widths});
      }
  for (const std::string &by : mesh.axes) {
    for (size_t dim = 0; dim < map.stored.size(); ++dim)
      out.push_back(Chunk{static_cast<int64_t>(dim), by});
    out.push_back(Flat{by, FlatScope::PerParam});
    out.push_back(Flat{by, FlatScope::PerGroup});
    out.push_back(Stage{by, {mesh.sizes[mesh.axisIndex(by)] - 1}});
    out.push_back(Varying{by});
  }
  return out;
}

// A group buffer in which the largest local tensor has neighbours on both sides.
FlatPosition positionFor(const World &world) {
  if (world.layout.steps.empty())
    return {};
  const Flat *flat = std::get_if<Flat>(&world.layout.steps.back());
  if (!flat || flat->scope != FlatScope::PerGroup)
    return {};
  Layout before = world.layout;
  before.steps.pop_back();
  int64_t largest = 0;
  for (int64_t rank = 0; rank < before.mesh.rankCount(); ++rank)
    largest = std::max(largest, fragment(before, world.shapes, rank)->storedElements);
  int64_t ways = before.mesh.sizes[before.mesh.axisIndex(flat->by)];
  int64_t total = largest + 3;
  return {1, total + (ways - total % ways) % ways};
}

} // namespace

size_t forEachWorld(const Subject &subject, const AxisMap &map, const Mesh &mesh, int maxSteps,
                    const std::function<void(const World &)> &visit, size_t thin) {
  std::vector<Step> steps = stepsFor(map, mesh);
  World world{{mesh, map, {}}, subject.shapes, {}};
  size_t count = 0, tried = 0;
  auto grow = [&](auto &&self, int left) -> void {
    // A list that is wrong stays wrong whatever follows, except where pads come in between: those
    // lists are met on their own.
    if (!verify(world.layout, world.shapes))
      return;
    world.position = positionFor(world);
    visit(world);
    ++count;
    for (size_t i = 0; left > 0 && i < steps.size(); ++i) {
      if (world.layout.steps.size() == 2 && ++tried % thin != 0)
        continue;
      world.layout.steps.push_back(steps[i]);
      self(self, left - 1);
      world.layout.steps.pop_back();
    }
  };
  grow(grow, maxSteps);
  return count;
}

std::vector<std::vector<Slot>> slotsOf(const World &world) {
  std::vector<std::vector<Slot>> out;
  for (int64_t rank = 0; rank < world.layout.mesh.rankCount(); ++rank) {
    auto slots = elementMap(world.layout, world.shapes, rank, world.position);
    EXPECT_TRUE(slots) << describe(world) << slots.error().str();
    out.push_back(slots ? std::move(*slots) : std::vector<Slot>{});
  }
  return out;
}

std::vector<std::vector<Slot>> expand(const std::vector<Fragment> &fragments, int64_t rankCount) {
  std::vector<std::vector<Slot>> out(rankCount);
  for (const Fragment &fragment : fragments) {
    auto &slots = out[fragment.rank];
    slots.resize(fragment.storedElements);
    for (const Piece &piece : fragment.pieces) {
      for (int64_t i = 0; i < piece.elementCount(); ++i) {
        int64_t rest = i, logical = piece.logicalOffset, stored = piece.storedOffset;
        for (size_t d = piece.dims.size(); d-- > 0;) {
          logical += rest % piece.dims[d].extent * piece.dims[d].logicalStride;
          stored += rest % piece.dims[d].extent * piece.dims[d].storedStride;
          rest /= piece.dims[d].extent;
        }
        if (stored < 0 || stored >= fragment.storedElements) {
          ADD_FAILURE() << "slot " << stored << " outside " << fragment.storedElements;
          continue;
        }
        EXPECT_EQ(slots[stored], Slot{}) << "slot written twice";
        slots[stored] = {static_cast<int32_t>(piece.part), logical};
      }
    }
  }
  return out;
}

std::string describe(const World &world) {
  std::string shapes;
  for (const auto &shape : world.shapes)
    shapes += fmt::format("[{}] ", fmt::join(shape, ","));
  return fmt::format("{} for {}at {} of {}", world.layout.str(), shapes, world.position.start,
                     world.position.total);
}

} // namespace recast::layout::test
