// A recipe: the scalar dataflow of a family from its loads to its stores, as data (D9). It is
// defined here once; interpreter, code generator and fingerprint read nothing else.
#pragma once

#include "runtime/base/DType.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace recast::recipe {

/// Values are part of the artifact format: append only.
enum class Op : uint8_t {
  Load = 0,       ///< Element of input `slot`, of dtype `type`.
  Cast = 1,       ///< Operand `a` converted to `type` by round-to-nearest-even.
  Store = 2,      ///< Operand `a`, of dtype `type`, goes to output `slot`.
  CheckEqual = 3, ///< Operands `a` and `b` must have equal bits; two NaNs of any payload are equal.
};

/// What a cast does with a finite value too large for the target, where the target has a choice
/// (fp8). `Ieee` for types with infinities: overflow becomes infinity.
enum class Overflow : uint8_t { Ieee = 0, Saturate = 1, Nan = 2 };

/// One node. `a`, `b` index earlier nodes; fields an op does not use are zero.
struct Node {
  Op op = Op::Load;
  DType type = DType::F32;
  Overflow overflow = Overflow::Ieee;
  uint16_t a = 0, b = 0;
  uint16_t slot = 0;
  bool operator==(const Node &) const = default;
};

inline constexpr size_t kMaxNodes = 256;

/// A verified recipe: at most kMaxNodes nodes, operands before uses, every input slot loaded with
/// one dtype, output slots 0..n-1 each stored once, no dead value.
struct Recipe {
  std::vector<Node> nodes;

  size_t inputCount() const;
  size_t outputCount() const;
  size_t checkCount() const;
  DType inputType(size_t slot) const;
  DType outputType(size_t slot) const;

  /// `load 0 f32; cast %0 bf16; store %1 0`
  std::string str() const;
  static Result<Recipe> parse(std::string_view text);
  /// XXH3-64 of the canonical encoding: the kernel key.
  uint64_t hash() const;
  bool operator==(const Recipe &) const = default;
};

Status verify(const Recipe &recipe);

/// The part of a recipe that output `slot` needs, with inputs renumbered in order of first use;
/// `inputs` receives, per new input, the old one. Kernels are keyed by slices, so one kernel serves
/// every family that ends in the same cast.
Recipe sliceForOutput(const Recipe &recipe, size_t slot, std::vector<uint16_t> &inputs);
/// The same for check number `check`, whose verdict stays a CheckEqual node.
Recipe sliceForCheck(const Recipe &recipe, size_t check, std::vector<uint16_t> &inputs);

/// True if the recipe is `load; store` of one dtype: bytes move, no kernel is needed.
bool isCopy(const Recipe &recipe);

/// Runs a recipe over `count` elements; inputs and outputs are arrays of the recipe's dtypes
/// (little-endian, any alignment). Reference semantics of every kernel. Returns the index of the
/// first element for which a check failed, or -1.
int64_t interpret(const Recipe &recipe, std::span<const std::byte *const> inputs,
                  std::span<std::byte *const> outputs, int64_t count);

/// One value, as bits, from one dtype to another: D10's float rules (integer round to nearest even,
/// NaNs quiet with their top bits kept, denormals exact, no dependence on MXCSR).
uint64_t castBits(uint64_t bits, DType from, DType to, Overflow overflow);
/// Whether castBits knows the pair, and whether every value survives the way there and back.
bool castSupported(DType from, DType to);
bool castExact(DType from, DType to);

} // namespace recast::recipe
