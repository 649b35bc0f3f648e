// What docs/language.md shows is true: its texts pass, its wrong texts give the errors shown.
#include "RepositoryTexts.h"
#include "Texts.h"
#include "lang/ucl/Check.h"
#include "lang/ucl/Format.h"
#include "lang/ucl/Link.h"
#include "lang/ucl/Parser.h"

#include <fstream>
#include <gtest/gtest.h>

namespace recast::lang {
namespace {

struct Fence {
  std::string kind, text;
};

std::vector<Fence> fences() {
  std::ifstream file(RECAST_DOCS "/language.md");
  std::vector<Fence> out;
  bool isOpen = false;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("```")) {
      if (isOpen)
        out.back().text += line + "\n";
    } else if ((isOpen = !isOpen)) {
      out.push_back({line.substr(3), ""});
    }
  }
  return out;
}

constexpr std::string_view kEnds = "source run = deepspeed(\"runs/z3\") as same\n"
                                   "target uni = deepspeed_universal(\"uni\") as same\n"
                                   "target hub = safetensors(\"hub\") as same\n"
                                   "convert run -> uni, hub {\n";

TEST(Docs, TextsAreTrue) {
  std::vector<Fence> all = fences();
  size_t whole = 0, parts = 0, wrong = 0, libraries = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    const auto &[kind, text] = all[i];
    if (kind == "ucl" || kind == "ucl part") {
      ++(kind == "ucl" ? whole : parts);
      auto spec = parseAndCheck(kind == "ucl" ? text : std::string(kEnds) + text + "}", "docs");
      EXPECT_TRUE(spec) << text << spec.error().str();
    } else if (kind == "ucl library") {
      // Is laid out, and passes where a job uses it.
      ++libraries;
      auto laidOut = formatText(text);
      ASSERT_TRUE(laidOut) << laidOut.error().str();
      EXPECT_EQ(*laidOut, text);
      auto spec = parseAndCheck(text + "source a = safetensors(\"a\") as same\n"
                                       "target b = safetensors(\"b\") as same\n"
                                       "convert a -> b { else: keep }\n",
                                "docs");
      EXPECT_TRUE(spec) << text << spec.error().str();
    } else if (kind == "ucl wrong") {
      ++wrong;
      auto spec = parseAndCheck(text, "job.ucl");
      ASSERT_FALSE(spec) << text;
      ASSERT_LT(i + 1, all.size());
      EXPECT_EQ(spec.error().str() + "\n", all[i + 1].text);
    }
  }
  EXPECT_GE(whole, 2u);
  EXPECT_GE(parts, 7u);
  EXPECT_EQ(libraries, 2u);
  EXPECT_EQ(wrong, 2u);
}

TEST(Docs, TheStandardLibraryIsListed) {
  std::string whole = test::repositoryText("docs/language.md");
  for (const std::string &file : standardFiles()) {
    EXPECT_NE(whole.find("`" + file + "`"), std::string::npos) << file;
    auto spec = parse(*standardFile(file), file);
    ASSERT_TRUE(spec) << spec.error().str();
    for (const Model &model : spec->models)
      EXPECT_NE(whole.find("`" + model.name + "(c)`"), std::string::npos) << model.name;
    for (const View &view : spec->views)
      EXPECT_NE(whole.find("| `" + view.name + "` |"), std::string::npos) << view.name;
  }
}

TEST(Docs, TheFirstJobIsLaidOutAndIsWhatTheBuilderSays) {
  for (const Fence &fence : fences())
    if (fence.kind == "ucl") {
      auto laidOut = formatText(fence.text);
      ASSERT_TRUE(laidOut);
      EXPECT_EQ(*laidOut, fence.text);
      SpecBuilder s;
      test::buildJob0(s);
      EXPECT_EQ(format(s.spec()), fence.text);
      return;
    }
  FAIL() << "docs/language.md has no text";
}

} // namespace
} // namespace recast::lang
