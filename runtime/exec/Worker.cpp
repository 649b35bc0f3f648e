#include "runtime/exec/Worker.h"

#include "runtime/exec/Bytes.h"
#include "runtime/exec/SourceCheck.h"
#include "runtime/exec/Stop.h"
#include "runtime/io/Directory.h"
#include "runtime/io/OutputFile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>

namespace recast::exec {

void Worker::fillConstant(std::byte *out, const TaskInput &input, int64_t count) {
  size_t width = byteWidth(input.dtype);
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(out + static_cast<size_t>(i) * width, &input.offset, width);
}

Worker::Worker(Job &job, std::byte *slots)
    : job_(job), slots_(slots),
      tile_(job.program, job.slices, job.slotBytes, job.schedule.maxInputs),
      sources_(job.openFiles), targets_(job.openFiles),
      openPiece_(job.schedule.maxInputs, SIZE_MAX) {}

Status Worker::run(size_t item) {
  if (item >= job_.units.size())
    return finishFile(job_.files[item - job_.units.size()]);
  uint32_t unit = job_.units[item];
  RECAST_TRY(runUnit(job_.schedule.units[unit]));

  for (size_t i = 0; i < openExtents_.size(); ++i)
    closeExtent(i);
  std::fill(openPiece_.begin(), openPiece_.end(), SIZE_MAX);
  RECAST_TRY(job_.records.add(pieces_));
  joinPieces(digests_);
  if (job_.journal)
    RECAST_TRY(job_.journal->add(unit, closedExtents_, unhashed_, pieces_, digests_));
  pieces_.clear();
  job_.tensors.add(digests_);
  digests_.clear();
  std::vector<uint32_t> complete;
  job_.extents.add(closedExtents_, unhashed_, complete);
  closedExtents_.clear();
  unhashed_.clear();
  for (uint32_t file : complete)
    RECAST_TRY(finishFile(file));
  return {};
}

Status Worker::runUnit(const Unit &unit) {
  if (!job_.program.tasks[job_.schedule.order[unit.begin]].dims.empty())
    return runBoxUnit(unit);
  for (uint32_t i = unit.begin; i < unit.end; ++i) {
    uint32_t task = job_.schedule.order[i];
    int64_t first = unit.first, left = unit.count < 0 ? job_.program.tasks[task].count : unit.count;
    while (left > 0) {
      int64_t taken = tile_.add(task, first, left);
      first += taken;
      left -= taken;
      if (left > 0) // No more room. An empty tile takes at least one element.
        RECAST_TRY(runTile());
    }
  }
  return runTile();
}

Status Worker::runTile() {
  if (tile_.empty())
    return {};
  if (stopRequested())
    return interrupted();
  if (job_.failed.load(std::memory_order_relaxed))
    return interrupted(); // Not shown: the first error is.
  spanCrcs_.assign(tile_.spans().size() * job_.schedule.maxInputs, {});
  for (size_t i = 0; i < job_.schedule.maxInputs; ++i)
    RECAST_TRY(readInput(i));
  size_t outputs = 0;
  for (size_t s = 0; s < tile_.spans().size(); ++s) {
    RECAST_TRY(runChecks(s));
    outputs = std::max(outputs, job_.program.tasks[tile_.spans()[s].task].outputs.size());
  }
  // Output after output, not span after span: what neighbours write is then contiguous.
  for (size_t o = 0; o < outputs; ++o)
    RECAST_TRY(writeOutputs(o));
  tile_.clear();
  return {};
}

/// Reads one input of all spans, ranges that follow each other in the file with one pread.
Status Worker::readInput(size_t input) {
  struct {
    uint32_t file = 0, task = 0;
    uint64_t offset = 0;
    std::byte *data = nullptr;
    size_t size = 0;
  } batch;
  auto read = [&]() -> Status {
    if (batch.size == 0)
      return {};
    const std::string &name = job_.program.names[job_.program.tasks[batch.task].name];
    Status status = this->read(batch.file, batch.offset, batch.data, batch.size);
    return status ? status : fail(std::move(status).error().tensor(name));
  };
  const auto &spans = tile_.spans();
  for (size_t s = 0; s < spans.size(); ++s) {
    const Task &task = job_.program.tasks[spans[s].task];
    if (input >= task.inputs.size())
      continue;
    const TaskInput &in = task.inputs[input];
    unsigned width = byteWidth(in.dtype);
    size_t size = static_cast<size_t>(spans[s].count) * width;
    if (in.isConstant()) {
      if (!in.isScalar)
        fillConstant(slot(input) + tile_.at(s, input), in, spans[s].count);
      continue;
    }
    uint64_t offset = in.offset + static_cast<uint64_t>(spans[s].first) * width;
    std::byte *data = slot(input) + tile_.at(s, input);
    if (batch.size && batch.file == in.file && batch.offset + batch.size == offset &&
        batch.data + batch.size == data) {
      batch.size += size;
      continue;
    }
    RECAST_TRY(read());
    batch = {in.file, spans[s].task, offset, data, size};
  }
  RECAST_TRY(read());

  for (size_t s = 0; s < spans.size(); ++s) {
    const Task &task = job_.program.tasks[spans[s].task];
    if (input >= task.inputs.size() || task.inputs[input].isConstant())
      continue;
    const TaskInput &in = task.inputs[input];
    unsigned width = byteWidth(in.dtype);
    noteRead(task, s, input, in.offset + static_cast<uint64_t>(spans[s].first) * width,
             slot(input) + tile_.at(s, input), static_cast<size_t>(spans[s].count) * width);
  }
  return {};
}

void Worker::gather(size_t span, const std::vector<uint16_t> &inputs) {
  gathered_.clear();
  const Task &task = job_.program.tasks[tile_.spans()[span].task];
  for (uint16_t input : inputs)
    gathered_.push_back(task.inputs[input].isScalar ? task.inputs[input].bits()
                                                    : slot(input) + tile_.at(span, input));
}

Status Worker::runChecks(size_t s) {
  const Span &span = tile_.spans()[s];
  const Task &task = job_.program.tasks[span.task];
  for (const TaskCheck &check : task.checks) {
    const CheckSlice &slice = *job_.slices.checks[check.slice];
    gather(s, check.inputs);
    int64_t at = slice.run(gathered_, resultSlot(), span.count);
    job_.elementsChecked.fetch_add(static_cast<uint64_t>(span.count), std::memory_order_relaxed);
    if (at < 0)
      continue;
    CheckSlice::Difference difference = slice.describe(gathered_, at);
    auto place = [&](uint16_t input) {
      return placeOf(task.inputs[check.inputs[input]], span.first + at);
    };
    return differs(task, task.first + span.first + at, difference.text, place(difference.inputA),
                   place(difference.inputB));
  }
  return {};
}

std::pair<std::string, ByteRange> Worker::placeOf(const TaskInput &input, int64_t element) const {
  if (input.isConstant())
    return {"a constant", {}};
  uint64_t width = byteWidth(input.dtype);
  uint64_t begin = input.offset + static_cast<uint64_t>(element) * width;
  return {job_.program.sources[input.file].path, {begin, begin + width}};
}

tl::unexpected<Error> Worker::differs(const Task &task, int64_t at, const std::string &values,
                                      const std::pair<std::string, ByteRange> &a,
                                      const std::pair<std::string, ByteRange> &b) const {
  return fail(Error(Code::Negative,
                    fmt::format("two copies of a value differ at element {}: {} (second copy: {} "
                                "bytes [{}, {}))",
                                at, values, b.first, b.second.begin, b.second.end))
                  .tensor(job_.program.names[task.name])
                  .file(a.first)
                  .bytes(a.second.begin, a.second.end)
                  .hint("The source contradicts itself: save the checkpoint again, or say which "
                        "copy counts and leave the other out."));
}

tl::unexpected<Error> Worker::notFinite(const Task &task, int64_t at, const std::string &value,
                                        const std::pair<std::string, ByteRange> &place) const {
  return fail(Error(Code::BadInput,
                    fmt::format("what is computed of element {} is {}, although all that it is "
                                "computed from is finite",
                                at, value))
                  .tensor(job_.program.names[task.name])
                  .file(place.first)
                  .bytes(place.second.begin, place.second.end)
                  .hint("Look at the numbers of `predict`: lr, s and the others, in the job or, "
                        "where it gives none, in the parameter group (`recast inspect`)."));
}

Status Worker::writeOutputs(size_t ordinal) {
  size_t cursor = 0; // In the result slot.
  const auto &spans = tile_.spans();
  for (size_t s = 0; s < spans.size(); ++s) {
    const Task &task = job_.program.tasks[spans[s].task];
    if (ordinal >= task.outputs.size())
      continue;
    const TaskOutput &output = task.outputs[ordinal];
    const OutputSlice &slice = *job_.slices.outputs[output.slice];
    uint64_t offset = output.offset + static_cast<uint64_t>(spans[s].first) * slice.width();
    size_t size = static_cast<size_t>(spans[s].count) * slice.width();
    const std::byte *data;
    SpanCrc crc;
    if (slice.isCopy()) {
      data = slot(output.inputs[0]) + tile_.at(s, output.inputs[0]);
      crc = spanCrc(s, output.inputs[0]);
    } else {
      if (cursor + size > job_.slotBytes) {
        RECAST_TRY(flushPending());
        cursor = 0;
      }
      gather(s, output.inputs);
      if (auto lost = slice.run(gathered_, resultSlot() + cursor, spans[s].count))
        return notFinite(task, task.first + spans[s].first + lost->at, lost->value,
                         placeOf(task.inputs[output.inputs[0]], spans[s].first + lost->at));
      data = resultSlot() + cursor;
      cursor += size;
    }
    noteWritten(ordinal, output.file, offset, data, size, crc);
    noteDigest(output, offset, data, size);
    if (pending_.size && pending_.file == output.file &&
        pending_.offset + pending_.size == offset && pending_.data + pending_.size == data) {
      pending_.size += size;
      continue;
    }
    RECAST_TRY(flushPending());
    pending_ = {output.file, offset, data, size};
  }
  return flushPending();
}

Status Worker::flushPending() {
  Pending pending = std::exchange(pending_, {});
  if (pending.size == 0)
    return {};
  return write(pending.file, pending.offset, pending.data, pending.size);
}

Status Worker::finishFile(uint32_t file) {
  const TargetFile &to = job_.program.targets[file];
  const bool inMemory = job_.program.inMemory();
  if (!inMemory)
    RECAST_TRY(target(file)); // Exists even if it is empty.
  TargetExtents::Access access;
  access.write = [&](uint64_t offset, std::string_view bytes) {
    return write(file, offset, bytes.data(), bytes.size());
  };
  access.buffer = {slots_, job_.slotBytes}; // No tile is in it between units.
  access.read = [&](uint64_t offset, size_t size) -> Status {
    if (inMemory) {
      std::memcpy(slots_, to.memory + offset, size);
      return {};
    }
    RECAST_ASSIGN(int fd, target(file));
    return io::readAt(fd, offset, slots_, size, job_.roots[to.root]->shown(to.path));
  };
  return job_.extents.finish(file, access);
}

Status Worker::write(uint32_t file, uint64_t offset, const void *data, size_t size) {
  const TargetFile &to = job_.program.targets[file];
  if (job_.program.inMemory()) {
    std::memcpy(to.memory + offset, data, size);
  } else {
    RECAST_ASSIGN(int fd, target(file));
    RECAST_TRY(io::writeAt(fd, offset, data, size, job_.roots[to.root]->shown(to.path)));
  }
  job_.bytesWritten.fetch_add(size, std::memory_order_relaxed);
  return {};
}

Status Worker::read(uint32_t index, uint64_t offset, std::byte *data, size_t size) {
  RECAST_ASSIGN(io::File * file, source(index));
  RECAST_TRY(job_.rate.wait(size));
  RECAST_TRY(file->readAt(offset, data, size));
  job_.bytesRead.fetch_add(size, std::memory_order_relaxed);
  return {};
}

Result<io::File *> Worker::source(uint32_t index) {
  if (io::File *file = sources_.find(index))
    return file;
  sources_.makeRoom();
  RECAST_ASSIGN(io::File file, io::File::open(job_.program.sources[index].path));
  RECAST_TRY(checkUnchanged(job_.program.sources[index], file.info()));
  return &sources_.put(index, std::move(file));
}

Result<int> Worker::target(uint32_t index) {
  if (io::Descriptor *file = targets_.find(index))
    return file->get();
  const TargetFile &to = job_.program.targets[index];
  const StagedRoot &root = *job_.roots[to.root];
  auto room = targets_.makeRoom();
  // Network file systems report late write errors at close and nowhere else.
  if (room && ::close(room->release()) != 0)
    return ioError("cannot close an output file", errno, root.root().folder);
  RECAST_ASSIGN(io::Descriptor file,
                opener_.create(root.staging(), to.path, O_RDWR, 0666, root.root().folder));
  io::reserve(file.get(), to.size);
  return targets_.put(index, std::move(file)).get();
}

Status Worker::close() {
  while (auto file = targets_.drain())
    if (::close(file->release()) != 0)
      return ioError("cannot close an output file", errno, "");
  while (sources_.drain()) {
  }
  return {};
}

} // namespace recast::exec
