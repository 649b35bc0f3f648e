#include "PlanSamples.h"

#include "runtime/base/Checked.h"
#include "runtime/layout/ElementMap.h"
#include "runtime/layout/Pieces.h"
#include "runtime/plan/Expand.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

namespace recast::plan::test {
namespace {

using testing::HasSubstr;

/// Where one element of one input is read from.
struct Byte {
  uint32_t file = kNone;
  uint64_t offset = 0;
  bool operator==(const Byte &) const = default;
};
void PrintTo(const Byte &byte, std::ostream *out) { *out << byte.file << ':' << byte.offset; }

/// By the definition of layouts, element by element: the lowest rank that holds each.
std::vector<Byte> naiveInput(const Plan &plan, const Family &family, size_t member, size_t input) {
  const MemberInput &row = family.memberInputs[member * family.inputs.size() + input];
  int64_t count = *elementCount(family.shape);
  std::vector<Byte> out(static_cast<size_t>(count));
  if (row.store == kNone) {
    std::fill(out.begin(), out.end(), Byte{kNone, static_cast<uint64_t>(row.start)});
    return out;
  }
  const layout::Layout &layout = plan.layouts[family.inputs[input].layout];
  for (int64_t rank = 0; rank < layout.mesh.rankCount(); ++rank) {
    auto slots = layout::elementMap(layout, partShapes(layout, family.shape), rank,
                                    {row.start, row.groupTotal});
    EXPECT_TRUE(slots.has_value()) << (slots ? "" : slots.error().str());
    const Extent &extent = plan.extents[plan.stores[row.store].firstExtent + rank];
    int64_t start = row.groupTotal ? 0 : row.start;
    for (size_t slot = 0; slots && slot < slots->size(); ++slot) {
      if ((*slots)[slot].part != static_cast<int32_t>(row.part))
        continue;
      Byte &byte = out[static_cast<size_t>((*slots)[slot].index)];
      if (byte == Byte())
        byte = {extent.file,
                extent.offset + (start + slot) * byteWidth(family.inputs[input].dtype)};
    }
  }
  return out;
}

constexpr uint64_t kNotHeld = UINT64_MAX;

/// Where each element of an output lies in its tensor on the target's rank.
std::vector<uint64_t> naiveOutput(const Plan &plan, const Family &family, size_t member,
                                  size_t output) {
  const layout::Layout &layout = plan.layouts[family.outputs[output].layout];
  auto part = family.memberOutputs[member * family.outputs.size() + output].part;
  int64_t rank = plan.targets[family.outputs[output].target].rankIn(layout);
  auto slots = layout::elementMap(layout, partShapes(layout, family.shape), rank);
  EXPECT_TRUE(slots.has_value());
  std::vector<uint64_t> out(static_cast<size_t>(*elementCount(family.shape)), kNotHeld);
  for (size_t slot = 0; slot < slots->size(); ++slot)
    if ((*slots)[slot].part == static_cast<int32_t>(part))
      out[static_cast<size_t>((*slots)[slot].index)] =
          slot * byteWidth(family.outputs[output].dtype);
  return out;
}

/// Expands every member and compares element by element; returns the number of runs.
size_t expectAsNaive(const Plan &plan) {
  Status sound = verify(plan);
  EXPECT_TRUE(sound.has_value()) << sound.error().str();
  if (!sound)
    return 0;
  size_t runs = 0;
  for (uint32_t f = 0; f < plan.families.size(); ++f) {
    const Family &family = plan.families[f];
    auto expander = FamilyExpander::create(plan, f);
    EXPECT_TRUE(expander.has_value());
    for (uint32_t m = 0; m < family.memberCount(); ++m) {
      std::vector<std::vector<uint64_t>> outputs;
      for (size_t i = 0; i < family.outputs.size(); ++i)
        outputs.push_back(naiveOutput(plan, family, m, i));
      std::vector<std::vector<Byte>> inputs;
      for (size_t i = 0; i < family.inputs.size(); ++i)
        inputs.push_back(naiveInput(plan, family, m, i));
      int64_t seen = 0, end = 0, held = *elementCount(family.shape);
      for (int64_t k = *elementCount(family.shape); k-- > 0;)
        held -= std::any_of(outputs.begin(), outputs.end(), [k](const std::vector<uint64_t> &out) {
          return out[static_cast<size_t>(k)] == kNotHeld;
        });
      std::vector<plan::Run> once;
      auto check = [&](const plan::Run &run) -> Status {
        ++runs;
        once.push_back(run);
        EXPECT_EQ(run.family, f);
        EXPECT_EQ(run.member, m);
        EXPECT_GE(run.logicalOffset, end) << "runs must ascend";
        EXPECT_GT(run.count, 0);
        end = run.logicalOffset + run.count;
        seen += run.count;
        for (int64_t k = 0; k < run.count; ++k) {
          auto element = static_cast<size_t>(run.logicalOffset + k);
          for (size_t i = 0; i < inputs.size(); ++i) {
            uint64_t step = run.inputs[i].file == kNone
                                ? 0
                                : static_cast<uint64_t>(k) * byteWidth(family.inputs[i].dtype);
            EXPECT_EQ((Byte{run.inputs[i].file, run.inputs[i].offset + step}), inputs[i][element])
                << "element " << element;
          }
          for (size_t i = 0; i < outputs.size(); ++i)
            EXPECT_EQ(run.outputs[i].tensorByte +
                          static_cast<uint64_t>(k) * byteWidth(family.outputs[i].dtype),
                      outputs[i][element]);
        }
        return {};
      };
      Status status = expander->expand(m, check);
      EXPECT_TRUE(status.has_value()) << status.error().str();
      EXPECT_EQ(seen, held);
      // Boxes are the same elements at the same places.
      int64_t inBoxes = 0;
      Status boxed = expander->expandBoxes(m, [&](const plan::Run &run) -> Status {
        std::vector<int64_t> index(run.dims.size(), 0);
        for (int64_t k = 0; k < run.count; ++k, ++inBoxes) {
          // Contiguous, or the k-th of the box, row-major.
          int64_t rest = k, logical = run.dims.empty() ? k : 0;
          for (size_t d = run.dims.size(); d-- > 0; rest /= run.dims[d].extent)
            logical += (index[d] = rest % run.dims[d].extent) * run.dims[d].logicalStride;
          auto element = static_cast<size_t>(run.logicalOffset + logical);
          auto place = [&](size_t operand, unsigned width) {
            int64_t at = run.dims.empty() ? k : 0;
            for (size_t d = 0; d < run.dims.size(); ++d)
              at += index[d] * run.dims[d].strides[operand];
            return static_cast<uint64_t>(at) * width;
          };
          for (size_t i = 0; i < inputs.size(); ++i) {
            uint64_t step =
                run.inputs[i].file == kNone ? 0 : place(i, byteWidth(family.inputs[i].dtype));
            EXPECT_EQ((Byte{run.inputs[i].file, run.inputs[i].offset + step}), inputs[i][element]);
          }
          for (size_t i = 0; i < outputs.size(); ++i)
            EXPECT_EQ(run.outputs[i].tensorByte +
                          place(inputs.size() + i, byteWidth(family.outputs[i].dtype)),
                      outputs[i][element]);
        }
        return {};
      });
      EXPECT_TRUE(boxed.has_value()) << boxed.error().str();
      EXPECT_EQ(inBoxes, seen);
      // A single member's expansion is the same.
      size_t at = 0;
      status = expandMember(plan, f, m, [&](const plan::Run &run) -> Status {
        EXPECT_LT(at, once.size());
        EXPECT_EQ(run.logicalOffset, once[at].logicalOffset);
        EXPECT_EQ(run.count, once[at++].count);
        return {};
      });
      EXPECT_TRUE(status.has_value());
      EXPECT_EQ(at, once.size());
    }
  }
  return runs;
}

TEST(Expand, PartsOfPackedTensors) { EXPECT_GT(expectAsNaive(goldenPlan()), 0u); }

/// Adds a member with one (start, group total) per input, each with extents of `room` elements.
void addMember(Plan &plan, const std::string &name, std::vector<std::pair<int64_t, int64_t>> places,
               int64_t room) {
  Family &family = plan.families[0];
  uint32_t id = addString(plan, name);
  family.memberNames.push_back(id);
  for (size_t i = 0; i < places.size(); ++i) {
    int64_t ranks = plan.layouts[family.inputs[i].layout].mesh.rankCount();
    uint32_t store = addStore(plan, ranks, room, 4);
    family.memberInputs.push_back({store, places[i].first, places[i].second});
  }
  family.memberOutputs.push_back({id, 0});
}

TEST(Expand, Zero1GroupsAreCutWhereTheBufferIsCut) {
  // Three tensors one after the other in a group of 80 over 4 ranks.
  Plan plan = planOf({3, 7}, {"on (dp = 4) flat dp per group"});
  addMember(plan, "a", {{0, 80}}, 20);
  addMember(plan, "b", {{21, 80}}, 20);
  addMember(plan, "c", {{42, 80}}, 20);
  EXPECT_EQ(expectAsNaive(plan), 6u);
}

TEST(Expand, Zero3SlotsHoldEqualParts) {
  Plan plan = planOf({5, 5}, {"on (dp = 4) flat dp per param"});
  addMember(plan, "a", {{0, 0}}, 100);
  addMember(plan, "b", {{93, 0}}, 100);
  EXPECT_EQ(expectAsNaive(plan), 8u);
}

TEST(Expand, InputsWithDifferentCutsAreRefined) {
  // Weights in slots of ceil(30 / 4) = 8, the master copy in a group cut at 25, 50, ...
  Plan plan = planOf({30}, {"on (dp = 4) flat dp per param", "on (dp = 4) flat dp per group"});
  addMember(plan, "a", {{3, 0}, {20, 100}}, 40);
  // Cuts at 8, 16, 24 and at 5.
  EXPECT_EQ(expectAsNaive(plan), 6u - 1u);
}

TEST(Expand, ColumnSplitsInterleaveInLogicalOrder) {
  Plan plan = planOf({4, 6}, {"on (tp = 3) chunk 1 by tp"});
  addMember(plan, "a", {{0, 0}}, 8);
  EXPECT_EQ(expectAsNaive(plan), 12u);
  Plan split = planOf({4, 6}, {"on (tp = 3) map \"a b\" {a = 4, b = 6} split b by tp"});
  addMember(split, "a", {{5, 0}}, 16);
  EXPECT_EQ(expectAsNaive(split), 12u);
}

TEST(Expand, ShardsUnderFlatBuffers) {
  Plan plan = planOf({4, 6}, {"on (dp = 2, tp = 2) chunk 1 by tp flat dp per param"});
  addMember(plan, "a", {{1, 0}}, 30);
  EXPECT_GT(expectAsNaive(plan), 8u - 1u);
  Plan grouped = planOf({4, 6}, {"on (dp = 2, tp = 2) chunk 1 by tp flat dp per group"});
  addMember(grouped, "a", {{3, 20}}, 10);
  addMember(grouped, "b", {{8, 20}}, 10);
  EXPECT_GT(expectAsNaive(grouped), 16u - 1u);
}

TEST(Expand, ReplicasAreReadOnce) {
  Plan plan = planOf({6}, {"on (dp = 3, tp = 2) chunk 0 by tp", "on (dp = 4)"});
  addMember(plan, "a", {{0, 0}, {0, 0}}, 8);
  EXPECT_EQ(expectAsNaive(plan), 2u);
}

TEST(Expand, TransposedOutput) {
  Plan plan = planOf({4, 6}, {"on (tp = 2) chunk 0 by tp"}, "map \"a b -> b a\" {a = 4, b = 6}");
  addMember(plan, "a", {{1, 0}}, 13);
  EXPECT_EQ(expectAsNaive(plan), 24u);
}

TEST(Expand, BoxesAreFew) {
  auto boxes = [](const Plan &plan) {
    size_t count = 0;
    auto expander = FamilyExpander::create(plan, 0);
    EXPECT_TRUE(expander->expandBoxes(0, [&](const plan::Run &run) -> Status {
      EXPECT_EQ(run.dims.size(), 2u);
      ++count;
      return {};
    }));
    return count;
  };
  Plan transposed =
      planOf({400, 600}, {"on (tp = 2) chunk 0 by tp"}, "map \"a b -> b a\" {a = 400, b = 600}");
  addMember(transposed, "a", {{0, 0}}, 120'000);
  EXPECT_EQ(boxes(transposed), 2u);
  Plan columns = planOf({400, 600}, {"on (tp = 3) chunk 1 by tp"});
  addMember(columns, "a", {{0, 0}}, 80'000);
  EXPECT_EQ(boxes(columns), 3u);
}

TEST(Expand, ZeroElementsAndZeroDims) {
  Plan empty = planOf({4, 0}, {"on (dp = 2) flat dp per param"});
  addMember(empty, "a", {{0, 0}}, 4);
  EXPECT_EQ(expectAsNaive(empty), 0u);
  Plan single = planOf({}, {"on (dp = 2) flat dp per param", "whole"});
  addMember(single, "a", {{2, 0}, {1, 0}}, 4);
  EXPECT_EQ(expectAsNaive(single), 1u);
}

TEST(Expand, ScalarsAndStoredValuesShareAFamily) {
  Plan plan = planOf({}, {"whole"});
  addMember(plan, "a", {{2, 0}}, 4);
  Family &family = plan.families[0];
  family.memberNames.push_back(addString(plan, "b"));
  family.memberInputs.push_back({kNone, 0x40400000, 0});
  family.memberOutputs.push_back({family.memberNames[1], 0});
  addMember(plan, "c", {{1, 0}}, 4);
  EXPECT_EQ(expectAsNaive(plan), 3u);
  EXPECT_TRUE(isScalarMember(plan.families[0], 1));
  EXPECT_EQ(scalarOutput(plan.families[0], 1, 0), 0x4040u);
}

TEST(Expand, RandomPlans) {
  for (uint32_t seed = 0; seed < 200; ++seed)
    expectAsNaive(randomPlan(seed));
}

TEST(Expand, StopsAtTheVisitorsError) {
  Plan plan = planOf({30}, {"on (dp = 4) flat dp per param"});
  addMember(plan, "a", {{0, 0}}, 40);
  int calls = 0;
  Status status = expandPlan(plan, [&](const plan::Run &) -> Status {
    if (++calls == 2)
      return usage("enough");
    return {};
  });
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().message(), "enough");
  EXPECT_EQ(calls, 2);
}

TEST(Expand, WrongNumbersAreErrors) {
  Plan plan = planOf({30}, {"on (dp = 4) flat dp per param"});
  addMember(plan, "a", {{0, 0}}, 40);
  auto nothing = [](const plan::Run &) -> Status { return {}; };
  EXPECT_FALSE(expandMember(plan, 1, 0, nothing).has_value());
  EXPECT_FALSE(expandMember(plan, 0, 1, nothing).has_value());
  // A plan that skipped verify(): said, not read beyond the extent.
  plan.extents[1].elements = 7;
  Status status = expandPlan(plan, nothing);
  ASSERT_FALSE(status.has_value());
  EXPECT_THAT(status.error().str(), HasSubstr("outside its extent"));
}

TEST(Expand, Totals) {
  Plan plan = planOf({30}, {"on (dp = 4) flat dp per param", "whole"});
  addMember(plan, "a", {{0, 0}, {0, 0}}, 40);
  auto totals = countMember(plan, 0, 0);
  ASSERT_TRUE(totals.has_value());
  EXPECT_EQ(*totals, (RunTotals{4, 30, 240, 60}));
}

} // namespace
} // namespace recast::plan::test
