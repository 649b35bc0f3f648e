#include "dialect/Ckpt/MemberTable.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;

namespace recast::ir::ckpt {

std::optional<MemberTable> MemberTable::read(FamilyOp family) { return read(family.getMembers()); }

std::optional<MemberTable> MemberTable::read(DenseResourceElementsAttr attr) {
  auto type = dyn_cast<RankedTensorType>(attr.getType());
  AsmResourceBlob *blob = attr.getRawHandle().getBlob();
  if (!type || type.getRank() != 2 || !type.hasStaticShape() ||
      !type.getElementType().isInteger(64) || !blob)
    return std::nullopt;
  ArrayRef<char> bytes = blob->getData();
  if (bytes.size() / sizeof(int64_t) != static_cast<size_t>(type.getNumElements()) ||
      bytes.size() % sizeof(int64_t) ||
      reinterpret_cast<uintptr_t>(bytes.data()) % alignof(int64_t))
    return std::nullopt;
  MemberTable table;
  table.data_ =
      ArrayRef(reinterpret_cast<const int64_t *>(bytes.data()), bytes.size() / sizeof(int64_t));
  table.columns_ = static_cast<size_t>(type.getDimSize(1));
  return table;
}

DenseResourceElementsAttr makeMemberTable(MLIRContext *context, StringRef name, size_t columns,
                                          std::vector<int64_t> rows) {
  assert(columns && rows.size() % columns == 0 && "rows are whole");
  auto type = RankedTensorType::get(
      {static_cast<int64_t>(rows.size() / columns), static_cast<int64_t>(columns)},
      IntegerType::get(context, 64));
  AsmResourceBlob blob = HeapAsmResourceBlob::allocateAndCopyInferAlign(ArrayRef<int64_t>(rows));
  return DenseResourceElementsAttr::get(type, name, std::move(blob));
}

} // namespace recast::ir::ckpt
