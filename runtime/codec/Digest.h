// Digests of logical tensors: a keyed sum over the 32-bit words of the row-major, little-endian
// elements. Any parts, added in any order, make the digest of the whole, so it does not depend on
// sharding, files or threads. Fast, not cryptographic. The definition is in docs/artifact.md; what
// changes it needs another name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace recast::codec {

/// How manifests call this definition.
inline constexpr std::string_view kDigestName = "keyed-sum-1";

struct Digest {
  std::array<uint64_t, 2> lanes{};

  /// Adds `size` bytes of a tensor, the first being its byte `offset`.
  void add(uint64_t offset, const void *data, size_t size);
  Digest &operator+=(const Digest &other) {
    lanes[0] += other.lanes[0];
    lanes[1] += other.lanes[1];
    return *this;
  }
  bool operator==(const Digest &) const = default;

  std::string str() const; ///< 32 hex digits.
  static std::optional<Digest> parse(std::string_view text);
};

} // namespace recast::codec
