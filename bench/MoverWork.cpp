#include "bench/MoverWork.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>

namespace recast::bench {
namespace {

/// Whether what is read counts for the checksum of its source: see exec::RecordCheck::apart.
enum class Reading { First, Again, Apart };

/// Cuts a piece at the bounds of source records and of CRCs of the target.
void cutInto(std::vector<Piece> &out, Piece piece, const exec::Program &program, Reading reading,
             const std::vector<exec::CrcPatch> &patches) {
  while (piece.bytes > 0) {
    Piece part = piece;
    auto record = std::partition_point(
        program.records.begin(), program.records.end(), [&](const exec::RecordCheck &r) {
          return std::pair(r.file, r.offset + r.length) <= std::pair(piece.source, piece.from);
        });
    if (record != program.records.end() && record->file == piece.source) {
      uint64_t bound =
          record->offset > piece.from ? record->offset : record->offset + record->length;
      part.bytes = std::min(part.bytes, bound - piece.from);
      if (record->offset <= piece.from &&
          (record->apart ? reading == Reading::Apart : reading != Reading::Again))
        part.record = static_cast<uint32_t>(record - program.records.begin());
    }
    part.needsCrc = part.record != kNone;
    for (const exec::CrcPatch &patch : patches)
      for (uint64_t bound : {patch.begin, patch.end})
        if (bound > part.to)
          part.bytes = std::min(part.bytes, bound - part.to);
    for (const exec::CrcPatch &patch : patches)
      part.needsCrc |= patch.begin <= part.to && part.to < patch.end;
    piece.from += part.bytes;
    piece.to += part.bytes;
    piece.tensorByte += part.bytes;
    piece.bytes -= part.bytes;
    out.push_back(part);
  }
}

/// Neighbours in both files become one.
void joinNeighbours(std::vector<Piece> &pieces) {
  std::vector<Piece> joined;
  for (const Piece &piece : pieces) {
    Piece *last = joined.empty() ? nullptr : &joined.back();
    if (last && last->source == piece.source && last->record == piece.record &&
        last->from + last->bytes == piece.from && last->to + last->bytes == piece.to &&
        last->tensor == piece.tensor && last->needsCrc == piece.needsCrc)
      last->bytes += piece.bytes;
    else
      joined.push_back(piece);
  }
  pieces = std::move(joined);
}

void addTask(std::vector<Item> &files, std::vector<Item> &readOnly, const exec::Program &program,
             const exec::Task &task) {
  if (!task.dims.empty())
    die("the plan transposes or gathers: this mover only copies runs");
  auto piece = [&](const exec::TaskInput &in) {
    return Piece{.source = in.file,
                 .from = in.offset,
                 .bytes = static_cast<uint64_t>(task.count) * byteWidth(in.dtype)};
  };
  std::vector<bool> isRead(task.inputs.size());
  for (const exec::TaskOutput &output : task.outputs) {
    const exec::TaskInput &in = task.inputs[output.inputs[0]];
    if (!recipe::isCopy(program.slices[output.slice]) || in.isConstant())
      die("the plan computes: this mover only copies");
    Piece copied = piece(in);
    copied.to = output.offset;
    if (output.tensor != exec::TaskOutput::kNoTensor) {
      copied.tensor = output.tensor;
      copied.tensorByte = output.offset - program.tensors[output.tensor].offset;
    }
    // What goes to two places is read twice and counts once for the checksum of its source.
    Reading reading = isRead[output.inputs[0]] ? Reading::Again : Reading::First;
    cutInto(files[output.file].pieces, copied, program, reading,
            program.targets[output.file].patches);
    isRead[output.inputs[0]] = true;
  }
  // For checksums or comparisons alone.
  for (size_t i = 0; i < task.inputs.size(); ++i)
    if (const exec::TaskInput &in = task.inputs[i]; !isRead[i] && !in.isConstant()) {
      Piece idle = piece(in);
      idle.to = idle.from;
      cutInto(readOnly[in.file].pieces, idle, program,
              task.isIdle() ? Reading::Apart : Reading::First, {});
    }
}

} // namespace

[[noreturn]] void die(const std::string &text) {
  fmt::print(stderr, "error: {}\n", text);
  std::exit(1);
}

Work workOf(const exec::Program &program) {
  if (program.roots.size() != 1 || program.inMemory())
    die("this mover writes one folder");
  Work work{program.sources,        program.records,           {},
            program.tensors.size(), program.roots[0].pointers, program.roots[0].links};
  std::vector<Item> files(program.targets.size()), readOnly(program.sources.size());
  for (uint32_t t = 0; t < files.size(); ++t) {
    files[t].path = program.targets[t].path;
    files[t].bytes = program.targets[t].size;
    files[t].patches = program.targets[t].patches;
    files[t].literals = program.literals(t);
  }
  for (const exec::Task &task : program.tasks)
    if (task.count > 0)
      addTask(files, readOnly, program, task);
  for (std::vector<Item> *items : {&files, &readOnly})
    for (Item &item : *items) {
      std::sort(item.pieces.begin(), item.pieces.end(),
                [](const Piece &a, const Piece &b) { return a.to < b.to; });
      joinNeighbours(item.pieces);
      if (item.path.empty())
        for (const Piece &piece : item.pieces)
          item.bytes += piece.bytes;
      if (!item.path.empty() || item.bytes > 0)
        work.items.push_back(std::move(item));
    }
  std::sort(work.items.begin(), work.items.end(), [](const Item &a, const Item &b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.path < b.path;
  });
  return work;
}

} // namespace recast::bench
