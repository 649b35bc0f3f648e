// f64 arithmetic and scalars: the interpreter against the processor and against itself, and
// compiled kernels against the interpreter, on every CPU level, bit for bit.
#include "compiler/Codegen/MakePack.h"
#include "compiler/Codegen/Target.h"
#include "runtime/device/cpu/KernelFinder.h"
#include "test/unit/recipe/CastSamples.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>

namespace recast::recipe::test {
namespace {
using device::cpu::Kernel;
using device::cpu::KernelPack;

double number(uint64_t bits) { return std::bit_cast<double>(bits); }
uint64_t bits(double value) { return std::bit_cast<uint64_t>(value); }

/// Adam's update with decoupled decay, as a prediction computes it, and other shapes of recipes.
const char *const kRecipes[] = {
    "load 0 f64; load 1 f64; add %0 %1; store %2 0",
    "load 0 f64; load 1 f64; subtract %0 %1; store %2 0",
    "load 0 f64; load 1 f64; multiply %0 %1; store %2 0",
    "load 0 f64; load 1 f64; quotient %0 %1; store %2 0",
    "load 0 f64; root %0; store %1 0",
    "load 0 f64; divide %0 3; store %1 0",
    "load 0 f64; divide %0 4; store %1 0",
    "load 0 f64; scalar 1 f64; multiply %1 %0; load 2 f64; subtract %3 %2; store %4 0",
    "load 0 f32; cast %0 f64; load 1 f32; cast %2 f64; multiply %1 %3; add %4 %1; cast %5 f32; "
    "store %6 0",
    "scalar 0 f32; cast %0 f64; load 1 bf16; cast %2 f64; add %3 %1; cast %4 bf16; store %5 0",
    "load 0 f32; cast %0 f64; scalar 1 f64; multiply %1 %2; scalar 2 f64; load 3 f32; cast %5 f64; "
    "scalar 4 f64; quotient %6 %7; load 5 f32; cast %9 f64; scalar 6 f64; quotient %10 %11; "
    "root %12; scalar 7 f64; add %13 %14; quotient %8 %15; multiply %4 %16; subtract %3 %17; "
    "cast %18 f32; store %19 0",
};

std::vector<Recipe> recipes() {
  std::vector<Recipe> out;
  for (const char *text : kRecipes) {
    auto recipe = Recipe::parse(text);
    EXPECT_TRUE(recipe) << recipe.error().str();
    EXPECT_EQ(recipe->str(), text);
    out.push_back(*recipe);
  }
  return out;
}

/// Arrays of what is hard about a format, each shuffled in a way of its own; scalars in front.
struct Arrays {
  Arrays(const Recipe &recipe, int64_t count) {
    const double scalars[] = {0.003, 1.5, 0.271, 0.142625, 1e-8, 0.99991};
    for (size_t slot = 0; slot < recipe.inputCount(); ++slot) {
      DType type = recipe.inputType(slot);
      if (recipe.isScalarInput(slot)) {
        uint64_t value = bits(scalars[slot % 6]);
        data.push_back(
            pack({type == DType::F64 ? value : castBits(value, DType::F64, type, Overflow::Ieee)},
                 byteWidth(type)));
        continue;
      }
      auto all = samples(*floatFormat(type), 3000);
      std::vector<uint64_t> some;
      for (int64_t i = 0; i < count; ++i) // A stride without a factor in common: every value.
        some.push_back(all[static_cast<size_t>(i) * (slot * 2 + 1) * 7919 % all.size()]);
      data.push_back(pack(some, byteWidth(type)));
    }
    for (auto &array : data)
      inputs.push_back(array.data());
  }
  std::vector<std::vector<std::byte>> data;
  std::vector<const std::byte *> inputs;
};

TEST(Arithmetic, EqualsTheProcessorWhereThatIsDefined) {
  auto some = samples(kF64, 500);
  auto same = [](uint64_t got, double expected) {
    return std::isnan(expected) ? got == 0x7ff8000000000000 : got == bits(expected);
  };
  for (uint64_t a : some)
    for (uint64_t b : {some[3], some[some.size() / 2], bits(0.1), bits(-3), bits(0), bits(-0.0),
                       bits(INFINITY), bits(5e-324), bits(1.7e308)}) {
      volatile double x = number(a), y = number(b);
      if (std::isnan(x) || std::isnan(y))
        continue;
      EXPECT_TRUE(same(addBits(a, b), x + y)) << x << " " << y;
      EXPECT_TRUE(same(subtractBits(a, b), x - y)) << x << " " << y;
      EXPECT_TRUE(same(multiplyBits(a, b), x * y)) << x << " " << y;
      EXPECT_TRUE(same(quotientBits(a, b), x / y)) << x << " " << y;
      EXPECT_TRUE(same(squareRootBits(a), std::sqrt(x))) << x;
    }
}

TEST(Arithmetic, OfNaNsTheFirstComesOut) {
  constexpr uint64_t a = 0xfff0000000000123, b = 0x7ff8000000000456, quiet = uint64_t{1} << 51;
  for (auto compute : {addBits, subtractBits, multiplyBits, quotientBits}) {
    EXPECT_EQ(compute(a, b), a | quiet);
    EXPECT_EQ(compute(b, a), b);
    EXPECT_EQ(compute(bits(2), a), a | quiet);
    EXPECT_EQ(compute(a, bits(2)), a | quiet);
  }
  EXPECT_EQ(squareRootBits(a), a | quiet);
  constexpr uint64_t none = 0x7ff8000000000000;
  EXPECT_EQ(quotientBits(bits(0), bits(-0.0)), none);
  EXPECT_EQ(squareRootBits(bits(-1)), none);
  EXPECT_EQ(squareRootBits(bits(-0.0)), bits(-0.0));
  EXPECT_EQ(multiplyBits(bits(0), bits(-INFINITY)), none);
  EXPECT_EQ(subtractBits(bits(INFINITY), bits(INFINITY)), none);
}

TEST(Arithmetic, DoesNotDependOnTheEnvironment) {
  auto some = samples(kF64, 200);
  auto all = [&] {
    std::vector<uint64_t> out;
    for (size_t i = 1; i < some.size(); ++i) {
      for (auto compute : {addBits, subtractBits, multiplyBits, quotientBits})
        out.push_back(compute(some[i - 1], some[i]));
      out.push_back(squareRootBits(some[i]));
    }
    return out;
  };
  const auto expected = all();
  for (int e = 0; e < Environment::kCount; ++e) {
    std::vector<uint64_t> got;
    {
      Environment environment(e);
      got = all();
    }
    EXPECT_EQ(got, expected) << "environment " << e;
  }
}

std::vector<std::byte> interpreted(const Recipe &recipe, const Arrays &arrays, int64_t count) {
  std::vector<std::byte> out(static_cast<size_t>(count) * byteWidth(recipe.outputType(0)));
  std::byte *outputs[] = {out.data()};
  EXPECT_EQ(interpret(recipe, arrays.inputs, outputs, count), -1);
  return out;
}

/// Rows and columns of a kernel for boxes, against the array that the interpreter made.
void expectBox(const Recipe &recipe, const Kernel &kernel, const Arrays &arrays,
               const std::vector<std::byte> &expected, int64_t rows, int64_t columns,
               bool transposed) {
  // Element (r, c) of inputs and output: r * columns + c; of a transposed output: c * rows + r.
  const int64_t width = byteWidth(recipe.outputType(0));
  std::vector<std::byte> got(static_cast<size_t>(rows * columns * width));
  std::vector<int64_t> strides;
  std::vector<const void *> inputs(arrays.inputs.begin(), arrays.inputs.end());
  for (size_t slot = 0; slot < inputs.size(); ++slot) {
    const int64_t size = byteWidth(recipe.inputType(slot));
    // Of a scalar: nothing that is said of strides matters.
    strides.push_back(recipe.isScalarInput(slot) ? 8 : transposed ? size : columns * size);
    strides.push_back(recipe.isScalarInput(slot) ? 16 : transposed ? columns * size : size);
  }
  // Transposed: rows and columns of the box are columns and rows of the inputs.
  const int64_t boxRows = transposed ? columns : rows, boxColumns = transposed ? rows : columns;
  strides.insert(strides.end(), {boxColumns * width, width});
  void *outputs[] = {got.data()};
  kernel.runBox(inputs.data(), outputs, boxRows, boxColumns, strides.data());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      const int64_t at = transposed ? c * rows + r : r * columns + c;
      ASSERT_EQ(std::memcmp(got.data() + at * width, expected.data() + (r * columns + c) * width,
                            static_cast<size_t>(width)),
                0)
          << recipe.str() << " row " << r << " column " << c << " transposed " << transposed;
    }
}

TEST(Arithmetic, KernelsEqualTheInterpreterOnEveryLevel) {
  const std::vector<Recipe> all = recipes();
  constexpr int64_t kCount = 20011; // A prime: the loop for the rest runs, too.
  for (const codegen::Target &target : codegen::allTargets()) {
    if (!device::cpu::cpuSupports(target.level))
      continue;
    auto bytes = codegen::makePack(all, target.level);
    ASSERT_TRUE(bytes) << bytes.error().str();
    auto loaded = KernelPack::load(*bytes, "test.rpack");
    ASSERT_TRUE(loaded) << loaded.error().str();
    for (const Recipe &recipe : all) {
      Kernel kernel = (*loaded)->find(recipe.hash(), recipe.str());
      ASSERT_TRUE(kernel.run) << recipe.str();
      const Arrays arrays(recipe, kCount);
      const std::vector<std::byte> expected = interpreted(recipe, arrays, kCount);
      const int64_t width = byteWidth(recipe.outputType(0));
      for (int e = 0; e < Environment::kCount; ++e) {
        std::vector<std::byte> got(expected.size(), std::byte{0xa5});
        std::vector<const void *> inputs(arrays.inputs.begin(), arrays.inputs.end());
        void *outputs[] = {got.data()};
        {
          Environment environment(e);
          std::feclearexcept(FE_ALL_EXCEPT);
          kernel.run(inputs.data(), outputs, kCount);
          EXPECT_EQ(std::fetestexcept(FE_ALL_EXCEPT), 0) << kernel.name;
        }
        for (int64_t i = 0; got != expected && i < kCount; ++i) {
          uint64_t a = 0, b = 0;
          std::memcpy(&a, got.data() + i * width, static_cast<size_t>(width));
          std::memcpy(&b, expected.data() + i * width, static_cast<size_t>(width));
          ASSERT_EQ(a, b) << kernel.name << " " << recipe.str() << " element " << i
                          << " environment " << e;
        }
      }
      for (bool transposed : {false, true})
        expectBox(recipe, kernel, arrays, expected, 37, 51, transposed);
    }
  }
}

TEST(Arithmetic, SlicesKeepScalarsApart) {
  auto recipe = *Recipe::parse("load 0 f64; scalar 1 f64; scalar 2 f64; multiply %0 %1; "
                               "multiply %0 %2; store %3 0; store %4 1; store %0 2");
  EXPECT_EQ(recipe.inputCount(), 3u);
  EXPECT_FALSE(recipe.isScalarInput(0));
  EXPECT_TRUE(recipe.isScalarInput(2));
  std::vector<uint16_t> inputs;
  EXPECT_EQ(sliceForOutput(recipe, 1, inputs).str(),
            "load 0 f64; scalar 1 f64; multiply %0 %1; store %2 0");
  EXPECT_EQ(inputs, (std::vector<uint16_t>{0, 2}));
  EXPECT_EQ(kernelSlices(recipe).size(), 1u) << "both products are one kernel, a copy is none";
}

TEST(Arithmetic, BadRecipesAreRefused) {
  for (auto [text, message] : std::initializer_list<std::pair<std::string, std::string>>{
           {"load 0 f64; scalar 0 f64; multiply %0 %1; store %2 0",
            "input 0 is loaded by element and as a scalar"},
           {"scalar 0 f4e2m1; store %0 0", "no single element of f4e2m1 is whole bytes"},
           {"load 0 f32; root %0; store %1 0", "arithmetic in f32; cast to f64"},
           {"load 0 f64; load 1 f32; quotient %0 %1; store %2 0", "operand %1 is f32"},
           {"load 0 f64; quotient %0; store %1 0", "expected an operand such as %0"},
           {"load 0 f64; divide %0 0; store %1 0", "a division by 0"},
           {"load 0 f64; scalar 2 f64; add %0 %1; store %2 0", "input slots must be 0..n-1"}}) {
    auto parsed = Recipe::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().str().find(message), std::string::npos) << parsed.error().str();
  }
  Recipe extra{{{.op = Op::Load, .type = DType::F64},
                {.op = Op::SquareRoot, .type = DType::F64, .b = 1},
                {.op = Op::Store, .type = DType::F64, .a = 1}}};
  EXPECT_FALSE(verify(extra));
  extra.nodes[1] = {.op = Op::SquareRoot, .type = DType::F64, .slot = 1};
  EXPECT_FALSE(verify(extra));
  extra.nodes[1] = {.op = static_cast<Op>(static_cast<int>(kLastOp) + 1), .type = DType::F64};
  EXPECT_FALSE(verify(extra));
}

} // namespace
} // namespace recast::recipe::test
