// Texts numbered in the order in which they come, each once. They lie one after the other in one
// block: 10^5 of them are a few allocations.
#pragma once

#include "runtime/base/TextIndex.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace recast {

class TextTable {
public:
  /// The number of `text`, a new one where it was not there. Fewer than 2^32 texts.
  uint32_t add(std::string_view text);
  std::optional<uint32_t> find(std::string_view text) const;
  /// Good until the next one is added.
  std::string_view operator[](uint32_t number) const {
    size_t begin = number == 0 ? 0 : ends_[number - 1];
    return {bytes_.data() + begin, ends_[number] - begin};
  }
  size_t size() const { return ends_.size(); }

private:
  std::vector<char> bytes_;
  std::vector<size_t> ends_;
  TextIndex index_;
};

} // namespace recast
