#include "compiler/Schedule/Updates.h"

#include "compiler/Schedule/Comms.h"
#include "compiler/Schedule/Generate.h"
#include "test/unit/schedule/Lists.h"

#include <gtest/gtest.h>

namespace recast::schedule {
namespace {

TEST(Updates, ComeOnceAfterTheLastGradientOfAStage) {
  for (const std::string &kind : kinds()) {
    SCOPED_TRACE(kind);
    auto made = generate(kind, {3, usualChunks(kind), 9});
    ASSERT_TRUE(made);
    Schedule with = withOptimizerSteps(*made);
    if (made->updateEvery != 0) {
      EXPECT_EQ(with, *made);
      continue;
    }
    std::vector<int> steps(made->rankOf.size(), 0), left(made->rankOf.size(), 9);
    for (size_t r = 0; r < with.actions.size(); ++r) {
      for (const Action &action : with.actions[r]) {
        auto s = static_cast<size_t>(action.stage);
        bool ends =
            action.kind == ActionKind::Backward || action.kind == ActionKind::BackwardWeight;
        left[s] -= ends;
        if (action.kind == ActionKind::OptimizerStep) {
          EXPECT_EQ(left[s], 0);
          ++steps[s];
        }
      }
      std::erase_if(with.actions[r],
                    [](const Action &a) { return a.kind == ActionKind::OptimizerStep; });
    }
    EXPECT_EQ(steps, std::vector<int>(steps.size(), 1));
    EXPECT_EQ(with, *made);
  }
}

TEST(Updates, FollowThePairAndTheReduction) {
  Schedule pair = fromTexts({"0F0 (0F1;0B0)OVERLAP_F_B 0B1 0REDUCE_GRAD 0F2"});
  EXPECT_EQ(cellTexts(withOptimizerSteps(pair).actions[0]),
            (std::vector<std::string>{"0F0", "(0F1;0B0)OVERLAP_F_B", "0B1", "0REDUCE_GRAD", "0OPT",
                                      "0F2"}));
}

} // namespace
} // namespace recast::schedule
