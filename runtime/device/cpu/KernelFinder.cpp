#include "runtime/device/cpu/KernelFinder.h"

#include "runtime/device/cpu/KernelCache.h"

#include <algorithm>

namespace recast::device::cpu {

KernelFinder::Found KernelFinder::find(uint64_t recipeHash, const std::string &recipeText) {
  if (pack_)
    if (Kernel kernel = pack_->find(recipeHash, recipeText); kernel.run)
      return {kernel, "kernel pack"};
  if (Kernel kernel = builtinKernel(recipeHash, recipeText); kernel.run)
    return {kernel, "built in"};
  const std::string_view level = bestCpuLevel();
  if (cache_ == Cache::Ignore || level.empty())
    return {};
  for (const auto &pack : cached_)
    if (Kernel kernel = pack->find(recipeHash, recipeText); kernel.run)
      return {kernel, "kernel cache"};
  auto pack = loadFromCache(recipeHash, recipeText, level);
  if (!pack) {
    std::string note = pack.error().fileName() + ": " + pack.error().message() +
                       "; the interpreter is used instead";
    if (std::find(notes_.begin(), notes_.end(), note) == notes_.end())
      notes_.push_back(std::move(note));
    return {};
  }
  if (!*pack)
    return {};
  cached_.push_back(*pack);
  return {cached_.back()->find(recipeHash, recipeText), "kernel cache"};
}

} // namespace recast::device::cpu
