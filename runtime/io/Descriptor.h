// Owner of a file descriptor.
#pragma once

#include <unistd.h>
#include <utility>

namespace recast::io {

/// Closed on destruction; -1 when empty.
class Descriptor {
public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor &operator=(Descriptor &&other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  /// Gives up ownership: the caller closes.
  int release() { return std::exchange(fd_, -1); }

private:
  int fd_ = -1;
};

} // namespace recast::io
