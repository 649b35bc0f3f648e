// Recipes made ready to run over tiles: a kernel where one is found, else the interpreter.
#pragma once

#include "runtime/device/cpu/KernelFinder.h"
#include "runtime/exec/Finite.h"
#include "runtime/exec/Program.h"

#include <optional>

namespace recast::exec {

/// Where the elements of a box lie in memory: strides in elements per dim.
struct BoxAccess {
  std::vector<int64_t> extents;
  std::vector<std::vector<int64_t>> inputs; ///< One per input of the slice.
  std::vector<int64_t> output;              ///< Packed: some dim has stride 1.
};

/// A slice with one output.
class OutputSlice {
public:
  OutputSlice(const recipe::Recipe &recipe, device::cpu::KernelFinder *kernels);

  bool isCopy() const { return copy_; }
  unsigned width() const { return width_; } ///< Bytes of one result.
  /// Empty for copies.
  std::string_view kernelName() const;
  /// A value that overflowed: where in the output, and what became of it.
  struct Lost {
    int64_t at = 0;
    std::string value;
  };
  /// The first element whose value is not finite although what it is computed from is (see
  /// FiniteCheck).
  std::optional<Lost> run(std::span<const std::byte *const> inputs, std::byte *out,
                          int64_t count) const;
  /// The same for a box whose inputs and output may have their elements in different orders.
  std::optional<Lost> runBox(std::span<const std::byte *const> inputs, const BoxAccess &access,
                             std::byte *out) const;
  /// Name of the kernel that moves the elements of a copy to another order; empty otherwise.
  std::string_view turningName() const { return turningName_; }

private:
  void compute(std::span<const std::byte *const> inputs, std::byte *out, int64_t count) const;
  void computeBox(std::span<const std::byte *const> inputs, const BoxAccess &access,
                  std::byte *out) const;
  void runRows(std::span<const std::byte *const> inputs, std::span<const int64_t> strides,
               std::byte *out, int64_t rows, int64_t columns) const;

  const recipe::Recipe *recipe_;
  FiniteCheck finite_;
  device::cpu::Kernel kernel_;
  std::string kernelName_, turningName_;
  bool copy_ = false;
  unsigned width_ = 0;
};

/// A slice with one CheckEqual. Where one side is an input as stored and the other a cast with a
/// kernel, the cast is done by the kernel and the comparison by memcmp; only a tile that differs in
/// bytes is looked at by the interpreter, which knows that NaN equals NaN.
class CheckSlice {
public:
  CheckSlice(const recipe::Recipe &recipe, device::cpu::KernelFinder *kernels);

  std::string_view kernelName() const;
  /// Bytes of scratch per element.
  unsigned scratchWidth() const { return cast_ ? cast_->width() : 0; }
  /// Index of the first element that differs, or -1.
  int64_t run(std::span<const std::byte *const> inputs, std::byte *scratch, int64_t count) const;

  /// Both values of one element in hex, `0x3f80 != 0x3f81`, and which inputs they came from.
  struct Difference {
    std::string text;
    uint16_t inputA = 0, inputB = 0; ///< Of the slice; the first that each side loads.
  };
  Difference describe(std::span<const std::byte *const> inputs, int64_t element) const;

private:
  /// One operand of the comparison as a recipe of its own.
  struct Side {
    recipe::Recipe recipe;
    std::vector<uint16_t> inputs; ///< Per load, the input of the check slice.
  };
  static Side sideOf(const recipe::Recipe &check, uint16_t node);

  const recipe::Recipe *recipe_;
  Side a_, b_;
  recipe::Recipe compare_;          ///< Two stored values, compared.
  std::optional<OutputSlice> cast_; ///< The computed side, when it has a kernel.
  std::optional<uint16_t> stored_;  ///< Input of the side that is compared as stored.
  uint16_t castInput_ = 0;
  unsigned width_ = 0;
};

/// Everything the tasks refer to; indices as in Program::slices.
struct Slices {
  std::vector<std::optional<OutputSlice>> outputs;
  std::vector<std::optional<CheckSlice>> checks;
};

/// Null `kernels`: the interpreter only.
Slices prepareSlices(const Program &program, device::cpu::KernelFinder *kernels);

/// Sorted names of what runs when these tasks are executed.
std::vector<std::string> kernelsUsed(const Program &program, const Slices &slices);

} // namespace recast::exec
