// The checksums of a worker: CRC-32 of what it reads inside source records, XXH3 (and, under a
// patch, CRC-32) of what it writes, and digests of the tensors that it writes to.
#include "runtime/exec/Worker.h"

#include <algorithm>

namespace recast::exec {
namespace {

/// From here on a CRC is computed apart and combined, so that a copy can use it again; below, going
/// on with the running CRC is cheaper than combining.
constexpr size_t kShareCrc = size_t{32} << 10;

} // namespace

void Worker::noteRead(const Task &task, size_t span, size_t input, uint64_t offset,
                      const std::byte *data, size_t size) {
  const uint32_t file = task.inputs[input].file;
  const size_t whole = size;
  while (size > 0) {
    uint64_t end = 0;
    auto record = job_.records.find(file, offset, end);
    size_t part = static_cast<size_t>(std::min<uint64_t>(size, end - offset));
    if (record && (!job_.program.records[*record].apart || task.isIdle())) {
      size_t open = openPiece_[input];
      if (open == SIZE_MAX || pieces_[open].record != *record || pieces_[open].end != offset) {
        open = openPiece_[input] = pieces_.size();
        pieces_.push_back({*record, offset, offset, 0});
      }
      RecordPiece &piece = pieces_[open];
      if (part == whole && part >= kShareCrc) {
        uint32_t crc = codec::crc32(0, data, part);
        spanCrc(span, input) = {crc, true};
        piece.crc = combiner_.combine(piece.crc, crc, part);
      } else {
        piece.crc = codec::crc32(piece.crc, data, part);
      }
      piece.end += part;
    }
    offset += part;
    data += part;
    size -= part;
  }
}

void Worker::noteWritten(size_t ordinal, uint32_t file, uint64_t offset, const std::byte *data,
                         size_t size, const SpanCrc &crc) {
  if (ordinal >= openExtents_.size())
    openExtents_.resize(ordinal + 1);
  OpenExtent &extent = openExtents_[ordinal];
  const size_t whole = size;
  while (size > 0) {
    if (!extent.open || extent.file != file || extent.end != offset || offset == extent.limit) {
      closeExtent(ordinal);
      TargetExtents::Limit limit = job_.extents.limitAt(file, offset);
      extent.open = true;
      extent.file = file;
      extent.begin = extent.end = offset;
      extent.limit = limit.end;
      extent.needsCrc = limit.needsCrc;
      extent.crc = 0;
      extent.hash.reset();
    }
    size_t part = static_cast<size_t>(std::min<uint64_t>(size, extent.limit - offset));
    extent.hash.update(data, part);
    if (extent.needsCrc)
      extent.crc = crc.known && part == whole ? combiner_.combine(extent.crc, crc.crc, part)
                                              : codec::crc32(extent.crc, data, part);
    extent.end += part;
    offset += part;
    data += part;
    size -= part;
  }
}

void Worker::noteDigest(const TaskOutput &output, uint64_t offset, const std::byte *data,
                        size_t size) {
  if (output.tensor == TaskOutput::kNoTensor)
    return;
  if (digests_.empty() || digests_.back().tensor != output.tensor)
    digests_.push_back({output.tensor, 0, {}});
  DigestPiece &piece = digests_.back();
  piece.bytes += size;
  if (job_.tensors.digests())
    piece.digest.add(offset - job_.program.tensors[output.tensor].offset, data, size);
}

void Worker::closeExtent(size_t ordinal) {
  OpenExtent &extent = openExtents_[ordinal];
  if (!extent.open)
    return;
  closedExtents_.push_back({extent.file,
                            {extent.begin, extent.end - extent.begin, extent.hash.digest(),
                             extent.needsCrc ? extent.crc : 0}});
  extent.open = false;
}

} // namespace recast::exec
