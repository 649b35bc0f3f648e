#include "bench/Mover.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <unistd.h>

namespace recast::bench {
namespace {

constexpr size_t kBuffer = size_t{256} << 10, kTile = size_t{16} << 10;

} // namespace

Mover::Mover(Work &work, const std::string &folder, bool digests)
    : work_(work), folder_(folder), digests_(digests), buffer_(new std::byte[kBuffer]),
      sums_(digests ? work.tensors : 0), fds_(work.sources.size(), -1) {}

Mover::~Mover() {
  for (int fd : fds_)
    if (fd >= 0)
      ::close(fd);
}

void Mover::run(std::atomic<size_t> &next) {
  for (size_t i; (i = next.fetch_add(1)) < work_.items.size();)
    move(work_.items[i]);
}

int Mover::source(uint32_t index) {
  if (fds_[index] < 0)
    fds_[index] = ::open(work_.sources[index].path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fds_[index] < 0)
    die(fmt::format("{}: {}", work_.sources[index].path, std::strerror(errno)));
  return fds_[index];
}

void Mover::move(Item &item) {
  int out = -1;
  std::string path = folder_ + "/" + item.path;
  if (!item.path.empty() && (out = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0666)) < 0)
    die(fmt::format("{}: {}", path, std::strerror(errno)));
  for (Piece &piece : item.pieces)
    copy(item, piece, out);
  if (out < 0)
    return;
  closeExtent(item);
  finish(item, out);
  if (::close(out) != 0)
    die(fmt::format("{}: {}", path, std::strerror(errno)));
}

void Mover::copy(Item &item, Piece &piece, int out) {
  if (out >= 0 && (piece.to != end_ || piece.needsCrc != covered_)) {
    closeExtent(item);
    begin_ = end_ = piece.to;
    covered_ = piece.needsCrc;
  }
  int in = source(piece.source);
  for (uint64_t at = 0; at < piece.bytes;) {
    size_t size = std::min<uint64_t>(kBuffer, piece.bytes - at);
    for (size_t got = 0; got < size;) {
      ssize_t n =
          ::pread(in, buffer_.get() + got, size - got, static_cast<off_t>(piece.from + at + got));
      if (n <= 0)
        die(fmt::format("cannot read {}", work_.sources[piece.source].path));
      got += static_cast<size_t>(n);
    }
    for (size_t tile = 0; tile < size; tile += kTile) {
      const std::byte *data = buffer_.get() + tile;
      size_t bytes = std::min(kTile, size - tile);
      if (piece.needsCrc)
        piece.crc = codec::crc32(piece.crc, data, bytes);
      if (out >= 0)
        hash_.update(data, bytes);
      if (digests_ && piece.tensor != kNone)
        sums_[piece.tensor].add(piece.tensorByte + at + tile, data, bytes);
    }
    if (out >= 0)
      write(out, piece.to + at, buffer_.get(), size);
    at += size;
  }
  end_ = piece.to + piece.bytes;
}

void Mover::write(int out, uint64_t offset, const void *data, size_t size) {
  const auto *bytes = static_cast<const std::byte *>(data);
  while (size > 0) {
    ssize_t n = ::pwrite(out, bytes, size, static_cast<off_t>(offset));
    if (n < 0)
      die(fmt::format("cannot write: {}", std::strerror(errno)));
    bytes += n;
    offset += static_cast<uint64_t>(n);
    size -= static_cast<size_t>(n);
  }
}

void Mover::closeExtent(Item &item) {
  if (end_ > begin_)
    item.extents.push_back({begin_, end_ - begin_, hash_.digest()});
  hash_.reset();
  begin_ = end_ = 0;
  covered_ = false;
}

void Mover::finish(Item &item, int out) {
  for (const exec::CrcPatch &patch : item.patches) {
    std::map<uint64_t, std::pair<uint32_t, uint64_t>> parts; // Offset to CRC and length.
    for (const Piece &piece : item.pieces)
      if (patch.begin <= piece.to && piece.to < patch.end)
        parts[piece.to] = {piece.crc, piece.bytes};
    for (const exec::LiteralBytes &literal : item.literals) {
      uint64_t begin = std::max(literal.offset, patch.begin);
      uint64_t end = std::min(literal.offset + literal.bytes.size(), patch.end);
      if (begin < end)
        parts[begin] = {
            codec::crc32(0, literal.bytes.data() + (begin - literal.offset), end - begin),
            end - begin};
    }
    uint32_t crc = 0;
    for (const auto &[offset, part] : parts)
      crc = combiner_.combine(crc, part.first, part.second);
    for (exec::LiteralBytes &literal : item.literals)
      if (literal.offset <= patch.offset &&
          patch.offset + 4 <= literal.offset + literal.bytes.size())
        std::memcpy(literal.bytes.data() + (patch.offset - literal.offset), &crc, 4);
  }
  for (const exec::LiteralBytes &literal : item.literals) {
    write(out, literal.offset, literal.bytes.data(), literal.bytes.size());
    item.extents.push_back({literal.offset, literal.bytes.size(),
                            codec::xxh3(literal.bytes.data(), literal.bytes.size())});
  }
}

} // namespace recast::bench
