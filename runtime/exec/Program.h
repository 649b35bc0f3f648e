// What one rank executes: concrete files, byte ranges and recipes. Made by capi from a plan and the
// target's file images; knows no format.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/codec/Digest.h"
#include "runtime/device/cpu/KernelFinder.h"
#include "runtime/recipe/Recipe.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace recast::exec {

struct SourceFile {
  std::string path; ///< As opened.
  uint64_t size = 0;
  int64_t mtimeNs = 0;
};

/// A checksummed range of a source file; verified when the tasks cover it whole. Records of a file
/// are disjoint.
struct RecordCheck {
  uint32_t file = 0;
  uint64_t offset = 0, length = 0;
  uint32_t crc32 = 0;
  /// What tasks read of it does not tile it, because several read the same bytes (views that
  /// overlap) or because too little of it is read: only what idle tasks read counts.
  bool apart = false;
};

/// At `offset`, inside a literal and outside every patched range: the CRC-32 of [begin, end) of the
/// same file, little-endian.
struct CrcPatch {
  uint64_t offset = 0, begin = 0, end = 0;
};
struct LiteralBytes {
  uint64_t offset = 0;
  std::string bytes;
};

struct TargetFile {
  uint32_t root = 0; ///< Index into Program::roots.
  std::string path;  ///< Relative to the root's folder, '/'-separated.
  uint64_t size = 0;
  std::vector<CrcPatch> patches;
  /// Of a root in memory: where its bytes go, `size` of them, not owned. Null for files.
  std::byte *memory = nullptr;
};

/// A tensor that lies in a target file whole, row-major: it gets a digest of its own, which does
/// not depend on where the bytes lie.
struct TargetTensor {
  uint32_t file = 0; ///< Index into Program::targets.
  uint64_t offset = 0, bytes = 0;
};
/// What the manifest says of it.
struct TensorLabel {
  std::string name, role;
  DType dtype = DType::U8;
  std::vector<int64_t> shape;
  std::optional<double> deadline = {}; ///< Where the plan has one: in its pipeline's unit of time.
};

/// An output folder and how it becomes visible (see format::CommitPlan). Or, without one, what is
/// left in memory: nothing is staged, kept for another run or committed. A program has roots of one
/// of the two kinds.
struct TargetRoot {
  bool inMemory = false;
  std::string folder;
  std::vector<std::string> renames;
  std::vector<std::pair<std::string, std::string>> pointers;
  std::vector<std::pair<std::string, std::string>> links; ///< (new name, existing name).
  std::string manifestDir;
  std::string endpoint; ///< For messages.
};

/// Where the elements of a task come from; input 0 is the one that batches follow.
struct TaskInput {
  /// `file` of an input that is one value, the same for every element (padding, `init`): nothing is
  /// read, and `offset` holds its bits.
  static constexpr uint32_t kConstant = 0xffffffff;

  uint32_t file = 0;
  uint64_t offset = 0;
  DType dtype = DType::U8;
  /// Of a constant: slices load it as a scalar, from `offset` itself, and no slot holds it.
  bool isScalar = false;

  bool isConstant() const { return file == kConstant; }
  /// Where a scalar lies.
  const std::byte *bits() const { return reinterpret_cast<const std::byte *>(&offset); }
};
/// Where results go: `slice` indexes Program::slices; `inputs` maps its loads to the task's inputs.
struct TaskOutput {
  uint32_t slice = 0;
  uint32_t file = 0;
  uint64_t offset = 0;
  std::vector<uint16_t> inputs;
  /// `tensor` of what belongs to none (files kept byte for byte).
  static constexpr uint32_t kNoTensor = 0xffffffff;
  uint32_t tensor = kNoTensor; ///< Index into Program::tensors, inside which it writes.
};
struct TaskCheck {
  uint32_t slice = 0;
  std::vector<uint16_t> inputs;
};

/// One axis of a strided task. Strides in elements, of each input, then of each output, all at
/// least 1 (0 for constants); they never let two elements of an operand meet: each stride is at
/// least the span of the axes with smaller ones.
struct TaskDim {
  int64_t extent = 1;
  int64_t logicalStride = 0; ///< In the tensor, for messages.
  std::vector<int64_t> strides;
};

/// `count` consecutive elements, or a box of as many, read once from every input, pushed into every
/// output.
struct Task {
  int64_t count = 0;
  int64_t first = 0; ///< Index of the first element in the tensor, for messages.
  uint32_t name = 0; ///< Index into Program::names, for messages.
  /// Lower ones are handed out first: the rank of the earliest deadline among what it writes.
  uint32_t priority = kNoDeadline;
  static constexpr uint32_t kNoDeadline = 0xffffffff;
  std::vector<TaskInput> inputs;
  std::vector<TaskOutput> outputs;
  std::vector<TaskCheck> checks;
  /// None: consecutive elements. Else offsets name the first element of a box; in order of falling
  /// stride of the first input that is not a constant.
  std::vector<TaskDim> dims;

  /// Reads for checksums only.
  bool isIdle() const { return outputs.empty() && checks.empty(); }
};

struct Program {
  uint64_t fingerprint = 0; ///< Of the plan: names the staging folder and the manifest.
  uint64_t budget = 0;      ///< Bytes for slots and tables; 0: default.
  std::vector<std::string> names;
  std::vector<SourceFile> sources;
  std::vector<RecordCheck> records; ///< Sorted by (file, offset).
  std::vector<TargetRoot> roots;
  std::vector<TargetFile> targets;
  std::vector<TargetTensor> tensors;
  std::vector<recipe::Recipe> slices; ///< One output or one check each.
  std::vector<Task> tasks;
  /// Literal bytes of a target file, in any order: called once per file, from any thread, never by
  /// two at a time. Together with the outputs of tasks they cover the file exactly once.
  std::function<std::vector<LiteralBytes>(uint32_t target)> literals;
  /// Of a tensor; pure, called from any thread.
  std::function<TensorLabel(uint32_t tensor)> label;

  bool inMemory() const { return !roots.empty() && roots.front().inMemory; }
};

/// A tensor of the target all of whose bytes are written: staged, or where they are to be in
/// memory.
struct ReadyTensor {
  uint32_t tensor = 0;                 ///< Index into Program::tensors.
  double seconds = 0;                  ///< Since execute() was called.
  std::optional<codec::Digest> digest; ///< With Options::digests.
};

/// In which order tasks are handed out; within one deadline or one name, by file and offset.
enum class Order {
  Deadlines, ///< Task::priority; without any, as Files.
  Files,     ///< By primary file (largest first) and offset.
  Names,     ///< By the name of the tensor that they write, byte by byte, all its roles together.
};
/// How users write them, by enumerator.
inline constexpr std::array<std::string_view, 3> kOrderNames = {"deadlines", "files", "names"};

struct Options {
  unsigned threads = 0; ///< 0: one per core.
  Order order = Order::Deadlines;
  bool sync = true;       ///< Flush to the device before the commit.
  bool overwrite = false; ///< Exchange an existing tag.
  bool digests = true;    ///< Of each target tensor, for the manifest.
  bool useKernels = true; ///< false: the recipe interpreter only.
  /// Where kernels come from; null: those that are built in. Not owned.
  device::cpu::KernelFinder *kernels = nullptr;
  /// Bytes that all workers together may read per second; 0: no limit.
  uint64_t readRate = 0;
  /// Called once per tensor, one at a time, from any worker, which waits for it.
  std::function<void(const ReadyTensor &)> ready = {};
  /// Called now and then from one thread with bytes done and bytes in all.
  std::function<void(uint64_t, uint64_t)> progress = {};
  /// Called once, when everything is written and the flush begins.
  std::function<void()> flushing = {};
};

/// Counted while running, not estimated.
struct Report {
  uint64_t bytesRead = 0;      ///< By pread.
  uint64_t bytesNeeded = 0;    ///< Union of ranges that loads touch.
  uint64_t bytesForChecks = 0; ///< Union of further ranges that checks and checksums touch.
  uint64_t bytesWritten = 0;
  uint64_t recordsVerified = 0, recordsSkipped = 0;
  uint64_t elementsChecked = 0; ///< By CheckEqual.
  uint64_t slotBytes = 0;       ///< Memory of the slot pool.
  uint64_t filesWritten = 0;
  /// An earlier run of this plan was killed while its output became visible: that commit was
  /// finished, and nothing was read or written again.
  bool resumed = false;
  /// Bytes that an earlier, interrupted run of this plan had written and that were used.
  uint64_t bytesKept = 0;
  /// Staging folders that runs of other plans left: their next run goes on with them.
  std::vector<std::string> leftovers;
  double seconds = 0, flushSeconds = 0;
  std::vector<std::string> kernels; ///< Names of the kernels used, "interpreter" among them.
};

/// Memory that `execute` will use besides the process itself, in bytes.
struct MemoryForecast {
  uint64_t slots = 0, tables = 0;
  unsigned threads = 0;
  uint64_t slotBytes = 0; ///< Of one: how much of an operand a tile holds.
};
/// Code::OverBudget, naming the minimum, where the program's budget does not allow it.
Result<MemoryForecast> forecastMemory(const Program &program, unsigned threads = 0);

/// Runs the program: stage, write, patch, flush, commit. On error nothing is visible in any root
/// and nothing that was there before is touched. What is staged goes away, but for a run that was
/// killed or interrupted: the next run of the same plan goes on where that one stopped.
Result<Report> execute(const Program &program, const Options &options);

} // namespace recast::exec
