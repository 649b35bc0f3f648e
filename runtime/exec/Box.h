// Strided tasks: which segments of its files one is made of, and how it is cut into units and
// tiles.
#pragma once

#include "runtime/exec/Program.h"
#include "runtime/layout/Segments.h"

#include <functional>

namespace recast::exec {

/// Operands of a task: its inputs, then its outputs. Constants have no place in a file.
size_t operandCount(const Task &task);
unsigned operandWidth(const Program &program, const Task &task, size_t operand);
/// First byte of an operand in its file.
uint64_t operandOffset(const Task &task, size_t operand);
bool isConstant(const Task &task, size_t operand);

/// A part of a strided task: index ranges [origin, origin + extents) along its dims.
struct SubBox {
  std::vector<int64_t> origin, extents;
  int64_t count() const;
};
SubBox wholeBox(const Task &task);
/// The dims of a part as one operand sees them, and the element at which the part begins.
std::vector<layout::StridedDim> operandDims(const Task &task, const SubBox &box, size_t operand);
int64_t operandStart(const Task &task, const SubBox &box, size_t operand);

/// Bytes from the first to the last of an operand, both included; of contiguous tasks, too.
uint64_t operandSpan(const Program &program, const Task &task, size_t operand);
/// Calls `visit(offset, bytes)` for the contiguous byte ranges of an operand of a task, ascending.
void forEachSegment(const Program &program, const Task &task, size_t operand,
                    const std::function<void(uint64_t, uint64_t)> &visit);

/// Extents of a part with at most `elements` elements whose segments are long for every operand:
/// the operand with the shortest ones grows first. A column slice grows along its rows; a transpose
/// becomes a square.
std::vector<int64_t> partExtents(const Program &program, const Task &task,
                                 std::span<const int64_t> whole, int64_t elements);

/// A box cut into parts of the given extents (less at the edges), row by row.
class BoxGrid {
public:
  BoxGrid(SubBox box, std::vector<int64_t> part);
  int64_t size() const { return size_; }
  SubBox part(int64_t index) const;

private:
  SubBox box_;
  std::vector<int64_t> part_;
  int64_t size_ = 1;
};

/// How a strided task is cut into units.
BoxGrid unitsOf(const Program &program, const Task &task);

/// Whether parts that follow each other write output `o` in ascending order, each in one segment:
/// all operands have their dims in one order, and within a unit the output has no gaps. What it
/// writes can then be hashed as it goes by.
bool streamsOutput(const Program &program, const Task &task, size_t output);

} // namespace recast::exec
