// The tensors of a source by the names that a plan knows them by.
#pragma once

#include "runtime/format/Inventory.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace recast::capi {

/// Holds references to the tensors. Names are looked up once, not once per member.
class NamedTensors {
public:
  /// `strings`: of the plan.
  NamedTensors(const std::vector<format::Tensor> &tensors, const std::vector<std::string> &strings);

  /// All tensors of the name that is string `id` of the plan, in their order.
  std::span<const format::Tensor *const> of(uint32_t id) const {
    if (nameOf_[id] == kNoName)
      return {};
    size_t begin = nameOf_[id] == 0 ? 0 : ends_[nameOf_[id] - 1];
    return std::span(tensors_).subspan(begin, ends_[nameOf_[id]] - begin);
  }

private:
  static constexpr uint32_t kNoName = UINT32_MAX;

  std::vector<uint32_t> nameOf_; ///< By string of the plan.
  std::vector<size_t> ends_;     ///< By name: the end of its tensors.
  std::vector<const format::Tensor *> tensors_;
};

} // namespace recast::capi
