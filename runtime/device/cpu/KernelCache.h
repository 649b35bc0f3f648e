// The kernel cache of a user: `$XDG_CACHE_HOME/recast/kernels` or `~/.cache/recast/kernels`. The
// compiler fills it with what the built-in table lacks; what executes only reads it.
#pragma once

#include "runtime/device/cpu/KernelPack.h"

namespace recast::device::cpu {

/// Empty if the environment names no place: neither XDG_CACHE_HOME nor HOME is an absolute path.
std::string kernelCacheFolder();
/// Name of the entry of a recipe: hash, CPU level and version.
std::string kernelCacheEntry(uint64_t recipeHash, std::string_view level);

/// The pack in the cache for a recipe on `level`; null if there is none. An error says why an entry
/// (or the folder) is there but not used: damaged, of another user, writable by others, of another
/// recipe.
Result<std::shared_ptr<const KernelPack>>
loadFromCache(uint64_t recipeHash, std::string_view recipeText, std::string_view level);

/// Puts a pack there, atomically; creates the folder (0700) if need be.
Status storeInCache(uint64_t recipeHash, std::string_view level, std::string_view pack);

} // namespace recast::device::cpu
