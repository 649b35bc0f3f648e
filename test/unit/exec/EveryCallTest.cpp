// Runs that are killed at each of their system calls in turn, and runs in which each call that has
// to do with files fails: an output is never seen half made, an old one is never gone, and the next
// run ends where an undisturbed one does.
#include "Tracer.h"
#include "TwoRoots.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

namespace recast::exec {
namespace {
using namespace test;

struct OldAndNew : TwoRoots {
  explicit OldAndNew(bool overwrite) : overwrite_(overwrite) {
    if (overwrite)
      for (std::string name : {"one", "two"}) {
        std::filesystem::create_directories(path(name + "/tag"));
        writeAll(path(name + "/tag/a"), "before");
        writeAll(path(name + "/latest"), "old");
      }
  }
  bool isNew(const std::string &name) const {
    return readAll(path(name + "/tag/a")) == data + "ok";
  }
  bool isOld(const std::string &name) const {
    return overwrite_ ? readAll(path(name + "/tag/a")) == "before" : !exists(path(name + "/tag"));
  }
  /// What a loader finds: each tag is old or new, and what points to a new one comes last.
  void expectNothingHalfMade(int call) const {
    for (std::string name : {"one", "two"}) {
      EXPECT_TRUE(isNew(name) || isOld(name)) << "call " << call << ", " << name;
      std::string latest = readAll(path(name + "/latest"));
      EXPECT_TRUE(latest == "tag" || latest == (overwrite_ ? "old" : "")) << "call " << call;
      if (latest == "tag")
        EXPECT_TRUE(isNew("one") && isNew("two")) << "call " << call;
    }
  }
  /// The same command once more; without --overwrite it may say that all is there.
  void expectNextRunCompletes(int call) {
    auto report = execute(program, {.threads = 1, .sync = true, .overwrite = overwrite_});
    if (!report)
      EXPECT_EQ(report.error().code(), Code::Usage) << "call " << call << report.error().str();
    EXPECT_TRUE(complete()) << "call " << call << ": "
                            << (report ? std::string("done") : report.error().str());
  }

private:
  bool overwrite_;
};

bool canTrace() {
  return faultAtCall(0, Fault::Kill, isNamingCall, [] { ::fsync(-1); }).happened;
}

int runIn(OldAndNew &box, bool overwrite) {
  auto report = execute(box.program, {.threads = 1, .sync = true, .overwrite = overwrite});
  return report ? 0 : report.error().exitCode();
}

void killAtEvery(bool overwrite) {
  if (!canTrace())
    GTEST_SKIP() << "needs ptrace";
  int calls = 0;
  for (int n = 0;; ++n) {
    OldAndNew box(overwrite);
    auto result = faultAtCall(n, Fault::Kill, isAnyCall,
                              std::function<int()>([&] { return runIn(box, overwrite); }));
    if (!result.happened)
      break;
    ++calls;
    box.expectNothingHalfMade(n);
    box.expectNextRunCompletes(n);
  }
  EXPECT_GE(calls, 100);
}

void failAtEvery(Fault fault, bool overwrite) {
#ifndef __x86_64__
  GTEST_SKIP() << "needs x86-64";
#endif
  if (!canTrace())
    GTEST_SKIP() << "needs ptrace";
  int failed = 0;
  for (int n = 0;; ++n) {
    OldAndNew box(overwrite);
    auto result = faultAtCall(n, fault, isFileCall,
                              std::function<int()>([&] { return runIn(box, overwrite); }));
    if (!result.happened)
      break;
    box.expectNothingHalfMade(n);
    if (result.exitCode == 0) { // A call that may fail: to clean up behind a commit, say.
      EXPECT_TRUE(box.isNew("one") && box.isNew("two") && readAll(box.path("two/latest")) == "tag")
          << "call " << n;
      box.expectNextRunCompletes(n);
      continue;
    }
    ++failed;
    EXPECT_TRUE(result.exitCode == static_cast<int>(Code::Io) ||
                result.exitCode == static_cast<int>(Code::BadInput))
        << "call " << n << ": " << result.exitCode;
    // Both are old, but for a failure after the commit or one that could not be taken back.
    EXPECT_EQ(box.isNew("one"), box.isNew("two")) << "call " << n;
    box.expectNextRunCompletes(n);
  }
  EXPECT_GE(failed, 30);
}

TEST(EveryCall, Killed) { killAtEvery(false); }
TEST(EveryCall, KilledWhileReplacing) { killAtEvery(true); }
TEST(EveryCall, Fails) { failAtEvery(Fault::Io, false); }
TEST(EveryCall, FailsWhileReplacing) { failAtEvery(Fault::Io, true); }
TEST(EveryCall, FindsNoSpace) { failAtEvery(Fault::NoSpace, true); }

} // namespace
} // namespace recast::exec
