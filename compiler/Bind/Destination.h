// Where logical tensors go in a target: which stored tensor, which part of it, and which elements
// no tensor of the source has.
#pragma once

#include "compiler/Bind/View.h"
#include "runtime/format/Inventory.h"

#include <memory>
#include <optional>

namespace recast::compiler {

/// A place in a tensor of a target, which one rank holds.
struct Destination {
  Name name; ///< Of the stored tensor.
  uint32_t part = 0;
  const layout::Layout *layout = nullptr; ///< Null: nowhere.
};

/// The layout of what lies as it is.
const layout::Layout &wholeLayout();

/// A part of a tensor as it is written.
struct WrittenPart {
  uint32_t part = 0;
  std::vector<int64_t> shape;
};

/// A stored tensor as it is written: pads, and what an axis has grown by, have become parts.
struct WrittenTensor {
  layout::Layout layout;
  std::vector<WrittenPart> parts; ///< Per part of the view's layout, what a source has of it.
  std::vector<std::vector<WrittenPart>> grown; ///< Per part of the view's layout, what none has.
  std::vector<WrittenPart> padding;            ///< Written as zero.
};

/// `grownFrom`: axes that are longer here than in the source, with their extent there. Fails with
/// Code::Usage where there are more parts than a layout may have.
Result<WrittenTensor> asWritten(const StoredTensor &stored, const BoundModel &model,
                                const std::map<std::string, int64_t> &grownFrom);

/// The destinations of one target; without a view, each tensor under its own name.
class Destinations {
public:
  Destinations() = default;
  /// `source`: the model of the source. An axis of a tensor that is longer in the view's model
  /// grows, if it is the outer one of its dimension.
  static Result<Destinations> create(const BoundView &view, const BoundModel &source);

  /// Nothing if the target's model has no such tensor.
  std::optional<Destination> find(Name logical) const;
  const BoundView *view() const { return view_; }
  const WrittenTensor &written(uint32_t stored) const { return (*written_)[stored]; }

private:
  const BoundView *view_ = nullptr;
  /// Parallel to view_->stored; of all ranks of a target.
  std::shared_ptr<const std::vector<WrittenTensor>> written_;
};

} // namespace recast::compiler
