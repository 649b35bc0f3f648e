// Universal folders as DeepSpeed's own converter writes them, against the runs they were made from.
#include "runtime/format/deepspeed_universal/read/UniversalReader.h"
#include "test/unit/format/read/Samples.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace recast::format {
namespace {
namespace fs = std::filesystem;
using test::dataPath;
using test::findTensor;
using test::gather;
using test::TempFolder;

class UniversalRun : public ::testing::TestWithParam<const char *> {
protected:
  std::string folder() const { return dataPath(std::string("deepspeed/") + GetParam()); }
};

TEST_P(UniversalRun, HoldsWhatTheRunHolds) {
  auto native = readInventory(folder() + "/native", {});
  auto universal = readInventory(folder() + "/universal", {});
  ASSERT_TRUE(native && universal) << universal.error().str();
  EXPECT_EQ(universal->format, "deepspeed_universal");
  EXPECT_EQ(universal->tag, "global_step2_universal");
  EXPECT_EQ(test::problemText(*universal), "");
  EXPECT_EQ(universal->iteration, native->iteration);
  bool zero3 = native->properties.at("zero")->integer == 3;
  for (const Tensor &tensor : native->tensors) {
    SCOPED_TRACE(tensor.role.str() + " " + tensor.name.str());
    if (tensor.role == role::kWeight)
      continue;
    // Upstream's ZeRO-3 output has no steps, frozen parameters and buffers.
    if (zero3 && (tensor.role == role::kStep || tensor.role == role::kFrozen ||
                  tensor.role == role::kBuffer))
      continue;
    const Tensor *other = findTensor(*universal, tensor.name, tensor.role);
    ASSERT_NE(other, nullptr);
    EXPECT_EQ(other->shape, tensor.shape);
    EXPECT_EQ(other->group, tensor.group);
    if (tensor.scalar) {
      EXPECT_EQ(other->scalar, tensor.scalar);
    } else if (other->dtype == tensor.dtype) {
      EXPECT_EQ(gather(*universal, *other), gather(*native, tensor));
    }
  }
  ASSERT_EQ(universal->groups.size(), native->groups.size());
  for (size_t g = 0; g < native->groups.size(); ++g) {
    EXPECT_EQ(universal->groups[g].names, native->groups[g].names);
    EXPECT_TRUE(plan::equal(*universal->groups[g].hyper, *native->groups[g].hyper));
  }
}

TEST_P(UniversalRun, TheFolderOfTheTagWillDo) {
  auto inventory = readUniversal(folder() + "/universal/global_step2_universal", {});
  ASSERT_TRUE(inventory) << inventory.error().str();
  EXPECT_EQ(inventory->tag, "global_step2_universal");
  EXPECT_EQ(test::problemText(*inventory), "");
}

INSTANTIATE_TEST_SUITE_P(All, UniversalRun,
                         ::testing::Values("odd_z1_fp32_dp5_tiny", "odd_z3_fp32_dp3_tied"),
                         [](const auto &info) { return std::string(info.param); });

TEST(Universal, DamageIsNamed) {
  TempFolder folder;
  std::string root = folder.path("u"), zero = root + "/global_step2_universal/zero/";
  test::copyTree(dataPath("deepspeed/odd_z3_fp32_dp3_tied/universal"), root);
  auto problems = [&] {
    auto inventory = readUniversal(root, {});
    EXPECT_TRUE(inventory);
    return inventory ? test::problemText(*inventory) : "";
  };
  EXPECT_EQ(problems(), "");

  std::string atom = zero + "a.weight/exp_avg.pt", whole = test::slurp(atom);
  test::overwrite(atom, whole.substr(0, whole.size() / 2));
  EXPECT_NE(problems().find("truncated"), std::string::npos);
  test::overwrite(atom, test::slurp(zero + "b.weight/exp_avg.pt"));
  EXPECT_NE(problems().find("21 elements, where the parameter's shape [7, 5] has 35"),
            std::string::npos)
      << problems();
  test::overwrite(atom, whole);
  fs::remove(zero + "a.weight/fp32.pt");
  EXPECT_NE(problems().find("no fp32.pt"), std::string::npos);
  fs::remove_all(zero + "a.weight");
  EXPECT_NE(problems().find("no folder below zero/"), std::string::npos);
  fs::remove(zero + "optimizer_state.pt");
  EXPECT_NE(problems().find("optimizer_state.pt"), std::string::npos);
  for (int rank = 0; rank < 3; ++rank)
    fs::remove(
        root +
        fmt::format("/global_step2_universal/zero_pp_rank_{}_mp_rank_00_model_states.pt", rank));
  EXPECT_NE(problems().find("no *_model_states.pt"), std::string::npos);

  fs::remove(root + "/latest_universal");
  auto gone = readUniversal(root, {});
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().message().find("latest_universal"), std::string::npos);
}

} // namespace
} // namespace recast::format
