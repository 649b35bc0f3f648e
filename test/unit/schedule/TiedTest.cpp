#include "compiler/Schedule/Tied.h"

#include "compiler/Schedule/Updates.h"
#include "test/unit/schedule/Fixtures.h"
#include "test/unit/schedule/Lists.h"

namespace recast::schedule {
namespace {

Status tied(const Schedule &schedule, std::pair<int32_t, int32_t> pair) {
  auto versions = versionsOf(schedule);
  EXPECT_TRUE(versions);
  return checkTied(schedule, *versions, std::span(&pair, 1));
}

void refused(const Schedule &schedule, std::pair<int32_t, int32_t> pair, std::string_view reason) {
  Status status = tied(schedule, pair);
  ASSERT_FALSE(status) << reason;
  EXPECT_NE(status.error().str().find(reason), std::string::npos) << status.error().str();
}

TEST(Tied, CopiesStayEqualInSynchronousLists) {
  for (const std::string &kind : kinds()) {
    auto schedule = generate(kind, {4, usualChunks(kind), 8});
    ASSERT_TRUE(schedule);
    Schedule with = withOptimizerSteps(*schedule);
    EXPECT_EQ(bool(tied(with, {0, with.stages() - 1})), !with.isAsynchronous()) << kind;
    EXPECT_TRUE(tied(with, {2, 2})) << kind;
  }
  // Two steps, the pipeline empty between.
  EXPECT_TRUE(tied(fromTexts({"0F0 0B0 0OPT 0F1 0B1 0OPT", "1F0 1B0 1OPT 1F1 1B1 1OPT"}), {0, 1}));
}

TEST(Tied, ErrorsHaveAWitness) {
  refused(*generate("pipedream", {4, 1, 8}), {0, 3},
          "stages 0 and 3 share a parameter, but see versions 0 and 1 of it in the forwards of "
          "microbatch 1");
  refused(
      *generate("2bw", {4, 1, 8}), {0, 3},
      "between the forward and the backward of microbatch 4 through stage 0 its weights change");
  refused(fromTexts({"0F0 0F1 0B0 0B1 0OPT", "1F0 1F1 1B0 1OPT 1B1 1OPT"}), {0, 1},
          "apply the gradient of microbatch 1 in updates 1 and 2");
  refused(*generate("async", {4, 1, 8}), {0, 4}, "there are stages 0 to 3");
}

} // namespace
} // namespace recast::schedule
