// The member table of a family: rows of 64-bit integers in a resource blob.
#pragma once

#include "dialect/Ckpt/CkptDialect.h"

namespace recast::ir::ckpt {

/// How the columns of a row are laid out; see `ckpt.family`.
struct MemberColumns {
  size_t inputs = 0, outputs = 0;

  static constexpr size_t kPerInput = 4, kPerOutput = 3;

  size_t count() const { return firstOutput() + kPerOutput * outputs; }
  static constexpr size_t name() { return 0; }
  size_t store(size_t input) const { return 1 + kPerInput * input; } ///< -1: bits are in `start`.
  size_t start(size_t input) const { return store(input) + 1; }
  size_t total(size_t input) const { return store(input) + 2; }
  size_t inputPart(size_t input) const { return store(input) + 3; } ///< Of a packed layout.
  size_t firstOutput() const { return 1 + kPerInput * inputs; }
  size_t targetName(size_t output) const { return firstOutput() + kPerOutput * output; }
  size_t targetRole(size_t output) const { return targetName(output) + 1; }
  size_t outputPart(size_t output) const { return targetName(output) + 2; }
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
