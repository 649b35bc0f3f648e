#include "PlanSamples.h"

#include "runtime/plan/Sections.h"

#include <cstring>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

namespace recast::plan::test {
namespace {

using testing::HasSubstr;

std::string goldenPath() { return std::string(RECAST_TEST_DATA) + "/plan/v1.7.rplan"; }

std::string readFile(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

template <typename T> void put(std::string &bytes, size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

/// Makes the checksum right again, so that a change reaches the checks behind it.
std::string resealed(std::string bytes) {
  put(bytes, kChecksumOffset, artifactChecksum(bytes.data(), bytes.size()));
  return bytes;
}

std::string readError(std::string_view bytes) {
  auto plan = readArtifact(bytes);
  return plan ? std::string("no error") : plan.error().str();
}

TEST(Artifact, RandomPlansSurviveTheRoundTrip) {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    Plan plan = randomPlan(seed);
    Status ok = verify(plan);
    ASSERT_TRUE(ok.has_value()) << "seed " << seed << ": " << ok.error().str();
    std::string bytes = writeArtifact(plan);
    auto back = readArtifact(bytes);
    ASSERT_TRUE(back.has_value()) << "seed " << seed << ": " << back.error().str();
    EXPECT_EQ(*back, plan) << "seed " << seed;
    EXPECT_EQ(writeArtifact(*back), bytes) << "seed " << seed;
  }
}

TEST(Artifact, EmptyPlan) {
  auto back = readArtifact(writeArtifact(Plan()));
  ASSERT_TRUE(back.has_value()) << back.error().str();
  EXPECT_EQ(*back, Plan());
}

TEST(Artifact, ReadsAtAnyAddress) {
  std::string bytes = writeArtifact(goldenPlan());
  for (size_t shift = 0; shift < 8; ++shift) {
    std::string moved(shift, 'x');
    moved += bytes;
    EXPECT_TRUE(readArtifact(std::string_view(moved).substr(shift)).has_value());
  }
}

// A file of each version of the format, written when it was defined: all must stay readable, and
// the writer must produce the newest byte for byte. (1.0 had no parts, 1.1 no facts,
// 1.2 no ranks and deadlines, 1.3 no shares of a mesh, 1.4 no runs and nothing that strings share,
// 1.5 nothing for `rebind` to go by, 1.6 nothing about roles.)
TEST(Artifact, GoldenFiles) {
  std::string bytes = readFile(goldenPath());
  auto plan = readArtifact(bytes);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_EQ(*plan, goldenPlan());
  EXPECT_EQ(writeArtifact(*plan), bytes);

  auto old = readArtifact(readFile(std::string(RECAST_TEST_DATA) + "/plan/v1.6.rplan"));
  ASSERT_TRUE(old.has_value()) << old.error().str();
  Plan withoutRoles = goldenPlan();
  withoutRoles.leftOut.pop_back();
  withoutRoles.rebinding = Rebinding::Unknown;
  setFingerprints(withoutRoles);
  EXPECT_EQ(*old, withoutRoles);

  old = readArtifact(readFile(std::string(RECAST_TEST_DATA) + "/plan/v1.5.rplan"));
  ASSERT_TRUE(old.has_value()) << old.error().str();
  Plan withoutChanges = withoutRoles;
  withoutChanges.leftOut.pop_back();
  withoutChanges.cut = Cut::Any;
  setFingerprints(withoutChanges);
  EXPECT_EQ(*old, withoutChanges);

  old = readArtifact(readFile(std::string(RECAST_TEST_DATA) + "/plan/v1.4.rplan"));
  ASSERT_TRUE(old.has_value()) << old.error().str();
  Plan withoutLayers = withoutChanges;
  withoutLayers.strings.resize(6);
  withoutLayers.families.pop_back();
  setFingerprints(withoutLayers);
  EXPECT_EQ(*old, withoutLayers);

  old = readArtifact(readFile(std::string(RECAST_TEST_DATA) + "/plan/v1.3.rplan"));
  ASSERT_TRUE(old.has_value()) << old.error().str();
  Plan withoutSlices = withoutLayers;
  withoutSlices.families.pop_back();
  withoutSlices.layouts.pop_back();
  withoutSlices.strings.pop_back();
  setFingerprints(withoutSlices);
  EXPECT_EQ(*old, withoutSlices);

  old = readArtifact(readFile(std::string(RECAST_TEST_DATA) + "/plan/v1.2.rplan"));
  ASSERT_TRUE(old.has_value()) << old.error().str();
  Plan withoutDeadlines = withoutSlices;
  withoutDeadlines.deadlines.clear();
  withoutDeadlines.pipeline.clear();
  withoutDeadlines.pipelineTime = 0;
  for (TargetEndpoint &target : withoutDeadlines.targets)
    target.rank = kNone;
  setFingerprints(withoutDeadlines);
  EXPECT_EQ(*old, withoutDeadlines);

  old = readArtifact(readFile(std::string(RECAST_TEST_DATA) + "/plan/v1.1.rplan"));
  ASSERT_TRUE(old.has_value()) << old.error().str();
  Plan withoutFacts = withoutDeadlines;
  for (SourceEndpoint &source : withoutFacts.sources)
    source.facts.clear();
  setFingerprints(withoutFacts);
  EXPECT_EQ(*old, withoutFacts);

  old = readArtifact(readFile(std::string(RECAST_TEST_DATA) + "/plan/v1.0.rplan"));
  ASSERT_TRUE(old.has_value()) << old.error().str();
  Plan withoutParts = withoutFacts;
  withoutParts.families.pop_back();
  withoutParts.layouts.pop_back();
  setFingerprints(withoutParts);
  EXPECT_EQ(*old, withoutParts);
}

// Run by hand once per format version: --gtest_also_run_disabled_tests.
TEST(Artifact, DISABLED_WriteGoldenFile) {
  std::ofstream(goldenPath(), std::ios::binary) << writeArtifact(goldenPlan());
}

TEST(Artifact, ColumnsAreAligned) {
  std::string bytes = writeArtifact(goldenPlan());
  // The last column, a byte per string, starts at a multiple of 64 and ends the file.
  EXPECT_EQ((bytes.size() - goldenPlan().strings.size()) % kColumnAlignment, 0u);
}

TEST(Artifact, StringsShareTheirBeginnings) {
  Plan plan;
  std::string start(300, 'x');
  plan.strings = {"", "a", "a", "ab", "", "b", start + "1", start + "2", start, start + "12"};
  size_t few = writeArtifact(plan).size();
  auto back = readArtifact(writeArtifact(plan));
  ASSERT_TRUE(back.has_value()) << back.error().str();
  EXPECT_EQ(*back, plan);
  for (int i = 1000; i < 2000; ++i)
    plan.strings.push_back("model.layers." + std::to_string(i) + ".self_attn.q_proj.weight");
  std::string bytes = writeArtifact(plan);
  EXPECT_LE(bytes.size() - few, 1000u * (5 + sizeof("999.self_attn.q_proj.weight")) + 300);
  back = readArtifact(bytes);
  ASSERT_TRUE(back.has_value()) << back.error().str();
  EXPECT_EQ(*back, plan);
}

TEST(Artifact, StringsShareAllTheyCan) {
  Plan plan;
  plan.strings = {"abcd", "abxy"};
  std::string bytes = writeArtifact(plan);
  ASSERT_EQ(bytes.substr(bytes.size() - 2), std::string("\0\2", 2));
  bytes.back() = 5;
  EXPECT_THAT(readError(resealed(bytes)), HasSubstr("shares 5 bytes with one of 4"));
  // `abc` of `abcd` could be shared.
  bytes.back() = 2;
  bytes[bytes.rfind("xy")] = 'c';
  EXPECT_THAT(readError(resealed(bytes)), HasSubstr("string 1 shares more than 2 bytes"));
}

TEST(Artifact, EveryTruncationIsAnError) {
  std::string bytes = writeArtifact(goldenPlan());
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(readArtifact(std::string_view(bytes).substr(0, size)).has_value()) << size;
}

TEST(Artifact, EveryResealedTruncationIsAnError) {
  std::string bytes = writeArtifact(goldenPlan());
  for (size_t size = kHeadSize; size < bytes.size(); ++size) {
    std::string cut = bytes.substr(0, size);
    put<uint64_t>(cut, 24, size);
    EXPECT_FALSE(readArtifact(resealed(cut)).has_value()) << size;
  }
}

TEST(Artifact, EveryFlippedByteIsAnError) {
  std::string bytes = writeArtifact(goldenPlan());
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ 0xff);
    EXPECT_FALSE(readArtifact(bad).has_value()) << "byte " << i;
  }
}

// Whatever a resealed file says: an error, or a plan that verifies, writes and reads back.
void expectSound(const std::string &bytes, const std::string &what) {
  auto plan = readArtifact(bytes);
  if (!plan)
    return;
  auto again = readArtifact(writeArtifact(*plan));
  ASSERT_TRUE(again.has_value()) << what << ": " << again.error().str();
  EXPECT_EQ(*again, *plan) << what;
}

TEST(Artifact, FlipsBehindTheChecksumNeverCrash) {
  std::string bytes = writeArtifact(goldenPlan());
  std::mt19937 random(7);
  for (size_t i = 0; i < bytes.size(); ++i)
    for (unsigned mask : {0x01u, 0x80u, 0xffu, unsigned(random() % 255 + 1)}) {
      std::string bad = bytes;
      bad[i] = static_cast<char>(bad[i] ^ mask);
      expectSound(resealed(bad), "byte " + std::to_string(i));
    }
}

TEST(Artifact, WildWordsBehindTheChecksumNeverCrash) {
  std::mt19937 random(11);
  Plan plan = goldenPlan();
  plan.schemaFingerprint = plan.instanceFingerprint = 0; // Lets more of the changes pass.
  std::string bytes = writeArtifact(plan);
  static constexpr uint32_t kWords[] = {0,      1,          2,          0x7f,       0xff,
                                        0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe};
  for (size_t round = 0; round < 20000; ++round) {
    std::string bad = bytes;
    for (size_t changes = 1 + random() % 4; changes-- > 0;) {
      size_t at = kHeadSize + random() % (bytes.size() - kHeadSize - 4);
      put(bad, at / 4 * 4, kWords[random() % std::size(kWords)]);
    }
    expectSound(resealed(bad), "round " + std::to_string(round));
  }
}

TEST(Artifact, OverlappingTextsDoNotMultiply) {
  // Many list entries that all point at one big text would ask for far more memory than the file
  // has bytes; the reader counts what it copies.
  Plan plan;
  plan.spec = std::string(1 << 16, 'x');
  for (int i = 0; i < 64; ++i)
    plan.leftOut.push_back({"a", "b"});
  std::string bytes = writeArtifact(plan);
  size_t spec = bytes.find(plan.spec) - 4;
  size_t patched = 0;
  for (size_t at = kHeadSize; at + 4 <= bytes.size(); at += 4) {
    uint32_t relative;
    std::memcpy(&relative, bytes.data() + at, 4);
    size_t to = at + relative;
    if (to + 5 < bytes.size() && bytes.compare(to, 5, std::string("\1\0\0\0a", 5)) == 0 &&
        spec > at) {
      put(bytes, at, static_cast<uint32_t>(spec - at));
      ++patched;
    }
  }
  ASSERT_GE(patched, 64u);
  EXPECT_THAT(readError(resealed(bytes)), HasSubstr("overlap"));
}

TEST(Artifact, HeadErrorsSayWhatIsWrong) {
  std::string bytes = writeArtifact(goldenPlan());
  EXPECT_THAT(readError(""), HasSubstr("not a Recast plan"));
  EXPECT_THAT(readError("PK\3\4 something else, long enough to hold a head of 64 bytes .....  "),
              HasSubstr("not a Recast plan"));
  EXPECT_THAT(readError(bytes.substr(0, 20)), HasSubstr("ends after 20 bytes"));
  EXPECT_THAT(readError(bytes + '\0'), HasSubstr("its head says"));

  std::string newer = bytes;
  put<uint16_t>(newer, 8, 7);
  put<uint16_t>(newer, 10, 2);
  EXPECT_THAT(readError(newer), HasSubstr("format version 7.2, this program reads 1.x"));
  EXPECT_THAT(readError(newer), HasSubstr("newer Recast"));

  std::string featured = bytes;
  put<uint64_t>(featured, 16, 0x6);
  EXPECT_THAT(readError(resealed(featured)), HasSubstr("bits 0x6"));

  std::string unlike = bytes;
  put<uint64_t>(unlike, 16, 0);
  EXPECT_THAT(readError(resealed(unlike)), HasSubstr("1.7 with the feature bits 0x0"));

  std::string trailing = bytes + std::string(64, '\0');
  put<uint64_t>(trailing, 24, trailing.size());
  EXPECT_THAT(readError(resealed(trailing)), HasSubstr("follow the last column"));

  std::string reserved = bytes;
  put<uint64_t>(reserved, 48, 1);
  EXPECT_THAT(readError(resealed(reserved)), HasSubstr("reserved"));

  std::string changed = bytes;
  changed.back() = static_cast<char>(changed.back() + 1);
  EXPECT_THAT(readError(changed), HasSubstr("checksum"));
}

// Two plans that differ in one byte of the directory say where it lies.
size_t directoryByte(const Plan &a, const Plan &b) {
  std::string first = writeArtifact(a), second = writeArtifact(b);
  size_t at = kHeadSize;
  while (at < first.size() && first[at] == second[at])
    ++at;
  return at;
}

TEST(Artifact, UnknownKindsAreErrors) {
  Plan plan = goldenPlan(), other = goldenPlan();
  other.rebinding = Rebinding::Fits;
  std::string bytes = writeArtifact(plan);
  bytes.at(directoryByte(plan, other)) = 4;
  EXPECT_THAT(readError(resealed(bytes)), HasSubstr("unknown way 4 of rebinding"));

  other = goldenPlan();
  other.cut = Cut::NotDrained;
  bytes = writeArtifact(plan);
  bytes.at(directoryByte(plan, other)) = 3;
  EXPECT_THAT(readError(resealed(bytes)), HasSubstr("unknown kind 3 of cut"));

  other = goldenPlan();
  other.leftOut.at(1).object->kind = ObjectChange::Kind::Regrouped;
  bytes = writeArtifact(plan);
  bytes.at(directoryByte(plan, other)) = 3;
  EXPECT_THAT(readError(resealed(bytes)), HasSubstr("unknown change 3 of an object"));

  other = goldenPlan();
  other.leftOut.back().role->kind = RoleChange::Kind{2};
  EXPECT_THAT(readError(writeArtifact(other)), HasSubstr("unknown change 2 of a role"));
}

TEST(Artifact, NewerMinorVersionIsRead) {
  std::string bytes = writeArtifact(goldenPlan());
  put<uint16_t>(bytes, 10, kVersionMinor + 1);
  auto plan = readArtifact(resealed(bytes));
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_EQ(*plan, goldenPlan());
}

} // namespace
} // namespace recast::plan::test
