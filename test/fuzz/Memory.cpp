#include "test/fuzz/Memory.h"

#include <atomic>
#include <cstdlib>
#include <malloc.h>
#include <new>

namespace recast::fuzz {
namespace {
std::atomic<size_t> live = 0, peak = 0, base = 0;

void *allocate(size_t size, size_t alignment) {
  size = (size + alignment - 1) / alignment * alignment;
  void *memory = std::aligned_alloc(alignment, size ? size : alignment);
  if (!memory)
    std::abort();
  size_t now = live += ::malloc_usable_size(memory);
  size_t before = peak;
  while (now > before && !peak.compare_exchange_weak(before, now)) {
  }
  return memory;
}
void release(void *memory) {
  if (memory)
    live -= ::malloc_usable_size(memory);
  std::free(memory);
}
} // namespace

size_t peakBytes() { return peak - base; }
void resetPeak() {
  base = live.load();
  peak = base.load();
}

} // namespace recast::fuzz

// NOLINTBEGIN: replaces the global functions on purpose.
void *operator new(size_t size) {
  return recast::fuzz::allocate(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void *operator new(size_t size, std::align_val_t alignment) {
  return recast::fuzz::allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void *memory) noexcept { recast::fuzz::release(memory); }
void operator delete(void *memory, size_t) noexcept { recast::fuzz::release(memory); }
void operator delete(void *memory, std::align_val_t) noexcept { recast::fuzz::release(memory); }
void operator delete(void *memory, size_t, std::align_val_t) noexcept {
  recast::fuzz::release(memory);
}
// NOLINTEND
