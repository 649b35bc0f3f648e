#include "compiler/Schedule/StageWeights.h"

#include <fmt/format.h>

namespace recast::schedule {
namespace {

/// Element `index` of a list that grows with use.
template <typename List> auto grown(List &list, int32_t index) {
  auto i = static_cast<size_t>(index);
  if (i >= list.size())
    list.resize(i + 1);
  return list.begin() + index;
}

} // namespace

void StageWeights::count(const Action &action, size_t index) {
  if (action.kind == ActionKind::OptimizerStep)
    ++counted_;
  // A version that is yet to be made is never restored.
  else if (action.kind == ActionKind::Restore && action.value >= 0 && action.value <= counted_)
    *grown(lastRestore_, action.value) = index + 1;
}

std::optional<std::string> StageWeights::apply(const Action &action, size_t index) {
  switch (action.kind) {
  case ActionKind::OptimizerStep: {
    bool follows = seesLatest();
    // The version that is left stays where it was stashed and is needed again.
    copies_ += isKept(latest_, index);
    ++latest_;
    if (follows)
      version_ = latest_;
    return std::nullopt;
  }
  case ActionKind::Stash:
    if (action.value != latest_)
      return fmt::format("keeps version {}, but the latest there is {}", action.value, latest_);
    *grown(stashed_, latest_) = true;
    return std::nullopt;
  case ActionKind::Predict:
    activate(latest_, action.value, index);
    return std::nullopt;
  case ActionKind::Restore: {
    bool isHeld = action.value == latest_ || isStashed(action.value);
    activate(action.value, 0, index);
    if (isHeld)
      return std::nullopt;
    return fmt::format("needs version {}, which is neither the latest there, {}, nor stashed",
                       action.value, latest_);
  }
  default:
    return std::nullopt;
  }
}

std::string StageWeights::seenText() const {
  return ahead_ == 0 ? fmt::format("version {}", version_)
                     : fmt::format("version {} predicted {} ahead", version_, ahead_);
}

bool StageWeights::isNeededAfter(int32_t version, size_t index) const {
  auto v = static_cast<size_t>(version);
  return v < lastRestore_.size() && lastRestore_[v] > index + 1;
}

void StageWeights::activate(int32_t version, int32_t ahead, size_t index) {
  bool wasOld = ahead_ == 0 && version_ != latest_;
  bool isSame = ahead == 0 && wasOld && version == version_;
  if (wasOld && !isSame && !isKept(version_, index))
    --copies_;
  copies_ += (ahead > 0) - (ahead_ > 0);
  version_ = version;
  ahead_ = ahead;
}

} // namespace recast::schedule
