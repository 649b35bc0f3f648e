// The steps of a view's rule, on a stored tensor: pads stay, cuts over one rank do nothing, and
// what cuts needs a target whose ranks have shares.
#pragma once

#include "compiler/Bind/View.h"
#include "runtime/base/Status.h"

namespace recast::compiler {

class ViewSteps {
public:
  /// `shares`: see bindView. Axes of the mesh that steps name are added to `cutAxes`, which must
  /// outlive it.
  ViewSteps(const layout::Mesh &mesh, bool shares, std::set<std::string> &cutAxes)
      : mesh_(mesh), shares_(shares), cutAxes_(cutAxes) {}

  /// Puts `step` on `stored`, whose axes have names. Fails with Code::Usage where it does not fit.
  Status add(layout::Step step, StoredTensor &stored);

private:
  Status pad(const layout::Pad &step, StoredTensor &stored);
  Status overRanks(layout::Step step, StoredTensor &stored);
  int64_t ranksAlong(const std::string &axis) const;

  layout::Mesh mesh_;
  bool shares_;
  std::set<std::string> &cutAxes_;
};

} // namespace recast::compiler
