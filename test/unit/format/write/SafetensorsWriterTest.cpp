#include "runtime/format/safetensors/read/SafetensorsHeader.h"
#include "runtime/format/write/Shards.h"
#include "test/unit/format/write/Materialize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace recast;
using namespace recast::format;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

/// For use within one expression, as long as `shape` is there.
TargetTensor tensor(std::string_view name, DType dtype, std::initializer_list<int64_t> shape,
                    std::string_view role = "weight") {
  return {name, role, dtype, {shape.begin(), shape.size()}};
}

uint64_t bytesOf(const TargetTensor &t) {
  uint64_t bits = bitWidth(t.dtype);
  for (int64_t extent : t.shape)
    bits *= static_cast<uint64_t>(extent);
  return bits / 8;
}

format::testing::Materialized write(WriteRequest request) {
  TargetTensors tensors = request.tensors;
  auto writer = createWriter("safetensors", std::move(request));
  if (!writer) {
    ADD_FAILURE() << writer.error().str();
    return {};
  }
  auto output = format::testing::materialize(
      **writer, [&](uint32_t i) { return format::testing::patternBytes(i, bytesOf(tensors[i])); },
      [](uint32_t) { return std::string(); });
  EXPECT_EQ(output.complaint, "");
  return output;
}

Error refused(WriteRequest request) {
  auto writer = createWriter("safetensors", std::move(request));
  EXPECT_FALSE(writer);
  return writer ? Error(Code::Internal, "accepted") : writer.error();
}

} // namespace

// What safetensors.torch.save_file(..., metadata={"format": "pt"}) writes for these tensors.
TEST(SafetensorsWriter, EqualsTheReferenceWriter) {
  WriteRequest request;
  request.tensors = {tensor("b", DType::U8, {3}),
                     tensor("z", DType::F32, {2, 2}),
                     tensor("a\"\xc3\xa9", DType::F32, {1}),
                     tensor("i", DType::I64, {}),
                     tensor("h", DType::BF16, {2}),
                     tensor("e", DType::F32, {0, 4})};
  auto output = write(request);
  ASSERT_EQ(output.files.size(), 1u);
  const std::string &bytes = output.files.at("model.safetensors");
  std::string header = R"({"__metadata__":{"format":"pt"},)"
                       R"("i":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
                       "\"a\\\"\xc3\xa9\""
                       R"(:{"dtype":"F32","shape":[1],"data_offsets":[8,12]},)"
                       R"("e":{"dtype":"F32","shape":[0,4],"data_offsets":[12,12]},)"
                       R"("z":{"dtype":"F32","shape":[2,2],"data_offsets":[12,28]},)"
                       R"("h":{"dtype":"BF16","shape":[2],"data_offsets":[28,32]},)"
                       R"("b":{"dtype":"U8","shape":[3],"data_offsets":[32,35]}})";
  size_t padded = (header.size() + 7) / 8 * 8;
  EXPECT_EQ(static_cast<unsigned char>(bytes[0]) | static_cast<unsigned char>(bytes[1]) << 8,
            padded);
  EXPECT_EQ(bytes.substr(8, header.size()), header);
  EXPECT_EQ(bytes.substr(8 + header.size(), padded - header.size()),
            std::string(padded - header.size(), ' '));
  EXPECT_EQ(bytes.size(), 8 + padded + 35);
  EXPECT_EQ(bytes.substr(8 + padded, 8), format::testing::patternBytes(3, 8));
  EXPECT_EQ(bytes.substr(8 + padded + 32), format::testing::patternBytes(0, 3));
  EXPECT_TRUE(safetensors::parseHeader(std::string_view(bytes).substr(8, padded), 35));
  EXPECT_EQ(write(request).files, output.files) << "two calls, two outputs";
}

TEST(SafetensorsWriter, ShardsInSourceOrderWithAnIndex) {
  WriteRequest request;
  request.options["max_shard_size"] = "100";
  request.tensors = {tensor("w3", DType::F32, {20}), tensor("w1", DType::F32, {5}),
                     tensor("w2", DType::F32, {1}), tensor("huge", DType::F32, {60}),
                     tensor("last", DType::F32, {2}, "buffer")};
  auto writer = createWriter("safetensors", request);
  ASSERT_TRUE(writer);
  EXPECT_THAT((*writer)->commit().renames,
              ElementsAre("model-00001-of-00004.safetensors", "model-00002-of-00004.safetensors",
                          "model-00003-of-00004.safetensors", "model-00004-of-00004.safetensors",
                          "model.safetensors.index.json"));
  EXPECT_EQ((*writer)->commit().manifestDir, "");
  auto output = write(request);
  EXPECT_EQ(output.files.at("model.safetensors.index.json"), R"({
  "metadata": {
    "total_size": 352
  },
  "weight_map": {
    "huge": "model-00003-of-00004.safetensors",
    "last": "model-00004-of-00004.safetensors",
    "w1": "model-00001-of-00004.safetensors",
    "w2": "model-00002-of-00004.safetensors",
    "w3": "model-00001-of-00004.safetensors"
  }
}
)");
}

TEST(SafetensorsWriter, AModelWithoutTensorsIsAFile) {
  auto output = write({});
  EXPECT_EQ(output.files.at("model.safetensors"),
            std::string("\x20\0\0\0\0\0\0\0", 8) + R"({"__metadata__":{"format":"pt"}})");
}

TEST(SafetensorsWriter, AliasesAreLeftOutAndSaidSo) {
  WriteRequest request;
  request.tensors = {tensor("embed", DType::F32, {2})};
  request.aliases = {{"head", "embed"}};
  auto writer = createWriter("safetensors", std::move(request));
  ASSERT_TRUE(writer);
  EXPECT_EQ((*writer)->templates()[0].tensors.size(), 1u);
  ASSERT_EQ((*writer)->notes().size(), 1u);
  EXPECT_THAT((*writer)->notes()[0], HasSubstr("1 tied name is left out"));
}

TEST(SafetensorsWriter, RefusesWhatTheFormatCannotHold) {
  WriteRequest request;
  auto with = [](TargetTensors tensors) {
    WriteRequest r;
    r.tensors = std::move(tensors);
    return r;
  };
  EXPECT_THAT(refused(with({tensor("a", DType::F32, {1}, "exp_avg")})).message(),
              HasSubstr("exp_avg"));
  Error twice =
      refused(with({tensor("a", DType::F32, {1}), tensor("a", DType::F32, {1}, "frozen")}));
  EXPECT_EQ(twice.tensorName(), "a");
  EXPECT_THAT(twice.message(), HasSubstr("two tensors"));
  EXPECT_THAT(refused(with({tensor("a", DType::C128, {1})})).message(), HasSubstr("c128"));
  EXPECT_THAT(refused(with({tensor("a", DType::F4E2M1, {3})})).message(), HasSubstr("whole bytes"));
  EXPECT_THAT(refused(with({tensor("a", DType::F32, {INT64_MAX, 2})})).message(),
              HasSubstr("64 bits"));
  EXPECT_THAT(refused(with({tensor("a", DType::F32, {-1})})).message(), HasSubstr("64 bits"));
  constexpr int64_t kHuge = int64_t{1} << 59;
  EXPECT_THAT(refused(with({tensor("a", DType::F32, {kHuge}), tensor("b", DType::F32, {kHuge}),
                            tensor("c", DType::F32, {kHuge})}))
                  .message(),
              HasSubstr("64 bits"));
  for (const char *name : {"", "__metadata__", "\xff", "\xed\xa0\x80"})
    EXPECT_THAT(refused(with({tensor(name, DType::F32, {1})})).message(), HasSubstr("name"))
        << name;
}

TEST(ShardSize, IsASize) {
  EXPECT_EQ(*parseShardSize("5GB"), 5'000'000'000u);
  auto size = parseShardSize("5.5GB");
  ASSERT_FALSE(size);
  EXPECT_EQ(size.error().code(), Code::Usage);
  EXPECT_THAT(size.error().str(), AllOf(HasSubstr("'5.5GB'"), HasSubstr("512MiB")));
}
