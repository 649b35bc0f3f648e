// What execute() refuses, and that nothing is visible or touched afterwards.
#include "Sandbox.h"

#include "runtime/exec/Stop.h"

#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace recast::exec {
namespace {
using namespace test;
using testing::HasSubstr;

const Options kFast{.threads = 2, .sync = false};

/// One source of 9 MB with two records, copied into two files; a `latest` pointer.
struct CopyJob : Sandbox {
  std::string data = noise(9'000'000, 1);
  uint32_t in = source("in", data), top = root();
  CopyJob() {
    uint32_t a = target(top, "a", 5'000'000), b = target(top, "b", 4'000'003);
    literal(b, 4'000'000, "end");
    record(in, 0, 5'000'000);
    record(in, 5'000'000, 4'000'000);
    copy(in, 0, 5'000'000, a, 0);
    copy(in, 5'000'000, 4'000'000, b, 0);
    program.names = {"first", "second"};
    program.roots[top].pointers = {{"latest", "tag"}};
  }
  void replan() { // The source as it is now is the one that was planned for.
    struct stat st;
    ASSERT_EQ(::stat(path("in").c_str(), &st), 0);
    program.sources[in].size = static_cast<uint64_t>(st.st_size);
    program.sources[in].mtimeNs = int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec;
  }
  bool complete(const std::string &folder = "out") const {
    return readAll(path(folder + "/tag/a")) == data.substr(0, 5'000'000) &&
           readAll(path(folder + "/tag/b")) == data.substr(5'000'000) + "end" &&
           readAll(path(folder + "/latest")) == "tag" &&
           exists(path(folder + "/tag/.recast/manifest.json"));
  }
};

Error refused(const Program &program, Code code, const Options &options = kFast) {
  auto report = execute(program, options);
  EXPECT_FALSE(report);
  if (report)
    return Error(Code::Internal, "");
  EXPECT_EQ(report.error().code(), code) << report.error().str();
  return report.error();
}

TEST(Refuse, FlippedSourceByteIsFoundByItsRecord) {
  CopyJob job;
  std::string bad = job.data;
  bad[7'654'321] ^= 1;
  writeAll(job.path("in"), bad);
  job.replan();
  Error error = refused(job.program, Code::BadInput);
  EXPECT_EQ(error.fileName(), job.path("in"));
  EXPECT_EQ(error.tensorName(), "second");
  EXPECT_EQ(error.byteRange(), (ByteRange{5'000'000, 9'000'000}));
  EXPECT_FALSE(exists(job.path("out")));
}

TEST(Refuse, SourceThatChanged) {
  CopyJob job;
  timespec times[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, job.path("in").c_str(), times, 0), 0);
  EXPECT_THAT(refused(job.program, Code::BadInput).message(), HasSubstr("modified"));
  ASSERT_EQ(::truncate(job.path("in").c_str(), 8'999'999), 0);
  Error error = refused(job.program, Code::BadInput);
  EXPECT_THAT(error.message(), HasSubstr("8999999 bytes were 9000000"));
  EXPECT_EQ(error.fileName(), job.path("in"));
  ASSERT_EQ(::unlink(job.path("in").c_str()), 0);
  (void)refused(job.program, Code::BadInput);
  EXPECT_FALSE(exists(job.path("out")));
}

/// Changed after the workers opened it: the literals are asked for in the middle of the run.
TEST(Refuse, SourceThatChangesWhileItIsRead) {
  CopyJob job;
  auto literals = job.program.literals;
  job.program.literals = [&](uint32_t target) {
    timespec times[2] = {{1, 0}, {1, 0}};
    ::utimensat(AT_FDCWD, job.path("in").c_str(), times, 0);
    return literals(target);
  };
  EXPECT_THAT(refused(job.program, Code::BadInput).message(), HasSubstr("while it was read"));
  EXPECT_FALSE(exists(job.path("out")));

  CopyJob cut;
  literals = cut.program.literals;
  cut.program.literals = [&](uint32_t target) {
    EXPECT_EQ(::truncate(cut.path("in").c_str(), 10), 0);
    return literals(target);
  };
  Options single{.threads = 1, .sync = false};
  Error error = refused(cut.program, Code::BadInput, single);
  EXPECT_EQ(error.fileName(), cut.path("in"));
  EXPECT_TRUE(error.byteRange());
  EXPECT_FALSE(exists(cut.path("out")));
}

TEST(Refuse, CopiesThatDiffer) {
  Sandbox box;
  std::string f32 = floats(300'000, 2), bf16 = toBf16(f32);
  bf16[2 * 234'567] ^= 1;
  uint32_t master = box.source("master", "pad!" + f32), weight = box.source("weight", bf16);
  uint32_t root = box.root(), out = box.target(root, "x", f32.size());
  Task &task =
      box.task(300'000, {{master, 4, DType::F32}, {weight, 0, DType::BF16}}, "layers.0.weight");
  task.first = 1'000'000;
  task.outputs = {{box.slice("load 0 f32; store %0 0"), out, 0, {0}}};
  task.checks = {{box.slice("load 0 f32; cast %0 bf16; load 1 bf16; check %1 %2"), {0, 1}}};
  for (bool kernels : {true, false}) {
    Error error =
        refused(box.program, Code::Negative, {.threads = 2, .sync = false, .useKernels = kernels});
    EXPECT_EQ(error.tensorName(), "layers.0.weight");
    EXPECT_EQ(error.fileName(), box.path("master"));
    EXPECT_EQ(error.byteRange(), (ByteRange{4 + 4 * 234'567, 8 + 4 * 234'567}));
    EXPECT_THAT(error.message(), HasSubstr("element 1234567: 0x"));
    EXPECT_THAT(error.message(), HasSubstr(box.path("weight") + " bytes [469134, 469136)"));
    EXPECT_FALSE(exists(box.path("out")));
  }
}

TEST(Refuse, ExistingOutputUnlessAsked) {
  CopyJob job;
  std::filesystem::create_directories(job.path("out/tag"));
  writeAll(job.path("out/tag/mine"), "precious");
  writeAll(job.path("out/latest"), "older");
  Error error = refused(job.program, Code::Usage);
  EXPECT_EQ(error.fileName(), job.path("out/tag"));
  EXPECT_EQ(tree(job.path("out")).size(), 2u); // No lock, no staging.

  Options replace{.threads = 2, .sync = true, .overwrite = true};
  auto report = execute(job.program, replace);
  ASSERT_TRUE(report) << report.error().str();
  EXPECT_TRUE(job.complete());
  EXPECT_EQ(tree(job.path("out")).size(), 4u); // What was there is gone with its folder.
}

/// Something appears in the second root while we write: the first root, renamed already, is taken
/// back, and what was there before is there again.
TEST(Refuse, HalfOfACommit) {
  using Tree = std::map<std::string, std::string>;
  CopyJob job;
  auto literals = job.program.literals;
  uint32_t other = job.root("other");
  job.literal(job.target(other, "c", 3), 0, "abc");

  job.program.literals = [&](uint32_t target) {
    std::filesystem::create_directories(job.path("other/tag"));
    return literals(target);
  };
  Error error = refused(job.program, Code::Usage);
  EXPECT_EQ(error.fileName(), job.path("other/tag"));
  EXPECT_FALSE(exists(job.path("out/tag")) || exists(job.path("out/latest")));
  std::filesystem::remove_all(job.path("other"));

  std::filesystem::create_directories(job.path("out/tag"));
  writeAll(job.path("out/tag/mine"), "precious");
  writeAll(job.path("out/latest"), "older");
  job.program.roots[other].manifestDir = "";
  job.program.literals = [&](uint32_t target) {
    writeAll(job.path("other/.recast"), "in the way");
    return literals(target);
  };
  (void)refused(job.program, Code::Io, {.sync = false, .overwrite = true});
  EXPECT_EQ(tree(job.path("out")), (Tree{{"latest", "older"}, {"tag/mine", "precious"}}));
  EXPECT_EQ(tree(job.path("other")), (Tree{{".recast", "in the way"}}));
}

TEST(Refuse, WhatWasNotStaged) {
  CopyJob job;
  job.program.roots[job.top].renames.push_back("missing");
  EXPECT_THAT(refused(job.program, Code::Internal).message(), HasSubstr("missing"));
  EXPECT_FALSE(exists(job.path("out")));
}

TEST(Refuse, SecondRunIntoOneFolder) {
  CopyJob job;
  auto literals = job.program.literals;
  job.program.literals = [&](uint32_t target) {
    Program second = job.program;
    second.literals = literals;
    second.fingerprint = 99;
    EXPECT_THAT(refused(second, Code::Usage).message(),
                HasSubstr(fmt::format("process {}", ::getpid())));
    return literals(target);
  };
  auto report = execute(job.program, kFast);
  ASSERT_TRUE(report) << report.error().str();
  EXPECT_TRUE(job.complete());

  CopyJob twice;
  uint32_t same = twice.root("out/../out");
  twice.literal(twice.target(same, "c", 1), 0, "c");
  EXPECT_THAT(refused(twice.program, Code::Usage).message(), HasSubstr("one folder"));
}

TEST(Refuse, StopRequest) {
  CopyJob job;
  auto literals = job.program.literals;
  job.program.literals = [&](uint32_t target) {
    requestStop();
    return literals(target);
  };
  (void)refused(job.program, Code::Interrupted, {.threads = 1, .sync = false});
  clearStop();
  EXPECT_FALSE(exists(job.path("out/tag")) || exists(job.path("out/latest")));
  job.program.literals = literals;
  auto report = execute(job.program, kFast);
  ASSERT_TRUE(report) << report.error().str();
  EXPECT_TRUE(job.complete());

  CopyJob early; // Nothing is staged yet: nothing stays.
  requestStop();
  (void)refused(early.program, Code::Interrupted, {.threads = 1, .sync = false});
  clearStop();
  EXPECT_FALSE(exists(early.path("out")));
}

TEST(Refuse, UnsafeNames) {
  for (std::string name :
       {"../x", "/x", "a/../../x", "", "a//b", ".recast-x", "tag/.recast/manifest.json", "\xff"}) {
    CopyJob job;
    job.program.targets[0].path = name;
    (void)refused(job.program, Code::BadInput);
    EXPECT_FALSE(exists(job.path("out"))) << name;
  }
  CopyJob nul;
  nul.program.targets[0].path = std::string("tag/a\0b", 7);
  (void)refused(nul.program, Code::BadInput);
}

TEST(Refuse, ProgramsThatMakeNoSense) {
  auto broken = [](const std::function<void(Program &)> &change) {
    CopyJob job;
    change(job.program);
    (void)refused(job.program, Code::Internal);
    EXPECT_FALSE(exists(job.path("out")));
  };
  broken([](Program &p) { p.tasks[0].outputs[0].offset = 1; });           // Outside of its file.
  broken([](Program &p) { p.tasks[0].inputs[0].offset = ~uint64_t{0}; }); // Wraps.
  broken([](Program &p) { p.tasks[0].count = INT64_MAX; });
  broken([](Program &p) { p.tasks[0].inputs[0].dtype = DType::F4E2M1; });
  broken([](Program &p) { p.tasks[0].outputs[0].slice = 7; });
  broken([](Program &p) { p.tasks[0].outputs[0].inputs = {1}; });
  broken([](Program &p) { p.tasks[1].inputs[0].file = 3; });
  broken([](Program &p) { p.tasks[1].outputs[0].offset = 1; });    // A hole, and a literal hit.
  broken([](Program &p) { p.tasks.pop_back(); });                  // A hole.
  broken([](Program &p) { p.targets[0].patches = {{0, 0, 10}}; }); // Not in a literal.
  broken([](Program &p) { p.targets[0].patches = {{~uint64_t{0}, 0, 1}}; });
  broken([](Program &p) { p.targets[1].path = "tag/a"; }); // Twice.
  broken([](Program &p) { p.targets[1].path = "elsewhere/a"; });
  broken([](Program &p) { p.records[1].offset = 4'999'999; }); // Overlap.
  broken([](Program &p) { p.literals = nullptr; });
  broken([](Program &p) {
    p.literals = [](uint32_t) { return std::vector<LiteralBytes>{{UINT64_MAX, "xx"}}; };
  });
}

/// A full disk and a file size limit, in a child, because both need privileges or a limit.
int inChild(const std::function<int()> &body) {
  pid_t child = ::fork();
  if (child == 0)
    ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(Refuse, FileSizeLimit) {
  CopyJob job;
  int code = inChild([&] {
    rlimit limit{3'000'000, 3'000'000};
    std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto report = execute(job.program, kFast);
    return report ? 0 : report.error().exitCode();
  });
  EXPECT_EQ(code, static_cast<int>(Code::Io));
  EXPECT_FALSE(exists(job.path("out")));
}

TEST(Refuse, FullDisk) {
  CopyJob job;
  std::filesystem::create_directory(job.path("small"));
  if (::mount("none", job.path("small").c_str(), "tmpfs", 0, "size=6m") != 0)
    GTEST_SKIP() << "needs the right to mount";
  job.program.roots[0].folder = job.path("small/out");
  Error error = refused(job.program, Code::Io);
  EXPECT_THAT(error.message(), HasSubstr("8.58 MiB needed"));
  // It fills up while we write.
  auto literals = job.program.literals;
  ::mount("none", job.path("small").c_str(), "tmpfs", MS_REMOUNT, "size=10m");
  std::string ballast = job.path("small/ballast");
  job.program.literals = [&](uint32_t target) {
    writeAll(ballast, std::string(4'000'000, 'x'));
    return literals(target);
  };
  error = refused(job.program, Code::Io, {.threads = 1, .sync = false});
  EXPECT_THAT(error.message(), HasSubstr("No space left"));
  EXPECT_FALSE(exists(job.path("small/out")));
  ::umount(job.path("small").c_str());
}

/// Killed at random moments: afterwards nothing is visible or everything is, and the next run
/// succeeds and leaves nothing behind.
TEST(Kill, AtRandomMoments) {
  CopyJob job;
  uint32_t second = job.root("second");
  job.program.roots[second].pointers = {{"latest", "tag"}};
  job.literal(job.target(second, "c", 3), 0, "abc");
  int visible = 0, resumed = 0;
  auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(inChild([&] { return execute(job.program, kFast) ? 0 : 1; }), 0);
  auto whole = std::chrono::steady_clock::now() - start;
  for (int round = 0; round < 60; ++round) {
    std::filesystem::remove_all(job.path("out"));
    std::filesystem::remove_all(job.path("second"));
    pid_t child = ::fork();
    if (child == 0)
      ::_exit(execute(job.program, kFast) ? 0 : 1);
    // Most kills near the end, where the commit is.
    auto moment = whole * (round % 3 ? 700 + 10 * round : 15 * round) / 1000;
    std::this_thread::sleep_for(moment);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    if (exists(job.path("out/latest"))) {
      ++visible;
      EXPECT_TRUE(job.complete());
    }
    if (exists(job.path("out/tag")))
      EXPECT_EQ(readAll(job.path("out/tag/a")).size(), 5'000'000u); // Never a part of it.
    bool done = exists(job.path("second/latest"));
    auto report = execute(job.program, kFast);
    if (report)
      resumed += report->resumed;
    else // Complete before it was killed.
      EXPECT_TRUE(done && report.error().code() == Code::Usage) << report.error().str();
    EXPECT_TRUE(job.complete());
    EXPECT_EQ(tree(job.path("out")).size(), 4u);
    EXPECT_EQ(tree(job.path("second")).size(), 3u);
    EXPECT_FALSE(exists(job.path("out/.recast-tmp-000000001234abcd")));
    EXPECT_FALSE(exists(job.path("out/.recast-lock")));
  }
  RecordProperty("visible", visible);
  RecordProperty("resumed", resumed);
}

TEST(Kill, StaleStagingGoesWithTheNextRunOfItsPlan) {
  CopyJob job;
  std::filesystem::create_directories(job.path("out/.recast-tmp-0000000000000007/deep/folder"));
  writeAll(job.path("out/.recast-tmp-0000000000000007/deep/file"), "left over");
  std::filesystem::create_symlink(job.path("in"),
                                  job.path("out/.recast-tmp-0000000000000007/deep/link"));
  Program other = job.program;
  other.fingerprint = 8;
  auto report = execute(other, kFast);
  ASSERT_TRUE(report) << report.error().str();
  EXPECT_EQ(report->leftovers,
            std::vector<std::string>{job.path("out/.recast-tmp-0000000000000007")});
  EXPECT_TRUE(exists(job.path("out/.recast-tmp-0000000000000007/deep/file")));

  other.fingerprint = 7;
  report = execute(other, {.threads = 1, .sync = false, .overwrite = true});
  ASSERT_TRUE(report) << report.error().str();
  EXPECT_TRUE(job.complete());
  EXPECT_TRUE(exists(job.path("in")));
  EXPECT_FALSE(exists(job.path("out/.recast-tmp-0000000000000007")));
}

} // namespace
} // namespace recast::exec
