// XXH3-64 with seed 0: the hash of written extents. Fast, not cryptographic: it finds torn and
// rotten files, not forged ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace recast::codec {

uint64_t xxh3(const void *data, size_t size);

/// The same over bytes that arrive in parts.
class Xxh3Stream {
public:
  Xxh3Stream();
  ~Xxh3Stream();
  Xxh3Stream(Xxh3Stream &&) noexcept;
  Xxh3Stream &operator=(Xxh3Stream &&) noexcept;

  void reset();
  void update(const void *data, size_t size);
  /// Hash of everything since the last reset; more may follow.
  uint64_t digest() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace recast::codec
