#include "runtime/exec/Bytes.h"
#include "runtime/exec/Commit.h"
#include "runtime/exec/Manifest.h"
#include "runtime/exec/Program.h"
#include "runtime/exec/SourceCheck.h"
#include "runtime/exec/Stop.h"
#include "runtime/exec/Validate.h"
#include "runtime/exec/WorkerPool.h"

#include <chrono>
#include <optional>

namespace recast::exec {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Result<StagedRoots> lockRoots(const Program &program) {
  StagedRoots roots;
  for (uint32_t r = 0; r < program.roots.size(); ++r) {
    RECAST_ASSIGN(auto root, StagedRoot::lock(program, r, roots));
    roots.push_back(std::move(root));
  }
  return roots;
}

/// Of the units that an earlier run finished: their sums count as if this run had made them.
Status takeOver(Job &job, std::span<const FinishedUnit> earlier, Report &report) {
  std::vector<bool> done(job.schedule.units.size());
  for (const FinishedUnit &unit : earlier) {
    done[unit.unit] = true;
    job.bytesSkipped += bytesRead(job.program, job.schedule, job.schedule.units[unit.unit]);
    RECAST_TRY(job.records.add(unit.pieces));
    job.extents.add(unit.extents, unit.unhashed, job.files);
    job.tensors.add(unit.digests);
    for (const PlacedExtent &placed : unit.extents)
      report.bytesKept += placed.extent.length;
    for (const UnhashedBytes &bytes : unit.unhashed)
      report.bytesKept += bytes.bytes;
  }
  for (uint32_t unit = 0; unit < done.size(); ++unit)
    if (!done[unit])
      job.units.push_back(unit);
  return {};
}

/// What all parts of a run share.
struct Run {
  const Program &program;
  const Options &options;
  const Schedule &schedule;
  const SlotPlan &slots;
  const Slices &slices;
  Clock::time_point start;
  Report &report;
};

/// Folders to stage in and what an earlier run left there.
Result<std::vector<FinishedUnit>> prepare(const Run &run, const StagedRoots &roots,
                                          Journal &journal) {
  // Before room is asked for: what a dead run left may be what fills the disk.
  RECAST_ASSIGN(std::vector<FinishedUnit> earlier, journal.read(roots));
  for (const auto &root : roots) {
    RECAST_ASSIGN(std::vector<std::string> others, root->otherStaging());
    run.report.leftovers.insert(run.report.leftovers.end(), others.begin(), others.end());
    if (earlier.empty())
      RECAST_TRY(root->removeStale());
  }
  RECAST_TRY(checkRoom(run.program, roots, run.options.overwrite, earlier));
  dropMarkers(roots);
  if (earlier.empty())
    for (const auto &root : roots)
      RECAST_TRY(root->openStaging());
  RECAST_TRY(journal.open(roots));
  return earlier;
}

/// From staged files to visible ones.
Status publish(const Run &run, const StagedRoots &roots, const TargetExtents &extents,
               const TensorDigests *digests) {
  RECAST_TRY(stageRest(roots));
  for (uint32_t r = 0; r < roots.size(); ++r)
    RECAST_TRY(writeManifest(run.program, r, *roots[r], extents, digests));
  if (run.options.sync) {
    if (run.options.flushing)
      run.options.flushing();
    auto flushStart = Clock::now();
    RECAST_TRY(flush(roots));
    run.report.flushSeconds = secondsSince(flushStart);
  }
  if (stopRequested())
    return interrupted();
  return commit(roots, run.options.overwrite, run.options.sync);
}

/// Everything from the first look at what is there to the commit. Without a journal nothing is
/// staged: the targets are in memory.
Status carryOut(const Run &run, const StagedRoots &roots, Journal *journal) {
  const auto &[program, options, schedule, slots, slices, start, report] = run;
  std::vector<FinishedUnit> earlier;
  if (journal) {
    RECAST_ASSIGN(earlier, prepare(run, roots, *journal));
  }
  SourceRecords records(program);
  TargetExtents extents(program, schedule);
  TensorDigests::Ready ready;
  if (options.ready)
    ready = [&run](uint32_t tensor, std::optional<codec::Digest> digest) {
      run.options.ready({tensor, secondsSince(run.start), digest});
    };
  TensorDigests tensors(program, options.digests, std::move(ready));
  ReadRate rate(options.readRate);
  Job job{program, schedule, slices, roots, records, extents, tensors, rate};
  job.journal = journal;
  job.slotBytes = slots.slotBytes;
  job.files = schedule.literalFiles;
  tensors.reportEmpty();
  RECAST_TRY(takeOver(job, earlier, report));
  earlier = {};
  RECAST_TRY(runWorkers(job, slots, options.progress));
  RECAST_TRY(checkAllUnchanged(program, "while it was read"));
  RECAST_TRY(tensors.checkComplete());
  if (journal)
    RECAST_TRY(publish(run, roots, extents, options.digests ? &tensors : nullptr));
  report.bytesRead = job.bytesRead;
  report.bytesWritten = job.bytesWritten;
  report.recordsVerified = records.verified();
  report.recordsSkipped = records.skipped();
  report.elementsChecked = job.elementsChecked;
  return {};
}

} // namespace

Result<MemoryForecast> forecastMemory(const Program &program, unsigned threads) {
  RECAST_ASSIGN(Schedule schedule, makeSchedule(program));
  RECAST_ASSIGN(SlotPlan slots, planSlots(program, schedule, threadsFor(threads)));
  return MemoryForecast{slots.poolBytes(), slots.tableBytes, slots.threads, slots.slotBytes};
}

Result<Report> execute(const Program &program, const Options &options) {
  auto start = Clock::now();
  Report report;
  RECAST_TRY(validate(program));
  RECAST_TRY(checkAllUnchanged(program, "since it was planned"));
  device::cpu::KernelFinder builtIn;
  device::cpu::KernelFinder *kernels = options.kernels ? options.kernels : &builtIn;
  Slices slices = prepareSlices(program, options.useKernels ? kernels : nullptr);
  RECAST_ASSIGN(Schedule schedule, makeSchedule(program, options.order));
  RECAST_ASSIGN(SlotPlan slots, planSlots(program, schedule, threadsFor(options.threads)));

  StagedRoots roots;
  std::optional<Journal> journal;
  if (!program.inMemory()) {
    RECAST_ASSIGN(roots, lockRoots(program));
    RECAST_ASSIGN(report.resumed, rollForward(roots));
    if (report.resumed) {
      report.seconds = secondsSince(start);
      return report;
    }
    journal.emplace(program, schedule, options.digests);
  }
  Status status = carryOut({program, options, schedule, slots, slices, start, report}, roots,
                           journal ? &*journal : nullptr);
  if (!status) {
    // Asked to stop, or refused before it began: the next run goes on with what is staged.
    bool goesOn =
        status.error().code() == Code::Interrupted || status.error().code() == Code::Usage;
    if (goesOn && journal && journal->hasUnits())
      for (const auto &root : roots)
        root->abandon();
    return fail(std::move(status).error());
  }

  TouchedBytes touched = touchedBytes(program);
  report.bytesNeeded = touched.needed;
  report.bytesForChecks = touched.forChecks;
  report.slotBytes = slots.poolBytes();
  report.filesWritten = program.inMemory() ? 0 : program.targets.size();
  for (const TargetRoot &root : program.roots)
    report.filesWritten += root.links.size();
  report.kernels = kernelsUsed(program, slices);
  roots.clear(); // Removing what was replaced is part of the run.
  report.seconds = secondsSince(start);
  return report;
}

} // namespace recast::exec
