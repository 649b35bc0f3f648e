#include "compiler/Bind/RoleMatrix.h"

#include <algorithm>

namespace recast::compiler {

RoleMatrix::RoleMatrix(const std::vector<format::Tensor> &tensors)
    : tensors_(tensors), cells_(tensors.size()) {
  roleOf_.reserve(tensors.size());
  own_.reserve(tensors.size());
  tensorIn_.reserve(tensors.size());
  for (uint32_t i = 0; i < tensors.size(); ++i) {
    uint32_t role = addRole(tensors[i].role);
    roleOf_.push_back(role);
    byRole_[role].push_back(i);
    uint32_t cell = cells_.add(tensors[i].name, role);
    own_.push_back(cell);
    if (cell == tensorIn_.size())
      tensorIn_.push_back(i);
    tensorIn_[cell] = i;
  }
}

uint32_t RoleMatrix::addRole(Name role) {
  auto [entry, isNew] = roleIds_.try_emplace(role, static_cast<uint32_t>(roles_.size()));
  if (isNew) {
    roles_.push_back(role);
    byRole_.emplace_back();
  }
  return entry->second;
}

std::vector<uint32_t> RoleMatrix::rolesByText() const {
  std::vector<uint32_t> out;
  for (uint32_t role = 0; role < roles_.size(); ++role)
    out.push_back(role);
  std::ranges::sort(out, {}, [&](uint32_t role) { return roles_[role]; });
  return out;
}

std::span<const uint32_t> RoleMatrix::tensorsOf(Name role) const {
  auto known = roleIds_.find(role);
  return known == roleIds_.end() ? std::span<const uint32_t>() : byRole_[known->second];
}

uint32_t RoleMatrix::tensorWith(Name name, Name role) const {
  auto known = roleIds_.find(role);
  return known == roleIds_.end() ? kNone : tensorIn(cells_.find(name, known->second));
}

} // namespace recast::compiler
