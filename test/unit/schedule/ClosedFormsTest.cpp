// Formulas against simulation: equal where their conditions hold, and what there is where not.
#include "compiler/Schedule/ClosedForms.h"
#include "compiler/Schedule/Simulate.h"

#include <array>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <limits>

namespace recast::schedule {
namespace {

SimulateOptions costing(double f, double i, double w) {
  SimulateOptions out;
  out.costs.forward = f, out.costs.input = i, out.costs.weight = w, out.costs.backward = i + w;
  return out;
}

Shape shapeOf(int32_t p, int32_t v, int32_t m, int32_t g = 0) {
  Shape out;
  out.ranks = p, out.chunks = v, out.microbatches = m, out.group = g;
  return out;
}

TEST(ClosedForms, AreWhatSimulationGivesUnderTheirConditions) {
  constexpr std::array<std::array<double, 3>, 6> kCosts = {
      {{1, 1, 1}, {2, 3, 1}, {1, 1.5, 1.25}, {2, 1, 1.5}, {1, 2, 1}, {3, 1, 1}}};
  size_t held = 0, differed = 0;
  for (std::string_view kind : {"gpipe", "1f1b", "interleaved", "looped-bfs", "zb-h1",
                                "interleaved-zb", "zb-v", "dualpipe-v"})
    for (int32_t p : {1, 2, 3, 4, 5, 8})
      for (int32_t v : {1, 2, 3})
        for (int32_t m = 1; m <= 26; ++m)
          for (int32_t g : {0, p, p + 1}) {
            Shape shape = shapeOf(p, v, m, g);
            auto schedule = generate(kind, shape);
            if (!schedule || (g != 0 && kind != "interleaved"))
              continue;
            SCOPED_TRACE(fmt::format("{} p={} v={} m={} g={}", kind, p, v, m, g));
            for (auto [f, i, w] : kCosts) {
              auto options = costing(f, i, w);
              auto simulation = simulate(*schedule, options);
              ASSERT_TRUE(simulation);
              auto bubble = spanBubbleOf(kind, shape, options.costs);
              ASSERT_TRUE(bubble);
              held += bubble->holds;
              differed += bubble->value != simulation->spanBubble();
              if (bubble->holds)
                EXPECT_EQ(bubble->value, simulation->spanBubble()) << f << " " << i << " " << w;
              for (int32_t r = 0; r < p; ++r) {
                auto peak = peakActivationsOf(kind, shape, r);
                ASSERT_TRUE(peak);
                if (peak->holds)
                  EXPECT_EQ(peak->value, simulation->ranks[static_cast<size_t>(r)].peakActivations)
                      << r;
              }
            }
          }
  EXPECT_GT(held, 1000u);
  EXPECT_GT(differed, 100u); // The conditions are not for nothing.
}

TEST(ClosedForms, DifferWhereThePipelineIsShort) {
  // Kind, shape, the bubble there is, the formula's.
  struct Exception {
    std::string_view kind;
    Shape shape;
    double simulated, formula;
  };
  for (const Exception &exception : {Exception{"interleaved", shapeOf(4, 2, 3), 12, 9},
                                     {"looped-bfs", shapeOf(4, 2, 2), 15, 9},
                                     {"interleaved-zb", shapeOf(4, 2, 3), 5, 3},
                                     {"zb-v", shapeOf(3, 2, 2), 6, 0},
                                     {"zb-v", shapeOf(4, 2, 4), 6, 0}}) {
    SCOPED_TRACE(exception.kind);
    auto schedule = generate(exception.kind, exception.shape);
    ASSERT_TRUE(schedule);
    EXPECT_EQ(simulate(*schedule)->spanBubble(), exception.simulated);
    SimulateOptions equal = costing(1, 1, 1);
    EXPECT_EQ(simulate(*schedule, equal)->spanBubble(), exception.simulated);
    auto form = spanBubbleOf(exception.kind, exception.shape);
    ASSERT_TRUE(form);
    EXPECT_EQ(form->value, exception.formula);
    EXPECT_FALSE(form->holds);
    EXPECT_FALSE(form->condition.empty());
  }
  // With an indivisible pair DualPipeV's formula is too large for unequal costs.
  auto dual = generate("dualpipe-v", shapeOf(4, 2, 8));
  auto options = costing(2, 3, 1);
  EXPECT_EQ(simulate(*dual, options)->spanBubble(), 19);
  EXPECT_EQ(spanBubbleOf("dualpipe-v", shapeOf(4, 2, 8), options.costs)->value, 21);
  EXPECT_FALSE(spanBubbleOf("dualpipe-v", shapeOf(4, 2, 8), options.costs)->holds);
  // The zero-bubble V holds fewer activations while it is short.
  EXPECT_FALSE(peakActivationsOf("zb-v", shapeOf(3, 2, 3), 0)->holds);
  EXPECT_EQ(simulate(*generate("zb-v", shapeOf(3, 2, 3)))->ranks[0].peakActivations, 4);
}

TEST(ClosedForms, DoNotClaimWhatTheyDoNotKnow) {
  EXPECT_FALSE(spanBubbleOf("pipedream", shapeOf(4, 1, 8)));
  EXPECT_FALSE(peakActivationsOf("pipedream", shapeOf(4, 1, 8), 0));
  EXPECT_TRUE(spanBubbleOf("looped_bfs", shapeOf(4, 2, 8))->holds);
  Costs costs;
  costs.comm = 0.5;
  EXPECT_FALSE(spanBubbleOf("1f1b", shapeOf(4, 1, 8), costs)->holds);
  costs = {};
  costs.backward = 5;
  EXPECT_FALSE(spanBubbleOf("1f1b", shapeOf(4, 1, 8), costs)->holds);
  costs = {};
  costs.stageFactor = {1, 1, 2, 1};
  EXPECT_FALSE(spanBubbleOf("1f1b", shapeOf(4, 1, 8), costs)->holds);
}

TEST(ClosedForms, OneChunkInterleavedIsNot1F1B) {
  EXPECT_EQ(peakActivationsOf("interleaved", shapeOf(4, 1, 8), 0)->value, 7);
  EXPECT_EQ(peakActivationsOf("1f1b", shapeOf(4, 1, 8), 0)->value, 4);
}

TEST(ClosedForms, ClaimNothingOfWhatIsNoCostOrNoShape) {
  Shape shape{4, 1, 8};
  EXPECT_TRUE(spanBubbleOf("1f1b", shape)->holds);
  for (double bad : {-1.0, std::numeric_limits<double>::infinity(),
                     std::numeric_limits<double>::quiet_NaN(), 1e308}) {
    Costs costs;
    costs.forward = bad;
    EXPECT_FALSE(spanBubbleOf("1f1b", shape, costs)->holds) << bad;
  }
  for (Shape none : {Shape{0, 1, 8}, Shape{4, 0, 8}, Shape{4, 2, 0}, Shape{-1, 1, 1}}) {
    EXPECT_FALSE(spanBubbleOf("interleaved", none));
    EXPECT_FALSE(peakActivationsOf("interleaved", none, 0));
  }
  EXPECT_FALSE(spanBubbleOf("zb-v", {INT32_MAX, 2, INT32_MAX})->holds);
}

} // namespace
} // namespace recast::schedule
