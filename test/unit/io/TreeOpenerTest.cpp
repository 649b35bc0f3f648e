#include "runtime/io/TreeOpener.h"

#include "runtime/io/File.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>

namespace recast::io {
namespace {
namespace fs = std::filesystem;

class TreeOpenerTest : public ::testing::Test {
protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "recast-tree-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    root_ = Descriptor(::open(dir_.c_str(), O_RDONLY | O_DIRECTORY));
  }
  void TearDown() override { fs::remove_all(dir_); }

  Status create(const std::string &path) {
    RECAST_ASSIGN(Descriptor file, opener_.create(root_.get(), path, O_RDWR, 0600, "shown"));
    return ::write(file.get(), path.data(), path.size()) == static_cast<ssize_t>(path.size())
               ? Status()
               : internal("short write");
  }

  std::string dir_;
  Descriptor root_;
  TreeOpener opener_;
};

TEST_F(TreeOpenerTest, MakesWhatIsMissingAndReusesWhatIsThere) {
  const std::string paths[] = {"leaf",      "a/one",   "a/two",     "x/y/z/one", "x/y/w/one",
                               "x/y/z/two", "x/y/one", "a/b/c/one", "a/three",   "x/y/z/v/one"};
  for (const std::string &path : paths)
    ASSERT_TRUE(create(path)) << path;
  for (const std::string &path : paths)
    EXPECT_EQ(*readWhole(dir_ + "/" + path, 100), path);
}

TEST_F(TreeOpenerTest, FollowsNoLinkAtAnyDepth) {
  fs::create_directories(dir_ + "/outside");
  fs::create_directories(dir_ + "/a/b");
  fs::create_symlink(dir_ + "/outside", dir_ + "/link");
  fs::create_symlink(dir_ + "/outside", dir_ + "/a/link");
  fs::create_symlink(dir_ + "/outside", dir_ + "/a/b/link");
  fs::create_symlink(dir_ + "/outside/leaf", dir_ + "/a/b/leaf");
  for (const char *path :
       {"link/x", "link/x/y", "link/x/y/z", "a/link/x", "a/link/x/y", "a/b/link/x", "a/b/leaf"}) {
    Status status = create(path);
    ASSERT_FALSE(status) << path;
    EXPECT_EQ(status.error().code(), Code::Io) << path;
  }
  EXPECT_TRUE(fs::is_empty(dir_ + "/outside"));
}

TEST_F(TreeOpenerTest, NamesThePathThatCannotBe) {
  ASSERT_TRUE(create("a/file"));
  for (const char *path : {"a/file/x", "a/file/x/y", "a/file/x/y/z"}) {
    Status status = create(path);
    ASSERT_FALSE(status) << path;
    EXPECT_NE(status.error().str().find("shown/a/file"), std::string::npos) << status.error().str();
  }
  EXPECT_TRUE(create("a/other"));
}

TEST_F(TreeOpenerTest, KeepsRootsApart) {
  ASSERT_TRUE(create("a/b/one"));
  fs::create_directories(dir_ + "/second");
  Descriptor second(::open((dir_ + "/second").c_str(), O_RDONLY | O_DIRECTORY));
  ASSERT_TRUE(opener_.create(second.get(), "a/b/two", O_RDWR, 0600, "shown"));
  EXPECT_TRUE(fs::exists(dir_ + "/second/a/b/two"));
  EXPECT_FALSE(fs::exists(dir_ + "/a/b/two"));
}

} // namespace
} // namespace recast::io
