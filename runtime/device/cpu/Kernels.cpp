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

Kernel builtinKernel(uint64_t recipeHash, std::string_view recipeText) {
  const char *cap = std::getenv("RECAST_CPU");
  bool allowed = cap == nullptr;
  for (const Level &level : kLevels) {
    allowed = allowed || level.name == cap;
    if (!allowed || !level.supported())
      continue;
    if (const Kernel *kernel = find(recipeHash, recipeText, level.name))
      return *kernel;
  }
  return {};
}

} // namespace recast::device::cpu
