#include "runtime/format/safetensors/read/SafetensorsReader.h"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace recast;
using namespace recast::format;
using ::testing::HasSubstr;

namespace {

class SafetensorsReader : public ::testing::Test {
protected:
  void SetUp() override {
    static int counter = 0;
    folder_ =
        fmt::format("{}recast-safetensors-{}-{}", ::testing::TempDir(), ::getpid(), counter++);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override {
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
  }

  void put(const std::string &name, const std::string &bytes) const {
    std::ofstream file(folder_ + "/" + name, std::ios::binary);
    file << bytes;
    ASSERT_TRUE(file.good()) << name;
  }
  /// A file of f32 vectors of two elements each.
  void putModel(const std::string &name, const std::vector<std::string> &tensors,
                const std::string &metadata = "") const {
    std::string json = "{";
    size_t at = 0;
    if (!metadata.empty())
      json += "\"__metadata__\":" + metadata + (tensors.empty() ? "" : ",");
    for (const std::string &tensor : tensors) {
      json += fmt::format(R"({}"{}":{{"dtype":"F32","shape":[2],"data_offsets":[{},{}]}})",
                          at ? "," : "", tensor, at, at + 8);
      at += 8;
    }
    json += "}";
    std::string head;
    for (int i = 0; i < 8; ++i)
      head += static_cast<char>(json.size() >> (8 * i));
    put(name, head + json + std::string(at, 'v'));
  }
  Result<Inventory> read(const std::string &name = "") const {
    return readSafetensors(name.empty() ? folder_ : folder_ + "/" + name, {});
  }
  std::string problem(const std::string &name = "") const {
    auto inventory = read(name);
    if (!inventory)
      return "failed: " + inventory.error().str();
    return inventory->problems.empty() ? "none" : inventory->problems[0].error.str();
  }

  std::string folder_;
};

} // namespace

TEST_F(SafetensorsReader, OneFile) {
  putModel("model.safetensors", {"a", "b"});
  for (const char *name : {"", "model.safetensors"}) {
    auto inventory = read(name);
    ASSERT_TRUE(inventory) << inventory.error().str();
    EXPECT_TRUE(inventory->problems.empty());
    EXPECT_EQ(inventory->format, "safetensors");
    EXPECT_EQ(inventory->root, folder_);
    ASSERT_EQ(inventory->files.size(), 1u);
    EXPECT_EQ(inventory->files[0].path, "model.safetensors");
    EXPECT_NE(inventory->files[0].mtimeNs, 0);
    ASSERT_EQ(inventory->tensors.size(), 2u);
    const Tensor &b = inventory->tensors[1];
    EXPECT_EQ(b.name, "b");
    EXPECT_EQ(b.role, role::kWeight);
    ASSERT_EQ(inventory->layouts.size(), 1u);
    EXPECT_TRUE(inventory->layouts[b.layout].isWhole());
    ASSERT_EQ(inventory->stores[b.store].extents.size(), 1u);
    const Extent &extent = inventory->stores[b.store].extents[0];
    EXPECT_EQ(extent.elements, 2);
    EXPECT_EQ(extent.offset + 8, inventory->files[0].size);
  }
}

TEST_F(SafetensorsReader, AFolderSaysWhatItIsNot) {
  EXPECT_THAT(problem(), HasSubstr("no safetensors file"));
  putModel("x.safetensors", {"a"});
  EXPECT_EQ(problem(), "none") << "the only file";
  putModel("y.safetensors", {"b"});
  EXPECT_THAT(problem(), HasSubstr("nothing says which"));
  EXPECT_EQ(problem("y.safetensors"), "none");
  putModel("model.safetensors", {"c"});
  EXPECT_EQ(problem(), "none");
  put("model.safetensors.index.json", R"({"weight_map":{"a":"x.safetensors"}})");
  EXPECT_THAT(problem(), HasSubstr("one of them is left over"));
  EXPECT_EQ(problem("model.safetensors.index.json"), "none");
  EXPECT_THAT(problem("missing.safetensors"), HasSubstr("missing.safetensors"));
}

TEST_F(SafetensorsReader, ShardedModel) {
  putModel("model-00001-of-00002.safetensors", {"a", "spare"});
  putModel("model-00002-of-00002.safetensors", {"b"});
  put("model.safetensors.index.json",
      R"({"metadata":{"total_size":999},"weight_map":{"a":"model-00001-of-00002.safetensors",
          "b":"model-00002-of-00002.safetensors"}})");
  auto inventory = read();
  ASSERT_TRUE(inventory) << inventory.error().str();
  EXPECT_TRUE(inventory->problems.empty()) << inventory->problems[0].error.str();
  EXPECT_EQ(inventory->files.size(), 2u);
  ASSERT_EQ(inventory->tensors.size(), 2u);
  EXPECT_EQ(inventory->tensors[1].name, "b");
  EXPECT_EQ(inventory->stores[inventory->tensors[1].store].extents[0].file, 1u);
  ASSERT_EQ(inventory->notes.size(), 2u);
  EXPECT_THAT(inventory->notes[0], HasSubstr("1 tensor of 'model-00001-of-00002.safetensors'"));
  EXPECT_THAT(inventory->notes[1], HasSubstr("999"));
}

TEST_F(SafetensorsReader, DamagedShards) {
  putModel("model-00001-of-00002.safetensors", {"a", "b"});
  put("model.safetensors.index.json",
      R"({"weight_map":{"a":"model-00001-of-00002.safetensors",
          "b":"model-00002-of-00002.safetensors"}})");
  EXPECT_THAT(problem(), HasSubstr("model-00002-of-00002.safetensors")) << "missing";
  putModel("model-00002-of-00002.safetensors", {"b"});
  EXPECT_THAT(problem(), HasSubstr("in two files"));
  putModel("model-00001-of-00002.safetensors", {"a"});
  EXPECT_EQ(problem(), "none");
  putModel("model-00002-of-00002.safetensors", {"c"});
  EXPECT_THAT(problem(), HasSubstr("does not hold it"));
  put("model-00002-of-00002.safetensors", "short");
  EXPECT_THAT(problem(), HasSubstr("too few"));
  put("model.safetensors.index.json", R"({"weight_map":{"a":"model-00001-of-00002.safetensors"}})");
  EXPECT_THAT(problem(), HasSubstr("no tensor is mapped to 'model-00002-of-00002.safetensors'"));
}

TEST_F(SafetensorsReader, ATensorMappedToTheWrongFile) {
  putModel("x.safetensors", {"a"});
  putModel("y.safetensors", {"b"});
  put("model.safetensors.index.json",
      R"({"weight_map":{"a":"y.safetensors","b":"x.safetensors"}})");
  EXPECT_THAT(problem(), HasSubstr("does not hold it"));
}

TEST_F(SafetensorsReader, NamesTheFileAndTheBytes) {
  std::string json = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})";
  put("model.safetensors",
      std::string(1, static_cast<char>(json.size())) + std::string(7, '\0') + json + "vvvv");
  auto inventory = read();
  ASSERT_FALSE(inventory);
  EXPECT_EQ(inventory.error().code(), Code::BadInput);
  EXPECT_EQ(inventory.error().fileName(), folder_ + "/model.safetensors");
  EXPECT_EQ(inventory.error().tensorName(), "a");
  EXPECT_EQ(inventory.error().byteRange()->begin, 8u);
}

TEST_F(SafetensorsReader, TruncatedAtEveryByte) {
  putModel("whole.safetensors", {"a", "b"});
  std::ifstream file(folder_ + "/whole.safetensors", std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  for (size_t size = 0; size < bytes.size(); ++size) {
    put("cut.safetensors", bytes.substr(0, size));
    EXPECT_FALSE(read("cut.safetensors")) << size;
  }
  put("cut.safetensors", bytes + "PK");
  EXPECT_FALSE(read("cut.safetensors")) << "trailing bytes make a second file";
}

TEST_F(SafetensorsReader, ShardsOfTensorsAreNotTensors) {
  putModel("shard-00000-model-00001-of-00001.safetensors", {"a"},
           R"({"DCP_VERSION":"1.0","DCP_SHARDING_INFO":"{}"})");
  EXPECT_THAT(problem(), HasSubstr("shards of tensors"));
}

TEST_F(SafetensorsReader, AnEmptyModel) {
  putModel("model.safetensors", {});
  auto inventory = read();
  ASSERT_TRUE(inventory);
  EXPECT_TRUE(inventory->tensors.empty());
}
