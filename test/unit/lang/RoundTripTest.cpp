// parse(format(spec)) == spec for specs that nobody thought of.
#include "RandomSpecs.h"
#include "Replay.h"
#include "RepositoryTexts.h"
#include "Texts.h"
#include "lang/ucl/Format.h"
#include "lang/ucl/Parser.h"

#include <gtest/gtest.h>

namespace recast::lang {
namespace {

TEST(RoundTrip, RandomSpecs) {
  for (unsigned seed = 0; seed < 1500; ++seed) {
    SpecBuilder s;
    test::fillRandomly(s, seed);
    std::string text = format(s.spec());
    auto again = parse(text);
    ASSERT_TRUE(again) << "seed " << seed << "\n" << again.error().str() << "\n" << text;
    ASSERT_TRUE(*again == s.spec()) << "seed " << seed << "\n" << text << "\n" << format(*again);
    ASSERT_EQ(format(*again), text) << "seed " << seed;
    auto laidOut = formatText(text);
    ASSERT_TRUE(laidOut);
    ASSERT_EQ(*laidOut, text) << "seed " << seed;
    SpecBuilder said;
    test::replay(*again, said);
    ASSERT_TRUE(said.spec() == *again) << "seed " << seed << "\n" << text;
  }
}

TEST(RoundTrip, KnownTexts) {
  for (std::string_view text : {test::kJob0, test::kEverything}) {
    auto spec = parse(text);
    ASSERT_TRUE(spec);
    auto again = parse(format(*spec));
    ASSERT_TRUE(again) << format(*spec);
    EXPECT_EQ(*spec, *again);
  }
}

TEST(RoundTrip, EveryTextOfTheRepositoryCanBeSaidInCpp) {
  std::vector<std::string> names = test::repositoryTexts();
  EXPECT_GE(names.size(), test::standardTexts().size() + 1);
  for (const std::string &name : names) {
    std::string text = test::repositoryText(name);
    auto parsed = parse(text, name);
    ASSERT_TRUE(parsed) << parsed.error().str();
    SpecBuilder said;
    test::replay(*parsed, said);
    EXPECT_TRUE(said.spec() == *parsed) << name << "\n" << format(said.spec());
    auto again = parse(format(said.spec()));
    ASSERT_TRUE(again) << name << again.error().str();
    EXPECT_TRUE(*again == *parsed) << name;
    // They are laid out as `recast fmt` does it.
    auto laidOut = formatText(text, name);
    ASSERT_TRUE(laidOut);
    EXPECT_EQ(*laidOut, text) << name;
  }
}

TEST(RoundTrip, SpellingsThatLieAreNotBelieved) {
  Expr size, real;
  size.kind = Expr::Kind::Size;
  size.integer = 1024;
  size.text = "1MiB";
  real.kind = Expr::Kind::Float;
  real.real = 0.5;
  real.text = "0.5 let x = 1";
  EXPECT_EQ(format(std::make_shared<const Expr>(size)), "1KiB");
  EXPECT_EQ(format(std::make_shared<const Expr>(real)), "0.5");
}

} // namespace
} // namespace recast::lang
