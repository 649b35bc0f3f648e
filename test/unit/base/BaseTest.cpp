#include "runtime/base/Checked.h"
#include "runtime/base/DType.h"
#include "runtime/base/Name.h"
#include "runtime/base/NearestName.h"
#include "runtime/base/Status.h"
#include "runtime/base/Text.h"
#include "runtime/base/TextTable.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

using namespace recast;

TEST(DType, TableIsIndexedByCodeAndSpellingsReadBack) {
  ASSERT_EQ(allDTypes().size(), kDTypeCount);
  for (size_t i = 0; i < kDTypeCount; ++i) {
    const DTypeInfo &entry = allDTypes()[i];
    EXPECT_EQ(static_cast<size_t>(entry.type), i);
    EXPECT_EQ(parseDType(entry.name), entry.type);
    if (!entry.safetensors.empty())
      EXPECT_EQ(dtypeFromSafetensors(entry.safetensors), entry.type);
    if (!entry.torch.empty())
      EXPECT_EQ(dtypeFromTorch(entry.torch), entry.type);
  }
  EXPECT_EQ(dtypeFromSafetensors(""), std::nullopt);
  EXPECT_EQ(dtypeFromCode(kDTypeCount), std::nullopt);
  EXPECT_EQ(parseDType("fp32"), DType::F32);
}

TEST(Checked, OverflowIsAnAnswer) {
  int64_t max = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(checkedAdd<int64_t>(max, 1), std::nullopt);
  EXPECT_EQ(elementCount(std::vector<int64_t>{max, 2}), std::nullopt);
  EXPECT_EQ(elementCount(std::vector<int64_t>{max, 0}), 0);
  EXPECT_EQ(elementCount(std::vector<int64_t>{2, -1}), std::nullopt);
  EXPECT_EQ(elementCount(std::vector<int64_t>{}), 1);
  EXPECT_TRUE(rangeInside(4, 6, 10));
  EXPECT_FALSE(rangeInside(5, std::numeric_limits<uint64_t>::max(), 10));
}

TEST(Status, InnermostContextWins) {
  Error error = Error(Code::BadInput, "short record").file("inner.pt");
  error = std::move(error).file("outer").tensor("w").bytes(3, 9).hint("Copy the file again.");
  EXPECT_EQ(error.fileName(), "inner.pt");
  EXPECT_EQ(error.exitCode(), 3);
  EXPECT_EQ(error.str(), "short record\n  tensor: w\n  file:   inner.pt\n  bytes:  [3, 9)\n"
                         "  try:    Copy the file again.");
}

TEST(Status, CommandsNoTerminal) {
  Error error = Error(Code::BadInput, "a\n\tb\x1b[2J").file("f\n\x07").tensor("t\xc2\x9b\xff");
  EXPECT_EQ(error.str(), "a\n\tb\\x1b[2J\n  tensor: t\\xc2\\x9b\\xff\n  file:   f\\x0a\\x07");
}

TEST(NearestName, GuessesOnlyWhenClose) {
  std::vector<std::string> names{"exp_avg", "exp_avg_sq", "master"};
  EXPECT_EQ(nearestName("exp_avq", names), "exp_avg");
  EXPECT_EQ(nearestName("mastre", names), "master");
  EXPECT_EQ(nearestName("weights_of_the_model", names), "");
}

TEST(Bytes, AreReadAsPeopleWriteThem) {
  EXPECT_EQ(parseBytes("5GB"), 5'000'000'000u);
  EXPECT_EQ(parseBytes("5GiB"), uint64_t{5} << 30);
  EXPECT_EQ(parseBytes("200 mb"), 200'000'000u);
  EXPECT_EQ(parseBytes("64KiB"), 65536u);
  EXPECT_EQ(parseBytes("16 PiB"), uint64_t{1} << 54);
  EXPECT_EQ(parseBytes("123456"), 123456u);
  EXPECT_EQ(parseBytes("18446744073709551615"), UINT64_MAX);
  for (const char *bad : {"", " ", "GB", "0", "-1", "-5GB", "+5", "5.5GB", "5XB", "5GBx", "1e308",
                          "nan", "512M", "18446744073709551616", "99999999999TiB"})
    EXPECT_EQ(parseBytes(bad), std::nullopt) << bad;
}

TEST(TextTable, NumbersEachTextOnce) {
  TextTable table;
  EXPECT_EQ(table.find(""), std::nullopt);
  constexpr uint32_t kCount = 1000;
  auto text = [](uint32_t i) {
    return i == 0 ? std::string() : std::string(i % 7, 'x') + std::to_string(i);
  };
  for (uint32_t i = 0; i < kCount; ++i)
    EXPECT_EQ(table.add(text(i)), i);
  TextTable copy = table;
  for (uint32_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(copy.add(text(i)), i);
    EXPECT_EQ(copy.find(text(i)), i);
    EXPECT_EQ(copy[i], text(i));
  }
  EXPECT_EQ(copy.find("y"), std::nullopt);
  EXPECT_EQ(copy.size(), kCount);
}

TEST(Name, IsOneNumberPerText) {
  Name weight = "weight", same = std::string("weight"), other = std::string_view("weights");
  EXPECT_EQ(weight, same);
  EXPECT_EQ(weight.number(), same.number());
  EXPECT_NE(weight, other);
  EXPECT_EQ(weight, "weight");
  EXPECT_NE(weight, std::string("weigh"));
  EXPECT_EQ(weight.str(), "weight");
  EXPECT_LT(weight.number(), Name::count());
  EXPECT_EQ(fmt::format("{:>8}", weight), "  weight");
  EXPECT_TRUE(Name().empty());
  EXPECT_EQ(Name(), "");
  EXPECT_EQ(Name(std::string("a\0b", 3)).str().size(), 3u);
}

TEST(Name, OrderIsThatOfTheTexts) {
  Name late = "zz first met", early = "aa met second";
  EXPECT_LT(early, late);
  std::map<Name, int> sorted{{late, 1}, {early, 2}};
  EXPECT_EQ(sorted.begin()->first, early);
}

TEST(Name, TextsOfManyThreadsStay) {
  constexpr size_t kThreads = 4, kNames = 20'000;
  std::vector<std::vector<Name>> made(kThreads);
  std::vector<std::thread> threads;
  for (std::vector<Name> &names : made)
    threads.emplace_back([&names] {
      for (size_t i = 0; i < kNames; ++i)
        names.push_back("thread." + std::to_string(i));
    });
  for (std::thread &thread : threads)
    thread.join();
  for (size_t i = 0; i < kNames; ++i)
    for (const std::vector<Name> &names : made) {
      EXPECT_EQ(names[i], made[0][i]);
      ASSERT_EQ(names[i].str(), "thread." + std::to_string(i));
    }
}
