#include "runtime/device/cpu/KernelPack.h"

#include "runtime/io/Descriptor.h"
#include "runtime/io/OutputFile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/mman.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace recast::device::cpu {
namespace {

constexpr std::string_view kMagic("\x89RPACK\r\n", 8);
constexpr size_t kHashAt = 24, kLevelAt = 32, kLevelBytes = 16, kDirectoryAt = 48;

template <typename T> void put(std::string &out, T value) {
  out.append(reinterpret_cast<const char *>(&value), sizeof(T));
}

/// Takes numbers and texts from the front; past the end it yields zeros and remembers.
class Cursor {
public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}
  template <typename T> T number() {
    T value = 0;
    std::string_view bytes = text(sizeof(T));
    if (ok_)
      std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  std::string_view text(size_t size) {
    ok_ &= size <= rest_.size();
    std::string_view out = ok_ ? rest_.substr(0, size) : std::string_view();
    rest_.remove_prefix(out.size());
    return out;
  }
  bool ok() const { return ok_; }
  std::string_view rest() const { return rest_; }

private:
  std::string_view rest_;
  bool ok_ = true;
};

uint64_t hashWithoutField(std::string_view bytes) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  constexpr char zeros[8] = {};
  XXH3_64bits_update(&state, bytes.data(), kHashAt);
  XXH3_64bits_update(&state, zeros, sizeof zeros);
  XXH3_64bits_update(&state, bytes.data() + kLevelAt, bytes.size() - kLevelAt);
  return XXH3_64bits_digest(&state);
}

/// A library out of memory: what was verified is what is loaded.
Result<void *> loadLibrary(std::string_view library, const std::string &shown) {
#ifdef MFD_EXEC
  int fd = ::memfd_create("recast-kernels", MFD_CLOEXEC | MFD_EXEC);
  if (fd < 0) // Older systems do not know the flag, and all their memory files may be executed.
#else
  int fd;
#endif
    fd = ::memfd_create("recast-kernels", MFD_CLOEXEC);
  io::Descriptor file(fd);
  if (!file)
    return ioError("cannot create a memory file for kernels", errno, shown);
  RECAST_TRY(io::writeAt(file.get(), 0, library.data(), library.size(), shown));
  void *handle =
      ::dlopen(fmt::format("/proc/self/fd/{}", file.get()).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return fail(Error(Code::BadInput, fmt::format("kernels cannot be loaded: {}", ::dlerror()))
                    .file(shown));
  // Stays open as long as the library is loaded: the loader tells libraries apart by name first,
  // and the next one must not get the same number.
  (void)file.release();
  return handle;
}

} // namespace

std::string packSymbol(size_t index) { return fmt::format("recast_kernel_{}", index); }

std::string writePack(std::string_view level, std::span<const PackedKernel> kernels,
                      std::string_view library) {
  std::string out(kMagic);
  put(out, kPackVersion);
  put(out, static_cast<uint32_t>(kernels.size()));
  put(out, uint64_t{0});
  put(out, uint64_t{0});
  out.append(level.substr(0, kLevelBytes));
  out.resize(kDirectoryAt);
  for (const PackedKernel &kernel : kernels) {
    put(out, kernel.recipeHash);
    put(out, static_cast<uint16_t>(kernel.recipeText.size()));
    put(out, static_cast<uint16_t>(kernel.name.size()));
    out += kernel.recipeText + kernel.name;
  }
  out += library;
  const uint64_t size = out.size();
  std::memcpy(out.data() + 16, &size, sizeof size);
  const uint64_t hash = hashWithoutField(out);
  std::memcpy(out.data() + kHashAt, &hash, sizeof hash);
  return out;
}

Result<std::shared_ptr<const KernelPack>> KernelPack::load(std::string_view bytes,
                                                           const std::string &shown) {
  auto bad = [&](const std::string &why) {
    return fail(
        Error(Code::BadInput, why).file(shown).hint("Make it again with `recast compile`."));
  };
  Cursor cursor(bytes);
  if (cursor.text(kMagic.size()) != kMagic)
    return bad("not a kernel pack");
  if (auto version = cursor.number<uint32_t>(); version != kPackVersion)
    return bad(fmt::format("kernel pack of version {}, expected {}", version, kPackVersion));
  const auto count = cursor.number<uint32_t>();
  const auto size = cursor.number<uint64_t>(), hash = cursor.number<uint64_t>();
  std::string_view level = cursor.text(kLevelBytes);
  if (!cursor.ok() || size != bytes.size() || hash != hashWithoutField(bytes))
    return bad("damaged kernel pack");

  auto pack = std::make_shared<KernelPack>();
  pack->level_ = level.substr(0, std::min(level.find('\0'), level.size()));
  for (uint32_t i = 0; i < count && cursor.ok(); ++i) {
    PackedKernel kernel;
    kernel.recipeHash = cursor.number<uint64_t>();
    const auto textSize = cursor.number<uint16_t>(), nameSize = cursor.number<uint16_t>();
    kernel.recipeText = cursor.text(textSize);
    kernel.name = cursor.text(nameSize);
    pack->entries_.push_back(std::move(kernel));
  }
  if (!cursor.ok())
    return bad("damaged kernel pack");
  if (!cpuSupports(pack->level_))
    return fail(Error(Code::BadInput, fmt::format("kernels for {}, which this CPU (or RECAST_CPU) "
                                                  "does not run",
                                                  pack->level_))
                    .file(shown)
                    .hint("Compile for this machine: recast compile PLAN -o PACK."));
  RECAST_ASSIGN(void *library, loadLibrary(cursor.rest(), shown));
  for (size_t i = 0; i < pack->entries_.size(); ++i) {
    Kernel kernel;
    kernel.run = reinterpret_cast<KernelFn>(::dlsym(library, packSymbol(i).c_str()));
    kernel.runBox = reinterpret_cast<BoxKernelFn>(
        ::dlsym(library, (packSymbol(i) + std::string(kBoxSuffix)).c_str()));
    if (!kernel.run || !kernel.runBox)
      return bad(fmt::format("kernel {} is not in the pack's library", i));
    kernel.name = pack->entries_[i].name;
    pack->functions_.push_back(kernel);
  }
  return std::shared_ptr<const KernelPack>(std::move(pack));
}

Kernel KernelPack::find(uint64_t recipeHash, std::string_view recipeText) const {
  for (size_t i = 0; i < entries_.size(); ++i)
    if (entries_[i].recipeHash == recipeHash && entries_[i].recipeText == recipeText)
      return functions_[i];
  return {};
}

} // namespace recast::device::cpu
