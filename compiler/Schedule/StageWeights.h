// The weights of one stage while its rank's list is read: the walker of proofs and of analyses.
#pragma once

#include "compiler/Schedule/Schedule.h"

#include <optional>

namespace recast::schedule {

/// First count() of every action of the stage, so that it is known until when stashed versions are
/// kept; then apply() of every OPT and weight action, in the order of the list. `index` is the
/// position in the list.
class StageWeights {
public:
  void count(const Action &action, size_t index);
  /// What is wrong with the action where it stands, as the rest of a sentence. Whoever goes on
  /// after that sees the weights that the action names; copies() says nothing then.
  std::optional<std::string> apply(const Action &action, size_t index);

  int32_t latest() const { return latest_; }
  /// What passes see: a version, `ahead` updates further.
  int32_t version() const { return version_; }
  int32_t ahead() const { return ahead_; }
  bool seesLatest() const { return ahead_ == 0 && version_ == latest_; }
  std::string seenText() const;
  /// Versions held, with a prediction that passes see.
  int32_t copies() const { return copies_; }
  /// Whether a RESTORE of the version stands after `index`.
  bool isNeededAfter(int32_t version, size_t index) const;

private:
  bool isStashed(int32_t version) const {
    return static_cast<size_t>(version) < stashed_.size() && stashed_[static_cast<size_t>(version)];
  }
  bool isKept(int32_t version, size_t index) const {
    return isStashed(version) && isNeededAfter(version, index);
  }
  void activate(int32_t version, int32_t ahead, size_t index);

  int32_t latest_ = 0, version_ = 0, ahead_ = 0, copies_ = 1;
  int32_t counted_ = 0;             ///< OPTs that count() has seen.
  std::vector<size_t> lastRestore_; ///< By version: the position after its last RESTORE, 0: none.
  std::vector<bool> stashed_;       ///< By version.
};

} // namespace recast::schedule
