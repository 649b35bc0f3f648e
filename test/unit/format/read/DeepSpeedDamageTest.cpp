// Broken DeepSpeed folders: every damage is named, none is guessed over, nothing crashes.
#include "runtime/format/deepspeed/read/DeepSpeedReader.h"
#include "runtime/format/torch/read/TorchFile.h"
#include "test/unit/format/read/Samples.h"

#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>
#include <random>

namespace recast::format {
namespace {
namespace fs = std::filesystem;
using test::dataPath;
using test::TempFolder;

class Damage : public ::testing::Test {
protected:
  /// A copy of the case that may be broken.
  std::string copy(const std::string &name) {
    run_ = folder_.path(name);
    test::copyTree(dataPath("deepspeed/" + name + "/native"), run_);
    tag_ = run_ + "/global_step3/";
    return run_;
  }
  std::string problems() {
    auto inventory = readDeepSpeed(run_, {});
    EXPECT_TRUE(inventory) << inventory.error().str();
    return inventory ? test::problemText(*inventory) : "";
  }
  TempFolder folder_;
  std::string run_, tag_;
};

TEST_F(Damage, AMissingRankFileIsNamed) {
  copy("z2_fp32_dp3");
  fs::remove(tag_ + "zero_pp_rank_2_mp_rank_00_optim_states.pt");
  std::string text = problems();
  EXPECT_NE(text.find("rank 2 of 3"), std::string::npos) << text;
  EXPECT_NE(text.find("global_step3/zero_pp_rank_2_mp_rank_00_optim_states.pt"), std::string::npos)
      << text;

  copy("z3_fp32_dp4_subgroups");
  fs::remove(tag_ + "zero_pp_rank_0_mp_rank_00_model_states.pt");
  text = problems();
  EXPECT_NE(text.find("rank 0 of 4"), std::string::npos) << text;
  EXPECT_NE(text.find("zero_pp_rank_0_mp_rank_00_model_states.pt"), std::string::npos) << text;

  copy("z1_bf16_dp2");
  fs::remove(tag_ + "mp_rank_00_model_states.pt");
  EXPECT_NE(problems().find("model states are missing"), std::string::npos);
  fs::remove(tag_ + "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt");
  EXPECT_NE(problems().find("bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt"), std::string::npos);
}

TEST_F(Damage, ASurplusRankFileIsNamed) {
  copy("z2_fp32_dp3");
  fs::copy(tag_ + "zero_pp_rank_2_mp_rank_00_optim_states.pt",
           tag_ + "zero_pp_rank_10_mp_rank_00_optim_states.pt");
  std::string text = problems();
  EXPECT_NE(text.find("surplus"), std::string::npos) << text;
  EXPECT_NE(text.find("zero_pp_rank_10_"), std::string::npos) << text;
  fs::remove(tag_ + "zero_pp_rank_10_mp_rank_00_optim_states.pt");
  fs::copy(tag_ + "zero_pp_rank_1_mp_rank_00_optim_states.pt",
           tag_ + "bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt");
  text = problems();
  EXPECT_NE(text.find("two files for rank 1"), std::string::npos) << text;
}

TEST_F(Damage, FilesOfOtherStepsAreFound) {
  // Rank 1 of fp16 lies at step 6, the bf16 run at 3: everything else about them is alike.
  copy("z1_bf16_dp2");
  fs::copy(dataPath("deepspeed/z1_fp16_dp2/native/global_step7/"
                    "zero_pp_rank_1_mp_rank_00_optim_states.pt"),
           tag_ + "bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt",
           fs::copy_options::overwrite_existing);
  std::string text = problems();
  EXPECT_NE(text.find("'step' of group 0 is 6 here and 3 in"), std::string::npos) << text;
  EXPECT_NE(text.find("'loss_scaler' is not equal"), std::string::npos) << text;
  EXPECT_NE(text.find("Files of different saves"), std::string::npos) << text;
}

TEST_F(Damage, FilesOfAnotherModelAreFound) {
  copy("z2_bf16_dp2");
  fs::copy(dataPath("deepspeed/z2_bf16_dp2_frozenmatrix/native/global_step3/"
                    "bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt"),
           tag_ + "bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt",
           fs::copy_options::overwrite_existing);
  EXPECT_NE(problems(), "");
  copy("z3_fp32_dp1");
  fs::copy(dataPath("deepspeed/z3_bf16_dp2/native/global_step3/"
                    "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt"),
           tag_ + "zero_pp_rank_0_mp_rank_00_optim_states.pt",
           fs::copy_options::overwrite_existing);
  EXPECT_NE(problems(), "");
}

TEST_F(Damage, TruncatedFilesAreNamedWithTheByte) {
  for (const char *name : {"z2_fp32_dp3", "z3_fp32_dp4_subgroups"}) {
    copy(name);
    for (const auto &entry : fs::directory_iterator(tag_)) {
      std::string path = entry.path().string(), whole = test::slurp(path);
      for (size_t part = 0; part < 16; ++part) {
        size_t size = whole.size() * part / 16;
        fs::resize_file(path, size);
        std::string text = problems();
        EXPECT_TRUE(text.find(size == 0 ? "empty" : fmt::format("stops at byte {}", size)) !=
                    std::string::npos)
            << text;
        EXPECT_NE(text.find(entry.path().filename().string()), std::string::npos) << text;
        test::overwrite(path, whole);
      }
    }
    EXPECT_EQ(problems(), "");
  }
}

TEST_F(Damage, RandomByteFlipsNeverCrash) {
  std::mt19937 random(11);
  for (const char *name : {"z2_fp32_dp3", "z3_bf16_dp2"}) {
    copy(name);
    std::vector<std::string> paths;
    for (const auto &entry : fs::directory_iterator(tag_))
      paths.push_back(entry.path().string());
    std::sort(paths.begin(), paths.end());
    for (int i = 0; i < 200; ++i) {
      const std::string &path = paths[random() % paths.size()];
      std::string whole = test::slurp(path), broken = whole;
      // Directories and pickles, not tensor data, are what this reader reads.
      size_t at = random() % 2 ? random() % 4096 : whole.size() - 1 - random() % 4096;
      broken[at] ^= static_cast<char>(1u << random() % 8);
      test::overwrite(path, broken);
      auto inventory = readDeepSpeed(run_, {});
      if (inventory && inventory->problems.empty()) {
        for (const Tensor &tensor : inventory->tensors)
          EXPECT_LT(tensor.layout, inventory->layouts.size());
      }
      test::overwrite(path, whole);
    }
  }
}

/// The same file with its pickle edited, the checksum made right again.
void editPickle(const std::string &path, const std::function<bool(std::string &)> &edit) {
  auto file = io::File::open(path);
  ASSERT_TRUE(file);
  auto directory = torch::ZipDirectory::read(*file);
  ASSERT_TRUE(directory);
  std::vector<test::SampleMember> members;
  bool changed = false;
  for (const torch::ZipMember &member : directory->members()) {
    std::string payload = *file->read(member.offset, member.size);
    if (member.name.ends_with("/data.pkl"))
      changed = edit(payload) || changed;
    members.push_back({member.name, payload, {}, {}, 0, 0, ""});
  }
  EXPECT_TRUE(changed) << path;
  test::overwrite(path, test::zipOf(members));
}

void replaceInPickle(const std::string &path, const std::string &from, const std::string &to) {
  ASSERT_EQ(from.size(), to.size());
  editPickle(path, [&](std::string &pickle) {
    bool changed = false;
    for (size_t at = 0; (at = pickle.find(from, at)) != std::string::npos; ++at) {
      pickle.replace(at, from.size(), to);
      changed = true;
    }
    return changed;
  });
}

/// Exchanges the first `a` and `b` (as long as each other) after `marker` in the file's pickle.
void swapFirst(const std::string &path, const std::string &marker, const std::string &a,
               const std::string &b) {
  ASSERT_EQ(a.size(), b.size());
  editPickle(path, [&](std::string &pickle) {
    size_t from = pickle.find(marker), atA = pickle.find(a, from), atB = pickle.find(b, from);
    if (from == std::string::npos || atA == std::string::npos || atB == std::string::npos)
      return false;
    pickle.replace(atA, a.size(), b);
    pickle.replace(atB, b.size(), a);
    return true;
  });
}

TEST_F(Damage, HostileValuesAreProblems) {
  using namespace std::string_literals;
  const std::string optim = "zero_pp_rank_1_mp_rank_00_optim_states.pt",
                    model = "mp_rank_00_model_states.pt";
  struct Case {
    std::string file, from, to, expected;
  };
  for (const Case &c : {
           // torch.Size([67, 32]) of embed.weight: one row more than the flat buffer has.
           Case{model, "K\x43K\x20\x86", "K\x44K\x20\x86", ""},
           Case{model, "param_shapes", "param_shapeS", "no 'param_shapes'"},
           Case{optim, "param_slice_mappings", "param_slice_mappingS", "param_slice_mappingS"},
           Case{optim, "single_partition_of_fp32_groups", "single_partition_of_fp32_groupS",
                "of as many groups"},
           Case{optim, "X\x05\0\0\0start"s, "X\x05\0\0\0stuff"s, "malformed"},
           Case{optim, "0.19.8", "0.19.7", "the DeepSpeed version is 0.19.7 here and 0.19.8"},
           Case{model, "X\x0d\0\0\0dp_world_size"s, "X\x0d\0\0\0dp_world_sizE"s, ""},
           Case{optim, "layers.0.mlp.down_proj.weight", "layers.0.mlp.down_proj.weighT",
                "a fragment of a parameter that 'param_shapes' does not list"},
       }) {
    SCOPED_TRACE(c.file + ": " + c.from);
    copy("z2_fp32_dp3");
    replaceInPickle(tag_ + c.file, c.from, c.to);
    std::string text = problems();
    EXPECT_NE(text.find(c.expected), std::string::npos) << text;
    if (c.from.find("dp_world_size") == std::string::npos) {
      EXPECT_NE(text, "");
    }
    fs::remove_all(run_);
  }
}

TEST_F(Damage, AnOrderThatNothingExplainsIsRefused) {
  // Round robin without the word for it in the configuration: nobody knows which account is right.
  copy("odd_z2_fp32_dp2_roundrobin");
  tag_ = run_ + "/global_step2/";
  replaceInPickle(tag_ + "mp_rank_00_model_states.pt", "round_robin_gradients",
                  "round_robin_gradientz");
  std::string text = problems();
  EXPECT_NE(text.find("ambiguous"), std::string::npos) << text;
}

TEST_F(Damage, EqualParametersThatChangedPlacesAreCaughtByTheMappings) {
  // gate and down of two layers have one shape each: their sizes, the total and every prefix sum
  // stay the same when the names change places in `param_shapes`, only the slice mappings tell.
  for (const char *name : {"z2_fp32_dp3", "z1_bf16_dp2"}) {
    copy(name);
    swapFirst(tag_ + "mp_rank_00_model_states.pt", "param_shapes", "layers.0.mlp.down_proj.weight",
              "layers.1.mlp.down_proj.weight");
    std::string text = problems();
    EXPECT_NE(text.find("ambiguous"), std::string::npos) << text;
    EXPECT_NE(text.find("'param_slice_mappings' disagree"), std::string::npos) << text;
    fs::remove_all(run_);
  }
}

TEST_F(Damage, OffloadedAndExpertFilesAreRefused) {
  copy("z3_bf16_dp2");
  fs::create_directory(tag_ + "offloaded_tensors");
  EXPECT_NE(problems().find("NVMe"), std::string::npos);
  copy("z1_bf16_dp2");
  test::overwrite(tag_ + "layer_0_expert_3_mp_rank_00_model_states.pt", "x");
  EXPECT_NE(problems().find("expert parallelism"), std::string::npos);
}

TEST_F(Damage, WrongFoldersSayWhatWasLookedFor) {
  auto refusal = [](const std::string &path, const std::string &tag = "") {
    ReadOptions options;
    options.tag = tag;
    auto inventory = readDeepSpeed(path, options);
    EXPECT_FALSE(inventory);
    return inventory ? "" : inventory.error().str();
  };
  EXPECT_NE(refusal(folder_.path("absent")).find("no such folder"), std::string::npos);
  EXPECT_NE(refusal(folder_.path()).find("neither a file 'latest' nor"), std::string::npos);
  copy("z1_bf16_dp2");
  EXPECT_NE(refusal(run_, "global_step9").find("Tags with files here: global_step3"),
            std::string::npos);
  EXPECT_NE(refusal(run_, "../x").find("not the name of a folder"), std::string::npos);
  fs::remove(run_ + "/latest");
  EXPECT_NE(refusal(run_).find("--tag: global_step3"), std::string::npos);
  ReadOptions options;
  options.tag = "global_step3";
  EXPECT_TRUE(readDeepSpeed(run_, options));
  test::overwrite(run_ + "/latest", "../../etc");
  EXPECT_NE(refusal(run_).find("not the name of a folder"), std::string::npos);
  test::overwrite(run_ + "/latest", "global_step4\n");
  EXPECT_NE(refusal(run_).find("no folder 'global_step4' (named by 'latest')"), std::string::npos);
}

} // namespace
} // namespace recast::format
