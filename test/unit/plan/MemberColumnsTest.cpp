#include "PlanSamples.h"

#include "runtime/plan/MemberColumns.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>

namespace recast::plan::test {
namespace {

using testing::HasSubstr;

/// One scalar of each member, which may have any bits, under any names.
Plan scalarsOf(const std::vector<uint32_t> &bits, const std::vector<uint32_t> &names,
               uint32_t strings) {
  Plan plan = planOf({}, {"whole"});
  for (uint32_t i = 0; i < strings; ++i)
    plan.strings.push_back(fmt::format("model.layers.{}.weight", i));
  Family &family = plan.families[0];
  for (size_t m = 0; m < bits.size(); ++m) {
    family.memberNames.push_back(names[m]);
    family.memberInputs.push_back({kNone, bits[m], 0});
    family.memberOutputs.push_back({names[m], 0});
  }
  return plan;
}

/// Tensors of `layers` alike layers, three of one shape in each, in one file.
Plan layersOf(uint32_t layers) {
  Plan plan = planOf({2}, {"whole"});
  uint32_t store = addStore(plan, 1, 12 * int64_t{layers}, 4);
  Family &family = plan.families[0];
  for (uint32_t layer = 0; layer < layers; ++layer)
    for (int64_t at : {0, 4, 6}) {
      plan.strings.push_back(fmt::format("layers.{:07}.{}", layer, at));
      auto name = static_cast<uint32_t>(plan.strings.size() - 1);
      family.memberNames.push_back(name);
      family.memberInputs.push_back({store, 12 * int64_t{layer} + at, 0});
      family.memberOutputs.push_back({name, 0});
    }
  return plan;
}

/// Many members of one name, which only something hostile would want.
Plan sameNames(uint32_t members) {
  Plan plan = planOf({}, {"whole", "whole"});
  Family &family = plan.families[0];
  family.outputs.clear();
  family.recipe = parseRecipe("load 0 f32; load 1 f32; check %0 %1");
  family.memberNames.assign(members, 0);
  family.memberInputs.assign(2 * size_t{members}, {kNone, 0, 0});
  return plan;
}

void expectRoundTrip(const Plan &plan) {
  std::string bytes = writeArtifact(plan);
  auto back = readArtifact(bytes);
  ASSERT_TRUE(back.has_value()) << back.error().str();
  EXPECT_EQ(*back, plan);
  EXPECT_TRUE(writeArtifact(*back) == bytes);
}

size_t bytesOf(const MemberColumns &columns) {
  size_t bytes = 0;
  for (const std::string &column : columns.bytes)
    bytes += column.size();
  return bytes;
}

TEST(MemberColumns, LayersThatAreAlikeAreSymbolic) {
  size_t few = bytesOf(encodeMembers(layersOf(100)));
  EXPECT_EQ(few, bytesOf(encodeMembers(layersOf(10000))));
  EXPECT_LE(few, 13 * kMemberRunBytes);
  expectRoundTrip(layersOf(1000));
}

TEST(MemberColumns, IrregularMembersTakeTheirValues) {
  std::mt19937 random(5);
  std::vector<uint32_t> bits(5000), names(bits.size());
  std::generate(bits.begin(), bits.end(), random);
  std::iota(names.begin(), names.end(), 1);
  std::shuffle(names.begin(), names.end(), random);
  Plan plan = scalarsOf(bits, names, 5000);
  // Two names and the bits; the rest is constant.
  EXPECT_LE(bytesOf(encodeMembers(plan)), bits.size() * (4 + 8 + 4) + 5 * kMemberRunBytes);
  expectRoundTrip(plan);
}

TEST(MemberColumns, RandomMixturesSurvive) {
  std::mt19937 random(9);
  auto below = [&](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
  for (int round = 0; round < 300; ++round) {
    std::vector<uint32_t> bits(below(200)), names(bits.size());
    uint32_t period = 1 + below(6), disorder = 1 + below(60);
    for (size_t m = 0; m < bits.size(); ++m)
      bits[m] = m < period || below(disorder) == 0 ? static_cast<uint32_t>(random())
                                                   : bits[m - period] + 17;
    std::iota(names.begin(), names.end(), 1);
    for (uint32_t swaps = below(8); swaps-- > 0 && !names.empty();)
      std::swap(names[below(static_cast<uint32_t>(names.size()))], names.back());
    Plan plan = scalarsOf(bits, names, static_cast<uint32_t>(names.size()));
    plan.families.push_back(layersOf(1).families[0]);
    plan.families[1].memberNames.clear();
    plan.families[1].memberInputs.clear();
    plan.families[1].memberOutputs.clear();
    expectRoundTrip(plan);
  }
}

TEST(MemberColumns, NoFileSaysFarMoreThanItHolds) {
  EXPECT_EQ(encodeMembers(sameNames(100)).codes[0].size(), 9u);
  expectRoundTrip(sameNames(100));
  // The writer falls back on values.
  MemberColumns many = encodeMembers(sameNames(5000));
  EXPECT_TRUE(many.codes[0].empty());
  EXPECT_EQ(bytesOf(many), 5000u * (4 + 2 * 24));
  expectRoundTrip(sameNames(5000));
}

using Words = std::vector<uint32_t>;

/// The file with all words `from` in it as `to`, and the right checksum.
std::string replaced(std::string bytes, const Words &from, const Words &to, size_t times) {
  size_t found = 0, size = from.size() * sizeof(uint32_t);
  for (size_t at = kHeadSize; at + size <= bytes.size(); at += sizeof(uint32_t))
    if (std::memcmp(bytes.data() + at, from.data(), size) == 0) {
      std::memcpy(bytes.data() + at, to.data(), size);
      ++found;
    }
  EXPECT_EQ(found, times);
  uint64_t checksum = artifactChecksum(bytes.data(), bytes.size());
  std::memcpy(bytes.data() + kChecksumOffset, &checksum, sizeof(checksum));
  return bytes;
}

std::string readError(const std::string &bytes) {
  auto plan = readArtifact(bytes);
  return plan ? std::string("no error") : plan.error().str();
}

TEST(MemberColumns, HostileCountsAreRefusedBeforeTheyCostAnything) {
  // The count stands in the directory and in the one run of each of nine columns.
  std::string bytes = writeArtifact(sameNames(171));
  for (uint32_t members : {100000u, 0x7fffffffu, 0xffffffffu})
    EXPECT_THAT(readError(replaced(bytes, {171}, {members}, 10)), HasSubstr("may say")) << members;
  EXPECT_EQ(readError(replaced(bytes, {171}, {172}, 10)), "no error");
}

TEST(MemberColumns, OtherRunsThanTheWritersAreRefused) {
  // By one up to number 499, then by two: that number ends the first run or starts the second.
  constexpr uint32_t kBase = 0x12345678;
  std::vector<uint32_t> bits(1000), names(bits.size());
  for (uint32_t m = 0; m < bits.size(); ++m)
    bits[m] = kBase + m + (m < 500 ? 0 : m - 499);
  std::iota(names.begin(), names.end(), 1);
  std::string bytes = writeArtifact(scalarsOf(bits, names, 1000));
  ASSERT_EQ(readError(bytes), "no error");
  std::string other = replaced(bytes, {500, 500}, {499, 501}, 1);
  other = replaced(other, {kBase + 501}, {kBase + 499}, 1);
  EXPECT_THAT(readError(other), HasSubstr("not as long as they can be"));
  EXPECT_THAT(readError(replaced(bytes, {500, 500}, {500, 499}, 1)), HasSubstr("end before"));
  EXPECT_THAT(readError(replaced(bytes, {500, 500}, {0, 500}, 1)), HasSubstr("room for"));
  EXPECT_THAT(readError(replaced(bytes, {500, 500}, {500, 501}, 1)), HasSubstr("room for 500"));
  // How a column lies in the file is no choice either.
  EXPECT_THAT(readError(replaced(bytes, {2, 1}, {2, 3}, 1)), HasSubstr("malformed plan"));
  EXPECT_THAT(readError(replaced(bytes, {2, 1}, {3, 1}, 1)), HasSubstr("column 28 of runs"));
}

} // namespace
} // namespace recast::plan::test
