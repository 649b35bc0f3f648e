#include "runtime/exec/SourceRecords.h"

#include "runtime/exec/Box.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::exec {

SourceRecords::SourceRecords(const Program &program)
    : program_(program), done_(program.records.size(), 0) {
  for (const RecordCheck &record : program.records)
    verified_ += record.length == 0; // Nothing that could be wrong.
}

std::optional<uint32_t> SourceRecords::find(uint32_t file, uint64_t offset, uint64_t &end) const {
  const auto &records = program_.records;
  auto after = std::partition_point(records.begin(), records.end(), [&](const RecordCheck &r) {
    return r.file < file || (r.file == file && r.offset <= offset);
  });
  end = after != records.end() && after->file == file ? after->offset : UINT64_MAX;
  // Empty records may lie at the offset of the next one: look past them.
  for (auto it = after; it != records.begin();) {
    --it;
    if (it->file != file)
      break;
    if (it->length == 0)
      continue;
    if (offset - it->offset >= it->length)
      break;
    end = it->offset + it->length;
    return static_cast<uint32_t>(it - records.begin());
  }
  return std::nullopt;
}

Status SourceRecords::add(std::span<const RecordPiece> pieces) {
  std::lock_guard lock(mutex_);
  for (const RecordPiece &piece : pieces)
    RECAST_TRY(addPiece(piece));
  return {};
}

Status SourceRecords::addPiece(const RecordPiece &piece) {
  if (done_[piece.record]) // Another view of the same bytes.
    return {};
  std::deque<Interval> &known = known_[piece.record];
  auto next = std::partition_point(known.begin(), known.end(),
                                   [&](const Interval &i) { return i.begin < piece.begin; });
  auto before = next == known.begin() ? known.end() : std::prev(next);
  const bool hasNext = next != known.end(), hasBefore = before != known.end();
  if ((hasNext && next->begin < piece.end) || (hasBefore && before->end > piece.begin))
    return {}; // A byte that two inputs read counts once; a partial overlap leaves a gap.
  const bool joinsNext = hasNext && next->begin == piece.end;
  auto here = before;
  if (hasBefore && before->end == piece.begin) {
    before->crc = pieceCrc_.combine(before->crc, piece.crc, piece.end - piece.begin);
    before->end = piece.end;
    if (joinsNext) {
      before->crc = intervalCrc_.combine(before->crc, next->crc, next->end - next->begin);
      before->end = next->end;
      here = std::prev(known.erase(next));
    }
  } else if (joinsNext) {
    next->crc = intervalCrc_.combine(piece.crc, next->crc, next->end - next->begin);
    next->begin = piece.begin;
    here = next;
  } else {
    here = known.insert(next, {piece.begin, piece.end, piece.crc});
  }

  const RecordCheck &record = program_.records[piece.record];
  if (here->end - here->begin != record.length)
    return {};
  if (here->crc != record.crc32)
    return fail(mismatch(record, here->crc));
  ++verified_;
  done_[piece.record] = 1;
  known_.erase(piece.record);
  return {};
}

Error SourceRecords::mismatch(const RecordCheck &record, uint32_t found) const {
  uint64_t end = record.offset + record.length;
  std::vector<std::string> names;
  for (const Task &task : program_.tasks)
    for (size_t i = 0; i < task.inputs.size(); ++i)
      if (const TaskInput &input = task.inputs[i];
          input.file == record.file && input.offset < end &&
          input.offset + operandSpan(program_, task, i) > record.offset)
        if (std::find(names.begin(), names.end(), program_.names[task.name]) == names.end())
          names.push_back(program_.names[task.name]);
  std::string tensors;
  for (size_t i = 0; i < std::min<size_t>(names.size(), 3); ++i)
    tensors += (i ? ", " : "") + names[i];
  if (names.size() > 3)
    tensors += fmt::format(" and {} more", names.size() - 3);
  return Error(Code::BadInput,
               fmt::format("damaged source: CRC-32 is {:#010x}, the file says {:#010x}", found,
                           record.crc32))
      .file(program_.sources[record.file].path)
      .tensor(tensors)
      .bytes(record.offset, end)
      .hint("The bytes changed after the checkpoint was written: restore the file from another "
            "copy.");
}

} // namespace recast::exec
