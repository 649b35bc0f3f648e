// Real checkpoints of DeepSpeed against the logical tensors of the live run that wrote them.
#include "runtime/format/deepspeed/read/DeepSpeedReader.h"
#include "test/unit/format/read/Samples.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace recast::format {
namespace {
using test::dataPath;
using test::findTensor;
using test::gather;

Inventory readSound(const std::string &path, const std::string &frozen = "") {
  ReadOptions options;
  options.frozen = frozen;
  auto inventory = readDeepSpeed(path, options);
  EXPECT_TRUE(inventory) << inventory.error().str();
  if (!inventory)
    return {};
  EXPECT_EQ(test::problemText(*inventory), "");
  return std::move(*inventory);
}

class RealRun : public ::testing::TestWithParam<const char *> {
protected:
  std::string folder() const { return dataPath(std::string("deepspeed/") + GetParam()); }
  bool hasZero() const { return !std::string_view(GetParam()).starts_with("z0"); }
  /// Without ZeRO only the user knows which of several parameters of one shape is the frozen one.
  Inventory read() const { return readSound(folder() + "/native", hasZero() ? "" : "frozen_*"); }
};

TEST_P(RealRun, EveryTensorIsBitEqualToTheTruth) {
  Inventory inventory = read();
  auto truth = test::readTruth(folder() + "/truth.safetensors");
  auto facts = nlohmann::json::parse(test::slurp(folder() + "/truth.json"));
  int64_t zero = facts["zero_stage"];
  size_t compared = 0;
  for (const auto &[path, expected] : truth) {
    SCOPED_TRACE(path);
    std::string role = path.substr(0, path.find('/')), name = path.substr(path.find('/') + 1);
    bool alias = facts["aliases"].contains(name);
    const Tensor *tensor = nullptr;
    if (role != "module") {
      tensor = findTensor(inventory, name, role);
    } else if (!alias) {
      // Weights, frozen parameters and buffers; ZeRO-3 stores no weights, and those of an fp32
      // run without ZeRO are the masters.
      bool trainable = truth.contains("master/" + name);
      if (trainable && (zero == 3 || zero == 0))
        continue;
      tensor = findTensor(inventory, name,
                          trainable       ? "weight"
                          : name == "pos" ? "buffer"
                                          : "frozen");
    }
    if (!tensor) {
      EXPECT_TRUE(alias);
      continue;
    }
    EXPECT_EQ(info(tensor->dtype).safetensors, expected.dtype);
    EXPECT_EQ(tensor->shape, expected.shape);
    EXPECT_EQ(gather(inventory, *tensor), expected.bytes);
    ++compared;
  }
  size_t elementTensors = 0;
  for (const Tensor &tensor : inventory.tensors)
    elementTensors += tensor.scalar ? 0 : 1;
  EXPECT_EQ(elementTensors, compared) << "tensors that the truth does not know";
}

TEST_P(RealRun, StepsGroupsAndAliasesAreThoseOfTheRun) {
  Inventory inventory = read();
  auto facts = nlohmann::json::parse(test::slurp(folder() + "/truth.json"));
  EXPECT_EQ(inventory.iteration, facts["global_steps"].get<int64_t>());
  EXPECT_EQ(inventory.tag, fmt::format("global_step{}", *inventory.iteration));
  EXPECT_EQ(inventory.mesh, (layout::Mesh{{"dp"}, {facts["dp"].get<int64_t>()}}));
  EXPECT_EQ(inventory.properties.at("zero")->integer, facts["zero_stage"].get<int64_t>());
  EXPECT_EQ(inventory.properties.at("ds_version")->text, "0.19.8");
  EXPECT_FALSE(inventory.orderUncertain);
  EXPECT_TRUE(inventory.foreignGlobals.empty());

  size_t masters = 0, steps = 0;
  for (const Tensor &tensor : inventory.tensors) {
    masters += tensor.role == role::kMaster;
    if (tensor.role != role::kStep)
      continue;
    ++steps;
    ASSERT_TRUE(tensor.scalar);
    EXPECT_EQ(tensor.dtype, DType::F32);
    EXPECT_EQ(std::bit_cast<float>(static_cast<uint32_t>(*tensor.scalar)),
              facts["step"][0].get<float>());
  }
  EXPECT_EQ(masters, steps);

  ASSERT_EQ(inventory.groups.size(), facts["groups"].size());
  size_t names = 0;
  for (size_t g = 0; g < inventory.groups.size(); ++g) {
    const plan::Object &hyper = *inventory.groups[g].hyper;
    EXPECT_EQ(hyper.find("params"), nullptr);
    EXPECT_EQ(hyper.find("lr")->real, facts["groups"][g]["lr"].get<double>());
    EXPECT_EQ(hyper.find("name")->text, facts["groups"][g]["name"].get<std::string>());
    names += inventory.groups[g].names.size();
    for (const std::string &name : inventory.groups[g].names)
      EXPECT_EQ(findTensor(inventory, name, "master")->group, static_cast<int32_t>(g));
  }
  EXPECT_EQ(names, masters);
  std::map<std::string, std::string> aliases(inventory.aliases.begin(), inventory.aliases.end());
  EXPECT_EQ(aliases, (facts["aliases"].get<std::map<std::string, std::string>>()));
}

TEST_P(RealRun, ObjectsAreDetachedAndComplete) {
  Inventory inventory = read();
  const plan::Object &optimizer = *inventory.objects.at("optimizer");
  if (hasZero())
    for (const char *key : {"loss_scaler", "dynamic_loss_scale", "overflow", "zero_stage"})
      EXPECT_NE(optimizer.find(key), nullptr) << key;
  EXPECT_NE(optimizer.find("ds_version"), nullptr);
  for (const char *key :
       {"state", "param_groups", "base_optimizer_state", "single_partition_of_fp32_groups",
        "fp32_flat_groups", "optimizer_state_dict", "param_slice_mappings"})
    EXPECT_EQ(optimizer.find(key), nullptr) << key;
  EXPECT_EQ(inventory.objects.at("param_groups")->items.size(), inventory.groups.size());
  EXPECT_NE(inventory.objects.at("param_groups")->items[0]->find("params"), nullptr);
  EXPECT_EQ(inventory.objects.at("iteration")->integer, *inventory.iteration);
  EXPECT_TRUE(inventory.objects.contains("lr_scheduler"));
}

TEST_P(RealRun, RecordsCoverWhatStoresTouch) {
  Inventory inventory = read();
  for (size_t i = 1; i < inventory.records.size(); ++i) {
    const Record &a = inventory.records[i - 1], &b = inventory.records[i];
    EXPECT_LT(std::pair(a.file, a.offset), std::pair(b.file, b.offset));
  }
  for (const Store &store : inventory.stores)
    for (const Extent &extent : store.extents) {
      if (extent.elements == 0)
        continue;
      uint64_t end =
          extent.offset + static_cast<uint64_t>(extent.elements) * byteWidth(store.dtype);
      EXPECT_TRUE(std::any_of(
          inventory.records.begin(), inventory.records.end(), [&](const Record &record) {
            return record.file == extent.file && record.offset <= extent.offset &&
                   end <= record.offset + record.length;
          }));
      EXPECT_LE(end, inventory.files[extent.file].size);
    }
}

INSTANTIATE_TEST_SUITE_P(All, RealRun,
                         ::testing::Values("z0_fp32_dp2", "z1_bf16_dp2", "z1_fp16_dp2",
                                           "z2_bf16_dp2", "z2_bf16_dp2_frozenmatrix", "z2_fp32_dp3",
                                           "z3_bf16_dp2", "z3_fp32_dp1", "z3_fp32_dp4_subgroups"),
                         [](const auto &info) { return std::string(info.param); });

TEST(DeepSpeed, TheFolderOfTheTagWillDo) {
  std::string run = dataPath("deepspeed/z2_fp32_dp3/native");
  Inventory fromRun = readSound(run), fromTag = readSound(run + "/global_step3/");
  EXPECT_EQ(fromTag.tag, "global_step3");
  EXPECT_EQ(fromRun.files[0].path, "global_step3/" + fromTag.files[0].path);
  EXPECT_EQ(fromRun.tensors.size(), fromTag.tensors.size());
}

TEST(DeepSpeed, LayoutsThatAreNotReadAreRefusedWithTheReason) {
  for (auto [name, reason] :
       {std::pair("tp2_dp2_z1_bf16", "model parallelism: there are 2"),
        std::pair("pp2_dp2_z1_bf16", "pipeline parallelism"),
        std::pair("z0_fp32_dp2", "cannot be told for 'frozen_scale', 'layers.0.ln1.weight'")}) {
    SCOPED_TRACE(name);
    auto inventory = readDeepSpeed(dataPath(fmt::format("deepspeed/{}/native", name)), {});
    ASSERT_TRUE(inventory) << inventory.error().str();
    ASSERT_FALSE(inventory->problems.empty());
    EXPECT_NE(test::problemText(*inventory).find(reason), std::string::npos)
        << test::problemText(*inventory);
    EXPECT_FALSE(inventory->problems[0].error.hintText().empty());
    EXPECT_FALSE(inventory->files.empty() && inventory->iteration);
  }
}

/// fp32 models: the weights in the module are the masters, bit for bit, so each file is its own
/// witness. Moments have none, but they share the masters' order.
class OddRun : public ::testing::TestWithParam<const char *> {};

TEST_P(OddRun, MastersEqualTheWeights) {
  std::string path = dataPath(fmt::format("deepspeed/{}/native", GetParam()));
  Inventory inventory = readSound(path);
  size_t compared = 0;
  for (const Tensor &master : inventory.tensors) {
    if (master.role != role::kMaster)
      continue;
    SCOPED_TRACE(master.name.str());
    const Tensor *weight = findTensor(inventory, master.name, "weight");
    ASSERT_NE(weight, nullptr);
    ASSERT_EQ(weight->dtype, DType::F32);
    EXPECT_EQ(weight->shape, master.shape);
    EXPECT_EQ(gather(inventory, *weight), gather(inventory, master));
    for (const char *role : {role::kExpAvg, role::kExpAvgSq}) {
      const Tensor *moment = findTensor(inventory, master.name, role);
      EXPECT_EQ(std::tie(moment->start, moment->groupTotal, moment->layout),
                std::tie(master.start, master.groupTotal, master.layout));
      gather(inventory, *moment); // Lies inside its files.
    }
    ++compared;
  }
  EXPECT_GE(compared, 8u);
  std::string name = GetParam();
  EXPECT_EQ(inventory.orderUncertain, name == "odd_z2_fp32_dp2_roundrobin");
}

INSTANTIATE_TEST_SUITE_P(All, OddRun,
                         ::testing::Values("odd_z2_fp32_dp2_roundrobin",
                                           "odd_z2_fp32_dp3_roundrobin_align",
                                           "odd_z1_fp32_dp2_align", "odd_z1_fp32_dp5_tiny",
                                           "odd_z1_fp32_dp1_legacy", "odd_z1_fp32_dp2_elastic"),
                         [](const auto &info) { return std::string(info.param); });

TEST(DeepSpeed, AFrozenParameterThatDoesNotExistIsAnError) {
  ReadOptions options;
  options.frozen = "frozen_scale, absent.*";
  auto inventory = readDeepSpeed(dataPath("deepspeed/z0_fp32_dp2/native"), options);
  ASSERT_TRUE(inventory);
  EXPECT_NE(test::problemText(*inventory).find("no parameter is called 'absent.*'"),
            std::string::npos);
  options.frozen = "ln_f.bias"; // Shapes fit as well: a wrong word is believed, and moves names.
  EXPECT_TRUE(readDeepSpeed(dataPath("deepspeed/z0_fp32_dp2/native"), options));
  options.frozen = "embed.weight"; // Here they do not.
  inventory = readDeepSpeed(dataPath("deepspeed/z0_fp32_dp2/native"), options);
  ASSERT_TRUE(inventory);
  EXPECT_NE(test::problemText(*inventory), "");
}

TEST(DeepSpeed, TiedParametersHaveOneMaster) {
  for (const char *name : {"odd_z1_fp32_dp5_tiny", "odd_z3_fp32_dp3_tied"}) {
    SCOPED_TRACE(name);
    Inventory inventory = readSound(dataPath(fmt::format("deepspeed/{}/native", name)));
    ASSERT_EQ(inventory.aliases.size(), 1u);
    EXPECT_EQ(inventory.aliases[0].first, "f.weight");
    EXPECT_EQ(inventory.aliases[0].second, "e.weight");
    findTensor(inventory, "e.weight", "master");
    EXPECT_TRUE(std::none_of(inventory.tensors.begin(), inventory.tensors.end(),
                             [](const Tensor &tensor) { return tensor.name == "f.weight"; }));
  }
}

TEST(DeepSpeed, IntegerBuffersAndFrozenValues) {
  Inventory inventory = readSound(dataPath("deepspeed/odd_z3_fp32_dp3_tied/native"));
  std::string count = gather(inventory, *findTensor(inventory, "count", "buffer"));
  for (int64_t i = 0; i < 6; ++i) {
    int64_t value = 0;
    std::memcpy(&value, count.data() + i * 8, 8);
    EXPECT_EQ(value, i);
  }
  std::string scale = gather(inventory, *findTensor(inventory, "scale", "frozen"));
  for (size_t i = 0; i < 3; ++i) {
    float value = 0;
    std::memcpy(&value, scale.data() + i * 4, 4);
    EXPECT_EQ(value, 1.5f);
  }
}

class Bf16Run : public ::testing::TestWithParam<const char *> {};

TEST_P(Bf16Run, WeightsAreRoundedMasters) {
  Inventory inventory = readSound(dataPath(fmt::format("deepspeed/{}/native", GetParam())));
  bool sgd = std::string(GetParam()).ends_with("sgd");
  for (const Tensor &tensor : inventory.tensors)
    EXPECT_TRUE(!sgd || tensor.role == "master" || tensor.role == "weight" ||
                tensor.role == "frozen" || tensor.role == "buffer")
        << tensor.role.str();
  // bf16 is the upper half of f32; these masters were rounded to nearest even.
  for (const Tensor &master : inventory.tensors) {
    if (master.role != role::kMaster)
      continue;
    std::string full = gather(inventory, master);
    std::string half = gather(inventory, *findTensor(inventory, master.name, "weight"));
    for (size_t i = 0; i < half.size() / 2; ++i) {
      uint32_t bits = 0;
      uint16_t rounded = 0;
      std::memcpy(&bits, full.data() + 4 * i, 4);
      std::memcpy(&rounded, half.data() + 2 * i, 2);
      EXPECT_EQ(rounded, static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16));
    }
  }
}

// Plain SGD has no moments; BF16_Optimizer writes neither stage nor loss scaler.
INSTANTIATE_TEST_SUITE_P(All, Bf16Run,
                         ::testing::Values("odd_z2_bf16_dp2_sgd", "odd_z1_bf16opt_dp2"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
} // namespace recast::format
