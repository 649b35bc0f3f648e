#include "lang/ast/Evaluate.h"

#include "lang/ast/Words.h"
#include "lang/ucl/Check.h"
#include "lang/ucl/Format.h"
#include "lang/ucl/Parser.h"

#include <gtest/gtest.h>

namespace recast::lang {
namespace {

/// The value of `expr` as text, or "error: ..." .
std::string worth(std::string_view expr, std::string_view lets = "") {
  auto spec = parse(lets);
  auto parsed = parseValue(expr, "expr");
  if (!spec || !parsed)
    return "cannot be parsed";
  Evaluation value = evaluate(*spec, *parsed);
  return value ? format(value.value) : "error: " + value.error;
}

TEST(Evaluate, Arithmetic) {
  EXPECT_EQ(worth("1 + 2 * 3"), "7");
  EXPECT_EQ(worth("7 - 10"), "-3");
  EXPECT_EQ(worth("12 / 4 / 3"), "1");
  EXPECT_EQ(worth("7 / 2"), "error: 7 cannot be divided by 2");
  EXPECT_EQ(worth("7 / 0"), "error: division by zero");
  EXPECT_EQ(worth("7 / 2.0"), "3.5");
  EXPECT_EQ(worth("0.5 + 1"), "1.5");
  EXPECT_EQ(worth("1.0 / 0"), "error: this number is out of range");
  EXPECT_EQ(worth("9223372036854775807 + 1"), "error: this number is out of range");
  EXPECT_EQ(worth("(0 - 9223372036854775807 - 1) / (0 - 1)"), "error: this number is out of range");
  EXPECT_EQ(worth("(0 - 9223372036854775807) / (0 - 1)"), "9223372036854775807");
  EXPECT_EQ(worth("\"a\" + \"b\""), "\"ab\"");
  EXPECT_EQ(worth("\"a\" * 2"), "error: `*` does not apply to these values");
  EXPECT_EQ(worth("true + 1"), "error: `+` does not apply to these values");
}

TEST(Evaluate, Sizes) {
  EXPECT_EQ(worth("2 * 512MiB + 1GiB"), "2147483648B");
  EXPECT_EQ(worth("1GiB / 2"), "536870912B");
  EXPECT_EQ(worth("1GiB / 512MiB"), "2");
  EXPECT_EQ(worth("1GiB * 1GiB"), "error: a size times a size is no size");
  EXPECT_EQ(worth("1GiB + 1"), "error: `+` needs two sizes or two numbers");
  EXPECT_EQ(worth("1 / 1GiB"), "error: a number cannot be divided by a size");
  EXPECT_EQ(worth("1KiB - 1MiB"), "error: a size cannot be negative");
  EXPECT_EQ(worth("1KiB * 0.5"), "error: a size takes whole numbers only");
  EXPECT_EQ(worth("8191PiB * 2"), "error: this number is out of range");
}

TEST(Evaluate, Names) {
  EXPECT_EQ(worth("bf16"), "bf16"); // A word.
  EXPECT_EQ(worth("d", "let d = bf16"), "bf16");
  EXPECT_EQ(worth("b + \"/x\"", "let a = \"r\" let b = a + \"s\""), "\"rs/x\"");
  EXPECT_EQ(worth("later", "let now = 1 let later = now + 1"), "2");
  EXPECT_EQ(worth("a ?? 3", "let a = 2"), "2");
  EXPECT_EQ(worth("(x = a, 1 + 1)", "let a = 2"), "(x = 2, 2)");
  EXPECT_EQ(worth("a", "let a = a"), "error: `a` is defined by itself");
  EXPECT_EQ(worth("a", "let a = b let b = 1 + a"), "error: `a` is defined by itself");
  EXPECT_EQ(worth("config(\"x\")"), "error: there is no function `config`");
  EXPECT_EQ(worth("a.b", "let a = 2"), "error: `.b` is known only in `expect` and `check`");
  EXPECT_EQ(worth("bf16 + 1"), "error: `+` does not apply to these values");
}

TEST(Evaluate, ErrorsPointIntoTheExpression) {
  Spec spec;
  auto value = parseValue("1 + (2 +\n 7 / 2)", "");
  ASSERT_TRUE(value);
  Evaluation out = evaluate(spec, *value);
  EXPECT_FALSE(out);
  EXPECT_EQ(out.where.line, 2u);
  EXPECT_EQ(out.where.column, 4u);
}

// Each let doubles the one before: 2^60 evaluations, or 2^60 bytes.
TEST(Evaluate, ExplosionsAreRefusedQuickly) {
  std::string numbers = "let a0 = 1 ", texts = "let a0 = \"x\" ", deep = "let a0 = 1 ";
  for (int i = 1; i < 60; ++i) {
    std::string last = "a" + std::to_string(i - 1), next = "let a" + std::to_string(i) + " = ";
    numbers += next + last + " - " + last + " ";
    texts += next + last + " + " + last + " ";
  }
  for (int i = 1; i < 900; ++i)
    deep += "let a" + std::to_string(i) + " = a" + std::to_string(i - 1) + " ";
  EXPECT_EQ(worth("a59", numbers), "error: this value takes too many steps to work out");
  EXPECT_EQ(worth("a59", texts), "error: this text would be longer than 64 KiB");
  EXPECT_EQ(worth("a899", deep), "error: this value takes too many steps to work out");
}

TEST(Define, GivesALetAnotherValue) {
  auto spec = parse("let src = \"runs/z3\" let n = 1 let d = bf16 let s = 1GiB");
  ASSERT_TRUE(spec);
  ASSERT_TRUE(define(*spec, "src", "/data/it's \"here\""));
  EXPECT_EQ((*spec->let("src"))->kind, Expr::Kind::String);
  EXPECT_EQ((*spec->let("src"))->text, "/data/it's \"here\"");
  ASSERT_TRUE(define(*spec, "src", "4")); // Still a text.
  EXPECT_EQ((*spec->let("src"))->kind, Expr::Kind::String);
  ASSERT_TRUE(define(*spec, "n", "2 * 3"));
  EXPECT_EQ(format(*spec->let("n")), "2 * 3");
  ASSERT_TRUE(define(*spec, "d", "f16"));
  EXPECT_EQ(format(*spec->let("d")), "f16");
  ASSERT_TRUE(define(*spec, "s", "512MiB"));
}

TEST(Define, ErrorsPointToTheLet) {
  std::string text = "let n =\n  (4, x = 1 + 2)\nsource a = safetensors(n) as same";
  auto spec = parse(text, "job.ucl");
  ASSERT_TRUE(spec);
  ASSERT_TRUE(define(*spec, "n", "            (1, 4 / (2 + 1))"));
  auto status = check(*spec, text);
  ASSERT_FALSE(status);
  EXPECT_TRUE(status.error().message().starts_with(
      "job.ucl:2:3: 4 cannot be divided by 3\n  2 |   (4, x = 1 + 2)\n    |   ^\n"))
      << status.error().message();
}

TEST(Define, RefusesWhatItCannot) {
  auto spec = parse("let source_dir = \"x\" let n = 1");
  ASSERT_TRUE(spec);
  Spec before = *spec;
  auto unknown = define(*spec, "sorce_dir", "y");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), Code::Usage);
  EXPECT_EQ(unknown.error().message(),
            "-D sorce_dir: the spec has no `let sorce_dir`; did you mean `source_dir`?");
  auto broken = define(*spec, "n", "2 *");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().message(), "-D n:1:4: expected a value, found the end of the text\n"
                                      "  1 | 2 *\n"
                                      "    |    ^");
  EXPECT_FALSE(define(*spec, "n", ""));
  EXPECT_FALSE(define(*spec, "source_dir", std::string_view("a\0b", 3)));
  EXPECT_EQ(*spec, before);
}

TEST(Words, Identifiers) {
  for (const char *good : {"a", "_", "a1", "Exp_avg", "else", "keep"})
    EXPECT_TRUE(isIdentifier(good)) << good;
  for (const char *bad : {"", "1a", "a-b", "a.b", "true", "false", "a b", "\xC3\xA9"})
    EXPECT_FALSE(isIdentifier(bad)) << bad;
}

TEST(Words, Sizes) {
  EXPECT_EQ(spellSize(0), "0B");
  EXPECT_EQ(spellSize(1023), "1023B");
  EXPECT_EQ(spellSize(1024), "1KiB");
  EXPECT_EQ(spellSize(uint64_t{1536} << 20), "1536MiB");
  EXPECT_EQ(spellSize(UINT64_MAX), "18446744073709551615B");
}

} // namespace
} // namespace recast::lang
