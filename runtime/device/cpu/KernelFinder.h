// Where kernels come from, in this order: a pack that the user named, the table that is built in,
// the user's cache.
#pragma once

#include "runtime/device/cpu/KernelPack.h"

namespace recast::device::cpu {

class KernelFinder {
public:
  enum class Cache : bool { Ignore, Use };
  explicit KernelFinder(Cache cache = Cache::Ignore,
                        std::shared_ptr<const KernelPack> pack = nullptr)
      : cache_(cache), pack_(std::move(pack)) {}

  struct Found {
    Kernel kernel;           ///< `run` is null: the interpreter has to do it.
    std::string_view origin; ///< "built in", "kernel cache", "kernel pack"; empty if none.
  };
  /// Never fails: what is wrong with a cache entry becomes a note. Kernels stay valid until the
  /// process ends. Not for use by two threads at once.
  Found find(uint64_t recipeHash, const std::string &recipeText);

  const std::vector<std::string> &notes() const { return notes_; }

private:
  Cache cache_;
  std::shared_ptr<const KernelPack> pack_;
  std::vector<std::shared_ptr<const KernelPack>> cached_;
  std::vector<std::string> notes_;
};

} // namespace recast::device::cpu
