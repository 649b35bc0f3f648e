// Which pairs of a name and a key were met, both as numbers: two tensors of one name and role would
// have one place.
#pragma once

#include <cstdint>
#include <unordered_set>
#include <vector>

namespace recast::format {

class KeysByName {
public:
  explicit KeysByName(size_t names) : small_(names) {}

  /// Whether the pair is new.
  bool add(uint32_t name, uint32_t key) {
    if (key >= 64) // A training state has a few roles; a hostile plan may have any number.
      return others_.insert(uint64_t{name} << 32 | key).second;
    uint64_t bit = uint64_t{1} << key;
    bool isNew = (small_[name] & bit) == 0;
    small_[name] |= bit;
    return isNew;
  }

private:
  std::vector<uint64_t> small_; ///< By name, a bit for each key.
  std::unordered_set<uint64_t> others_;
};

} // namespace recast::format
