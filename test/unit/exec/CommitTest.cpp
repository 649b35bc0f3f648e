// Commits that were killed between any two of their steps, and the manifest.
#include "Tracer.h"
#include "TwoRoots.h"

#include "runtime/exec/Manifest.h"

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace recast::exec {
namespace {
using namespace test;
using testing::HasSubstr;

/// Kills a child at its n-th system call that changes names or flushes. False once it makes fewer.
bool killedAtCall(int n, const std::function<void()> &body) {
  return faultAtCall(n, Fault::Kill, isNamingCall, body).happened;
}

bool canTrace() {
  return killedAtCall(0, [] { ::syscall(SYS_fsync, -1); });
}

void killEverywhere(bool overwrite) {
  if (!canTrace())
    GTEST_SKIP() << "needs ptrace";
  Options options{.threads = 1, .sync = true, .overwrite = overwrite};
  int resumed = 0, n = 0;
  for (;; ++n) {
    TwoRoots box;
    std::string old = "before";
    if (overwrite)
      for (std::string name : {"one", "two"}) {
        std::filesystem::create_directories(box.path(name + "/tag"));
        writeAll(box.path(name + "/tag/a"), old);
        writeAll(box.path(name + "/latest"), "old");
      }
    bool killed = killedAtCall(n, [&] { (void)execute(box.program, options); });
    // A tag is never seen half written, and none that was there is ever gone.
    for (std::string name : {"one", "two"}) {
      std::string a = readAll(box.path(name + "/tag/a"));
      if (exists(box.path(name + "/tag")) || overwrite)
        EXPECT_TRUE(a == box.data + "ok" || (overwrite && a == old)) << "call " << n;
      if (readAll(box.path(name + "/latest")) == "tag")
        EXPECT_TRUE(readAll(box.path("one/tag/a")) == box.data + "ok" &&
                    readAll(box.path("two/tag/a")) == box.data + "ok")
            << "call " << n;
    }
    if (!killed) {
      EXPECT_TRUE(box.complete());
      break;
    }
    auto report = execute(box.program, options);
    if (report)
      resumed += report->resumed;
    else
      EXPECT_EQ(report.error().code(), Code::Usage) << "call " << n << ": " << report.error().str();
    EXPECT_TRUE(box.complete()) << "call " << n << ", " << (report && report->resumed);
  }
  EXPECT_GT(n, 30);
  EXPECT_GE(resumed, 6); // Five moves after the first, and the flushes between.
}

TEST(Kill, AtEveryStepOfTheCommit) { killEverywhere(false); }
TEST(Kill, AtEveryStepOfAnOverwritingCommit) { killEverywhere(true); }

/// Of another plan: its second half would be lost.
TEST(Kill, HalfACommitOfAnotherPlanIsKept) {
  if (!canTrace())
    GTEST_SKIP() << "needs ptrace";
  bool met = false;
  for (int n = 0; !met; ++n) {
    TwoRoots box;
    ASSERT_TRUE(killedAtCall(n, [&] { (void)execute(box.program, {.threads = 1}); }));
    if (!exists(box.path("one/tag")) || exists(box.path("two/tag")))
      continue;
    met = true;
    Program other = box.program;
    other.fingerprint = 77;
    auto report = execute(other, {.threads = 1, .overwrite = true});
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code(), Code::Usage);
    EXPECT_THAT(report.error().message(), HasSubstr("became visible"));
    auto again = execute(box.program, {.threads = 1});
    ASSERT_TRUE(again) << again.error().str();
    EXPECT_TRUE(again->resumed);
    EXPECT_TRUE(box.complete());
  }
}

/// From here on this process has neither openat2 nor the flags of renameat2, as on an old kernel or
/// a file system that knows no exchange.
bool becomeOld() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 2, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
  };
  sock_fprog filter{static_cast<unsigned short>(std::size(code)), code};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/// Exit code of `body` in a child on an old kernel; 77 if there can be none.
int onOldKernel(const std::function<int()> &body) {
  pid_t child = ::fork();
  if (child == 0)
    ::_exit(becomeOld() ? body() : 77);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(OldKernel, WritesReplacesAndTakesBack) {
  TwoRoots box;
  auto run = [&](bool overwrite) {
    return onOldKernel([&] {
      auto report = execute(box.program, {.threads = 2, .overwrite = overwrite});
      return report ? 0 : report.error().exitCode();
    });
  };
  int code = run(false);
  if (code == 77)
    GTEST_SKIP() << "needs seccomp";
  EXPECT_EQ(code, 0);
  EXPECT_TRUE(box.complete());
  EXPECT_EQ(run(false), static_cast<int>(Code::Usage));

  for (std::string name : {"one", "two"})
    writeAll(box.path(name + "/tag/mine"), "old");
  EXPECT_EQ(run(true), 0);
  EXPECT_TRUE(box.complete());

  // The first root is replaced, then the second one's parent of the manifest is no folder.
  box.program.roots[1].folder = box.path("three");
  box.program.roots[1].manifestDir = "";
  auto literals = box.program.literals;
  box.program.literals = [&](uint32_t target) {
    writeAll(box.path("three/.recast"), "in the way");
    return literals(target);
  };
  writeAll(box.path("one/tag/mine"), "old");
  auto before = tree(box.path("one"));
  EXPECT_EQ(run(true), static_cast<int>(Code::Io));
  EXPECT_TRUE(tree(box.path("one")) == before);
  EXPECT_EQ(tree(box.path("three")).size(), 1u);
}

struct Written : Sandbox {
  std::string data = noise(5'000'000, 4);
  Written() {
    uint32_t in = source("in", data), r = root();
    uint32_t a = target(r, "a", data.size() + 4), b = target(r, "b", 6);
    literal(a, 0, "head");
    literal(b, 0, "little");
    copy(in, 0, data.size(), a, 4);
    program.roots[r].links = {{"tag/c", "tag/b"}};
    auto report = execute(program, {.sync = false});
    EXPECT_TRUE(report) << report.error().str();
  }
  std::string folder() const { return path("out/tag"); }
  Error wrong(Code code) const {
    Status status = verifyManifest(folder());
    EXPECT_FALSE(status);
    if (status)
      return Error(Code::Internal, "");
    EXPECT_EQ(status.error().code(), code) << status.error().str();
    return status.error();
  }
};

TEST(Manifest, FindsEveryKindOfDamage) {
  Written box;
  VerifyCounts counts;
  ASSERT_TRUE(verifyManifest(box.folder(), &counts));
  EXPECT_EQ(counts.files, 2u);
  EXPECT_EQ(counts.bytes, box.data.size() + 10);

  std::string a = readAll(box.out("a")), bad = a;
  for (size_t at : {size_t{2}, size_t{4}, size_t{4'500'000}, a.size() - 1}) {
    bad = a;
    bad[at] ^= 0x40;
    writeAll(box.out("a"), bad);
    Error error = box.wrong(Code::Negative);
    EXPECT_EQ(error.fileName(), box.out("a"));
    ASSERT_TRUE(error.byteRange());
    EXPECT_LE(error.byteRange()->begin, at);
    EXPECT_GT(error.byteRange()->end, at);
  }
  writeAll(box.out("a"), a.substr(0, a.size() - 1));
  EXPECT_THAT(box.wrong(Code::Negative).message(), HasSubstr("cut short"));
  writeAll(box.out("a"), a + "x");
  EXPECT_THAT(box.wrong(Code::Negative).message(), HasSubstr("surplus"));
  ASSERT_EQ(::unlink(box.out("a").c_str()), 0);
  EXPECT_THAT(box.wrong(Code::Negative).message(), HasSubstr("missing"));
  writeAll(box.out("a"), a);
  EXPECT_TRUE(verifyManifest(box.folder()));

  // A link that became a file of its own counts by its bytes.
  std::filesystem::remove(box.out("c"));
  writeAll(box.out("c"), "little");
  EXPECT_TRUE(verifyManifest(box.folder()));
  writeAll(box.out("c"), "litTle");
  EXPECT_EQ(box.wrong(Code::Negative).fileName(), box.out("c"));
}

TEST(Manifest, FollowsNoLinksAndNoNonsense) {
  Written box;
  std::filesystem::rename(box.out("b"), box.path("b"));
  std::filesystem::create_symlink(box.path("b"), box.out("b"));
  EXPECT_THAT(box.wrong(Code::Negative).message(), HasSubstr("symbolic link"));
  std::filesystem::remove(box.out("b"));
  std::filesystem::rename(box.path("b"), box.out("b"));

  std::string path = box.out(".recast/manifest.json"), good = readAll(path);
  auto replaced = [&](const std::string &what, const std::string &with) {
    std::string text = good;
    text.replace(text.find(what), what.size(), with);
    return text;
  };
  for (const std::string &text :
       {std::string(), std::string("[]"), std::string("{}"), good.substr(0, good.size() / 2),
        replaced("\"a\"", "\"../tag/a\""), replaced("\"a\"", "7"), replaced("[0, 4,", "[1, 3,"),
        replaced("[0, 4,", "[0, 18446744073709551615,"), replaced("[0, 4, \"", "[0, 4, \"-"),
        replaced("\"recast_manifest\": 1", "\"recast_manifest\": 2"),
        replaced("[\"c\", \"b\"]", "[\"c\", \"d\"]"), std::string(100'000, '[')}) {
    writeAll(path, text);
    (void)box.wrong(Code::BadInput);
  }
  std::filesystem::remove(path);
  Error error = box.wrong(Code::BadInput);
  EXPECT_THAT(error.message(), HasSubstr("no manifest"));
  EXPECT_EQ(error.fileName(), path);
}

} // namespace
} // namespace recast::exec
