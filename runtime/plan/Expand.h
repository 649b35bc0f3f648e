// The expansion of a plan: what is read, computed and written, run by run (D8: no communication, a
// pure function of plan and target places). The static proofs call the same code.
#pragma once

#include "runtime/layout/Segments.h"
#include "runtime/plan/Plan.h"

#include <functional>
#include <memory>

namespace recast::plan {

/// A contiguous run of source elements.
struct RunInput {
  uint32_t file = 0;   ///< kNone: one value for all elements.
  uint64_t offset = 0; ///< In bytes; the bits of that value where `file` is kNone.
};
/// A contiguous run of target elements: byte offset inside the tensor's own place in the target.
struct RunOutput {
  uint64_t tensorByte = 0;
};

/// One axis of a box; strides in elements, of each input, then of each output.
struct RunDim {
  int64_t extent = 1, logicalStride = 1;
  std::vector<int64_t> strides; ///< 0 for inputs that are one value.
};

/// Elements of one member: consecutive ones on which every input and output is contiguous (no
/// `dims`), or a strided box, whose first element the offsets name. Where the dtype of the family
/// is packed, "element" means a byte of packed ones here, in counts, extents and strides.
struct Run {
  uint32_t family = 0, member = 0;
  int64_t logicalOffset = 0;
  int64_t count = 0;
  std::vector<RunInput> inputs;
  std::vector<RunOutput> outputs;
  std::vector<RunDim> dims; ///< Logical order, outer first.
};
/// A box as operand `operand` (inputs, then outputs) sees it.
std::vector<layout::StridedDim> operandDims(const Run &run, size_t operand);

using RunVisitor = std::function<Status(const Run &)>;

/// Expands the members of one family and keeps what they share: where layouts do not depend on the
/// member, they are intersected once. Holds a reference to `plan`, which must have passed verify();
/// not for use by two threads at once.
class FamilyExpander {
public:
  static Result<FamilyExpander> create(const Plan &plan, uint32_t family);
  FamilyExpander(FamilyExpander &&) noexcept;
  FamilyExpander &operator=(FamilyExpander &&) noexcept;
  ~FamilyExpander();

  /// Calls `visit` for every contiguous run of a member, in logical order; stops at its first
  /// error. The Run is reused between calls. Elements that some input does not hold have no run:
  /// compare counts where that matters.
  Status expand(uint32_t member, const RunVisitor &visit);
  /// The same elements in as few runs as there are strided boxes, not in logical order: a
  /// transposed tensor is one, not one per element.
  Status expandBoxes(uint32_t member, const RunVisitor &visit);

private:
  class Impl;
  explicit FamilyExpander(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// One member by itself; for many members of a family, FamilyExpander is faster.
Status expandMember(const Plan &plan, uint32_t family, uint32_t member, const RunVisitor &visit);
/// Every run of the plan, family by family, member by member.
Status expandPlan(const Plan &plan, const RunVisitor &visit);

/// What an expansion amounts to, for proofs and `explain`.
struct RunTotals {
  uint64_t runs = 0;
  uint64_t elements = 0;
  uint64_t bytesRead = 0;    ///< Over all inputs; a range read by two members counts twice.
  uint64_t bytesWritten = 0; ///< Over all outputs.
  bool operator==(const RunTotals &) const = default;
};
Result<RunTotals> countMember(const Plan &plan, uint32_t family, uint32_t member);

/// A member without dimensions whose inputs are known now (steps): a literal of its target.
bool isScalarMember(const Family &family, size_t member);
/// The value of output `slot` of such a member, as bits of the output's dtype.
uint64_t scalarOutput(const Family &family, size_t member, size_t slot);

} // namespace recast::plan
