// Whether the roles and names that a statement speaks of exist.
#pragma once

#include "compiler/Bind/Job.h"
#include "compiler/Bind/RoleMatrix.h"
#include "runtime/base/Status.h"

#include <string>
#include <vector>

namespace recast::compiler {

/// Of a source; its names as stored. `names` must outlive it.
class Vocabulary {
public:
  Vocabulary(std::string source, const std::vector<Name> &names, const RoleMatrix &matrix);

  /// A role is a word of the language (which may have no members here) or one that the source has.
  Status checkRole(const std::string &role, mlir::Location loc) const;
  Status checkSelection(const Selection &selection, mlir::Location loc) const;

private:
  std::string source_;
  const std::vector<Name> &names_;
  std::vector<std::string> roles_;
};

} // namespace recast::compiler
