#include "runtime/format/torch/write/ZipImage.h"
#include "runtime/format/torch/read/ZipDirectory.h"
#include "runtime/format/torch/write/TorchFile.h"
#include "test/unit/format/write/Materialize.h"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <unistd.h>

using namespace recast;
using namespace recast::format;
using namespace recast::format::torch;

namespace {

/// The archive as the one image of a writer, so that it can be materialized.
class OneFile : public TargetWriter {
public:
  explicit OneFile(FileTemplate archive) : TargetWriter({}) {
    addImage("file", std::move(archive));
    commit_.renames = {"file"};
  }
};

std::string bytesOf(FileTemplate archive, const std::vector<std::string> &tensors) {
  auto output = format::testing::materialize(
      OneFile(std::move(archive)), [&](uint32_t i) { return tensors[i]; },
      [](uint32_t) { return std::string(); });
  EXPECT_EQ(output.complaint, "");
  return output.files["file"];
}

std::string readData(const std::string &name) {
  std::ifstream file(std::string(RECAST_TEST_DATA) + "/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

uint64_t number(const std::string &bytes, size_t at, int count) {
  uint64_t value = 0;
  for (int i = count - 1; i >= 0; --i)
    value = value << 8 | static_cast<unsigned char>(bytes.at(at + static_cast<size_t>(i)));
  return value;
}

std::string literalText(const FileTemplate &archive, uint64_t offset, size_t size) {
  for (const Literal &literal : archive.literals)
    if (offset >= literal.offset && offset + size <= literal.offset + literal.bytes.size())
      return literal.bytes.substr(offset - literal.offset, size);
  ADD_FAILURE() << "no literal holds byte " << offset;
  return std::string(size, '\0');
}

} // namespace

// The same members in the same order: every byte is where torch 2.13 put it.
TEST(ZipImage, EqualsTorchSaveByteForByte) {
  std::string golden = readData("torch_save/fp32.pt");
  ASSERT_EQ(golden.size(), 1556u);
  std::string values = golden.substr(0x2c0, 24);
  ZipImage zip;
  zip.add("fp32/data.pkl", golden.substr(0x40, 170));
  zip.add("fp32/.format_version", "1");
  zip.add("fp32/.storage_alignment", "64");
  zip.add("fp32/byteorder", "little");
  zip.addTensor("fp32/data/0", 24, 0);
  zip.add("fp32/version", "3\n");
  zip.add("fp32/.data/serialization_id", golden.substr(0x3c0, 40));
  EXPECT_EQ(bytesOf(zip.finish(), {values}), golden);
}

TEST(ZipImage, PatchesTheDescriptorAndTheDirectory) {
  ZipImage zip;
  zip.add("a/data.pkl", "x");
  zip.addTensor("a/data/0", 100, 7);
  FileTemplate archive = zip.finish();
  ASSERT_EQ(archive.tensors.size(), 1u);
  EXPECT_EQ(archive.tensors[0].tensor, 7u);
  EXPECT_EQ(archive.tensors[0].offset % 64, 0u);
  ASSERT_EQ(archive.patches.size(), 2u);
  for (const CrcPatch &patch : archive.patches) {
    EXPECT_EQ(patch.begin, archive.tensors[0].offset);
    EXPECT_EQ(patch.end, patch.begin + 100);
  }
  EXPECT_EQ(archive.patches[0].offset, archive.tensors[0].offset + 100 + 4);
  EXPECT_EQ(literalText(archive, archive.patches[1].offset - 16, 4), "PK\1\2");
}

TEST(ZipImage, AnEmptyTensorHasNoDescriptorAndNoPatch) {
  ZipImage zip;
  zip.addTensor("a/data/0", 0, 3);
  FileTemplate archive = zip.finish();
  EXPECT_TRUE(archive.patches.empty());
  ASSERT_EQ(archive.tensors.size(), 1u);
  std::string bytes = bytesOf(std::move(archive), {"", "", "", ""});
  EXPECT_EQ(number(bytes, 6, 2), 0x0800u);
  EXPECT_EQ(bytes.find("PK\7\10"), bytes.npos);
}

TEST(ZipImage, LargeMembersUseZip64) {
  constexpr uint64_t kSize = (uint64_t{1} << 32) + 5;
  ZipImage zip;
  zip.addTensor("a/data/0", kSize, 0);
  zip.add("a/version", "3\n");
  FileTemplate archive = zip.finish();
  uint64_t payload = archive.tensors[0].offset;
  EXPECT_EQ(payload % 64, 0u);
  EXPECT_EQ(archive.patches[0].end - archive.patches[0].begin, kSize);
  std::string header = literalText(archive, 0, payload);
  EXPECT_EQ(number(header, 38, 2), 1u) << "ZIP64 comes before the padding";
  EXPECT_EQ(number(header, 40, 2), 16u);
  EXPECT_EQ(number(header, 42, 8), kSize);
  std::string descriptor = literalText(archive, payload + kSize, 24);
  EXPECT_EQ(number(descriptor, 8, 8), kSize);
  EXPECT_EQ(number(descriptor, 16, 8), kSize);
  // The next member lies behind 4 GiB: its offset needs ZIP64 too, its sizes do not.
  uint64_t second = payload + kSize + 24;
  std::string next = literalText(archive, second, 30 + 9 + 12);
  EXPECT_EQ(number(next, 0, 4), 0x04034b50u);
  EXPECT_EQ(number(next, 39, 2), 1u);
  EXPECT_EQ(number(next, 41, 2), 8u);
  EXPECT_EQ(number(next, 43, 8), second);
  // Directory: the first member's sizes, the second one's offset are in the extra field.
  uint64_t directory = archive.patches[1].offset - 16;
  std::string entry = literalText(archive, directory, 46 + 8 + 20 + 46);
  EXPECT_EQ(number(entry, 20, 4), 0xFFFFFFFFu);
  EXPECT_EQ(number(entry, 24, 4), 0xFFFFFFFFu);
  EXPECT_EQ(number(entry, 42, 4), 0u);
  EXPECT_EQ(number(entry, 46 + 8 + 4, 8), kSize);
  EXPECT_EQ(number(entry, 74 + 42, 4), 0xFFFFFFFFu);
}

// The bytes of the tensors are holes of a sparse file; what counts is where the reader finds them.
TEST(ZipImage, TheReaderFindsWhatLiesBehind4GiB) {
  constexpr uint64_t kSize = (uint64_t{1} << 32) + 5;
  ZipImage zip;
  zip.addTensor("a/data/0", 100, 0);
  zip.addTensor("a/data/1", kSize, 1);
  zip.addTensor("a/data/2", 0xFFFFFFFF, 2); // The first size that needs ZIP64.
  zip.addTensor("a/data/3", 0xFFFFFFFE, 3); // The last that does not.
  zip.add("a/version", "3\n");
  FileTemplate archive = zip.finish();
  std::string path = fmt::format("{}recast-zip64-{}", ::testing::TempDir(), ::getpid());
  {
    std::ofstream file(path, std::ios::binary);
    for (const Literal &literal : archive.literals) {
      file.seekp(static_cast<std::streamoff>(literal.offset));
      file.write(literal.bytes.data(), static_cast<std::streamsize>(literal.bytes.size()));
    }
    ASSERT_TRUE(file.good());
  }
  auto file = io::File::open(path);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size(), archive.size);
  auto directory = ZipDirectory::read(*file);
  std::filesystem::remove(path);
  ASSERT_TRUE(directory) << directory.error().str();
  ASSERT_EQ(directory->members().size(), 5u);
  for (const TensorSlot &slot : archive.tensors) {
    const ZipMember *member = directory->find(fmt::format("a/data/{}", slot.tensor));
    ASSERT_NE(member, nullptr) << slot.tensor;
    EXPECT_EQ(member->offset, slot.offset);
    EXPECT_EQ(member->size, slot.bytes);
  }
  EXPECT_GT(directory->find("a/version")->offset, 3 * (uint64_t{1} << 32));
}

TEST(ZipImage, ManyMembersAreCountedInZip64) {
  ZipImage zip;
  for (int i = 0; i < 70000; ++i)
    zip.add("m" + std::to_string(i), "");
  FileTemplate archive = zip.finish();
  std::string end = literalText(archive, archive.size - 22 - 20 - 56, 98);
  EXPECT_EQ(number(end, 0, 4), 0x06064b50u);
  EXPECT_EQ(number(end, 24, 8), 70000u);
  EXPECT_EQ(number(end, 32, 8), 70000u);
  EXPECT_EQ(number(end, 76 + 8, 2), 0xFFFFu);
}

TEST(ZipImage, PayloadsAreAlignedFarIntoAFile) {
  for (uint64_t base : {uint64_t{0xFFFFFFF0}, uint64_t{1} << 33, uint64_t{0xFFFFFF7F}}) {
    ZipImage zip(base);
    zip.addTensor("archive/data/0", 3, 0);
    zip.addTensor("archive/data/1", 3, 1);
    FileTemplate archive = zip.finish();
    for (const TensorSlot &slot : archive.tensors)
      EXPECT_EQ(slot.offset % 64, 0u) << base;
  }
}

TEST(TorchFile, NumbersStoragesAndKeepsLiterals) {
  plan::TensorRef step;
  step.literal = std::string("\0\0\x40\x40", 4);
  plan::TensorRef slot;
  slot.storage = "here";
  slot.shape = {2, 2};
  slot.dtype = DType::BF16;
  auto archive = torchFile(*plan::list({plan::tensor(step), plan::tensor(slot)}), {{"here", 5}});
  ASSERT_TRUE(archive);
  ASSERT_EQ(archive->tensors.size(), 1u);
  EXPECT_EQ(archive->tensors[0].tensor, 5u);
  EXPECT_EQ(archive->tensors[0].bytes, 8u);
  std::string bytes = bytesOf(std::move(*archive), {"", "", "", "", "", "12345678"});
  EXPECT_NE(bytes.find("archive/data/0"), bytes.npos);
  EXPECT_NE(bytes.find("archive/data/1"), bytes.npos);
  EXPECT_EQ(bytes.find("serialization_id"), bytes.npos);
}

TEST(TorchFile, RefusesATensorWhoseBytesAreUnknown) {
  plan::TensorRef ref;
  ref.storage = "elsewhere";
  ref.shape = {3};
  auto archive = torchFile(*plan::tensor(ref), {{"here", 0}});
  ASSERT_FALSE(archive);
  EXPECT_EQ(archive.error().code(), Code::BadInput);
  ref.shape = {int64_t{1} << 31, int64_t{1} << 31, 4};
  ref.storage = "here";
  EXPECT_FALSE(torchFile(*plan::tensor(ref), {{"here", 0}}));
}
