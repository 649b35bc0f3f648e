#include "compiler/Interpret/Oracle.h"

#include "compiler/Target/PlanIO.h"
#include "dialect/Ckpt/CkptDialect.h"
#include "dialect/Ckpt/MemberTable.h"
#include "runtime/base/Checked.h"
#include "runtime/io/File.h"
#include "runtime/layout/ElementMap.h"
#include "runtime/plan/Plan.h"
#include "runtime/recipe/Recipe.h"

#include <cstring>
#include <fmt/format.h>

namespace recast::compiler {
namespace {

using namespace recast::ir;

/// A logical tensor, one word of bits per element.
struct Tensor {
  DType dtype = DType::F32;
  std::vector<uint64_t> elements;
};

bool isNaN(uint64_t bits, DType dtype) {
  switch (dtype) {
  case DType::F64:
    return (bits & 0x7fffffffffffffff) > 0x7ff0000000000000;
  case DType::F32:
    return (bits & 0x7fffffff) > 0x7f800000;
  case DType::F16:
    return (bits & 0x7fff) > 0x7c00;
  case DType::BF16:
    return (bits & 0x7fff) > 0x7f80;
  default:
    return false;
  }
}

class Interpreter {
public:
  explicit Interpreter(plan::Plan plan) : plan_(std::move(plan)) {}

  Result<std::map<OracleKey, OracleTensor>> run(mlir::ModuleOp module) {
    for (ckpt::FamilyOp family : module.getOps<ckpt::FamilyOp>()) {
      auto table = ckpt::MemberTable::read(family);
      if (!table)
        return internal("a family has no member table");
      for (size_t m = 0; m < table->size(); ++m)
        RECAST_TRY(member(family, table->row(m)));
    }
    return std::move(tensors_);
  }

private:
  Status member(ckpt::FamilyOp family, llvm::ArrayRef<int64_t> row);
  Result<Tensor> load(ckpt::ValueType type, llvm::ArrayRef<int64_t> row, size_t input,
                      const ckpt::MemberColumns &columns);
  /// Puts the elements where the layout of `type` has part `part`; the other parts of `out` stay.
  Status store(ckpt::ValueType type, const Tensor &tensor, int32_t part, OracleTensor &out);
  Result<std::string_view> fileBytes(uint32_t file);
  Status check(ckpt::CheckEqualOp op, const Tensor &a, const Tensor &b, const std::string &name);

  plan::Plan plan_;
  std::map<uint32_t, std::string> files_;
  std::map<OracleKey, OracleTensor> tensors_;
};

Result<std::string_view> Interpreter::fileBytes(uint32_t file) {
  auto [entry, isNew] = files_.try_emplace(file);
  if (isNew) {
    const plan::SourceFile &source = plan_.files[file];
    RECAST_ASSIGN(
        entry->second,
        io::readWhole(plan_.sources[source.endpoint].path + "/" + source.path, uint64_t{1} << 32));
  }
  return std::string_view(entry->second);
}

Result<Tensor> Interpreter::load(ckpt::ValueType type, llvm::ArrayRef<int64_t> row, size_t input,
                                 const ckpt::MemberColumns &columns) {
  Tensor tensor{type.getDType(), {}};
  int64_t storeId = row[columns.store(input)], start = row[columns.start(input)];
  std::vector<int64_t> shape = type.getShape().vec();
  tensor.elements.assign(static_cast<size_t>(*elementCount(shape)), static_cast<uint64_t>(start));
  if (storeId < 0) // One value for all elements.
    return tensor;
  layout::Layout layout = type.getLayout();
  auto part = static_cast<int32_t>(row[columns.inputPart(input)]);
  bool perGroup = layout::groupStep(layout) != nullptr;
  const plan::Store &store = plan_.stores[static_cast<size_t>(storeId)];
  unsigned width = byteWidth(tensor.dtype);
  for (int64_t rank = layout.mesh.rankCount() - 1; rank >= 0;
       --rank) { // The lowest holder is kept.
    RECAST_ASSIGN(std::vector<layout::Slot> slots,
                  layout::elementMap(layout, plan::partShapes(layout, shape), rank,
                                     {start, row[columns.total(input)]}));
    const plan::Extent &extent = plan_.extents[store.firstExtent + static_cast<uint32_t>(rank)];
    RECAST_ASSIGN(std::string_view bytes, fileBytes(extent.file));
    for (size_t k = 0; k < slots.size(); ++k) {
      if (slots[k].part != part)
        continue;
      uint64_t element = k + (perGroup ? 0 : static_cast<uint64_t>(start));
      uint64_t bits = 0;
      std::memcpy(&bits, bytes.data() + extent.offset + element * width, width);
      tensor.elements[static_cast<size_t>(slots[k].index)] = bits;
    }
  }
  return tensor;
}

Status Interpreter::store(ckpt::ValueType type, const Tensor &tensor, int32_t part,
                          OracleTensor &out) {
  std::vector<int64_t> shape = type.getShape().vec();
  layout::Layout layout = type.getLayout();
  unsigned width = byteWidth(tensor.dtype);
  out.dtype = tensor.dtype;
  out.shape = plan::storedShape(layout, shape);
  out.bytes.resize(static_cast<size_t>(*elementCount(out.shape)) * width);
  RECAST_ASSIGN(std::vector<layout::Slot> slots,
                layout::elementMap(layout, plan::partShapes(layout, shape), 0));
  for (size_t k = 0; k < slots.size(); ++k)
    if (slots[k].part == part)
      std::memcpy(out.bytes.data() + k * width,
                  &tensor.elements[static_cast<size_t>(slots[k].index)], width);
  return {};
}

Status Interpreter::check(ckpt::CheckEqualOp op, const Tensor &a, const Tensor &b,
                          const std::string &name) {
  for (size_t i = 0; i < a.elements.size(); ++i)
    if (a.elements[i] != b.elements[i] &&
        !(isNaN(a.elements[i], a.dtype) && isNaN(b.elements[i], b.dtype)))
      return fail(Error(Code::Negative, fmt::format("element {}: {:#x} is not {:#x}", i,
                                                    a.elements[i], b.elements[i]))
                      .tensor(name));
  return {};
}

Status Interpreter::member(ckpt::FamilyOp family, llvm::ArrayRef<int64_t> row) {
  ckpt::MemberColumns columns{family.getInputs().size(), family.getTargets().size()};
  const std::string &name = plan_.strings[static_cast<size_t>(row[columns.name()])];
  llvm::DenseMap<mlir::Value, Tensor> values;
  for (auto [i, argument] : llvm::enumerate(family.getInputs())) {
    RECAST_ASSIGN(Tensor tensor,
                  load(llvm::cast<ckpt::ValueType>(argument.getType()), row, i, columns));
    values[argument] = std::move(tensor);
  }
  for (mlir::Operation &op : family.getBlock()) {
    if (auto reshard = llvm::dyn_cast<ckpt::ReshardOp>(op)) {
      values[reshard.getResult()] = Tensor(values[reshard.getInput()]);
    } else if (auto cast = llvm::dyn_cast<ckpt::CastOp>(op)) {
      const Tensor &from = values[cast.getInput()];
      Tensor to{cast.getTargetDType(), {}};
      for (uint64_t bits : from.elements)
        to.elements.push_back(
            recipe::castBits(bits, from.dtype, to.dtype, cast.getRecipeOverflow()));
      values[cast.getResult()] = std::move(to);
    } else if (auto equal = llvm::dyn_cast<ckpt::CheckEqualOp>(op)) {
      RECAST_TRY(check(equal, values[equal.getLhs()], values[equal.getRhs()], name));
    } else if (auto yield = llvm::dyn_cast<ckpt::YieldOp>(op)) {
      for (auto [o, value] : llvm::enumerate(yield.getValues())) {
        std::string target =
            llvm::cast<mlir::FlatSymbolRefAttr>(family.getTargets()[o]).getValue().str();
        RECAST_TRY(
            store(llvm::cast<ckpt::ValueType>(value.getType()), values[value],
                  static_cast<int32_t>(row[columns.outputPart(o)]),
                  tensors_[{target, plan_.strings[static_cast<size_t>(row[columns.targetRole(o)])],
                            plan_.strings[static_cast<size_t>(row[columns.targetName(o)])]}]));
      }
    } else {
      return internal(
          fmt::format("the oracle does not know {}", op.getName().getStringRef().str()));
    }
  }
  return {};
}

} // namespace

Result<std::map<OracleKey, OracleTensor>> interpretBound(mlir::ModuleOp bound) {
  RECAST_ASSIGN(plan::Plan plan, exportPlan(bound));
  return Interpreter(std::move(plan)).run(bound);
}

} // namespace recast::compiler
