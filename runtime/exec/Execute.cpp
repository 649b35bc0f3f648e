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
  // Before anything is refused: what dead runs left may be what fills the disk.
  for (const auto &root : roots)
    RECAST_TRY(root->removeStale());
  RECAST_TRY(checkRoom(program, roots, options.overwrite));
  for (const auto &root : roots)
    RECAST_TRY(root->openStaging());

  SourceRecords records(program);
  TargetExtents extents(program, schedule);
  Job job{program, schedule, slices, roots, records, extents, slots.slotBytes};
  RECAST_TRY(runWorkers(job, slots, options.progress));
  RECAST_TRY(checkAllUnchanged(program, "while it was read"));

  RECAST_TRY(stageRest(roots));
  for (uint32_t r = 0; r < roots.size(); ++r)
    RECAST_TRY(writeManifest(program, r, *roots[r], extents));
  if (options.sync) {
    auto flushStart = std::chrono::steady_clock::now();
    RECAST_TRY(flush(roots));
    report.flushSeconds = secondsSince(flushStart);
  }
  if (stopRequested())
    return interrupted();
  RECAST_TRY(commit(roots, options.overwrite, options.sync));

  TouchedBytes touched = touchedBytes(program);
  report.bytesRead = job.bytesRead;
  report.bytesNeeded = touched.needed;
  report.bytesForChecks = touched.forChecks;
  report.bytesWritten = job.bytesWritten;
  report.recordsVerified = records.verified();
  report.recordsSkipped = records.skipped();
  report.elementsChecked = job.elementsChecked;
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
