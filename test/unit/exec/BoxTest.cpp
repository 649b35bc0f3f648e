// Strided tasks: transposes, column slices and boxes of more dimensions, under any budget, with
// checksums on both sides.
#include "Sandbox.h"

#include "runtime/exec/Box.h"
#include "runtime/exec/Manifest.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>
#include <zlib.h>

namespace recast::exec {
namespace {
using namespace test;
using testing::HasSubstr;

constexpr char kToBf16[] = "load 0 f32; cast %0 bf16; store %1 0";

Report run(const Program &program, Options options = {.sync = false}) {
  auto report = execute(program, options);
  EXPECT_TRUE(report) << report.error().str();
  return report ? *report : Report{};
}

/// A row-major matrix of elements of `width` bytes, rows and columns exchanged.
std::string transposed(const std::string &bytes, int64_t rows, int64_t columns, size_t width) {
  std::string out(bytes.size(), '\0');
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      bytes.copy(out.data() + static_cast<size_t>(c * rows + r) * width, width,
                 static_cast<size_t>(r * columns + c) * width);
  return out;
}

/// rows x columns at `offset` of the input to columns x rows at `to` of the output.
Task &addTranspose(Sandbox &box, TaskInput input, const std::string &recipe, int64_t rows,
                   int64_t columns, uint32_t file, uint64_t to) {
  uint32_t slice = box.slice(recipe);
  Task &task = box.task(rows * columns, {input});
  task.outputs.push_back({slice, file, to, {0}});
  task.dims = {{rows, columns, {columns, 1}}, {columns, 1, {1, rows}}};
  return task;
}

TEST(Box, TransposesOfEveryWidth) {
  for (DType type : {DType::U8, DType::BF16, DType::F32, DType::F64, DType::C128})
    for (auto [rows, columns] : {std::pair{1, 1}, {1, 500}, {700, 1}, {37, 1013}, {512, 640}})
      for (bool kernels : {true, false}) {
        Sandbox box;
        const size_t width = byteWidth(type);
        std::string data = noise(static_cast<size_t>(rows * columns) * width, 7);
        uint32_t in = box.source("in", data), root = box.root();
        uint32_t out = box.target(root, "x", data.size());
        addTranspose(box, {in, 0, type}, fmt::format("load 0 {}; store %0 0", name(type)), rows,
                     columns, out, 0);
        Report report = run(box.program, {.sync = false, .useKernels = kernels});
        EXPECT_TRUE(readAll(box.out("x")) == transposed(data, rows, columns, width))
            << name(type) << " " << rows << " x " << columns;
        EXPECT_EQ(report.bytesRead, data.size());
        EXPECT_EQ(report.bytesNeeded, data.size());
        EXPECT_EQ(report.bytesWritten, data.size());
        EXPECT_TRUE(verifyManifest(box.path("out/tag")));
      }
}

/// One transposed and cast, one copied, in a file with literals and checksums; sources with one.
void mixed(Sandbox &box, int64_t rows, int64_t columns) {
  std::string data = floats(static_cast<size_t>(rows * columns), 3), plain = noise(300'000, 4);
  uint32_t in = box.source("in", data + plain), root = box.root();
  box.record(in, 0, data.size());
  box.record(in, data.size(), plain.size());
  uint64_t half = data.size() / 2;
  uint32_t out = box.target(root, "x", half + plain.size() + 16);
  box.literal(out, 0, "12345678");
  box.literal(out, half + plain.size() + 8, "abcdefgh");
  // The checksum covers a part of the transposed bytes and all of the others.
  box.program.targets[out].patches = {{0, 108, half + plain.size() + 8}};
  addTranspose(box, {in, 0, DType::F32}, kToBf16, rows, columns, out, 8);
  box.copy(in, data.size(), plain.size(), out, half + 8);
}

TEST(Box, ChecksumsAndManifestsDoNotDependOnBudgetOrThreads) {
  constexpr int64_t kRows = 1500, kColumns = 1100; // More than one unit.
  std::map<std::string, std::string> first;
  for (uint64_t budget : {uint64_t{0}, uint64_t{8} << 20, uint64_t{600'000}})
    for (unsigned threads : {1u, 4u}) {
      Sandbox box;
      mixed(box, kRows, kColumns);
      box.program.budget = budget;
      Report report = run(box.program, {.threads = threads, .sync = false});
      EXPECT_EQ(report.recordsVerified, 2u);
      EXPECT_EQ(report.bytesRead, report.bytesNeeded);
      if (budget) {
        EXPECT_LE(report.slotBytes, budget);
      }
      EXPECT_TRUE(verifyManifest(box.path("out/tag")));
      auto files = tree(box.path("out"));
      if (first.empty())
        first = files;
      EXPECT_TRUE(files == first) << budget << " " << threads;
      std::string x = readAll(box.out("x")), data = readAll(box.path("in"));
      std::string f32 = data.substr(0, kRows * kColumns * 4);
      std::string expected = toBf16(transposed(f32, kRows, kColumns, 4)) + data.substr(f32.size());
      EXPECT_TRUE(x.substr(8, expected.size()) == expected);
      auto crc = static_cast<uint32_t>(
          ::crc32_z(0, reinterpret_cast<const Bytef *>(x.data()) + 108, x.size() - 116));
      uint32_t patched;
      std::memcpy(&patched, x.data(), 4);
      EXPECT_EQ(patched, crc);
    }
}

TEST(Box, DamagedSourcesAreFoundInSegments) {
  Sandbox box;
  mixed(box, 300, 200);
  box.program.records[0].crc32 ^= 1;
  auto report = execute(box.program, {.sync = false});
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().str(), HasSubstr("damaged source"));
  EXPECT_FALSE(exists(box.path("out/tag")));
}

/// Columns of a matrix that lies over four files, joined; and the way back.
TEST(Box, ColumnsAreJoinedAndSplit) {
  constexpr int64_t kRows = 700, kColumns = 4 * 160;
  std::string data = floats(kRows * kColumns, 5);
  auto part = [&](int64_t p) {
    std::string out;
    for (int64_t r = 0; r < kRows; ++r)
      out += data.substr(static_cast<size_t>(r * kColumns + p * 160) * 4, 160 * 4);
    return out;
  };
  Sandbox join, split;
  uint32_t root = join.root(), whole = join.target(root, "whole", data.size());
  uint32_t from = split.source("in", data), parts = split.root();
  split.record(from, 0, data.size());
  for (int64_t p = 0; p < 4; ++p) {
    uint32_t in = join.source(fmt::format("in{}", p), part(p));
    Task &task = join.task(kRows * 160, {{in, 0, DType::F32}});
    task.outputs.push_back(
        {join.slice("load 0 f32; store %0 0"), whole, static_cast<uint64_t>(p) * 640, {0}});
    task.dims = {{kRows, kColumns, {160, kColumns}}, {160, 1, {1, 1}}};
    uint32_t out = split.target(parts, fmt::format("out{}", p), kRows * 160 * 2);
    Task &back = split.task(kRows * 160, {{from, static_cast<uint64_t>(p) * 640, DType::F32}});
    back.outputs.push_back({split.slice(kToBf16), out, 0, {0}});
    back.dims = {{kRows, kColumns, {kColumns, 160}}, {160, 1, {1, 1}}};
    EXPECT_FALSE(streamsOutput(join.program, task, 0));
    EXPECT_TRUE(streamsOutput(split.program, back, 0)); // Rows come in the order of the output.
  }
  run(join.program);
  EXPECT_TRUE(readAll(join.out("whole")) == data);
  EXPECT_TRUE(verifyManifest(join.path("out/tag")));
  Report report = run(split.program);
  EXPECT_EQ(report.recordsVerified, 1u);
  EXPECT_EQ(report.bytesRead, data.size());
  for (int64_t p = 0; p < 4; ++p)
    EXPECT_TRUE(readAll(split.out(fmt::format("out{}", p))) == toBf16(part(p))) << p;
  EXPECT_TRUE(verifyManifest(split.path("out/tag")));
}

TEST(Box, ChecksCompareElementsInDifferentOrders) {
  constexpr int64_t kRows = 300, kColumns = 170;
  for (bool kernels : {true, false})
    for (bool wrong : {false, true}) {
      Sandbox box;
      std::string data = floats(kRows * kColumns, 8);
      std::string copy = toBf16(transposed(data, kRows, kColumns, 4));
      constexpr int64_t kRow = 123, kColumn = 77;
      if (wrong)
        copy[(kColumn * kRows + kRow) * 2] ^= 1;
      uint32_t a = box.source("a", data), b = box.source("b", copy), root = box.root();
      uint32_t out = box.target(root, "x", data.size());
      uint32_t check = box.slice("load 0 f32; cast %0 bf16; load 1 bf16; check %1 %2");
      Task &task =
          addTranspose(box, {a, 0, DType::F32}, "load 0 f32; store %0 0", kRows, kColumns, out, 0);
      task.inputs.push_back({b, 0, DType::BF16});
      task.checks.push_back({check, {0, 1}});
      task.dims[0].strides = {kColumns, 1, 1};
      task.dims[1].strides = {1, kRows, kRows};
      auto report = execute(box.program, {.sync = false, .useKernels = kernels});
      ASSERT_EQ(report.has_value(), !wrong);
      if (!wrong) {
        EXPECT_EQ(report->elementsChecked, static_cast<uint64_t>(kRows * kColumns));
        continue;
      }
      uint64_t at = (kRow * kColumns + kColumn) * 4, other = (kColumn * kRows + kRow) * 2;
      EXPECT_THAT(report.error().str(),
                  HasSubstr(fmt::format("at element {}:", kRow * kColumns + kColumn)));
      EXPECT_THAT(report.error().str(), HasSubstr(fmt::format("bytes [{}, {})", other, other + 2)));
      EXPECT_EQ(report.error().byteRange(), (ByteRange{at, at + 4}));
    }
}

TEST(Box, ThreeDimensionsInAnyOrder) {
  const std::vector<int64_t> shape = {23, 40, 31};
  std::vector<size_t> order = {0, 1, 2};
  std::string data = floats(23 * 40 * 31, 9), narrow = toBf16(data);
  do { // Output dim d is input dim order[d].
    Sandbox box;
    uint32_t in = box.source("in", data), root = box.root();
    uint32_t out = box.target(root, "x", narrow.size());
    Task &task = box.task(23 * 40 * 31, {{in, 0, DType::F32}});
    task.outputs.push_back({box.slice(kToBf16), out, 0, {0}});
    std::vector<int64_t> to(3);
    int64_t stride = 1;
    for (size_t d = 3; d-- > 0; stride *= shape[order[d]])
      to[order[d]] = stride;
    task.dims = {{23, 1240, {1240, to[0]}}, {40, 31, {31, to[1]}}, {31, 1, {1, to[2]}}};
    box.program.budget = 300'000;
    run(box.program);
    std::string expected(narrow.size(), '\0');
    for (int64_t i = 0, n = 0; i < 23; ++i)
      for (int64_t j = 0; j < 40; ++j)
        for (int64_t k = 0; k < 31; ++k, ++n)
          narrow.copy(expected.data() + (i * to[0] + j * to[1] + k * to[2]) * 2, 2, n * 2);
    EXPECT_TRUE(readAll(box.out("x")) == expected) << testing::PrintToString(order);
    EXPECT_TRUE(verifyManifest(box.path("out/tag")));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Box, SegmentsOfATransposeAreAsLongAsASlotAllows) {
  Sandbox box;
  uint32_t in = box.source("in", ""), out = box.target(box.root(), "x", 0);
  Task &task = addTranspose(box, {in, 0, DType::F32}, kToBf16, 5000, 4000, out, 0);
  const std::vector<int64_t> whole = {5000, 4000};
  auto part = partExtents(box.program, task, whole, 1 << 18);
  EXPECT_EQ(part[0] * part[1], 1 << 18);
  // The output's elements are half as wide, so its segments have twice as many.
  EXPECT_EQ(part, (std::vector<int64_t>{512, 512}));
  EXPECT_EQ(partExtents(box.program, task, whole, 1 << 17), (std::vector<int64_t>{512, 256}));
}

TEST(Box, DimsThatDoNotFitAreRefused) {
  auto refused = [](auto change, const char *why) {
    Sandbox box;
    uint32_t in = box.source("in", noise(4 * 600, 1)), out = box.target(box.root(), "x", 1200);
    Task &task = addTranspose(box, {in, 0, DType::F32}, kToBf16, 20, 30, out, 0);
    change(task);
    auto report = execute(box.program, {.sync = false});
    ASSERT_FALSE(report) << why;
    EXPECT_THAT(report.error().str(), HasSubstr(why));
  };
  refused([](Task &t) { t.dims[0].extent = 21; }, "another number of elements");
  refused([](Task &t) { t.dims[0].strides = {30}; }, "do not fit");
  refused([](Task &t) { t.dims[0].extent = 0; }, "do not fit");
  refused([](Task &t) { t.dims[0].strides[0] = 29; }, "meet");
  refused([](Task &t) { t.dims[0].strides[0] = INT64_MAX / 8; }, "meet");
  refused([](Task &t) { t.dims[0].strides[0] = 31; }, "outside its source");
  refused([](Task &t) { t.dims[1].strides[1] = 21; }, "outside its target");
}

} // namespace
} // namespace recast::exec
