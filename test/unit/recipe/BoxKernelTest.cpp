// Kernels over boxes: any strides, rows and columns, against the interpreter element by element.
#include "runtime/device/cpu/Kernels.h"
#include "runtime/recipe/Recipe.h"
#include "test/unit/recipe/CastSamples.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <random>

namespace recast::recipe::test {
namespace {
using device::cpu::Kernel;

struct Shape {
  int64_t rows, columns;
};
/// Byte strides of rows and columns.
struct Strides {
  int64_t row, column;
};

std::vector<Recipe> builtInRecipes() {
  std::vector<Recipe> recipes;
  for (DType type : {DType::U8, DType::U16, DType::U32, DType::U64})
    recipes.push_back(copyRecipe(type));
  for (const FloatFormat &from : kFloatFormats)
    for (const FloatFormat &to : kFloatFormats)
      if (from.type != to.type)
        recipes.push_back(castRecipe(from.type, to.type, overflowRules(to.type).front()));
  return recipes;
}

/// Memory for a box with strides, filled with noise.
std::vector<std::byte> memoryFor(const Shape &shape, const Strides &strides, unsigned width,
                                 uint64_t seed) {
  std::vector<std::byte> bytes(static_cast<size_t>(std::max<int64_t>(shape.rows, 1) * strides.row +
                                                   shape.columns * strides.column + width));
  std::mt19937_64 random(seed);
  for (std::byte &byte : bytes)
    byte = static_cast<std::byte>(random());
  return bytes;
}

void expectBox(const Recipe &recipe, const Kernel &kernel, const Shape &shape, const Strides &in,
               const Strides &out) {
  const unsigned inWidth = byteWidth(recipe.inputType(0)),
                 outWidth = byteWidth(recipe.outputType(0));
  auto source = memoryFor(shape, in, inWidth, 1), target = memoryFor(shape, out, outWidth, 2);
  auto expected = target;
  for (int64_t r = 0; r < shape.rows; ++r)
    for (int64_t c = 0; c < shape.columns; ++c) {
      const std::byte *inputs[] = {source.data() + r * in.row + c * in.column};
      std::byte *outputs[] = {expected.data() + r * out.row + c * out.column};
      interpret(recipe, inputs, outputs, 1);
    }
  const void *inputs[] = {source.data()};
  void *outputs[] = {target.data()};
  const int64_t strides[] = {in.row, in.column, out.row, out.column};
  {
    Environment environment(7); // Towards zero, denormals flushed.
    kernel.runBox(inputs, outputs, shape.rows, shape.columns, strides);
  }
  EXPECT_TRUE(target == expected) << kernel.name << " " << shape.rows << " x " << shape.columns
                                  << " in (" << in.row << ", " << in.column << ") out (" << out.row
                                  << ", " << out.column << ")";
}

TEST(BoxKernels, EqualTheInterpreterForAnyStrides) {
  for (const char *level : {"x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64"}) {
    setenv("RECAST_CPU", level, 1);
    for (const Recipe &recipe : builtInRecipes()) {
      const Kernel kernel = device::cpu::builtinKernel(recipe.hash(), recipe.str());
      if (!kernel.run)
        continue;
      ASSERT_TRUE(kernel.runBox) << kernel.name;
      const int64_t a = byteWidth(recipe.inputType(0)), b = byteWidth(recipe.outputType(0));
      for (Shape shape : {Shape{1, 1},
                          {7, 9},
                          {8, 8},
                          {16, 16},
                          {33, 18},
                          {3, 70},
                          {70, 3},
                          {0, 5},
                          {5, 0},
                          {-1, 4}}) {
        const int64_t rows = std::max<int64_t>(shape.rows, 1) + 3;
        const int64_t columns = std::max<int64_t>(shape.columns, 1) + 5;
        expectBox(recipe, kernel, shape, {columns * a, a}, {columns * b, b}); // Rows with gaps.
        expectBox(recipe, kernel, shape, {a, rows * a}, {columns * b, b});    // A transpose.
        expectBox(recipe, kernel, shape, {a, rows * a + 1}, {columns * b + 1, b}); // Unaligned.
        expectBox(recipe, kernel, shape, {2 * a, 2 * rows * a}, {columns * b, b}); // A gather.
        expectBox(recipe, kernel, shape, {columns * a, a}, {b, rows * b});         // A scatter.
      }
    }
  }
  unsetenv("RECAST_CPU");
}

} // namespace
} // namespace recast::recipe::test
