// A tile: elements of one or several tasks whose inputs lie in the slots of one worker.
#pragma once

#include "runtime/exec/Slices.h"

namespace recast::exec {

/// Elements [first, first + count) of a task.
struct Span {
  uint32_t task = 0;
  int64_t first = 0, count = 0;
};

/// Where the inputs of spans go: input i of every span follows input i of the one before, in slot
/// i.
class Tile {
public:
  Tile(const Program &program, const Slices &slices, size_t slotBytes, size_t maxInputs)
      : program_(program), slices_(slices), slotBytes_(slotBytes), maxInputs_(maxInputs),
        fill_(maxInputs) {}

  /// Takes as many of the `count` elements from `first` as there is room for, and says how many. A
  /// task that would fit an empty tile whole is not cut.
  int64_t add(uint32_t task, int64_t first, int64_t count);
  void clear();

  bool empty() const { return spans_.empty(); }
  const std::vector<Span> &spans() const { return spans_; }
  /// Byte in slot `input` at which the input of a span begins.
  size_t at(size_t span, size_t input) const { return places_[span * maxInputs_ + input]; }

private:
  const Program &program_;
  const Slices &slices_;
  size_t slotBytes_, maxInputs_;
  std::vector<Span> spans_;
  std::vector<size_t> places_; ///< maxInputs_ per span.
  std::vector<size_t> fill_;   ///< Bytes used, per slot.
};

} // namespace recast::exec
