#include "dialect/Plan/PlanTables.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Operation.h"

#include <cstring>

namespace recast::ir::plan {
namespace {

using mlir::DenseResourceElementsAttr;

/// The data of a resource, if it is there.
std::optional<llvm::ArrayRef<char>> dataOf(DenseResourceElementsAttr attr) {
  mlir::AsmResourceBlob *blob = attr.getRawHandle().getBlob();
  if (!blob)
    return std::nullopt;
  return blob->getData();
}

bool hasShape(mlir::Attribute attr, unsigned width, int64_t rank) {
  auto resource = llvm::dyn_cast_or_null<DenseResourceElementsAttr>(attr);
  if (!resource)
    return false;
  mlir::ShapedType type = resource.getType();
  return llvm::isa<mlir::RankedTensorType>(type) &&
         type.getElementType().isSignlessInteger(width) && type.getRank() == rank &&
         type.hasStaticShape();
}

bool sizeMatches(DenseResourceElementsAttr attr, size_t bytes, uint64_t elementBytes) {
  uint64_t expected = elementBytes;
  for (int64_t extent : attr.getType().getShape())
    if (__builtin_mul_overflow(expected, static_cast<uint64_t>(extent), &expected))
      return false;
  return expected == bytes;
}

/// Numbers from `least` on, `span` of them after the first: one comparison judges a cell.
struct Range {
  int64_t least = 0;
  uint64_t span = 0;

  bool holds(int64_t value) const {
    return static_cast<uint64_t>(value) - static_cast<uint64_t>(least) <= span;
  }
};

Range rangeOf(Cell cell) {
  switch (cell) {
  case Cell::Any:
    return {INT64_MIN, UINT64_MAX};
  case Cell::MaybeIndex:
    return {-1, 0xffffffff};
  case Cell::Index:
    return {0, 0xfffffffe};
  case Cell::U32:
    return {0, 0xffffffff};
  case Cell::Count:
    return {0, INT64_MAX};
  }
  return {};
}

llvm::StringRef rangeText(Cell cell) {
  switch (cell) {
  case Cell::Any:
    return "any number";
  case Cell::MaybeIndex:
    return "between -1 and 2^32 - 2";
  case Cell::Index:
    return "between 0 and 2^32 - 2";
  case Cell::U32:
    return "between 0 and 2^32 - 1";
  case Cell::Count:
    return "at least 0";
  }
  return "";
}

} // namespace

bool isTable(mlir::Attribute attr, std::optional<int64_t> columns) {
  return hasShape(attr, 64, 2) &&
         (!columns ||
          llvm::cast<DenseResourceElementsAttr>(attr).getType().getDimSize(1) == *columns);
}

bool isBytes(mlir::Attribute attr) { return hasShape(attr, 8, 1); }

std::optional<Table> Table::read(DenseResourceElementsAttr attr) {
  auto data = dataOf(attr);
  if (!data || !isTable(attr, std::nullopt) || !sizeMatches(attr, data->size(), 8))
    return std::nullopt;
  Table table;
  table.data_ = *data;
  table.rows_ = attr.getType().getDimSize(0);
  table.columns_ = attr.getType().getDimSize(1);
  return table;
}

std::optional<llvm::StringRef> readBytes(DenseResourceElementsAttr attr) {
  auto data = dataOf(attr);
  if (!data || !isBytes(attr) || !sizeMatches(attr, data->size(), 1))
    return std::nullopt;
  return llvm::StringRef(data->data(), data->size());
}

DenseResourceElementsAttr makeTable(mlir::MLIRContext *context, llvm::StringRef key,
                                    int64_t columns, llvm::ArrayRef<int64_t> values) {
  auto rows = static_cast<int64_t>(values.size()) / columns;
  auto type = mlir::RankedTensorType::get({rows, columns}, mlir::IntegerType::get(context, 64));
  return DenseResourceElementsAttr::get(
      type, key, mlir::HeapAsmResourceBlob::allocateAndCopyInferAlign(values));
}

DenseResourceElementsAttr makeBytes(mlir::MLIRContext *context, llvm::StringRef key,
                                    llvm::StringRef bytes) {
  auto type = mlir::RankedTensorType::get({static_cast<int64_t>(bytes.size())},
                                          mlir::IntegerType::get(context, 8));
  return DenseResourceElementsAttr::get(type, key,
                                        mlir::HeapAsmResourceBlob::allocateAndCopyInferAlign(
                                            llvm::ArrayRef<char>(bytes.data(), bytes.size())));
}

mlir::LogicalResult verifyTable(mlir::Operation *op, llvm::StringRef what,
                                DenseResourceElementsAttr attr, llvm::ArrayRef<Cell> columns) {
  auto data = dataOf(attr);
  if (!data)
    return mlir::success();
  auto table = Table::read(attr);
  if (!table)
    return op->emitOpError() << what << " has type " << attr.getType() << ", but its resource `"
                             << attr.getRawHandle().getKey() << "` has " << data->size()
                             << " bytes";
  llvm::SmallVector<Range> ranges;
  for (Cell cell : columns)
    ranges.push_back(rangeOf(cell));
  for (int64_t row = 0; row < table->rows(); ++row)
    for (int64_t column = 0; column < table->columns(); ++column)
      if (!ranges[column].holds(table->at(row, column)))
        return op->emitOpError() << what << ", row " << row << ", column " << column << ": "
                                 << table->at(row, column) << " is not "
                                 << rangeText(columns[column]);
  return mlir::success();
}

mlir::LogicalResult verifyTexts(mlir::Operation *op, DenseResourceElementsAttr table,
                                int64_t column, DenseResourceElementsAttr bytes) {
  auto data = dataOf(bytes);
  auto rows = Table::read(table);
  if (!data || !rows)
    return mlir::success();
  if (!readBytes(bytes))
    return op->emitOpError() << "text has type " << bytes.getType() << ", but its resource `"
                             << bytes.getRawHandle().getKey() << "` has " << data->size()
                             << " bytes";
  uint64_t total = 0;
  for (int64_t row = 0; row < rows->rows(); ++row) {
    total += static_cast<uint64_t>(rows->at(row, column));
    if (total > data->size())
      return op->emitOpError() << "text " << row << " is longer than what is left of "
                               << data->size() << " bytes";
  }
  if (total != data->size())
    return op->emitOpError() << "lengths add up to " << total << " bytes, there are "
                             << data->size();
  return mlir::success();
}

} // namespace recast::ir::plan
