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
  Add = 4,        ///< Operands `a` and `b`, all f64.
  Divide = 5,     ///< Operand `a` by the number `slot` (at least 1), f64.
  /// The one element of input `slot`, of dtype `type`: the same for every element. The input is an
  /// array of one.
  Scalar = 6,
  Subtract = 7,   ///< Operand `a` less `b`, f64.
  Multiply = 8,   ///< Operands `a` and `b`, f64.
  Quotient = 9,   ///< Operand `a` by `b`, f64.
  SquareRoot = 10 ///< Of operand `a`, f64.
};
inline constexpr Op kLastOp = Op::SquareRoot;

/// What a cast does with a value too large for the target, judged after rounding.
/// `Ieee`: infinity; the only choice for f16, bf16, f32 and f64.
/// `Saturate` (fp8 only): the largest finite value, for infinities too (OCP OFP8 1.0, saturating
/// mode; what torch 2.13 does for f8e4m3fn).
/// `Nan` (f8e4m3fn only, which has no infinity): NaN, for infinities too (OFP8's other mode).
enum class Overflow : uint8_t { Ieee = 0, Saturate = 1, Nan = 2 };

/// One node. `a`, `b` index earlier nodes; fields an op does not use are zero (Ieee for
/// `overflow`). Store and CheckEqual carry the dtype of their operands. Ask operandCount() how many
/// of `a` and `b` an op reads.
struct Node {
  Op op = Op::Load;
  DType type = DType::F32;
  Overflow overflow = Overflow::Ieee;
  uint16_t a = 0, b = 0;
  uint16_t slot = 0;
  bool operator==(const Node &) const = default;
};

/// Operands of an operation: none, `a`, or `a` and `b`.
unsigned operandCount(Op op);
/// Whether it computes in f64.
bool isArithmetic(Op op);

inline constexpr size_t kMaxNodes = 256;
/// Longest text that parse() looks at, in bytes.
inline constexpr size_t kMaxTextBytes = 64 * 1024;

/// A verified recipe: 1 to kMaxNodes nodes, operands before uses, input slots 0..n-1 each loaded
/// with one dtype and either by element or as a scalar, output slots 0..n-1 each stored once, casts
/// that castSupported() knows and that change the dtype, no dead value, at least one Store or
/// CheckEqual. Elements of packed dtypes are only copied, as whole bytes: what runs is then a
/// recipe of u8. The members below ask for a verified recipe and for slots and checks that exist.
struct Recipe {
  std::vector<Node> nodes;

  size_t inputCount() const;
  size_t outputCount() const;
  size_t checkCount() const;
  DType inputType(size_t slot) const;
  /// Whether the input is one value for all elements (Op::Scalar).
  bool isScalarInput(size_t slot) const;
  DType outputType(size_t slot) const;

  /// `load 0 f32; cast %0 bf16; store %1 0`; arithmetic is `add %0 %1`, `subtract %0 %1`,
  /// `multiply %0 %1`, `quotient %0 %1`, `root %0` and, by a number, `divide %2 3`; a scalar is
  /// `scalar 3 f64`. `%n` is
  /// node n, counting every node; a cast that does not follow Ieee ends in `saturate` or `nan`; a
  /// check is `check %0 %1`.
  std::string str() const;
  /// The inverse of str(): statements between ';' or line ends, the result verified. Fails with
  /// BadInput, naming the statement.
  static Result<Recipe> parse(std::string_view text);
  /// XXH3-64 (seed 0) of the canonical encoding, the kernel key; part of the artifact format. The
  /// encoding: byte 1 (its version), u16 node count, then per node u8 op, u8 type, u8 overflow, and
  /// u16 a, b, slot; all little-endian, no padding.
  uint64_t hash() const;
  bool operator==(const Recipe &) const = default;
};

/// Total: any bytes whatever in the nodes give an answer. Errors are BadInput and name the node.
Status verify(const Recipe &recipe);

/// `load 0 T; store %0 0`, and the same with a cast between. `from` and `to` differ and are a pair
/// that castSupported() knows.
Recipe copyRecipe(DType type);
Recipe castRecipe(DType from, DType to, Overflow overflow = Overflow::Ieee);

/// The part of a recipe that output `slot` needs, with inputs renumbered in order of first use;
/// `inputs` receives, per new input, the old one. Kernels are keyed by slices, so one kernel serves
/// every family that ends in the same cast: equal computations give equal slices, whatever the
/// order of the nodes they came from. Empty if there is no such output.
Recipe sliceForOutput(const Recipe &recipe, size_t slot, std::vector<uint16_t> &inputs);
/// The same for check number `check`, whose verdict stays a CheckEqual node.
Recipe sliceForCheck(const Recipe &recipe, size_t check, std::vector<uint16_t> &inputs);
/// One side (0: `a`, 1: `b`) of a check as a recipe that stores it to output 0. Kernels return
/// nothing, so a fast check is: run both sides (or point at the input where a side isCopy()), then
/// firstDifference() of Compare.h.
Recipe sliceForCheckSide(const Recipe &recipe, size_t check, unsigned side,
                         std::vector<uint16_t> &inputs);

/// The slices that run as kernels when a recipe is executed, each once: for outputs and for the
/// sides of checks, as far as they compute something.
std::vector<Recipe> kernelSlices(const Recipe &recipe);
/// For people: `f32_bf16`, `f32_f8e4m3fn_saturate`; a hash where the recipe is no chain of casts.
std::string shortName(const Recipe &recipe);

/// True if the recipe is `load; store` of one dtype: bytes move, no kernel is needed.
bool isCopy(const Recipe &recipe);

/// Runs a verified recipe over `count` elements; inputs and outputs are arrays of the recipe's
/// dtypes (little-endian, any alignment, outputs overlap nothing). Reference semantics of every
/// kernel. Returns the index of the first element for which a check failed, or -1; after a failure
/// the outputs are unspecified.
int64_t interpret(const Recipe &recipe, std::span<const std::byte *const> inputs,
                  std::span<std::byte *const> outputs, int64_t count);

/// f64 arithmetic on bits, to nearest even: the same on every machine, whatever its MXCSR. A NaN
/// operand (of two, `a`) comes out quiet with its sign and payload; what has no value otherwise
/// (infinities of two signs, 0 by 0, the root of what is below 0) is the NaN 0x7ff8000000000000.
uint64_t addBits(uint64_t a, uint64_t b);
uint64_t subtractBits(uint64_t a, uint64_t b);
uint64_t multiplyBits(uint64_t a, uint64_t b);
uint64_t quotientBits(uint64_t a, uint64_t b);
uint64_t divideBits(uint64_t a, uint16_t divisor);
uint64_t squareRootBits(uint64_t a);

/// One value, as bits, from one dtype to another: D10's float rules (one integer round to nearest
/// even, NaNs quiet with sign and top bits kept, denormals exact, no dependence on MXCSR).
/// Asks for a supported pair; bits above the source's width are ignored.
uint64_t castBits(uint64_t bits, DType from, DType to, Overflow overflow);
/// Whether castBits knows the pair: any two of f64, f32, f16, bf16, f8e4m3fn and f8e5m2; bool
/// (every byte but zero is one) and integers to any of these, rounded once; an integer type to a
/// wider one that holds all its values, bool to any; every type of whole bytes up to 64 bits to
/// itself, bit for bit. Nothing goes from a float to an integer: no rounding of weights to integers
/// is a cast.
bool castSupported(DType from, DType to);
/// Whether no value is rounded: for floats, the way there and back keeps it (a NaN as some NaN).
bool castExact(DType from, DType to);
/// Whether a cast from `from` to `to` over `between` gives what the direct one does, bit for bit:
/// the first rounds nothing and the direct one exists.
bool castsAsOne(DType from, DType between, DType to);
/// Whether casts to `to` may ask for this rule.
bool overflowAllowed(DType to, Overflow overflow);

} // namespace recast::recipe
