// Tables of 64-bit integers in resource blobs: everything in a plan that grows with the number of
// tensors. What a table's columns mean is said by the op that holds it.
#pragma once

#include "mlir/IR/BuiltinAttributes.h"

#include <cstring>
#include <optional>
#include <vector>

namespace mlir {
class Operation;
} // namespace mlir

namespace recast::ir::plan {

/// `attr` is a dense_resource of tensor<N x columns x i64>, any number of columns if not given.
bool isTable(mlir::Attribute attr, std::optional<int64_t> columns);
/// `attr` is a dense_resource of tensor<N x i8>.
bool isBytes(mlir::Attribute attr);

/// A view of a table's rows; valid as long as the attribute.
class Table {
public:
  /// Nothing if the resource is not there (elided, or not in the text) or its size is not what the
  /// type says.
  static std::optional<Table> read(mlir::DenseResourceElementsAttr attr);

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  /// Blobs that were parsed may lie at any address, hence no plain array.
  int64_t at(int64_t row, int64_t column) const {
    int64_t value;
    std::memcpy(&value, data_.data() + (row * columns_ + column) * 8, sizeof(value));
    return value;
  }

private:
  llvm::ArrayRef<char> data_;
  int64_t rows_ = 0, columns_ = 0;
};

/// The bytes of a tensor<N x i8>; nothing if the resource is not there or has another size.
std::optional<llvm::StringRef> readBytes(mlir::DenseResourceElementsAttr attr);

/// A table of `values` (row-major, a multiple of `columns`) under `key`, which is made unique in
/// the context.
mlir::DenseResourceElementsAttr makeTable(mlir::MLIRContext *context, llvm::StringRef key,
                                          int64_t columns, llvm::ArrayRef<int64_t> values);
mlir::DenseResourceElementsAttr makeBytes(mlir::MLIRContext *context, llvm::StringRef key,
                                          llvm::StringRef bytes);

/// What a column may hold.
enum class Cell : uint8_t {
  Any,        ///< All 64 bits.
  Index,      ///< 0 to 2^32 - 2: a row or op number.
  MaybeIndex, ///< The same, or -1 for none.
  U32,        ///< 0 to 2^32 - 1.
  Count,      ///< 0 to 2^63 - 1.
};

/// Every cell of `attr` is in range, one kind per column; `what` names the table in messages. A
/// resource that is not there passes: IR that was printed without its data stays readable.
mlir::LogicalResult verifyTable(mlir::Operation *op, llvm::StringRef what,
                                mlir::DenseResourceElementsAttr attr, llvm::ArrayRef<Cell> columns);
/// The lengths in column `column` of `table` use up `bytes` exactly.
mlir::LogicalResult verifyTexts(mlir::Operation *op, mlir::DenseResourceElementsAttr table,
                                int64_t column, mlir::DenseResourceElementsAttr bytes);

} // namespace recast::ir::plan
