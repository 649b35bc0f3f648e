#include "runtime/device/cpu/Kernels.h"

#include "runtime/device/cpu/KernelTable.h"

#include <cstdlib>

namespace recast::device::cpu {
namespace {

struct Level {
  std::string_view name;
  bool (*supported)();
};

// Best first.
constexpr Level kLevels[] = {
#if defined(__x86_64__)
    {"x86-64-v4", [] { return __builtin_cpu_supports("x86-64-v4") != 0; }},
    {"x86-64-v3", [] { return __builtin_cpu_supports("x86-64-v3") != 0; }},
    {"x86-64-v2", [] { return __builtin_cpu_supports("x86-64-v2") != 0; }},
#elif defined(__aarch64__)
    {"aarch64", [] { return true; }},
#else
    {"", [] { return false; }},
#endif
};

const Kernel *find(uint64_t hash, std::string_view text, std::string_view level) {
  for (size_t i = 0; i < kKernelTableSize; ++i) {
    const TableEntry &entry = kKernelTable[i];
    if (entry.recipeHash == hash && entry.level == level && entry.recipeText == text)
      return &entry.kernel;
  }
  return nullptr;
}
} // namespace

namespace {
/// Calls `visit` for the levels that may run, best first, until it returns true.
template <typename Visit> void forEachLevel(Visit visit) {
  const char *cap = std::getenv("RECAST_CPU");
  bool allowed = cap == nullptr;
  for (const Level &level : kLevels) {
    allowed = allowed || level.name == cap;
    if (allowed && level.supported() && visit(level.name))
      return;
  }
}
} // namespace

Kernel builtinKernel(uint64_t recipeHash, std::string_view recipeText) {
  Kernel found;
  forEachLevel([&](std::string_view level) {
    if (const Kernel *kernel = find(recipeHash, recipeText, level))
      found = *kernel;
    return found.run != nullptr;
  });
  return found;
}

std::string_view bestCpuLevel() {
  std::string_view best;
  forEachLevel([&](std::string_view level) {
    best = level;
    return true;
  });
  return best;
}

bool cpuSupports(std::string_view wanted) {
  bool supported = false;
  forEachLevel([&](std::string_view level) { return supported = level == wanted; });
  return supported;
}

} // namespace recast::device::cpu
