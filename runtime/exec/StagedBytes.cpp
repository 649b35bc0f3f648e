#include "runtime/exec/StagedBytes.h"

#include "runtime/codec/Xxh3.h"
#include "runtime/exec/Stop.h"
#include "runtime/io/Directory.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

namespace recast::exec {

bool StagedBytes::open(uint32_t target) {
  if (current_ == target)
    return bool(file_);
  current_ = target;
  const TargetFile &file = program_.targets[target];
  file_ =
      io::openBeneath(roots_[file.root]->staging(), file.path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat st;
  if (!file_ || ::fstat(file_.get(), &st) != 0 || !S_ISREG(st.st_mode)) {
    file_ = {};
    return false;
  }
  size_ = static_cast<uint64_t>(st.st_size);
  return true;
}

Result<bool> StagedBytes::hasHash(const PlacedExtent &placed) {
  buffer_.resize(size_t{256} << 10);
  codec::Xxh3Stream hash;
  uint64_t end = placed.extent.offset + placed.extent.length;
  for (uint64_t at = placed.extent.offset; at < end;) {
    if (stopRequested())
      return interrupted();
    size_t want = static_cast<size_t>(std::min<uint64_t>(buffer_.size(), end - at));
    ssize_t got = ::pread(file_.get(), buffer_.data(), want, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0) {
      const TargetFile &file = program_.targets[placed.target];
      return ioError("cannot read back", errno, roots_[file.root]->shown(file.path));
    }
    if (got == 0)
      return false;
    hash.update(buffer_.data(), static_cast<size_t>(got));
    at += static_cast<uint64_t>(got);
  }
  return hash.digest() == placed.extent.xxh3;
}

Result<bool> StagedBytes::holds(const FinishedUnit &unit, bool hashed) {
  for (const UnhashedBytes &bytes : unit.unhashed)
    if (hashed || !open(bytes.target) || size_ < bytes.bytes)
      return false;
  for (const PlacedExtent &placed : unit.extents) {
    if (!open(placed.target) || size_ < placed.extent.offset + placed.extent.length)
      return false;
    if (!hashed)
      continue;
    RECAST_ASSIGN(bool same, hasHash(placed));
    if (!same)
      return false;
  }
  return true;
}

} // namespace recast::exec
