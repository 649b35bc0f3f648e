// What the kernel generator refuses, and how its code looks.
#include "compiler/Codegen/Codegen.h"
#include "runtime/recipe/Recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recast::codegen {
namespace {
using testing::HasSubstr;
using testing::Not;

Target level(std::string_view name) { return *findTarget(name); }
Kernel cast(DType from, DType to) { return {recipe::castRecipe(from, to), "kernel"}; }

std::string assembly(const Kernel &kernel, std::string_view name) {
  auto text = compileAssembly({&kernel, 1}, level(name));
  EXPECT_TRUE(text) << text.error().str();
  return text ? *text : "";
}

size_t occurrences(std::string_view text, std::string_view word) {
  size_t count = 0;
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1))
    ++count;
  return count;
}

TEST(Codegen, F32ToBf16IsVectorCodeOnAvx2) {
  std::string text = assembly(cast(DType::F32, DType::BF16), "x86-64-v3");
  text.resize(text.find("kernel_box:"));
  // Four vectors a step, each packed from 32 to 16 bits by one instruction and stored whole, in
  // ascending order.
  EXPECT_EQ(occurrences(text, "vpackusdw\t%xmm"), 4u) << text;
  size_t last = 0;
  for (const char *store : {"vmovdqu\t%xmm5, (%rcx", "vmovdqu\t%xmm5, 16(%rcx",
                            "vmovdqu\t%xmm5, 32(%rcx", "vmovdqu\t%xmm5, 48(%rcx"}) {
    size_t at = text.find(store);
    ASSERT_NE(at, text.npos) << store << "\n" << text;
    EXPECT_GE(at, last);
    last = at;
  }
  EXPECT_THAT(text, Not(HasSubstr("vpinsr")));
  EXPECT_THAT(text, Not(HasSubstr("vpextr")));
  EXPECT_THAT(text, Not(HasSubstr("call")));
}

TEST(Codegen, NarrowingNeverRoundsInFloatingPoint) {
  for (DType from : {DType::F64, DType::F32, DType::F16})
    for (std::string_view name : {"x86-64-v2", "x86-64-v3", "x86-64-v4"}) {
      std::string text = assembly(cast(from, DType::BF16), name);
      for (std::string_view native : {"cvtps2ph", "cvtneps2bf16", "cvtpd2ps", "cvtsd2ss", "call"})
        EXPECT_THAT(text, Not(HasSubstr(std::string(native)))) << name;
    }
}

TEST(Codegen, ArithmeticIsVectorCodeThatIsNeverFused) {
  Kernel kernel{
      *recipe::Recipe::parse("load 0 f32; cast %0 f64; scalar 1 f64; load 2 f32; cast %3 f64; "
                             "scalar 3 f64; quotient %4 %5; root %6; add %7 %5; multiply %2 %8; "
                             "subtract %1 %9; cast %10 f32; store %11 0"),
      "kernel"};
  for (std::string_view name : {"x86-64-v3", "x86-64-v4"}) {
    std::string text = assembly(kernel, name);
    text.resize(text.find("kernel_box:"));
    // Whole vectors: no less than one division and root of four lanes or more, and none per lane.
    EXPECT_THAT(text, testing::ContainsRegex("vdivpd.*%[yz]mm")) << name;
    EXPECT_THAT(text, testing::ContainsRegex("vsqrtpd.*%[yz]mm")) << name;
    EXPECT_EQ(occurrences(text, "vsqrtsd"), 2u) << "the loop for the rest, and its NaNs; " << name;
    EXPECT_THAT(text, Not(HasSubstr("vfm"))) << "a product and a sum were fused; " << name;
    EXPECT_THAT(text, Not(HasSubstr("vfnm"))) << name;
    EXPECT_THAT(text, Not(HasSubstr("vrcp"))) << name;
    EXPECT_THAT(text, Not(HasSubstr("call"))) << name;
    // In the environment that processes start in, and back.
    EXPECT_EQ(occurrences(text, "ldmxcsr"), 2u) << name;
  }
}

TEST(Codegen, ObjectsAreDeterministicAndForTheirMachine) {
  std::vector<Kernel> kernels = {cast(DType::F32, DType::BF16), cast(DType::BF16, DType::F32)};
  kernels[1].symbol = "other";
  for (auto [name, machine] : {std::pair{"x86-64-v2", 62}, {"x86-64-v4", 62}, {"aarch64", 183}}) {
    auto object = compileObject(kernels, level(name));
    ASSERT_TRUE(object) << object.error().str();
    EXPECT_EQ(object->substr(0, 4), "\x7f"
                                    "ELF");
    EXPECT_EQ(static_cast<unsigned char>((*object)[18]), machine); // e_machine
    EXPECT_THAT(*object, HasSubstr("other"));
    EXPECT_EQ(*object, *compileObject(kernels, level(name)));
  }
}

TEST(Codegen, CompilesEveryKindOfNode) {
  auto several = *recipe::Recipe::parse(
      "load 1 f32; cast %0 bf16; store %1 1; load 0 i8; cast %3 i64; store %4 0; store %0 2; "
      "load 2 c128; store %7 3; cast %0 f8e4m3fn saturate; cast %9 f16; store %10 4; "
      "cast %0 f64; scalar 3 f64; add %12 %13; subtract %14 %12; multiply %15 %13; quotient %16 "
      "%12; "
      "divide %17 7; root %18; store %19 5");
  for (const Target &target : allTargets()) {
    Kernel kernel{several, "several"};
    EXPECT_TRUE(compileObject({&kernel, 1}, target)) << target.level;
  }
}

TEST(Codegen, RefusesWhatItCannotCompile) {
  Kernel check{*recipe::Recipe::parse("load 0 f32; load 1 f32; check %0 %1"), "check"};
  auto object = compileObject({&check, 1}, level("x86-64-v2"));
  ASSERT_FALSE(object);
  EXPECT_THAT(object.error().str(), HasSubstr("kernel check: a kernel cannot check"));
  Kernel broken{{{{.op = recipe::Op::Store}}}, "broken"};
  object = compileObject({&broken, 1}, level("x86-64-v2"));
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().code(), Code::Usage);
  EXPECT_THAT(findTarget("x86-64-v5").error().str(), HasSubstr("x86-64-v4"));
}

} // namespace
} // namespace recast::codegen
