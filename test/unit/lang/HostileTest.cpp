// Bytes that no one wrote by hand: always a spec or one error, never a crash, never a hang.
#include "Texts.h"
#include "lang/ucl/Check.h"
#include "lang/ucl/Format.h"
#include "lang/ucl/Parser.h"

#include <gtest/gtest.h>
#include <random>

namespace recast::lang {
namespace {

/// Everything that is done with a text; true if it is one of the language.
bool digest(std::string_view text) {
  auto spec = parse(text, "x");
  auto laidOut = formatText(text, "x");
  EXPECT_EQ(spec.has_value(), laidOut.has_value());
  if (!spec) {
    EXPECT_EQ(spec.error().code(), Code::Usage);
    EXPECT_FALSE(spec.error().message().empty());
    // What is printed to a terminal must not command it.
    for (char c : spec.error().message())
      EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t');
    return false;
  }
  auto again = parse(*laidOut, "x");
  EXPECT_TRUE(again && *again == *spec);
  auto judged = check(*spec, text);
  if (!judged)
    EXPECT_EQ(judged.error().code(), Code::Usage);
  auto printed = parse(format(*spec));
  EXPECT_TRUE(printed && *printed == *spec);
  return true;
}

TEST(Hostile, TruncationAtEveryByte) {
  for (std::string_view text : {test::kJob0, test::kEverything})
    for (size_t size = 0; size <= text.size(); ++size)
      digest(text.substr(0, size));
}

TEST(Hostile, EveryByteChanged) {
  std::mt19937 random(1);
  for (std::string_view text : {test::kJob0, test::kEverything})
    for (size_t at = 0; at < text.size(); ++at) {
      std::string changed(text);
      changed[at] = static_cast<char>(random());
      digest(changed);
      changed = text;
      changed.erase(at, 1 + random() % 8);
      digest(changed);
    }
}

TEST(Hostile, RandomBytes) {
  std::mt19937 random(2);
  for (int round = 0; round < 3000; ++round) {
    std::string text(random() % 200, '\0');
    for (char &c : text)
      c = static_cast<char>(random());
    digest(text);
  }
}

TEST(Hostile, RandomTokens) {
  static const char *const kTokens[] = {
      "let ",   "source ",  "target ", "convert ", "a ",     "b ",      "= ",          "-> ",
      "{ ",     "} ",       "( ",      ") ",       ": ",     ", ",      "| ",          ". ",
      "\"s\" ", "1 ",       "2.5 ",    "1MiB ",    "as ",    "same ",   "on ",         "for ",
      "drop ",  "objects ", "files ",  "copy ",    "from ",  "expect ", "check ",      "budget ",
      "else ",  "in ",      "and ",    "keep ",    "cast ",  "# c\n",   "== ",         "?? ",
      "+ ",     "* ",       "true ",   "\n",       "split ", "by ",     "replicated ", "if ",
      "tied ",  "when ",    "ignore ", "[ ",       "] ",     "< ",      "dims ",       "of ",
      "over ",  "model ",   "view ",   "only ",    "init ",  "use "};
  std::mt19937 random(3);
  int good = 0;
  for (int round = 0; round < 20000; ++round) {
    static const char *const kOpen[] = {"", "convert a -> b { ", "model m(a) { ", "view v of m { "};
    std::string text = kOpen[round % 4];
    for (unsigned i = random() % 12; i > 0; --i)
      text += kTokens[random() % std::size(kTokens)];
    good += digest(text + (round % 4 ? "}" : ""));
  }
  EXPECT_GT(good, 100); // Not all of them die at the first token.
}

std::string times(size_t count, std::string_view part) {
  std::string out;
  for (size_t i = 0; i < count; ++i)
    out += part;
  return out;
}

TEST(Hostile, DeepAndLong) {
  constexpr size_t kMany = 100000;
  for (const std::string &text :
       {"let a = " + times(kMany, "("), "let a = " + times(kMany, "f("),
        "let a = " + times(kMany, "(x = ("), "let a = 1" + times(kMany, " + 1"),
        "let a = 1" + times(kMany, " ?? 1"), "let a = 1" + times(kMany, " * 1"),
        "let a = b" + times(kMany, ".b"), "convert a -> b {" + times(kMany, "for b {"),
        "convert a -> b { expect 1" + times(kMany, " and 1") + "}",
        "let a = (((((((1" + times(200, " + (1") + times(200, ")")})
    EXPECT_FALSE(digest(text)) << text.substr(0, 40);
  EXPECT_TRUE(digest("let a = " + times(60, "(") + "1" + times(60, ")")));
  EXPECT_TRUE(digest("let a = 1" + times(200, " + 1")));
  EXPECT_TRUE(digest("let a = (1" + times(kMany, ", 1") + ")"));
  EXPECT_TRUE(digest("convert a -> b { weight: keep" + times(kMany, " | x") + "}"));
  EXPECT_TRUE(digest(times(kMany, "# c\n")));
  EXPECT_FALSE(digest(times(kMany, "\xEF\xBB\xBF")));
  EXPECT_FALSE(digest("let " + times(kMany, "a") + " 1"));
  EXPECT_FALSE(digest("let a = " + times(kMany, "9")));
  EXPECT_FALSE(digest(times(kMany, "x") + " = 1"));
}

TEST(Hostile, ModelsAndViewsThatAskForTooMuch) {
  constexpr size_t kMany = 100000;
  auto findings = [](const std::string &text) {
    auto spec = parseAndCheck(text, "x");
    return spec ? std::string("fine") : spec.error().message();
  };
  auto says = [&](const std::string &text, std::string_view what) {
    EXPECT_NE(findings(text).find(what), std::string::npos) << findings(text).substr(0, 300);
  };
  EXPECT_FALSE(digest("model m(c) {" + times(kMany, "g[l < 1] {")));
  EXPECT_TRUE(digest("model m(c) {" + times(40, "g[l < 1] {") + "a ()" + times(40, "}") + "}"));
  std::string tensors;
  for (size_t i = 0; i < 20000; ++i)
    tensors += "t" + std::to_string(i) + " (h) ";
  says("model m(c) { dims h = 1 " + tensors + "}", "declares more than 10000 tensors");
  says("model m(c) { dims h = 1 " + times(20000, ", h = 1") + " a (h) }",
       "has more than 1000 parameters and dimensions");
  // Paths that multiply.
  std::string model = "model m(c) { dims h = 1 a (h) b (h) } ", doubling = times(60, "{n: a b}.");
  says(model + "view v of m { " + doubling + "a = \"x\" }", "stands for more than 4096 tensors");
  says(model +
           "view v of m { a = \"a\" b = \"b\" } source s = safetensors(\"s\") as v(m(1)) "
           "target t = safetensors(\"t\") as v(m(1)) convert s -> t { weight in " +
           doubling + "a : keep }",
       "stands for more than 4096 tensors");
  // As many tensors as there may be, each of them misspelt, then each with a rule too many.
  std::string good, misspelt, twice;
  for (size_t i = 0; i < 9000; ++i) {
    std::string name = "t" + std::to_string(i);
    good += name + " (h) ";
    misspelt += "x" + name + " = \"" + name + "\" ";
    twice += times(2, name + " = \"" + name + "\" if h == 1 ");
  }
  std::string many = "model m(c) { dims h = 1 " + good + "} view v of m { ";
  says(many + misspelt + "}", "the model `m` has no tensor `xt0`");
  says(many + times(8, twice) + "}", "stand for more than 100000 tensors");
  says(many + twice + "}", "there is no job");
}

TEST(Hostile, TextsThatAreTooLong) {
  auto spec = parse(std::string(kMaxTextBytes + 1, ' '), "big.ucl");
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().message(),
            "big.ucl: the text is 4194305 bytes long; a spec may have at most 4194304");
  EXPECT_TRUE(parse(std::string(kMaxTextBytes, ' ')));
}

TEST(Hostile, BytesThatAreNoText) {
  using namespace std::string_view_literals;
  for (std::string_view text :
       {"let a = \"\0\""sv, "let a = 1\0"sv, "\0"sv, "# \0\n"sv, "# \x1B[2J\n"sv,
        "let a = \"\x1B\""sv, "# \xC0\x80\n"sv, "# \xED\xA0\x80\n"sv, "# \xF4\x90\x80\x80\n"sv,
        "# \xE2\x82"sv, "let a = \"\\x00\""sv, "let a = \"\\x4\""sv, "let a = \"\\"sv,
        "let a = \"\\\n\""sv, "\xFF\xFE"sv, "let a\x7F = 1"sv})
    EXPECT_FALSE(digest(text)) << text;
  EXPECT_TRUE(digest("let a = \"\xC3\xA9\xF0\x9F\x98\x80\\xff\" # \xC3\xA9"));
}

} // namespace
} // namespace recast::lang
