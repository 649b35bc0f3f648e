#include "runtime/io/File.h"

#include "runtime/io/Descriptor.h"
#include "runtime/io/OutputFile.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace recast::io {
namespace {

class FileTest : public ::testing::Test {
protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "recast-io-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string write(const std::string &name, const std::string &content) {
    std::string path = dir_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::string dir_;
};

TEST_F(FileTest, ReadsExactRanges) {
  std::string path = write("a", "0123456789");
  auto file = File::open(path);
  ASSERT_TRUE(file) << file.error().str();
  EXPECT_EQ(file->size(), 10u);
  EXPECT_EQ(*file->read(3, 4), "3456");
  EXPECT_EQ(*file->read(10, 0), "");
  EXPECT_EQ(*statFile(path), file->info());
  EXPECT_EQ(*readWhole(path, 10), "0123456789");
}

TEST_F(FileTest, NamesTheByteWhereTheFileEnds) {
  auto file = File::open(write("a", "0123456789"));
  ASSERT_TRUE(file);
  for (auto [offset, size] : {std::pair<uint64_t, uint64_t>{8, 3}, {11, 0}, {UINT64_MAX, 2}}) {
    auto got = file->read(offset, size);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), Code::BadInput);
    EXPECT_NE(got.error().message().find("ends at byte 10"), std::string::npos);
  }
}

TEST_F(FileTest, ShortReadAfterShrinkIsAnError) {
  std::string path = write("a", "0123456789");
  auto file = File::open(path);
  ASSERT_TRUE(file);
  std::filesystem::resize_file(path, 4);
  char buffer[10];
  auto status = file->readAt(0, buffer, 10);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message().find("ends at byte 4"), std::string::npos);
  EXPECT_EQ(status.error().byteRange(), (ByteRange{0, 10}));
}

TEST_F(FileTest, RefusesWhatIsNotARegularFile) {
  EXPECT_EQ(File::open(dir_).error().code(), Code::BadInput);
  EXPECT_EQ(File::open(dir_ + "/absent").error().message(), "no such file");
  std::string fifo = dir_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(File::open(fifo).error().code(), Code::BadInput);
  EXPECT_EQ(statFile(dir_).error().code(), Code::BadInput);
}

TEST_F(FileTest, WholeFileHasALimit) {
  auto got = readWhole(write("a", "0123456789"), 9);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), Code::BadInput);
}

TEST_F(FileTest, MovesKeepTheDescriptor) {
  auto opened = File::open(write("a", "abc"));
  ASSERT_TRUE(opened);
  File first = std::move(*opened);
  auto second = File::open(write("b", "xyz"));
  ASSERT_TRUE(second);
  *second = std::move(first);
  EXPECT_EQ(*second->read(0, 3), "abc");
}

/// On ext4 a new file has room, and no bytes; what has some already is left alone, and so is any
/// other file system.
TEST_F(FileTest, ReservesRoomOfNewFiles) {
  struct statfs system;
  ASSERT_EQ(::statfs(dir_.c_str(), &system), 0);
  const uint64_t expected = system.f_type == EXT4_SUPER_MAGIC ? kReservedFrom : 0;
  auto roomOf = [](int fd, uint64_t wanted) {
    reserve(fd, wanted);
    struct stat st;
    EXPECT_EQ(::fstat(fd, &st), 0);
    EXPECT_EQ(st.st_size, 0);
    return static_cast<uint64_t>(st.st_blocks) * 512;
  };
  Descriptor file(::open((dir_ + "/new").c_str(), O_RDWR | O_CREAT, 0600));
  ASSERT_TRUE(file);
  EXPECT_EQ(roomOf(file.get(), kReservedFrom - 1), 0u);
  EXPECT_EQ(roomOf(file.get(), UINT64_MAX), 0u); // Refused: nothing is said.
  EXPECT_EQ(roomOf(file.get(), kReservedFrom), expected);
  if (expected)
    EXPECT_EQ(roomOf(file.get(), 4 * kReservedFrom), expected);
}

} // namespace
} // namespace recast::io
