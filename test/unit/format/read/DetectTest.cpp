#include "runtime/format/deepspeed/read/FileNames.h"
#include "test/unit/format/read/Samples.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace recast::format {
namespace {
namespace fs = std::filesystem;
using deepspeed::FileKind;
using deepspeed::parseFileName;
using test::dataPath;
using test::TempFolder;

TEST(Detect, KnowsFormatsByNamesAndFirstBytes) {
  TempFolder folder;
  std::string run = dataPath("deepspeed/z1_bf16_dp2/native");
  EXPECT_EQ(detectFormat(run), "deepspeed");
  EXPECT_EQ(detectFormat(run + "/global_step3"), "deepspeed");
  EXPECT_EQ(detectFormat(run + "/global_step3/mp_rank_00_model_states.pt"), "deepspeed_rank_file");
  EXPECT_EQ(detectFormat(dataPath("torch/tiny.pt")), "torch");
  EXPECT_EQ(detectFormat(dataPath("torch/legacy.pt")), "torch");
  folder.write("hub/pytorch_model.bin", "");
  folder.write("hub/config.json", "{}");
  EXPECT_EQ(detectFormat(folder.path("hub")), "torch");
  folder.write("hub/model.safetensors", "");
  EXPECT_EQ(detectFormat(folder.path("hub")), "safetensors");
  EXPECT_EQ(detectFormat(folder.write("x/pytorch_model.bin.index.json", "{}")), "torch");
  EXPECT_EQ(detectFormat(dataPath("deepspeed/z1_bf16_dp2/truth.safetensors")), "safetensors");
  EXPECT_EQ(detectFormat(folder.path()), "");
  EXPECT_EQ(detectFormat(folder.path("absent")), "");
  EXPECT_EQ(detectFormat(folder.write("notes.txt", "hello")), "");
  EXPECT_EQ(detectFormat(folder.write("x.gguf", "GGUF\3\0\0\0")), "gguf");
  folder.write("dcp/.metadata", "");
  EXPECT_EQ(detectFormat(folder.path("dcp")), "dcp");
  folder.write("uni/latest_universal", "t");
  EXPECT_EQ(detectFormat(folder.path("uni")), "deepspeed_universal");
  folder.write("tags/step5/mp_rank_00_model_states.pt", "");
  EXPECT_EQ(detectFormat(folder.path("tags")), "deepspeed");
}

TEST(Detect, WrongPathsSayWhatIsRead) {
  TempFolder folder;
  auto empty = readInventory(folder.path(), {});
  ASSERT_FALSE(empty);
  EXPECT_NE(empty.error().hintText().find("latest"), std::string::npos);
  auto absent = readInventory(folder.path("absent"), {});
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.error().message().find("no such"), std::string::npos);
  ReadOptions options;
  options.format = "nonsense";
  EXPECT_EQ(readInventory(folder.path(), options).error().code(), Code::Usage);
}

TEST(Detect, SoundInventoriesHaveNoProblems) {
  EXPECT_TRUE(readSoundInventory(dataPath("deepspeed/z3_bf16_dp2/native"), {}));
  auto refused = readSoundInventory(dataPath("deepspeed/tp2_dp2_z1_bf16/native"), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().exitCode(), 3);
  EXPECT_TRUE(readSoundInventory(dataPath("torch/tiny.pt"), {}));
}

TEST(Detect, OneRankFileIsAnInventory) {
  std::string path = dataPath("deepspeed/z2_fp32_dp3/native/global_step3/"
                              "zero_pp_rank_1_mp_rank_00_optim_states.pt");
  auto inventory = readInventory(path, {});
  ASSERT_TRUE(inventory) << inventory.error().str();
  EXPECT_EQ(inventory->format, "deepspeed_rank_file");
  const Tensor *tensor = test::findTensor(
      *inventory, "optimizer_state_dict.base_optimizer_state.state.0.exp_avg", "tensor");
  EXPECT_EQ(tensor->shape, std::vector<int64_t>{5782});
  EXPECT_EQ(test::gather(*inventory, *tensor).size(), 5782u * 4);
}

TEST(FileNames, RanksAreNumbers) {
  auto file = parseFileName("bf16_zero_pp_rank_10_mp_rank_102_optim_states.pt");
  EXPECT_EQ(file.kind, FileKind::OptimStates);
  EXPECT_EQ(file.dp, 10);
  EXPECT_EQ(file.mp, 102);
  EXPECT_EQ(deepspeed::withRank(file, 7), "bf16_zero_pp_rank_7_mp_rank_102_optim_states.pt");
  EXPECT_EQ(parseFileName("zero_pp_rank_0_mp_rank_00optim_states.pt").kind, FileKind::OptimStates);
  EXPECT_EQ(parseFileName("zero_pp_rank_0_mp_rank_00_model_states.pt").kind,
            FileKind::Zero3ModelStates);
  EXPECT_EQ(parseFileName("mp_rank_03_model_states.pt").mp, 3);
  EXPECT_EQ(parseFileName("layer_00-model_states.pt").kind, FileKind::Layer);
  EXPECT_EQ(parseFileName("layer_02-model_01-model_states.pt").kind, FileKind::Layer);
  EXPECT_EQ(parseFileName("layer_0_expert_12_mp_rank_00_model_states.pt").kind, FileKind::Expert);
  EXPECT_EQ(parseFileName("expp_rank_1_mp_rank_00_optim_states.pt").kind, FileKind::Expert);
  for (const char *other : {"", "zero_to_fp32.py", "zero_pp_rank__mp_rank_00_optim_states.pt",
                            "zero_pp_rank_99999999999_mp_rank_00_optim_states.pt",
                            "mp_rank_00_model_states.pt.tmp", "optimizer.pt"})
    EXPECT_EQ(parseFileName(other).kind, FileKind::Other) << other;
}

TEST(FileNames, ListsInRankOrder) {
  TempFolder folder;
  for (int rank : {10, 2, 1, 0, 9})
    folder.write(fmt::format("zero_pp_rank_{}_mp_rank_00_optim_states.pt", rank), "");
  auto files = deepspeed::listCheckpoint(folder.path());
  ASSERT_TRUE(files);
  std::vector<int64_t> ranks;
  for (const auto &file : *files)
    ranks.push_back(file.dp);
  EXPECT_EQ(ranks, (std::vector<int64_t>{0, 1, 2, 9, 10}));
}

} // namespace
} // namespace recast::format
