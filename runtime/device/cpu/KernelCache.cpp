#include "runtime/device/cpu/KernelCache.h"

#include "runtime/io/Descriptor.h"
#include "runtime/io/OutputFile.h"
#include "runtime/io/TrustedFile.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>

namespace recast::device::cpu {

std::string kernelCacheFolder() {
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  if (cache && cache[0] == '/')
    return fmt::format("{}/recast/kernels", cache);
  if (home && home[0] == '/')
    return fmt::format("{}/.cache/recast/kernels", home);
  return "";
}

std::string kernelCacheEntry(uint64_t recipeHash, std::string_view level) {
  return fmt::format("{:016x}.{}.v{}.rpack", recipeHash, level, kPackVersion);
}

Result<std::shared_ptr<const KernelPack>>
loadFromCache(uint64_t recipeHash, std::string_view recipeText, std::string_view level) {
  using None = std::shared_ptr<const KernelPack>;
  const std::string path = kernelCacheFolder();
  if (path.empty())
    return None();
  auto folder = io::openPrivateFolder(path, /*create=*/false);
  if (!folder)
    return folder.error().code() == Code::BadInput ? Result<None>(None())
                                                   : fail(std::move(folder).error());
  const std::string name = kernelCacheEntry(recipeHash, level), shown = path + "/" + name;
  auto bytes = io::readTrusted(folder->get(), name, kMaxPackBytes, shown);
  if (!bytes && bytes.error().message() == "no such file")
    return None();
  if (!bytes)
    return fail(std::move(bytes).error());
  RECAST_ASSIGN(None pack, KernelPack::load(*bytes, shown));
  if (pack->level() != level || !pack->find(recipeHash, recipeText).run)
    return fail(Error(Code::BadInput, "the cached kernel is for something else").file(shown));
  return pack;
}

Status storeInCache(uint64_t recipeHash, std::string_view level, std::string_view pack) {
  const std::string path = kernelCacheFolder();
  if (path.empty())
    return fail(Code::Usage, "there is no place for a kernel cache: set XDG_CACHE_HOME or HOME");
  RECAST_ASSIGN(io::Descriptor folder, io::openPrivateFolder(path, /*create=*/true));
  const std::string name = kernelCacheEntry(recipeHash, level);
  const std::string staged = fmt::format("{}.tmp-{}", name, ::getpid());
  RECAST_TRY(io::writeFile(folder.get(), staged, pack, /*sync=*/false, path + "/" + staged));
  if (::renameat(folder.get(), staged.c_str(), folder.get(), name.c_str()) != 0)
    return ioError("cannot rename in the kernel cache", errno, path + "/" + name);
  return {};
}

} // namespace recast::device::cpu
