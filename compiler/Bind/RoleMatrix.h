// The tensors of a source by name and role, and the cells of a target's tensor x role matrix.
#pragma once

#include "compiler/Bind/CellNumbers.h"
#include "runtime/format/Inventory.h"

#include <span>
#include <unordered_map>
#include <vector>

namespace recast::compiler {

/// Roles count from 0: those of the source, then those that were added. Cells count from 0: those
/// that tensors of the source have, then those that were asked for.
class RoleMatrix {
public:
  static constexpr uint32_t kNone = UINT32_MAX;

  explicit RoleMatrix(const std::vector<format::Tensor> &tensors);

  uint32_t addRole(Name role);
  uint32_t role(Name known) const { return roleIds_.at(known); }
  const std::vector<Name> &roles() const { return roles_; }
  std::vector<uint32_t> rolesByText() const;
  uint32_t roleOf(uint32_t tensor) const { return roleOf_[tensor]; }
  /// Tensors of the source, ascending.
  std::span<const uint32_t> tensorsOf(Name role) const;
  /// The last tensor of the source that has them; kNone if there is none.
  uint32_t tensorWith(Name name, Name role) const;

  size_t cellCount() const { return cells_.size(); }
  /// Of a tensor's name in its role.
  uint32_t cellOf(uint32_t tensor) const { return own_[tensor]; }
  /// Of a tensor's name in any role.
  uint32_t cellOf(uint32_t tensor, uint32_t role) {
    return role == roleOf_[tensor] ? own_[tensor] : cells_.add(tensors_[tensor].name, role);
  }
  /// The tensor of the source of that name and role, the last one where there are two; kNone for a
  /// cell that has none.
  uint32_t tensorIn(uint32_t cell) const {
    return cell < tensorIn_.size() ? tensorIn_[cell] : kNone;
  }

private:
  const std::vector<format::Tensor> &tensors_;
  std::vector<Name> roles_;
  std::unordered_map<Name, uint32_t> roleIds_;
  std::vector<std::vector<uint32_t>> byRole_;
  std::vector<uint32_t> roleOf_, own_; ///< By tensor.
  CellNumbers cells_;
  std::vector<uint32_t> tensorIn_;
};

} // namespace recast::compiler
