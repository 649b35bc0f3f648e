#include "runtime/exec/Bytes.h"
#include "runtime/exec/Commit.h"
#include "runtime/exec/Manifest.h"
#include "runtime/exec/Program.h"
#include "runtime/exec/SourceCheck.h"
#include "runtime/exec/Stop.h"
#include "runtime/exec/Validate.h"
#include "runtime/exec/WorkerPool.h"

#include <chrono>

namespace recast::exec {
namespace {

double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
    if (job.digests)
      job.digests->add(unit.digests);
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

/// Everything from the first look at what is there to the commit.
Status run(const Program &program, const Options &options, const Schedule &schedule,
           const SlotPlan &slots, const Slices &slices, const StagedRoots &roots, Journal &journal,
           Report &report) {
  // Before room is asked for: what a dead run left may be what fills the disk.
  RECAST_ASSIGN(std::vector<FinishedUnit> earlier, journal.read(roots));
  for (const auto &root : roots) {
    RECAST_ASSIGN(std::vector<std::string> others, root->otherStaging());
    report.leftovers.insert(report.leftovers.end(), others.begin(), others.end());
    if (earlier.empty())
      RECAST_TRY(root->removeStale());
  }
  RECAST_TRY(checkRoom(program, roots, options.overwrite, earlier));
  dropMarkers(roots);
  if (earlier.empty())
    for (const auto &root : roots)
      RECAST_TRY(root->openStaging());
  RECAST_TRY(journal.open(roots));

  SourceRecords records(program);
  TargetExtents extents(program, schedule);
  TensorDigests digests(program);
  Job job{program, schedule, slices, roots, records, extents, journal};
  job.digests = options.digests ? &digests : nullptr;
  job.slotBytes = slots.slotBytes;
  job.files = schedule.literalFiles;
  RECAST_TRY(takeOver(job, earlier, report));
  earlier = {};
  RECAST_TRY(runWorkers(job, slots, options.progress));
  RECAST_TRY(checkAllUnchanged(program, "while it was read"));

  if (job.digests)
    RECAST_TRY(digests.checkComplete(program));
  RECAST_TRY(stageRest(roots));
  for (uint32_t r = 0; r < roots.size(); ++r)
    RECAST_TRY(writeManifest(program, r, *roots[r], extents, job.digests));
  if (options.sync) {
    if (options.flushing)
      options.flushing();
    auto flushStart = std::chrono::steady_clock::now();
    RECAST_TRY(flush(roots));
    report.flushSeconds = secondsSince(flushStart);
  }
  if (stopRequested())
    return interrupted();
  RECAST_TRY(commit(roots, options.overwrite, options.sync));
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
  return MemoryForecast{slots.poolBytes(), slots.tableBytes};
}

Result<Report> execute(const Program &program, const Options &options) {
  auto start = std::chrono::steady_clock::now();
  Report report;
  RECAST_TRY(validate(program));
  RECAST_TRY(checkAllUnchanged(program, "since it was planned"));
  device::cpu::KernelFinder builtIn;
  device::cpu::KernelFinder *kernels = options.kernels ? options.kernels : &builtIn;
  Slices slices = prepareSlices(program, options.useKernels ? kernels : nullptr);
  RECAST_ASSIGN(Schedule schedule, makeSchedule(program));
  RECAST_ASSIGN(SlotPlan slots, planSlots(program, schedule, threadsFor(options.threads)));

  RECAST_ASSIGN(StagedRoots roots, lockRoots(program));
  RECAST_ASSIGN(report.resumed, rollForward(roots));
  if (report.resumed) {
    report.seconds = secondsSince(start);
    return report;
  }
  Journal journal(program, schedule, options.digests);
  Status status = run(program, options, schedule, slots, slices, roots, journal, report);
  if (!status) {
    // Asked to stop, or refused before it began: the next run goes on with what is staged.
    bool goesOn =
        status.error().code() == Code::Interrupted || status.error().code() == Code::Usage;
    if (goesOn && journal.hasUnits())
      for (const auto &root : roots)
        root->abandon();
    return fail(std::move(status).error());
  }

  TouchedBytes touched = touchedBytes(program);
  report.bytesNeeded = touched.needed;
  report.bytesForChecks = touched.forChecks;
  report.slotBytes = slots.poolBytes();
  report.filesWritten = program.targets.size();
  for (const TargetRoot &root : program.roots)
    report.filesWritten += root.links.size();
  report.kernels = kernelsUsed(program, slices);
  roots.clear(); // Removing what was replaced is part of the run.
  report.seconds = secondsSince(start);
  return report;
}

} // namespace recast::exec
