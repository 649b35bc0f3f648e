// Normal forms against the definition: a form has the map of its layout, so equal forms mean equal
// maps.
#include "runtime/layout/NormalForm.h"
#include "Worlds.h"

#include <gtest/gtest.h>
#include <set>

namespace recast::layout::test {
namespace {

Shapes flat(const Shapes &shapes) {
  Shapes out;
  for (const auto &shape : shapes) {
    int64_t count = 1;
    for (int64_t extent : shape)
      count *= extent;
    out.push_back({count});
  }
  return out;
}

TEST(NormalForm, KeepsTheElementMap) {
  size_t count = 0;
  std::set<std::string> forms, texts;
  for (const Subject &subject : subjects())
    for (const AxisMap &map : subject.maps)
      for (const Mesh &mesh : meshes()) {
        size_t axes = map.sizes.size() * std::max<size_t>(mesh.axes.size(), 1);
        int depth = axes <= 3 ? 3 : axes <= 9 ? 2 : 1;
        forEachWorld(
            subject, map, mesh, depth,
            [&](const World &world) {
              if (HasFatalFailure())
                return;
              SCOPED_TRACE(describe(world));
              World form{normalForm(world.layout, world.shapes), flat(world.shapes),
                         world.position};
              SCOPED_TRACE(describe(form));
              ASSERT_EQ(form.layout.mesh.rankCount(), mesh.rankCount());
              ASSERT_EQ(slotsOf(form), slotsOf(world));
              auto marks = [](const Layout &layout) {
                int64_t ways = 1;
                for (const Step &step : layout.steps)
                  if (const auto *varying = std::get_if<Varying>(&step))
                    ways *= layout.mesh.sizes[layout.mesh.axisIndex(varying->by)];
                return ways;
              };
              ASSERT_EQ(marks(form.layout), marks(world.layout));
              ASSERT_EQ(normalForm(form.layout, form.shapes), form.layout);
              forms.insert(form.layout.str());
              texts.insert(world.layout.str());
              ++count;
            },
            axes > 1 ? 23 : 1);
        if (HasFatalFailure())
          return;
      }
  EXPECT_GT(count, 20000u);
  // It is of use: many spellings fall together.
  EXPECT_LT(forms.size() * 2, texts.size());
}

TEST(NormalForm, ManySpellingsAreOne) {
  auto form = [](const std::string &text, const Shapes &shapes) {
    Layout layout = layoutOf(text);
    EXPECT_TRUE(verify(layout, shapes)) << text;
    return normalForm(layout, shapes).str();
  };
  Shapes shapes = {{8, 6}};
  const std::string rows = form("on (tp = 4) split d0 by tp", shapes);
  EXPECT_EQ(rows, "on (m0 = 4) map \"(a0 a1)\" {a0 = 8, a1 = 6} split a0 by m0");
  for (const char *text :
       {"on (x = 4) chunk 0 by x", "on (x = 4) split d0 by x (balanced)",
        "on (x = 4) split d0 by x (widths 2 2 2 2)", "on (dp = 1, x = 4) split d0 by x",
        "on (dp = 1, x = 4, y = 1) split d0 by dp, x flat y per param",
        "on (x = 4) pad d0 to multiple of 4 split d0 by x",
        "on (x = 4) map \"g (r d)\" {g = 8, r = 2, d = 3} split g by x",
        "on (x = 4) map \"g h\" {g = 8, h = 6} split g h by x",
        "on (x = 4, y = 1, z = 1) varying y stage z at 0 split d0 by x"})
    EXPECT_EQ(form(text, shapes), rows) << text;
  EXPECT_NE(form("on (x = 4) split d0 by x pad d1 to multiple of 4", shapes), rows);
  EXPECT_NE(form("on (x = 4, y = 2) split d0 by x varying y", shapes),
            form("on (x = 4, y = 2) split d0 by x", shapes));
  EXPECT_EQ(form("on (x = 2, y = 2) split d0 by x split d1 by y", shapes),
            form("on (x = 2, y = 2) split d1 by y split d0 by x", shapes));
  EXPECT_EQ(form("on (x = 2, y = 2) split d0 by x stage y at 0 1", shapes),
            form("on (x = 2, y = 2) split d0 by x", shapes));
  EXPECT_EQ(form("map \"(a b) c -> (a b c)\" {a = 2, b = 4, c = 6}", shapes),
            form("map \"d e\" {d = 8, e = 6}", shapes));
}

} // namespace
} // namespace recast::layout::test
