// The member table of a family: rows of 64-bit integers in a resource blob.
#pragma once

#include "dialect/Ckpt/CkptDialect.h"

namespace recast::ir::ckpt {

/// How the columns of a row are laid out; see `ckpt.family`.
struct MemberColumns {
  size_t inputs = 0, outputs = 0;

  size_t count() const { return 1 + 3 * inputs + 2 * outputs; }
  static constexpr size_t name() { return 0; }
  size_t store(size_t input) const { return 1 + 3 * input; } ///< -1: a scalar, bits in `start`.
  size_t start(size_t input) const { return 2 + 3 * input; }
  size_t total(size_t input) const { return 3 + 3 * input; }
  size_t targetName(size_t output) const { return 1 + 3 * inputs + 2 * output; }
  size_t targetRole(size_t output) const { return 2 + 3 * inputs + 2 * output; }
};

/// A view of a family's rows; valid as long as the attribute.
class MemberTable {
public:
  /// Nothing if the blob is missing or does not have the size that the type says.
  static std::optional<MemberTable> read(FamilyOp family);
  static std::optional<MemberTable> read(mlir::DenseResourceElementsAttr attr);

  size_t size() const { return columns_ ? data_.size() / columns_ : 0; }
  size_t columns() const { return columns_; }
  llvm::ArrayRef<int64_t> row(size_t member) const {
    return data_.slice(member * columns_, columns_);
  }
  llvm::ArrayRef<int64_t> data() const { return data_; }

private:
  llvm::ArrayRef<int64_t> data_;
  size_t columns_ = 0;
};

/// A table attribute of `rows` (row-major, a multiple of `columns` of them) under `name`, which is
/// made unique in the context.
mlir::DenseResourceElementsAttr makeMemberTable(mlir::MLIRContext *context, llvm::StringRef name,
                                                size_t columns, std::vector<int64_t> rows);

} // namespace recast::ir::ckpt
