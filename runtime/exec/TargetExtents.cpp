#include "runtime/exec/TargetExtents.h"

#include "runtime/base/Checked.h"
#include "runtime/codec/Crc32.h"
#include "runtime/codec/Xxh3.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace recast::exec {

TargetExtents::TargetExtents(const Program &program, const Schedule &schedule)
    : program_(program), targets_(program.targets.size()) {
  for (uint32_t t = 0; t < targets_.size(); ++t) {
    targets_[t].remaining = schedule.taskBytes[t];
    targets_[t].segments = segmentsOf(program.targets[t]);
  }
}

std::vector<TargetExtents::Segment> TargetExtents::segmentsOf(const TargetFile &file) {
  std::map<uint64_t, int64_t> depth; // How many patched ranges begin or end at a byte.
  for (const CrcPatch &patch : file.patches) {
    if (patch.begin == patch.end)
      continue;
    ++depth[patch.begin];
    --depth[patch.end];
  }
  std::vector<Segment> segments;
  int64_t open = 0;
  for (auto [at, change] : depth) {
    if (at > 0)
      segments.push_back({at, open > 0});
    open += change;
  }
  return segments;
}

TargetExtents::Limit TargetExtents::limitAt(uint32_t target, uint64_t offset) const {
  const auto &segments = targets_[target].segments;
  auto it = std::partition_point(segments.begin(), segments.end(),
                                 [&](const Segment &s) { return s.end <= offset; });
  if (it == segments.end())
    return {UINT64_MAX, false};
  return {it->end, it->covered};
}

void TargetExtents::add(std::span<const PlacedExtent> extents,
                        std::span<const UnhashedBytes> unhashed, std::vector<uint32_t> &complete) {
  std::lock_guard lock(mutex_);
  for (const UnhashedBytes &written : unhashed) {
    Target &target = targets_[written.target];
    target.unhashed += written.bytes;
    target.remaining -= written.bytes;
    if (target.remaining == 0)
      complete.push_back(written.target);
  }
  for (const PlacedExtent &placed : extents) {
    Target &target = targets_[placed.target];
    target.extents.push_back(placed.extent);
    target.remaining -= placed.extent.length;
    if (target.remaining == 0)
      complete.push_back(placed.target);
  }
}

std::vector<TargetExtents::Part>
TargetExtents::cutLiterals(uint32_t target, std::span<const LiteralBytes> literals) const {
  std::vector<Part> parts;
  for (size_t i = 0; i < literals.size(); ++i) {
    uint64_t end = literals[i].offset + literals[i].bytes.size();
    for (uint64_t at = literals[i].offset; at < end;) {
      uint64_t stop = std::min(end, limitAt(target, at).end);
      parts.push_back({i, at, stop});
      at = stop;
    }
  }
  return parts;
}

Status TargetExtents::hashGaps(uint32_t target, const Access &access) {
  auto &extents = targets_[target].extents;
  const uint64_t fileSize = program_.targets[target].size;
  uint64_t position = 0, expected = targets_[target].unhashed;
  std::vector<Extent> gaps;
  codec::Xxh3Stream hash;
  auto close = [&](uint64_t end) -> Status {
    while (position < end) {
      Limit limit = limitAt(target, position);
      Extent extent{position, std::min({end, limit.end, position + kUnitBytes}) - position, 0, 0};
      if (extent.length > expected)
        return {}; // Not written: checkCoverage() says so.
      expected -= extent.length;
      hash.reset();
      for (uint64_t at = 0; at < extent.length;) {
        size_t size = std::min<uint64_t>(access.buffer.size(), extent.length - at);
        RECAST_TRY(access.read(position + at, size));
        hash.update(access.buffer.data(), size);
        if (limit.needsCrc)
          extent.crc32 = codec::crc32(extent.crc32, access.buffer.data(), size);
        at += size;
      }
      extent.xxh3 = hash.digest();
      position += extent.length;
      gaps.push_back(extent);
    }
    return {};
  };
  for (const Extent &extent : extents) {
    RECAST_TRY(close(extent.offset));
    position = std::max(position, extent.offset + extent.length);
  }
  RECAST_TRY(close(fileSize));
  if (expected > 0)
    return fail(Error(Code::Internal, "bytes of the output are written twice")
                    .file(program_.targets[target].path));
  extents.insert(extents.end(), gaps.begin(), gaps.end());
  std::sort(extents.begin(), extents.end(),
            [](const Extent &a, const Extent &b) { return a.offset < b.offset; });
  return {};
}

Status TargetExtents::checkCoverage(uint32_t target) const {
  const TargetFile &file = program_.targets[target];
  uint64_t end = 0;
  for (const Extent &extent : targets_[target].extents) {
    if (extent.offset != end)
      return fail(Error(Code::Internal, extent.offset > end ? "bytes of the output are not written"
                                                            : "bytes of the output are written "
                                                              "twice")
                      .file(file.path)
                      .bytes(std::min(end, extent.offset), std::max(end, extent.offset)));
    end += extent.length;
  }
  if (end != file.size)
    return fail(Error(Code::Internal, "the output does not end where it should")
                    .file(file.path)
                    .bytes(std::min(end, file.size), std::max(end, file.size)));
  return {};
}

Status TargetExtents::applyPatches(uint32_t target, std::vector<LiteralBytes> &literals) const {
  const TargetFile &file = program_.targets[target];
  const auto &extents = targets_[target].extents;
  codec::Crc32Combiner combiner;
  for (const CrcPatch &patch : file.patches) {
    uint32_t crc = 0;
    auto it = std::partition_point(extents.begin(), extents.end(),
                                   [&](const Extent &e) { return e.offset < patch.begin; });
    // Extents end at every bound of a patch, so whole ones make up the range.
    for (; it != extents.end() && it->offset < patch.end; ++it)
      crc = combiner.combine(crc, it->crc32, it->length);

    auto literal =
        std::partition_point(literals.begin(), literals.end(), [&](const LiteralBytes &l) {
          return l.offset + l.bytes.size() <= patch.offset;
        });
    bool covered =
        limitAt(target, patch.offset).needsCrc || limitAt(target, patch.offset + 3).needsCrc;
    if (literal == literals.end() || covered || patch.offset < literal->offset ||
        !rangeInside(patch.offset - literal->offset, 4, literal->bytes.size()))
      return fail(Error(Code::Internal, "the place of a checksum is not in a literal of its own")
                      .file(file.path)
                      .bytes(patch.offset, patch.offset + 4));
    for (int i = 0; i < 4; ++i)
      literal->bytes[patch.offset - literal->offset + i] = static_cast<char>(crc >> (8 * i));
  }
  return {};
}

Status TargetExtents::finish(uint32_t target, const Access &access) {
  const TargetFile &file = program_.targets[target];
  auto &extents = targets_[target].extents;
  // One set of large literals is in memory at a time: the budget counts one. Small ones are within
  // what it counts for a worker, and with 10^5 small files their writes must not queue up.
  std::unique_lock lock(literalsMutex_);
  std::vector<LiteralBytes> literals;
  if (program_.literals)
    literals = program_.literals(target);
  size_t bytes = 0;
  for (const LiteralBytes &literal : literals)
    bytes += literal.bytes.size();
  if (bytes <= kSmallLiterals)
    lock.unlock();
  std::sort(literals.begin(), literals.end(),
            [](const LiteralBytes &a, const LiteralBytes &b) { return a.offset < b.offset; });
  for (const LiteralBytes &literal : literals)
    if (!rangeInside(literal.offset, literal.bytes.size(), file.size))
      return fail(Error(Code::Internal, "a literal lies outside the output").file(file.path));

  std::vector<Part> parts = cutLiterals(target, literals);
  auto bytesOf = [&](const Part &part) {
    return literals[part.literal].bytes.data() + (part.begin - literals[part.literal].offset);
  };
  for (const Part &part : parts) {
    Extent extent{part.begin, part.end - part.begin, 0, 0};
    if (limitAt(target, part.begin).needsCrc)
      extent.crc32 = codec::crc32(0, bytesOf(part), extent.length);
    extents.push_back(extent);
  }
  auto byOffset = [](const Extent &a, const Extent &b) { return a.offset < b.offset; };
  std::sort(extents.begin(), extents.end(), byOffset);
  if (targets_[target].unhashed > 0)
    RECAST_TRY(hashGaps(target, access));
  RECAST_TRY(checkCoverage(target));
  RECAST_TRY(applyPatches(target, literals));

  for (const Part &part : parts) { // Hashed with the patches in them.
    Extent key{part.begin, 0, 0, 0};
    auto extent = std::lower_bound(extents.begin(), extents.end(), key, byOffset);
    extent->xxh3 = codec::xxh3(bytesOf(part), extent->length);
  }
  for (const LiteralBytes &literal : literals)
    if (!literal.bytes.empty())
      RECAST_TRY(access.write(literal.offset, literal.bytes));
  extents.shrink_to_fit();
  return {};
}

uint64_t TargetExtents::memory(const Program &program, const Schedule &schedule) {
  // Growing vectors hold up to twice what they need.
  uint64_t bytes =
      program.targets.size() * sizeof(Target) + 2 * schedule.maxExtents * sizeof(Extent);
  for (const TargetFile &target : program.targets)
    bytes += target.patches.size() * 2 * sizeof(Segment);
  return bytes;
}

} // namespace recast::exec
