// Where logical tensors go in a target: which stored tensor, which part of it, and what fills the
// elements that no tensor has.
#pragma once

#include "compiler/Bind/View.h"
#include "runtime/format/Inventory.h"

#include <optional>

namespace recast::compiler {

/// A place in a tensor of a target, which one rank holds.
struct Destination {
  std::string name; ///< Of the stored tensor.
  layout::Layout layout;
  uint32_t part = 0;
};

/// Part of a stored tensor that is padding: it is written as zero.
struct Padding {
  uint32_t part = 0;
  std::vector<int64_t> shape;
};

/// A stored tensor as it is written: pads have become parts.
struct WrittenTensor {
  layout::Layout layout;
  std::vector<uint32_t> parts; ///< Per part of the view's layout, its part here.
  std::vector<Padding> padding;
};

/// Fails with Code::Usage where pads and concatenations of a map do not nest.
Result<WrittenTensor> asWritten(const StoredTensor &stored);

/// The destinations of one target; without a view, each tensor under its own name.
class Destinations {
public:
  Destinations() = default;
  static Result<Destinations> create(const BoundView &view);

  /// Nothing if the target's model has no such tensor.
  std::optional<Destination> find(const std::string &logical) const;
  const BoundView *view() const { return view_; }
  const WrittenTensor &written(uint32_t stored) const { return written_[stored]; }

private:
  const BoundView *view_ = nullptr;
  std::vector<WrittenTensor> written_; ///< Parallel to view_->stored.
};

} // namespace recast::compiler
