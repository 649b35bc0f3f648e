#include "compiler/Schedule/Costs.h"

#include <gtest/gtest.h>
#include <limits>

namespace recast::schedule {
namespace {

TEST(Costs, AreReadByName) {
  auto costs =
      parseCosts("f=1.5,b=3,i=2,w=1,comm=0.1,opt=0.25,stash=1,predict=2,restore=1e-3,overlap=0.8");
  ASSERT_TRUE(costs) << costs.error().str();
  EXPECT_EQ(costs->forward, 1.5);
  EXPECT_EQ(costs->backward, 3);
  EXPECT_EQ(costs->input, 2);
  EXPECT_EQ(costs->weight, 1);
  EXPECT_EQ(costs->comm, 0.1);
  EXPECT_EQ(costs->optimizer, 0.25);
  EXPECT_EQ(costs->stash, 1);
  EXPECT_EQ(costs->predict, 2);
  EXPECT_EQ(costs->restore, 1e-3);
  EXPECT_EQ(costs->overlap, 0.8);
}

TEST(Costs, BackwardIsTheSumOfItsParts) {
  auto parts = [](std::string_view text) {
    auto costs = parseCosts(text);
    EXPECT_TRUE(costs) << text;
    return std::array{costs->backward, costs->input, costs->weight};
  };
  EXPECT_EQ(parts("f=1"), (std::array{2.0, 1.0, 1.0}));
  EXPECT_EQ(parts("b=3"), (std::array{3.0, 1.5, 1.5}));
  EXPECT_EQ(parts("i=3"), (std::array{4.0, 3.0, 1.0}));
  EXPECT_EQ(parts("i=3,w=2"), (std::array{5.0, 3.0, 2.0}));
  EXPECT_EQ(parts("b=5,w=2"), (std::array{5.0, 3.0, 2.0}));
  EXPECT_EQ(parts("b=4,i=2,w=1"), (std::array{4.0, 2.0, 1.0})); // As measured: all three given.
}

TEST(Costs, RefuseWhatIsNoCost) {
  auto refused = [](std::string_view text, std::string_view reason) {
    auto costs = parseCosts(text);
    ASSERT_FALSE(costs) << text;
    EXPECT_EQ(costs.error().code(), Code::Usage);
    EXPECT_NE(costs.error().str().find(reason), std::string::npos) << costs.error().str();
  };
  for (std::string_view text : {"", "f", "f=", "=1", "f=1,", ",f=1", "f=1x", "f= 1", "f=+1",
                                "f=0x1", "f=1;b=2", "f=1e", "f=--1"})
    refused(text, text == "=1" ? "there is no cost ''" : "not a name, '=' and a number");
  refused("f=-1", "finite and not negative");
  refused("f=inf", "finite and not negative");
  refused("comm=nan", "finite and not negative");
  refused("f=1e999", "not a number that a double holds");
  refused("f=1,f=1", "given twice");
  refused("i=1e308,w=1e308", "the cost b is inf; costs are finite and not negative");
  refused("q=1", "Costs are f, b, i, w, comm");
  refused(" f=1", "there is no cost ' f'");
  refused("b=1,w=2", "the part w of a backward costs more than the whole");
}

TEST(Costs, AreCheckedAgainstStages) {
  Costs costs;
  costs.stageFactor = {1, 2};
  EXPECT_TRUE(checkCosts(costs, 2));
  EXPECT_FALSE(checkCosts(costs, 3));
  costs.stageFactor[1] = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(checkCosts(costs, 2));
  costs.stageFactor[1] = -1;
  EXPECT_FALSE(checkCosts(costs, 2));
  Costs negative;
  negative.optimizer = -0.5;
  EXPECT_FALSE(checkCosts(negative, 2));
}

} // namespace
} // namespace recast::schedule
