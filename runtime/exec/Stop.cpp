#include "runtime/exec/Stop.h"

#include <atomic>

namespace recast::exec {
namespace {
std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set from signal handlers");
} // namespace

void requestStop() { stop.store(true, std::memory_order_relaxed); }
bool stopRequested() { return stop.load(std::memory_order_relaxed); }
void clearStop() { stop.store(false, std::memory_order_relaxed); }

tl::unexpected<Error> interrupted() {
  return fail(Error(Code::Interrupted, "interrupted: nothing was made visible")
                  .hint("Run the same command again: it goes on where this one stopped."));
}

} // namespace recast::exec
