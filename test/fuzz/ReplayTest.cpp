// The fuzz targets without libFuzzer: every input of the corpus (samples of real files, and what
// once broke a promise; those that are called good_* are accepted), each of them cut off at every
// byte, and random damages.
#include "test/fuzz/Memory.h"
#include "test/fuzz/Target.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace recast::fuzz {
namespace {
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Under sanitizers everything takes several times as long; libFuzzer does more there anyway.
#if __has_feature(address_sanitizer)
constexpr int kRounds = 1000;
constexpr size_t kPlaces = 300;
#else
constexpr int kRounds = 10000;
constexpr size_t kPlaces = 3000;
#endif

struct Sample {
  std::string name, bytes;
};

std::vector<Sample> corpusOf(const Target &target) {
  std::vector<Sample> samples;
  for (const auto &entry : fs::directory_iterator(fs::path(RECAST_FUZZ_CORPUS) / target.name)) {
    std::ifstream in(entry.path(), std::ios::binary);
    samples.push_back(
        {entry.path().filename().string(), std::string(std::istreambuf_iterator<char>(in), {})});
  }
  std::sort(samples.begin(), samples.end(),
            [](const Sample &a, const Sample &b) { return a.name < b.name; });
  return samples;
}

/// One small thing goes wrong: a bit, some bytes, a hole, a surplus, a range copied elsewhere.
std::string damaged(const std::string &bytes, std::mt19937_64 &random) {
  std::string out = bytes;
  auto below = [&](size_t limit) { return static_cast<size_t>(random() % limit); };
  for (size_t times = 1 + below(3); times > 0 && !out.empty(); --times) {
    size_t at = below(out.size()), length = 1 + below(std::min<size_t>(out.size() - at, 16));
    switch (below(6)) {
    case 0:
      out[at] = static_cast<char>(out[at] ^ (1 << below(8)));
      break;
    case 1:
      out[at] = static_cast<char>(random());
      break;
    case 2:
      std::swap(out[at], out[below(out.size())]);
      break;
    case 3:
      out.erase(at, length);
      break;
    case 4:
      out.insert(at, out.substr(below(out.size()), length));
      break;
    case 5: // A length or a count that is far too large.
      out.replace(at, std::min<size_t>(length, 8), std::string(length, '\xff'));
      break;
    }
  }
  return out;
}

class Replay : public testing::TestWithParam<Target> {
protected:
  void SetUp() override {
    samples_ = corpusOf(GetParam());
    ASSERT_FALSE(samples_.empty());
  }

  /// Runs the target; what breaks a promise ends the process. What an
  /// input may cost grows with its size: a byte of a pickle is at most one node.
  bool run(const std::string &bytes, const std::string &what) {
    auto start = Clock::now();
    resetPeak();
    bool accepted = GetParam().run(bytes);
    EXPECT_LE(peakBytes(), kFixedMemory + kMemoryPerByte * bytes.size()) << what;
    EXPECT_LE(Clock::now() - start, std::chrono::seconds(20)) << what;
    return accepted;
  }

  static constexpr size_t kFixedMemory = size_t{48} << 20, kMemoryPerByte = 4000;
  std::vector<Sample> samples_;
};

TEST_P(Replay, Corpus) {
  for (const Sample &sample : samples_)
    if (!run(sample.bytes, sample.name))
      EXPECT_FALSE(sample.name.starts_with("good_")) << sample.name << " was refused";
}

TEST_P(Replay, CutOffAtEveryByte) {
  // Small samples at every byte, larger ones at about as many places.
  for (const Sample &sample : samples_) {
    size_t step = sample.bytes.size() / kPlaces + 1;
    for (size_t size = 0; size < sample.bytes.size(); size += step)
      run(sample.bytes.substr(0, size), sample.name + " cut at " + std::to_string(size));
  }
}

TEST_P(Replay, RandomDamages) {
  std::mt19937_64 random(20);
  for (int round = 0; round < kRounds; ++round) {
    const Sample &sample = samples_[static_cast<size_t>(round) % samples_.size()];
    run(damaged(sample.bytes, random), sample.name + " damaged, round " + std::to_string(round));
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Replay, testing::ValuesIn(targets().begin(), targets().end()),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
} // namespace recast::fuzz
