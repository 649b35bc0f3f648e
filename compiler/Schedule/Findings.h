// Collecting findings, and the proofs that add to them; check() calls each on lists that the ones
// before found sound.
#pragma once

#include "compiler/Schedule/Check.h"

#include <map>

namespace recast::schedule {

class Findings {
public:
  void add(std::string_view code, std::string message, std::vector<Place> places = {},
           Severity severity = Severity::Error);
  bool hasErrors() const { return hasErrors_; }
  std::vector<Finding> take();

private:
  static constexpr size_t kMost = 16;
  std::vector<Finding> findings_;
  std::map<std::string, size_t, std::less<>> counts_;
  bool hasErrors_ = false;
};

/// "0, 1, 4-7" of sorted numbers, at most a few of them.
std::string numbersText(std::span<const int32_t> sorted);

void checkPlaces(const Schedule &schedule, Findings &findings);
void checkCoverage(const Schedule &schedule, Findings &findings);
void checkChannelOrder(const Schedule &schedule, Findings &findings);
void checkSteps(const Schedule &schedule, Findings &findings);
void checkVersions(const Schedule &schedule, Findings &findings);
/// `channelDepth` as in Limits. False where the lists cannot proceed.
bool checkProgress(const Schedule &schedule, std::optional<int32_t> channelDepth,
                   Findings &findings);
void checkKind(const Schedule &schedule, Findings &findings);
void checkMemory(const Schedule &schedule, const Limits &limits, Findings &findings);

} // namespace recast::schedule
