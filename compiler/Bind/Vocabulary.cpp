#include "compiler/Bind/Vocabulary.h"

#include "compiler/Bind/Glob.h"
#include "compiler/Bind/SourceText.h"
#include "runtime/base/NearestName.h"
#include "runtime/format/Inventory.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::compiler {
namespace {

constexpr const char *kStandardRoles[] = {
    format::role::kWeight, format::role::kMaster, format::role::kExpAvg, format::role::kExpAvgSq,
    format::role::kStep,   format::role::kFrozen, format::role::kBuffer,
};

} // namespace

Vocabulary::Vocabulary(std::string source, const std::vector<Name> &names, const RoleMatrix &matrix)
    : source_(std::move(source)), names_(names),
      roles_(std::begin(kStandardRoles), std::end(kStandardRoles)) {
  for (uint32_t id : matrix.rolesByText())
    if (Name name = matrix.roles()[id]; !matrix.tensorsOf(name).empty())
      roles_.push_back(name);
}

Status Vocabulary::checkRole(const std::string &role, mlir::Location loc) const {
  if (std::ranges::find(roles_, role) != roles_.end())
    return {};
  return fail(specError(loc, fmt::format("no tensor of '{}' has the role '{}'", source_, role),
                        nearestName(role, roles_)));
}

Status Vocabulary::checkSelection(const Selection &selection, mlir::Location loc) const {
  for (const std::string &role : selection.roles)
    RECAST_TRY(checkRole(role, loc));
  for (const std::string &glob : selection.globs) {
    if (std::ranges::any_of(names_, [&](Name name) { return globMatches(glob, name); }))
      continue;
    std::vector<std::string> names(names_.begin(), names_.end());
    return fail(specError(loc, fmt::format("no tensor of '{}' is called \"{}\"", source_, glob),
                          nearestName(glob, names)));
  }
  return {};
}

} // namespace recast::compiler
