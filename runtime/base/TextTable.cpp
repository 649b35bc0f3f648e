#include "runtime/base/TextTable.h"

namespace recast {

uint32_t TextTable::add(std::string_view text) {
  uint32_t number = index_.findOrAdd(TextIndex::hashOf(text),
                                     [&](uint32_t other) { return (*this)[other] == text; });
  if (number == ends_.size()) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    ends_.push_back(bytes_.size());
  }
  return number;
}

std::optional<uint32_t> TextTable::find(std::string_view text) const {
  return index_.find(TextIndex::hashOf(text),
                     [&](uint32_t other) { return (*this)[other] == text; });
}

} // namespace recast
