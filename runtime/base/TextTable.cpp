#include "runtime/base/TextTable.h"

#include <functional>

namespace recast {

namespace {

uint32_t hashOf(std::string_view text) {
  return static_cast<uint32_t>(std::hash<std::string_view>()(text));
}

} // namespace

size_t TextTable::slotOf(std::string_view text, uint32_t hash) const {
  for (size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot &slot = slots_[at];
    if (slot.next == 0 || (slot.hash == hash && (*this)[slot.next - 1] == text))
      return at;
  }
}

uint32_t TextTable::add(std::string_view text) {
  if (ends_.size() >= slots_.size() / 2)
    grow();
  uint32_t hash = hashOf(text);
  Slot &slot = slots_[slotOf(text, hash)];
  if (slot.next == 0) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    ends_.push_back(bytes_.size());
    slot = {hash, static_cast<uint32_t>(ends_.size())};
  }
  return slot.next - 1;
}

std::optional<uint32_t> TextTable::find(std::string_view text) const {
  if (slots_.empty())
    return std::nullopt;
  const Slot &slot = slots_[slotOf(text, hashOf(text))];
  return slot.next == 0 ? std::nullopt : std::optional(slot.next - 1);
}

void TextTable::grow() {
  std::vector<Slot> before(slots_.empty() ? 16 : 2 * slots_.size());
  before.swap(slots_);
  for (const Slot &slot : before) {
    if (slot.next == 0)
      continue;
    size_t at = slot.hash & (slots_.size() - 1);
    while (slots_[at].next != 0)
      at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

} // namespace recast
