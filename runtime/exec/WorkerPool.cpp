#include "runtime/exec/WorkerPool.h"

#include "runtime/exec/Shares.h"
#include "runtime/exec/Stop.h"
#include "runtime/io/Directory.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

namespace recast::exec {
namespace {

/// Descriptors that a worker may hold for each of sources and targets.
size_t openFilesPerWorker(unsigned threads) {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    limit.rlim_cur = 1024;
  size_t open = 0;
  io::Descriptor self(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!self || !io::listFolder(self.get(), "", [&](const std::string &) { return ++open; }))
    open = 64;
  // Some for whoever else opens files in this process meanwhile, and per worker two in passing and
  // those of its folders.
  size_t spare = 32 + (2 + io::TreeOpener::kDescriptors) * size_t{threads};
  size_t free = limit.rlim_cur > open + spare ? limit.rlim_cur - open - spare : 0;
  return std::clamp<size_t>(free / (2 * size_t{threads}), 1, 16);
}

/// What one item of Worker::run costs, as bytes to be read. A file costs 40 us whatever its size is
/// (bench/small_files_bench.py), in which a core moves about 128 KiB; small tasks often have one
/// each, and a unit has no more of these than kUnitFiles.
uint64_t workOf(const Job &job, size_t item) {
  constexpr uint64_t kFile = uint64_t{128} << 10;
  if (item >= job.units.size())
    return kFile;
  const Unit &unit = job.schedule.units[job.units[item]];
  return bytesRead(job.program, job.schedule, unit) +
         kFile * std::min<uint64_t>(unit.end - unit.begin, kUnitFiles);
}

class Pool {
public:
  Pool(Job &job, const SlotPlan &slots, std::byte *memory)
      : job_(job), slots_(slots), memory_(memory),
        shares_(job.units.size() + job.files.size(), slots.threads, job.schedule.isUrgent,
                [&job](size_t item) { return workOf(job, item); }) {}

  Status run(const std::function<void(uint64_t, uint64_t)> &progress);

private:
  struct Start {
    Pool *pool;
    unsigned index;
  };
  static void *enter(void *argument) {
    auto *start = static_cast<Start *>(argument);
    start->pool->work(start->index);
    return nullptr;
  }
  void work(unsigned index);
  void report(Status status);

  Job &job_;
  const SlotPlan &slots_;
  std::byte *memory_;
  Shares shares_;
  std::mutex mutex_;
  std::condition_variable ended_;
  unsigned running_ = 0;
  std::optional<Error> error_; ///< The first.
};

void Pool::report(Status status) {
  std::lock_guard lock(mutex_);
  if (!status && !error_) {
    error_ = std::move(status).error();
    job_.failed = true;
  }
}

void Pool::work(unsigned index) {
  Worker worker(job_, memory_ + index * slots_.slotsPerThread * slots_.slotBytes);
  for (auto items = shares_.take(); items.begin < items.end; items = shares_.take())
    for (size_t item = items.begin; item < items.end && !job_.failed; ++item)
      report(stopRequested() ? interrupted() : worker.run(item));
  report(worker.close());
  std::lock_guard lock(mutex_);
  --running_;
  ended_.notify_one();
}

Status Pool::run(const std::function<void(uint64_t, uint64_t)> &progress) {
  std::vector<pthread_t> threads;
  std::vector<Start> starts(slots_.threads);
  running_ = slots_.threads;
  for (unsigned i = 0; i < slots_.threads; ++i) {
    starts[i] = {this, i};
    pthread_t thread;
    if (int error = ::pthread_create(&thread, nullptr, enter, &starts[i])) {
      // Fewer threads are slower, none is a failure.
      std::lock_guard lock(mutex_);
      running_ -= slots_.threads - i;
      if (i == 0)
        return ioError("cannot start a thread", error, "");
      break;
    }
    threads.push_back(thread);
  }
  {
    std::unique_lock lock(mutex_);
    while (running_ > 0) {
      ended_.wait_for(lock, std::chrono::milliseconds(100));
      if (!progress)
        continue;
      lock.unlock();
      progress(job_.bytesSkipped + job_.bytesRead, job_.schedule.bytesToRead);
      lock.lock();
    }
  }
  for (pthread_t thread : threads)
    ::pthread_join(thread, nullptr);
  if (error_)
    return fail(std::move(*error_));
  if (progress)
    progress(job_.bytesSkipped + job_.bytesRead, job_.schedule.bytesToRead);
  return {};
}

} // namespace

unsigned threadsFor(unsigned asked) {
  if (asked)
    return asked;
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0)
    return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&cores)));
}

Status runWorkers(Job &job, const SlotPlan &slots,
                  const std::function<void(uint64_t, uint64_t)> &progress) {
  RECAST_ASSIGN(SlotMemory memory, SlotMemory::allocate(slots.poolBytes()));
  job.openFiles = openFilesPerWorker(slots.threads);
  return Pool(job, slots, memory.data()).run(progress);
}

} // namespace recast::exec
