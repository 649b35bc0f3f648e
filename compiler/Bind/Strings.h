// The string table of a plan, filled while binding.
#pragma once

#include "runtime/base/Name.h"

#include <cstdint>
#include <string>
#include <vector>

namespace recast::compiler {

class Strings {
public:
  uint32_t id(Name text) {
    if (text.number() >= ids_.size())
      ids_.resize(Name::count(), kNone);
    uint32_t &id = ids_[text.number()];
    if (id == kNone) {
      id = static_cast<uint32_t>(list_.size());
      list_.push_back(text);
    }
    return id;
  }
  std::vector<std::string> take() { return std::move(list_); }

private:
  static constexpr uint32_t kNone = UINT32_MAX;

  std::vector<uint32_t> ids_; ///< By number of the name.
  std::vector<std::string> list_;
};

} // namespace recast::compiler
