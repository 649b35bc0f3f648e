// What a target shall hold, as a table: names, roles and shapes are there once each, and a tensor
// is a row of their numbers. A training state has several tensors of each name, and they have a few
// roles and shapes: whoever judges a name or a size does it once, not once per tensor.
#pragma once

#include "runtime/base/DType.h"
#include "runtime/base/TextTable.h"

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string_view>
#include <vector>

namespace recast::format {

/// A tensor that the target shall hold, whole and row-major: a row of TargetTensors with its
/// numbers resolved, good as long as nothing is added there.
struct TargetTensor {
  std::string_view name, role;
  DType dtype = DType::F32;
  std::span<const int64_t> shape = {};
  bool isScalar = false; ///< A value known now (a step): `scalarBits`; written as a literal.
  uint64_t scalarBits = 0;
};

class TargetTensors {
public:
  struct Row {
    uint32_t name = 0, role = 0, shape = 0;
    DType dtype = DType::F32;
    bool isScalar = false;
    uint64_t scalarBits = 0;
  };

  TargetTensors() = default;
  TargetTensors(std::initializer_list<TargetTensor> tensors) {
    for (const TargetTensor &tensor : tensors)
      push_back(tensor);
  }

  uint32_t addName(std::string_view name) { return names_.add(name); }
  uint32_t addRole(std::string_view role) { return roles_.add(role); }
  uint32_t addShape(std::span<const int64_t> shape);
  void push_back(const Row &row) { rows_.push_back(row); }
  void push_back(const TargetTensor &tensor);

  size_t size() const { return rows_.size(); }
  TargetTensor operator[](size_t index) const {
    const Row &row = rows_[index];
    return {names_[row.name],   roles_[row.role], row.dtype,
            shapes_[row.shape], row.isScalar,     row.scalarBits};
  }
  const Row &row(size_t index) const { return rows_[index]; }
  const std::vector<Row> &rows() const { return rows_; }

  /// Names may be there that no tensor has, such as those of groups.
  size_t nameCount() const { return names_.size(); }
  size_t roleCount() const { return roles_.size(); }
  std::string_view name(uint32_t number) const { return names_[number]; }

private:
  TextTable names_, roles_;
  std::vector<std::vector<int64_t>> shapes_;
  std::map<std::vector<int64_t>, uint32_t> shapeNumbers_;
  std::vector<Row> rows_;
};

} // namespace recast::format
