// Reads and writes that fail, and runs that are killed while bytes move: whatever happened, nothing
// half-made is visible and the next run ends where an undisturbed one does.
#include "Sandbox.h"
#include "Tracer.h"

#include "runtime/codec/Xxh3.h"
#include "runtime/exec/Journal.h"
#include "runtime/exec/Manifest.h"
#include "runtime/exec/Schedule.h"
#include "runtime/exec/Stop.h"

#include <atomic>
#include <cstring>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace recast::exec {
namespace {
using namespace test;

/// Three large files and some small ones into two roots, cast and copied, with records, patches and
/// a link: several units.
struct Conversion : Sandbox {
  Conversion() {
    uint32_t one = root("out"), two = root("hub");
    uint32_t cast = slice("load 0 f32; cast %0 bf16; store %1 0"),
             same = slice("load 0 f32; store %0 0");
    for (unsigned i = 0; i < 3; ++i) {
      size_t count = 1'300'000 + 1000 * i;
      std::string name = "in" + std::to_string(i);
      uint32_t in = source(name, floats(count, i + 1));
      record(in, 0, count * 4);
      uint32_t full = target(one, name, count * 4 + 12), half = target(two, name, count * 2);
      program.targets[full].patches = {{count * 4 + 8, 0, count * 4}};
      literal(full, count * 4, "trailer.crc=");
      task(static_cast<int64_t>(count), {{in, 0, DType::F32}}, name).outputs = {
          {same, full, 0, {0}, tensor(full, 0, count * 4)},
          {cast, half, 0, {0}, tensor(half, 0, count * 2)}};
    }
    program.roots[one].links = {{"tag/second", "tag/in0"}};
    program.roots[one].pointers = {{"latest", "tag"}};
    uint32_t text = target(two, "readme", 5);
    literal(text, 0, "hello");
  }
  std::map<std::string, std::string> result() const {
    std::map<std::string, std::string> all;
    for (std::string name : {"out", "hub"})
      for (auto &[file, bytes] : tree(path(name)))
        all[name + "/" + file] = std::move(bytes);
    return all;
  }
  bool visible() const { return exists(path("out/tag")) || exists(path("hub/tag")); }
};

const std::map<std::string, std::string> &undisturbed() {
  static const auto expected = [] {
    Conversion box;
    auto report = execute(box.program, {.threads = 1, .sync = false});
    EXPECT_TRUE(report) << report.error().str();
    return box.result();
  }();
  return expected;
}

bool canTrace() {
  return faultAtCall(0, Fault::Kill, isNamingCall, [] { ::fsync(-1); }).happened;
}

/// Every `step`-th read or write of a run suffers `fault`; then a second run finishes.
void disturbEverywhere(Fault fault, int step, unsigned threads) {
#ifndef __x86_64__
  if (fault != Fault::Kill)
    GTEST_SKIP() << "needs x86-64";
#endif
  if (!canTrace())
    GTEST_SKIP() << "needs ptrace";
  int disturbed = 0, wentOn = 0;
  for (int n = 0;; n += step) {
    Conversion box;
    Options options{.threads = threads, .sync = false};
    FaultResult result = faultAtCall(n, fault, isDataCall, std::function<int()>([&] {
                                       auto report = execute(box.program, options);
                                       return report ? 0 : report.error().exitCode();
                                     }));
    if (!result.happened)
      break;
    ++disturbed;
    if (fault == Fault::Kill) {
      EXPECT_FALSE(box.visible()) << "call " << n;
    } else if (result.exitCode != 0) {
      // The one call that may fail without harm is the number in the lock file.
      EXPECT_EQ(result.exitCode, static_cast<int>(Code::Io)) << "call " << n;
      EXPECT_TRUE(box.result().empty()) << "call " << n;
    } else {
      EXPECT_TRUE(box.result() == undisturbed()) << "call " << n;
      continue;
    }
    auto again = execute(box.program, options);
    ASSERT_TRUE(again) << "call " << n << ": " << again.error().str();
    wentOn += again->bytesKept > 0;
    EXPECT_TRUE(box.result() == undisturbed()) << "call " << n;
  }
  EXPECT_GE(disturbed, 10);
  if (fault == Fault::Kill)
    EXPECT_GE(wentOn, 3);
}

TEST(Faults, KilledWhileBytesMove) { disturbEverywhere(Fault::Kill, 9, 1); }
TEST(Faults, KilledWhileTwoThreadsMoveBytes) { disturbEverywhere(Fault::Kill, 13, 2); }
TEST(Faults, ReadsAndWritesFail) { disturbEverywhere(Fault::Io, 9, 1); }
TEST(Faults, TheDiskIsFull) { disturbEverywhere(Fault::NoSpace, 9, 2); }
TEST(Faults, ReadsAndWritesAreShort) { disturbEverywhere(Fault::Short, 9, 1); }

/// A run that is stopped after about half of its bytes, as Ctrl-C does it.
void interruptHalfWay(Conversion &box) {
  std::atomic<int> asked{0};
  auto literals = box.program.literals;
  box.program.literals = [&, literals](uint32_t target) {
    if (asked++ == 1)
      requestStop();
    return literals(target);
  };
  auto report = execute(box.program, {.threads = 1, .sync = false});
  clearStop();
  box.program.literals = literals;
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), Code::Interrupted);
  EXPECT_FALSE(box.visible());
  ASSERT_TRUE(exists(box.path("out/.recast-tmp-000000001234abcd/.recast-journal")));
}

TEST(Resume, GoesOnAfterAnInterruption) {
  Conversion box;
  interruptHalfWay(box);
  uint64_t all = 0;
  for (const TargetFile &file : box.program.targets)
    all += file.size;
  // Another number of threads and no kernels: the bytes are the same.
  auto report = execute(box.program, {.threads = 2, .sync = false, .useKernels = false});
  ASSERT_TRUE(report) << report.error().str();
  EXPECT_GT(report->bytesKept, all / 10);
  EXPECT_LT(report->bytesWritten, all);
  EXPECT_EQ(report->recordsVerified, 3u);
  EXPECT_TRUE(box.result() == undisturbed());
  EXPECT_TRUE(verifyManifest(box.path("out/tag")));
}

std::string journalOf(const Conversion &box) {
  return box.path("out/.recast-tmp-000000001234abcd/.recast-journal");
}

/// Gives the journal the boot id of another boot, with a right hash.
void pretendReboot(const Conversion &box) {
  std::string bytes = readAll(journalOf(box));
  bytes[3 * 8] ^= 1;
  // The header's own hash is continued from 0, over all words before it.
  size_t words = 5 + box.program.roots.size();
  codec::Xxh3Stream hash;
  uint64_t zero = 0;
  hash.update(&zero, 8);
  hash.update(bytes.data(), words * 8);
  uint64_t digest = hash.digest();
  std::memcpy(bytes.data() + words * 8, &digest, 8);
  // Entries continue from it: write them anew.
  uint64_t chain = digest;
  for (size_t at = (words + 1) * 8; at + 40 < bytes.size();) {
    uint64_t head[5];
    std::memcpy(head, bytes.data() + at, sizeof head);
    size_t size = (5 + head[1] * 5 + head[2] * 2 + head[3] * 4 + head[4] * 4) * 8;
    codec::Xxh3Stream entry;
    entry.update(&chain, 8);
    entry.update(bytes.data() + at, size);
    chain = entry.digest();
    std::memcpy(bytes.data() + at + size, &chain, 8);
    at += size + 8;
  }
  writeAll(journalOf(box), bytes);
}

TEST(Resume, HashesEverythingAfterAReboot) {
  Conversion box;
  interruptHalfWay(box);
  pretendReboot(box);
  auto report = execute(box.program, {.threads = 1, .sync = false});
  ASSERT_TRUE(report) << report.error().str();
  uint64_t kept = report->bytesKept;
  EXPECT_GT(kept, 0u);
  EXPECT_TRUE(box.result() == undisturbed());

  // The page that was on its way to the disk when the power went.
  Conversion torn;
  interruptHalfWay(torn);
  pretendReboot(torn);
  std::string staged = torn.path("out/.recast-tmp-000000001234abcd/tag/in2"),
              bytes = readAll(staged);
  std::fill(bytes.begin() + 4096, bytes.begin() + 8192, '\0');
  writeAll(staged, bytes);
  report = execute(torn.program, {.threads = 1, .sync = false});
  ASSERT_TRUE(report) << report.error().str();
  EXPECT_LT(report->bytesKept, kept);
  EXPECT_TRUE(torn.result() == undisturbed());
}

TEST(Resume, TrustsNoJournalThatDoesNotFit) {
  auto expectAnew = [](Conversion &box, const char *what) {
    auto report = execute(box.program, {.threads = 1, .sync = false});
    ASSERT_TRUE(report) << what << ": " << report.error().str();
    EXPECT_EQ(report->bytesKept, 0u) << what;
    EXPECT_TRUE(box.result() == undisturbed()) << what;
  };
  {
    Conversion box;
    interruptHalfWay(box);
    std::filesystem::remove_all(box.path("hub/.recast-tmp-000000001234abcd"));
    expectAnew(box, "the staging folder of the other root is gone");
  }
  {
    Conversion box;
    interruptHalfWay(box);
    std::string bytes = readAll(journalOf(box));
    bytes[20] ^= 1;
    writeAll(journalOf(box), bytes);
    expectAnew(box, "the header is damaged");
  }
  {
    Conversion box;
    interruptHalfWay(box);
    std::filesystem::permissions(box.path("out/.recast-tmp-000000001234abcd"),
                                 std::filesystem::perms::all);
    expectAnew(box, "others may have written into it");
  }
  {
    Conversion box;
    interruptHalfWay(box);
    for (unsigned i = 0; i < 3; ++i)
      std::filesystem::remove(
          box.path("hub/.recast-tmp-000000001234abcd/tag/in" + std::to_string(i)));
    expectAnew(box, "staged files are gone");
  }
  Conversion box; // A torn tail costs one unit.
  interruptHalfWay(box);
  std::string bytes = readAll(journalOf(box));
  writeAll(journalOf(box), bytes.substr(0, bytes.size() - 5));
  auto report = execute(box.program, {.threads = 1, .sync = false});
  ASSERT_TRUE(report) << report.error().str();
  EXPECT_GT(report->bytesKept, 0u);
  EXPECT_TRUE(box.result() == undisturbed());
}

TEST(Resume, IsNotLostToARefusal) {
  Conversion box;
  interruptHalfWay(box);
  std::filesystem::create_directories(box.path("hub/tag"));
  auto report = execute(box.program, {.threads = 1, .sync = false});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), Code::Usage);
  std::filesystem::remove(box.path("hub/tag"));
  report = execute(box.program, {.threads = 1, .sync = false});
  ASSERT_TRUE(report) << report.error().str();
  EXPECT_GT(report->bytesKept, 0u);
  EXPECT_TRUE(box.result() == undisturbed());
}

TEST(Resume, OtherPlansKeepWhatTheyStaged) {
  Conversion box;
  interruptHalfWay(box);
  Program other = box.program;
  other.fingerprint = 99;
  auto report = execute(other, {.threads = 1, .sync = false});
  ASSERT_TRUE(report) << report.error().str();
  EXPECT_EQ(report->leftovers,
            (std::vector<std::string>{box.path("out") + "/.recast-tmp-000000001234abcd",
                                      box.path("hub") + "/.recast-tmp-000000001234abcd"}));
  EXPECT_TRUE(exists(journalOf(box)));
  report = execute(box.program, {.threads = 1, .sync = false, .overwrite = true});
  ASSERT_TRUE(report) << report.error().str();
  EXPECT_GT(report->bytesKept, 0u);
  EXPECT_TRUE(report->leftovers.empty());
  EXPECT_TRUE(box.result() == undisturbed());
}

} // namespace
} // namespace recast::exec
