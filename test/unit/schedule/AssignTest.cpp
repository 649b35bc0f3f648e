#include "compiler/Schedule/Assign.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <random>

namespace recast::schedule {
namespace {

/// The smallest largest cost of all ways to cut, each tried.
double bruteForce(const AssignInput &input, size_t begin, int32_t stage) {
  auto layers = input.layers.size();
  double cost = stage == 0 ? input.first : 0;
  if (stage == input.stages - 1) {
    for (size_t i = begin; i < layers; ++i)
      cost += input.layers[i];
    return begin < layers ? cost + input.last : std::numeric_limits<double>::infinity();
  }
  double best = std::numeric_limits<double>::infinity();
  for (size_t end = begin + 1; end < layers; ++end) {
    cost += input.layers[end - 1];
    best = std::min(best, std::max(cost, bruteForce(input, end, stage + 1)));
  }
  return best;
}

TEST(Assign, IsAsCheapAsTheBestOfAllCuts) {
  std::mt19937 random(1);
  auto number = [&](int most) { return std::uniform_int_distribution<int>(0, most)(random); };
  for (int round = 0; round < 3000; ++round) {
    std::vector<double> layers(static_cast<size_t>(1 + number(8)));
    for (double &cost : layers)
      cost = number(3) == 0 ? 0 : number(9);
    AssignInput input{layers, double(number(12)), double(number(12)),
                      1 + number(static_cast<int>(layers.size()) - 1)};
    auto out = assignByCost(input);
    ASSERT_TRUE(out);
    ASSERT_EQ(out->stages(), input.stages);
    EXPECT_EQ(out->cost[static_cast<size_t>(out->costliest)], bruteForce(input, 0, 0));
    EXPECT_EQ(*std::ranges::max_element(out->cost), out->cost[static_cast<size_t>(out->costliest)]);
    EXPECT_EQ(out->begin.front(), 0);
    EXPECT_EQ(out->begin.back(), static_cast<int32_t>(layers.size()));
    for (int32_t s = 0; s < input.stages; ++s) {
      auto i = static_cast<size_t>(s);
      ASSERT_LT(out->begin[i], out->begin[i + 1]);
      double sum = (s == 0 ? input.first : 0) + (s == input.stages - 1 ? input.last : 0);
      for (int32_t layer = out->begin[i]; layer < out->begin[i + 1]; ++layer) {
        sum += layers[static_cast<size_t>(layer)];
        EXPECT_EQ(out->stageOf(layer), s);
      }
      EXPECT_EQ(out->cost[i], sum);
    }
  }
}

TEST(Assign, CountsWhatIsPinnedToTheEnds) {
  std::vector<double> layers(8, 1);
  EXPECT_EQ(assignByCost({layers, 0, 0, 4})->begin, (std::vector<int32_t>{0, 2, 4, 6, 8}));
  // An embedding as expensive as two layers, a head as expensive as one.
  EXPECT_EQ(assignByCost({layers, 2, 1, 4})->begin, (std::vector<int32_t>{0, 1, 4, 7, 8}));
  EXPECT_EQ(assignByCost({layers, 2, 1, 4})->cost, (std::vector<double>{3, 3, 3, 2}));
}

TEST(Assign, DividesUniformlyAsMegatronAndPlacesChunks) {
  std::vector<double> layers(10, 1);
  auto out = assignUniformly({layers, 0, 0, 4});
  EXPECT_EQ(out->begin, (std::vector<int32_t>{0, 2, 5, 7, 10}));
  using Ranges = std::vector<std::vector<std::pair<int32_t, int32_t>>>;
  EXPECT_EQ(layersByRank(*out, placeStages(Placement::Loop, 2, 2), 2),
            (Ranges{{{0, 2}, {5, 7}}, {{2, 5}, {7, 10}}}));
  EXPECT_EQ(layersByRank(*out, placeStages(Placement::V, 2, 2), 2),
            (Ranges{{{0, 2}, {7, 10}}, {{2, 5}, {5, 7}}}));
}

TEST(Assign, RefusesWhatCannotBeDivided) {
  auto refused = [](const AssignInput &input, std::string_view reason) {
    for (auto *assign : {assignByCost, assignUniformly}) {
      auto out = assign(input);
      ASSERT_FALSE(out) << reason;
      EXPECT_NE(out.error().str().find(reason), std::string::npos) << out.error().str();
    }
  };
  std::vector<double> three = {1, 1, 1}, negative = {1, -1}, nan = {std::nan("")},
                      huge = {1e308, 1e308};
  refused({three, 0, 0, 4}, "3 layers for 4 stages: stage 3 would have none");
  refused({{}, 0, 0, 1}, "stage 0 would have none");
  refused({three, 0, 0, 0}, "1 stage or more, not 0");
  refused({negative, 0, 0, 1}, "the cost of layer 1 is -1");
  refused({nan, 0, 0, 1}, "the cost of layer 0 is nan");
  refused({three, -2, 0, 1}, "before the first layer is -2");
  refused({three, 0, INFINITY, 1}, "after the last layer is inf");
  refused({huge, 0, 0, 1}, "more than a double holds");
}

} // namespace
} // namespace recast::schedule
