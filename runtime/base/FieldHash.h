// The hash of a sequence of numbers and texts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace recast {

/// Collects the fields, because hashes take large pieces much faster than numbers one by one.
/// `Hash` has update(const void *, size_t), and digest() of all that came so far.
template <typename Hash> class FieldHash {
public:
  void number(uint64_t value) { bytes(&value, sizeof value); }
  /// With its size, so that no two sequences are the same bytes.
  void text(std::string_view value) {
    number(value.size());
    bytes(value.data(), value.size());
  }
  /// Of all that came so far; more may follow.
  uint64_t digest() {
    flush();
    return hash_.digest();
  }

private:
  void bytes(const void *data, size_t size) {
    if (size > pending_.size() - used_) {
      flush();
      if (size > pending_.size())
        return hash_.update(data, size);
    }
    std::memcpy(pending_.data() + used_, data, size);
    used_ += size;
  }
  void flush() {
    hash_.update(pending_.data(), used_);
    used_ = 0;
  }

  Hash hash_;
  std::array<char, size_t{1} << 14> pending_;
  size_t used_ = 0;
};

} // namespace recast
