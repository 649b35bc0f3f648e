// What execute() writes and counts when nothing goes wrong.
#include "Sandbox.h"

#include "runtime/exec/Manifest.h"
#include "runtime/exec/Slots.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zlib.h>

namespace recast::exec {
namespace {
using namespace test;

constexpr char kToBf16[] = "load 0 f32; cast %0 bf16; store %1 0";
constexpr char kCheck[] = "load 0 f32; cast %0 bf16; load 1 bf16; check %1 %2";

Report run(const Program &program, Options options = {.sync = false}) {
  auto report = execute(program, options);
  EXPECT_TRUE(report) << report.error().str();
  return report ? *report : Report{};
}

TEST(Execute, CopiesWithLiterals) {
  Sandbox box;
  std::string data = noise(10'000'003, 1);
  uint32_t in = box.source("in", data), root = box.root();
  uint32_t out = box.target(root, "deep/er/file", data.size() + 7);
  box.literal(out, data.size() + 4, "end");
  box.literal(out, 0, "head");
  box.copy(in, 0, data.size(), out, 4);
  Report report = run(box.program);
  EXPECT_TRUE(readAll(box.out("deep/er/file")) == "head" + data + "end");
  EXPECT_EQ(report.bytesRead, data.size());
  EXPECT_EQ(report.bytesNeeded, data.size());
  EXPECT_EQ(report.bytesForChecks, 0u);
  EXPECT_EQ(report.bytesWritten, data.size() + 7);
  EXPECT_EQ(report.filesWritten, 1u);
  EXPECT_TRUE(report.kernels.empty());
  EXPECT_TRUE(verifyManifest(box.path("out/tag")));
  // Nothing of ours is left beside the output.
  EXPECT_EQ(tree(box.path("out")).size(), 2u);
}

/// A cast by kernel and by interpreter: same bytes, and the report says which.
TEST(Execute, CastsByKernelAndByInterpreter) {
  std::string data = floats(1'500'001, 2);
  for (bool kernels : {true, false}) {
    Sandbox box;
    uint32_t in = box.source("in", data), root = box.root();
    uint32_t out = box.target(root, "x", data.size() / 2);
    box.task(static_cast<int64_t>(data.size() / 4), {{in, 0, DType::F32}})
        .outputs.push_back({box.slice(kToBf16), out, 0, {0}});
    Report report = run(box.program, {.sync = false, .useKernels = kernels});
    EXPECT_TRUE(readAll(box.out("x")) == toBf16(data));
    ASSERT_EQ(report.kernels.size(), 1u);
    EXPECT_EQ(report.kernels[0] == "interpreter", !kernels) << report.kernels[0];
  }
}

TEST(Execute, OneReadFeedsTwoTargetsAndWidens) {
  Sandbox box;
  std::string f32 = floats(1'200'007, 3), bf16 = toBf16(f32);
  uint32_t in = box.source("in", f32), half = box.source("half", bf16);
  uint32_t root = box.root(), hub = box.root("hub");
  uint32_t a = box.target(root, "a", f32.size()), b = box.target(hub, "b", bf16.size());
  uint32_t c = box.target(hub, "c", f32.size());
  auto count = static_cast<int64_t>(f32.size() / 4);
  uint32_t copy = box.slice("load 0 f32; store %0 0"), narrow = box.slice(kToBf16);
  uint32_t widen = box.slice("load 0 bf16; cast %0 f32; store %1 0");
  Task &both = box.task(count, {{in, 0, DType::F32}});
  both.outputs = {{copy, a, 0, {0}}, {narrow, b, 0, {0}}};
  box.task(count, {{half, 0, DType::BF16}}).outputs = {{widen, c, 0, {0}}};
  Report report = run(box.program);
  EXPECT_EQ(report.bytesRead, f32.size() + bf16.size());
  EXPECT_TRUE(readAll(box.out("a")) == f32);
  EXPECT_TRUE(readAll(box.path("hub/tag/b")) == bf16);
  std::string widened(f32.size(), '\0');
  for (size_t i = 0; i < bf16.size(); i += 2)
    widened.replace(2 * i + 2, 2, bf16, i, 2);
  EXPECT_TRUE(readAll(box.path("hub/tag/c")) == widened);
}

/// Padding and `init`: one value for all elements, between and after what is read.
TEST(Execute, ConstantsFillWhatHasNoSource) {
  std::string data = floats(300'000, 5);
  for (uint64_t budget : {uint64_t{0}, uint64_t{4} << 20}) {
    Sandbox box;
    box.program.budget = budget;
    constexpr int64_t kFilled = 700'001;
    uint32_t in = box.source("in", data), root = box.root();
    uint32_t out = box.target(root, "x", data.size() / 2 + 2 * kFilled);
    uint32_t cast = box.slice(kToBf16);
    box.task(kFilled, {{TaskInput::kConstant, 0x3fc00000, DType::F32}}).outputs = {
        {cast, out, data.size() / 2, {0}}};
    box.task(static_cast<int64_t>(data.size() / 4), {{in, 0, DType::F32}}).outputs = {
        {cast, out, 0, {0}}};
    Report report = run(box.program);
    std::string expected = toBf16(data);
    for (int64_t i = 0; i < kFilled; ++i)
      expected += {'\xc0', '\x3f'}; // 1.5
    EXPECT_TRUE(readAll(box.out("x")) == expected);
    EXPECT_EQ(report.bytesRead, data.size());
    EXPECT_EQ(report.bytesNeeded, data.size());
    EXPECT_TRUE(verifyManifest(box.path("out/tag")));
  }
}

TEST(Execute, JoinChecksAndCountsBytesOnce) {
  Sandbox box;
  std::string f32 = floats(700'001, 4), bf16 = toBf16(f32);
  f32.replace(0, 4, "\x01\x02\xc1\x7f"); // A NaN on both sides, with other payloads.
  bf16.replace(0, 2, "\xff\x7f");
  uint32_t master = box.source("master", f32), weight = box.source("weight", bf16);
  uint32_t root = box.root(), out = box.target(root, "x", f32.size());
  Task &task =
      box.task(700'001, {{master, 0, DType::F32}, {weight, 0, DType::BF16}}, "layers.0.weight");
  task.outputs = {{box.slice("load 0 f32; store %0 0"), out, 0, {0}}};
  task.checks = {{box.slice(kCheck), {0, 1}}};
  Report report = run(box.program);
  EXPECT_TRUE(readAll(box.out("x")) == f32);
  EXPECT_EQ(report.bytesNeeded, f32.size());
  EXPECT_EQ(report.bytesForChecks, bf16.size());
  EXPECT_EQ(report.bytesRead, f32.size() + bf16.size());
  EXPECT_EQ(report.elementsChecked, 700'001u);
}

/// A gap task: read for a checksum only.
TEST(Execute, VerifiesRecordsThatAreCoveredWhole) {
  Sandbox box;
  std::string data = noise(9'000'000, 5);
  uint32_t in = box.source("in", data), root = box.root();
  uint32_t out = box.target(root, "x", 8'000'000);
  box.record(in, 0, 0);
  box.record(in, 0, 1000);
  box.record(in, 1000, 4'999'000);
  box.record(in, 5'000'000, 3'000'100); // Its tail is read by the gap task.
  box.record(in, 8'000'100, 500'000);   // Only half of it is read.
  box.copy(in, 0, 500, out, 0);
  box.copy(in, 500, 7'999'500, out, 500); // Crosses records.
  box.task(100, {{in, 8'000'000, DType::U8}});
  box.task(250'000, {{in, 8'000'100, DType::U8}});
  Report report = run(box.program, {.threads = 2, .sync = false});
  EXPECT_EQ(report.recordsVerified, 4u);
  EXPECT_EQ(report.recordsSkipped, 1u);
  EXPECT_EQ(report.bytesNeeded, 8'000'000u);
  EXPECT_EQ(report.bytesForChecks, 250'100u);
}

/// A zip-like file: CRC places in headers, ranges that tensors and literals make up together, two
/// places for one range, a task that crosses the bound of a patched range.
TEST(Execute, PatchesChecksumsOfTargets) {
  Sandbox box;
  std::string data = noise(6'000'000, 6);
  uint32_t in = box.source("in", data), root = box.root();
  box.record(in, 0, data.size());
  // [0,8) places | [8,20) literal head of range A | data[0, 5'000'000) of A | data rest | 8 places
  uint64_t endA = 20 + 5'000'000, endB = 20 + data.size();
  uint32_t out = box.target(root, "x", endB + 8);
  box.literal(out, 0, std::string(8, '\0') + "twelve bytes");
  box.literal(out, endB, std::string(8, '\0'));
  box.program.targets[out].patches = {
      {0, 8, endA}, {4, endA, endB}, {endB, 8, endA}, {endB + 4, 20, endB}};
  box.copy(in, 0, data.size(), out, 20);
  run(box.program, {.threads = 2, .sync = false});
  std::string file = readAll(box.out("x"));
  ASSERT_EQ(file.size(), endB + 8);
  auto crc = [&](uint64_t begin, uint64_t end) {
    return static_cast<uint32_t>(
        ::crc32_z(0, reinterpret_cast<const Bytef *>(file.data()) + begin, end - begin));
  };
  auto at = [&](uint64_t offset) {
    uint32_t value;
    std::memcpy(&value, file.data() + offset, 4);
    return value;
  };
  EXPECT_EQ(at(0), crc(8, endA));
  EXPECT_EQ(at(4), crc(endA, endB));
  EXPECT_EQ(at(endB), crc(8, endA));
  EXPECT_EQ(at(endB + 4), crc(20, endB));
  EXPECT_TRUE(file.substr(20, data.size()) == data);
  EXPECT_TRUE(verifyManifest(box.path("out/tag")));
}

/// Thousands of small tensors from shuffled places, in small files and in one large one.
void manySmall(Sandbox &box, size_t files, std::map<std::string, std::string> &expected) {
  std::mt19937 random(7);
  std::string data = floats(files * 40, 7);
  uint32_t in = box.source("in", data), root = box.root();
  std::vector<size_t> order(files);
  for (size_t i = 0; i < files; ++i)
    order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  uint32_t all = box.target(root, "all", files * 80), narrow = box.slice(kToBf16);
  std::string &whole = expected["all"];
  for (size_t i = 0; i < files; ++i) {
    std::string name = fmt::format("d{}/f{}", order[i] % 50, order[i]);
    uint32_t file = box.target(root, name, 166);
    box.literal(file, 0, "[");
    box.literal(file, 161, "]tail");
    std::string part = data.substr(order[i] * 160, 160);
    expected[name] = "[" + part + "]tail";
    whole += toBf16(part);
    Task &task = box.task(40, {{in, order[i] * 160, DType::F32}});
    task.outputs = {{box.slice("load 0 f32; store %0 0"), file, 1, {0}},
                    {narrow, all, i * 80, {0}}};
  }
}

TEST(Execute, ManySmallFilesWithFewDescriptors) {
  Sandbox box;
  std::map<std::string, std::string> expected;
  manySmall(box, 5000, expected);
  rlimit old, low;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  low = old;
  low.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  run(box.program, {.threads = 4, .sync = false});
  EXPECT_TRUE(verifyManifest(box.path("out/tag")));
  ::setrlimit(RLIMIT_NOFILE, &old);
  auto found = tree(box.path("out/tag"));
  found.erase(".recast/manifest.json");
  EXPECT_TRUE(found == expected);
}

/// One output for any number of threads, any budget and any slot size.
TEST(Execute, BytesDoNotDependOnThreadsOrBudget) {
  std::map<std::string, std::string> first;
  for (auto [threads, budget] : {std::pair{1u, 0u}, {4u, 0u}, {3u, 900'000u}, {1u, 700'000u}}) {
    Sandbox box;
    std::map<std::string, std::string> expected;
    manySmall(box, 300, expected);
    std::string data = floats(5'000'000, 8);
    uint32_t in = box.source("big", data);
    uint32_t out = box.target(0, "big", data.size() + 8),
             half = box.target(0, "half", data.size() / 2);
    box.literal(out, 0, std::string(8, '\0'));
    box.program.targets[out].patches = {{0, 8, data.size() + 8}};
    box.task(5'000'000, {{in, 0, DType::F32}}).outputs = {
        {box.slice("load 0 f32; store %0 0"), out, 8, {0}}, {box.slice(kToBf16), half, 0, {0}}};
    box.program.budget = budget;
    Report report = run(box.program, {.threads = threads, .sync = false});
    if (budget)
      EXPECT_LE(report.slotBytes, budget);
    else
      EXPECT_EQ(report.slotBytes, threads * 2 * kSlotBytes);
    auto found = tree(box.path("out"));
    if (first.empty())
      first = found;
    EXPECT_TRUE(found == first) << threads << " threads, budget " << budget;
  }
}

TEST(Execute, LinksPointersAndFlatRoots) {
  Sandbox box;
  std::string data = noise(1000, 9);
  uint32_t in = box.source("in", data), root = box.root();
  uint32_t out = box.target(root, "a", data.size());
  box.copy(in, 0, data.size(), out, 0);
  box.program.roots[root].links = {{"tag/sub/b", "tag/a"}};
  box.program.roots[root].pointers = {{"latest", "tag"}, {"newest", "also tag"}};
  Report report = run(box.program, {.sync = true});
  EXPECT_EQ(report.filesWritten, 2u);
  EXPECT_EQ(readAll(box.out("sub/b")), data);
  EXPECT_EQ(readAll(box.path("out/latest")), "tag");
  EXPECT_EQ(readAll(box.path("out/newest")), "also tag");
  EXPECT_TRUE(verifyManifest(box.path("out/tag")));

  // Files at the top, the manifest beside them.
  box.program.roots[root].folder = box.path("flat");
  box.program.roots[root].manifestDir = "";
  run(box.program);
  VerifyCounts counts;
  EXPECT_TRUE(verifyManifest(box.path("flat"), &counts));
  EXPECT_EQ(counts.bytes, data.size());
}

TEST(Execute, EmptyFilesAndEmptyPrograms) {
  Sandbox box;
  uint32_t root = box.root();
  box.target(root, "empty", 0);
  uint32_t text = box.target(root, "text", 5);
  box.literal(text, 0, "hello");
  Report report = run(box.program);
  EXPECT_EQ(report.filesWritten, 2u);
  EXPECT_TRUE(exists(box.out("empty")));
  EXPECT_EQ(readAll(box.out("text")), "hello");
  EXPECT_TRUE(verifyManifest(box.path("out/tag")));
}

TEST(Execute, TellsProgress) {
  Sandbox box;
  std::string data = noise(3'000'000, 10);
  uint32_t in = box.source("in", data), root = box.root();
  box.copy(in, 0, data.size(), box.target(root, "x", data.size()), 0);
  uint64_t done = 0, all = 0;
  Options options{.sync = false};
  options.progress = [&](uint64_t d, uint64_t a) {
    EXPECT_GE(d, done);
    done = d;
    all = a;
  };
  run(box.program, options);
  EXPECT_EQ(done, data.size());
  EXPECT_EQ(all, data.size());
}

TEST(Budget, RefusedWithTheMinimum) {
  Sandbox box;
  std::string data = noise(100'000, 11);
  uint32_t in = box.source("in", data), root = box.root();
  box.copy(in, 0, data.size(), box.target(root, "x", data.size()), 0);
  box.program.budget = 4096;
  auto refused = execute(box.program, {.sync = false});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::OverBudget);
  EXPECT_FALSE(exists(box.path("out")));
  // The minimum that the hint names is enough.
  std::string hint = refused.error().hintText();
  uint64_t kib = std::stoull(hint.substr(hint.find_first_of("0123456789")));
  box.program.budget = kib << 10;
  EXPECT_EQ(run(box.program).slotBytes, kMinSlotBytes);
  EXPECT_EQ(readAll(box.out("x")), data);
}

} // namespace
} // namespace recast::exec
