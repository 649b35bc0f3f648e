#include "runtime/format/torch/read/Pickle.h"

#include <bit>
#include <fmt/format.h>
#include <gtest/gtest.h>

namespace recast::format::torch {
namespace {
using plan::Object;
using Kind = Object::Kind;
using namespace std::string_literals;

const std::string kHead = "\x80\x02";

Result<Pickle> read(const std::string &bytes) {
  PickleBudget budget;
  return readPickle(bytes, budget);
}
std::string refusal(const std::string &bytes) {
  auto pickle = read(bytes);
  EXPECT_FALSE(pickle) << "was accepted";
  return pickle ? "" : pickle.error().message();
}
std::string shortText(const std::string &text) {
  return "X" + std::string(1, static_cast<char>(text.size())) + "\0\0\0"s + text;
}

TEST(Pickle, BuildsValues) {
  auto pickle = read(kHead + "(K\x05M\xff\xffJ\xff\xff\xff\xffNG\x80\0\0\0\0\0\0\0\x88\x89"s +
                     shortText("hi") + "t.");
  ASSERT_TRUE(pickle) << pickle.error().str();
  const auto &items = pickle->root->items;
  ASSERT_EQ(items.size(), 8u);
  EXPECT_EQ(items[0]->integer, 5);
  EXPECT_EQ(items[1]->integer, 65535);
  EXPECT_EQ(items[2]->integer, -1);
  EXPECT_TRUE(items[3]->isNone());
  EXPECT_TRUE(std::signbit(items[4]->real));
  EXPECT_EQ(items[5]->integer, 1);
  EXPECT_EQ(items[6]->kind, Kind::Bool);
  EXPECT_EQ(items[7]->text, "hi");
}

TEST(Pickle, ReadsLongIntegers) {
  auto value = [](const std::string &raw) {
    auto pickle = read(kHead + "\x8a" + std::string(1, static_cast<char>(raw.size())) + raw + ".");
    EXPECT_TRUE(pickle);
    return pickle->root->kind == Kind::Int ? std::to_string(pickle->root->integer)
                                           : pickle->root->text;
  };
  EXPECT_EQ(value(""), "0");
  EXPECT_EQ(value("\xff"), "-1");
  EXPECT_EQ(value("\0\1"s), "256");
  EXPECT_EQ(value("\xff\xff\xff\xff\xff\xff\xff\x7f"), "9223372036854775807");
  EXPECT_EQ(value("\0\0\0\0\0\0\0\x80\0"s), "9223372036854775808");
  EXPECT_EQ(value("\0\0\0\0\0\0\0\0\xff"s), "-18446744073709551616");
  EXPECT_EQ(value("\0\0\0\0\0\0\0\0\x01"s), "18446744073709551616");
}

TEST(Pickle, CallsAreNodes) {
  auto pickle = read(kHead + "cos\nsystem\n" + shortText("rm -rf /") + "\x85R.");
  ASSERT_TRUE(pickle);
  EXPECT_EQ(pickle->root->kind, Kind::Call);
  EXPECT_TRUE(pickle->root->items[0]->isGlobal("os", "system"));
  EXPECT_EQ(pickle->foreignGlobals, std::set<std::string>{"os.system"});
}

TEST(Pickle, ListsForeignGlobalsThatNothingRefersTo) {
  auto pickle = read(kHead + "cposix\nfork\n0ctorch.hub\nload\n0ctorch\nSize\n0N.");
  ASSERT_TRUE(pickle);
  EXPECT_EQ(pickle->foreignGlobals, (std::set<std::string>{"posix.fork", "torch.hub.load"}));
}

TEST(Pickle, EnumsInBothForms) {
  std::string enumClass = "cdeepspeed.runtime.zero.config\nZeroStageEnum\n";
  auto number = read(kHead + enumClass + "K\x02\x85R.");
  auto getattr =
      read(kHead + "c__builtin__\ngetattr\n" + enumClass + shortText("gradients") + "\x86R.");
  ASSERT_TRUE(number && getattr);
  EXPECT_EQ(number->root->items[1]->items[0]->integer, 2);
  EXPECT_EQ(getattr->root->items[1]->items[1]->text, "gradients");
}

TEST(Pickle, RefusesCycles) {
  EXPECT_NE(refusal(kHead + "]q\0h\0a."s).find("holds itself"), std::string::npos);
  EXPECT_NE(refusal(kHead + "}q\0"s + shortText("x") + "h\0s."s).find("holds itself"),
            std::string::npos);
}

TEST(Pickle, RefusesMemoDoubling) {
  // Each level holds the one before twice: 2^64 nodes in a few hundred bytes.
  std::string bomb = kHead + "]q\0"s;
  for (char i = 0; i < 64; ++i)
    bomb += "h"s + i + "h"s + i + "\x86q"s + static_cast<char>(i + 1);
  EXPECT_NE(refusal(bomb + "h\x40\x85.").find("end with one object"), std::string::npos);
  std::string one = kHead + "Nq\0"s;
  for (int i = 0; i < 64; ++i)
    one += fmt::format("h{}\x86q{}", static_cast<char>(i), static_cast<char>(i + 1));
  EXPECT_NE(refusal(one + ".").find("more than"), std::string::npos);
}

TEST(Pickle, RefusesDepth) {
  for (int depth : {1'000, 100'000}) {
    std::string deep = kHead + "N";
    for (int i = 0; i < depth; ++i)
      deep += "\x85";
    EXPECT_NE(refusal(deep + ".").find("deeper"), std::string::npos);
  }
  std::string fine = kHead + "N";
  for (int i = 1; i < plan::kMaxObjectDepth; ++i)
    fine += "\x85";
  EXPECT_TRUE(read(fine + "."));
  EXPECT_NE(refusal(fine + "\x85.").find("deeper"), std::string::npos);
}

TEST(Pickle, RefusesDepthThroughTheMemo) {
  // 300 levels, but each made while the one below is finished: only the final tree is deep.
  std::string pickle = kHead + "Nq\0000"s;
  for (int i = 0; i < 300; ++i)
    pickle += "h\0\x85q\0"s + "0";
  EXPECT_NE(refusal(pickle + "h\0."s).find("deeper"), std::string::npos);
}

TEST(Pickle, RefusesHugeSizes) {
  EXPECT_NE(refusal(kHead + "\x8b\xff\xff\xff\x7f").find("integer of"), std::string::npos);
  EXPECT_NE(refusal(kHead + "X\xff\xff\xff\xff").find("middle"), std::string::npos);
  EXPECT_NE(refusal(kHead + "\x8d\xff\xff\xff\xff\xff\xff\xff\xff").find("middle"),
            std::string::npos);
  EXPECT_NE(refusal(kHead + "\x95\xff\xff\xff\xff\xff\xff\xff\xffN.").find("frame"),
            std::string::npos);
  EXPECT_NE(refusal(kHead + "Nr\xff\xff\xff\xff.").find("gaps"), std::string::npos);
}

TEST(Pickle, TheBudgetIsShared) {
  PickleBudget budget;
  budget.nodes = 20;
  std::string small = kHead + "]]]0" + "0.";
  ASSERT_TRUE(readPickle(small, budget));
  ASSERT_TRUE(readPickle(small, budget));
  ASSERT_TRUE(readPickle(small, budget));
  EXPECT_FALSE(readPickle(small, budget));
}

TEST(Pickle, RefusesAmbiguousDicts) {
  EXPECT_NE(refusal(kHead + "}(" + shortText("k") + "N" + shortText("k") + "\x88u.").find("twice"),
            std::string::npos);
  EXPECT_NE(refusal(kHead + "}(K\1NK\1Nu.").find("twice"), std::string::npos);
}

TEST(Pickle, RefusesMalformedStreams) {
  for (const std::string &bytes : {""s,
                                   "\x80"s,
                                   kHead,
                                   kHead + ".",
                                   kHead + "NN.",
                                   kHead + "(N.",
                                   kHead + "N.N",
                                   kHead + "0.",
                                   kHead + "a.",
                                   kHead + "Na.",
                                   kHead + "t.",
                                   kHead + "\x85.",
                                   kHead + "h\0."s,
                                   kHead + "Q.",
                                   kHead + "NQ.",
                                   kHead + "NNR.",
                                   kHead + "Nb.",
                                   kHead + "NNb.",
                                   kHead + "cos\n",
                                   kHead + "cos\nsystem",
                                   kHead + "S'text'\n.",
                                   kHead + "I1\n.",
                                   kHead + "(cos\nsystem\no.",
                                   kHead + "NN\x93.",
                                   "\x80\x01N."s,
                                   "\x80\x06N."s,
                                   "N."s,
                                   kHead + "}(N" + "u.",
                                   kHead + "N(\x90."})
    refusal(bytes);
}

TEST(Pickle, RefusesTensorsOutsideTheirStorage) {
  auto tensor = [](const std::string &offset, const std::string &size, const std::string &stride) {
    return kHead + "ctorch._utils\n_rebuild_tensor_v2\n((" + shortText("storage") +
           "ctorch\nFloatStorage\n" + shortText("0") + shortText("cpu") + "K\x04tQ" + offset +
           size + stride + "\x89" + "NtR.";
  };
  EXPECT_TRUE(read(tensor("K\0"s, "K\4\x85", "K\1\x85")));
  EXPECT_TRUE(read(tensor("K\1"s, "K\3\x85", "K\1\x85")));
  EXPECT_TRUE(read(tensor("K\4"s, "K\0\x85"s, "K\1\x85")));
  for (const std::string &bad :
       {tensor("K\1"s, "K\4\x85", "K\1\x85"), tensor("K\0"s, "K\2\x85", "K\4\x85"),
        tensor("J\xff\xff\xff\xff", "K\1\x85", "K\1\x85"),
        tensor("K\0"s, "J\xff\xff\xff\xff\x85", "K\1\x85"),
        tensor("K\0"s, "K\2\x85", "J\xff\xff\xff\xff\x85"), tensor("K\5"s, "K\0\x85"s, "K\1\x85"),
        tensor("K\0"s,
               "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x8a\x08\xff\xff\xff\xff\xff\xff\xff"
               "\x7f\x86",
               "K\1K\1\x86")})
    refusal(bad);
}

} // namespace
} // namespace recast::format::torch
