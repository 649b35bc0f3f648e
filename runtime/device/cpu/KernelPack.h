// Kernels in a file: machine code behind a directory that says what it computes. A cache entry and
// a pack made by `recast compile` are the same thing.
//
//   bytes   0- 7  magic "\x89RPACK\r\n"
//           8-11  version, 12-15 number of kernels
//          16-23  size of the file, 24-31 XXH3-64 of the file with this field as zero
//          32-47  feature level of the CPU, zero-padded
//          48-    per kernel: u64 recipe hash, u16 length of its text, u16 length of its name, both
//          then   a shared library (ELF) that needs no other one, to the end of the file
#pragma once

#include "runtime/base/Status.h"
#include "runtime/device/cpu/Kernels.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace recast::device::cpu {

/// Changes with the format, with the signature of kernels and with what generated code computes:
/// entries of other versions are not looked at.
inline constexpr uint32_t kPackVersion = 2;
/// No pack is larger.
inline constexpr uint64_t kMaxPackBytes = uint64_t{64} << 20;

struct PackedKernel {
  uint64_t recipeHash = 0;
  std::string recipeText;
  std::string name; ///< For `explain`, as Kernel::name.
};

/// Kernel i of a pack is the function `packSymbol(i)` of its library, for boxes the one with
/// kBoxSuffix behind it.
std::string packSymbol(size_t index);
std::string writePack(std::string_view level, std::span<const PackedKernel> kernels,
                      std::string_view library);

class KernelPack {
public:
  /// Verifies the bytes and loads the library, from memory: no file can change in between. It stays
  /// loaded until the process ends. Code::BadInput if the bytes are damaged, of another version or
  /// for a CPU that this one is not. `shown` is the file for messages.
  static Result<std::shared_ptr<const KernelPack>> load(std::string_view bytes,
                                                        const std::string &shown);

  /// `run` is null if the pack has no kernel for this recipe: hash and text must match.
  Kernel find(uint64_t recipeHash, std::string_view recipeText) const;
  const std::string &level() const { return level_; }

private:
  std::string level_;
  std::vector<PackedKernel> entries_;
  std::vector<Kernel> functions_;
};

} // namespace recast::device::cpu
