#include "compiler/Interpret/Oracle.h"

#include "compiler/Target/PlanIO.h"
#include "dialect/Ckpt/CkptDialect.h"
#include "dialect/Ckpt/MemberTable.h"
#include "runtime/base/Checked.h"
#include "runtime/io/File.h"
#include "runtime/layout/ElementMap.h"
#include "runtime/plan/Plan.h"
#include "runtime/recipe/Recipe.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace recast::compiler {
namespace {

using namespace recast::ir;

/// A logical tensor, one word of bits per element; where values differ between ranks, in several
/// versions.
struct Tensor {
  DType dtype = DType::F32;
  /// Mesh axes along which it differs with their sizes, in rank order; versions are row-major.
  std::vector<std::pair<std::string, int64_t>> axes;
  std::vector<std::vector<uint64_t>> versions = {{}};
};

/// The f64 mean in the order of `values`, rounded once to `dtype`.
uint64_t meanBits(const std::vector<uint64_t> &values, DType dtype) {
  auto wide = [&](uint64_t bits) {
    return dtype == DType::F64 ? bits
                               : recipe::castBits(bits, dtype, DType::F64, recipe::Overflow::Ieee);
  };
  uint64_t sum = wide(values.front());
  for (size_t i = 1; i < values.size(); ++i)
    sum = recipe::addBits(sum, wide(values[i]));
  uint64_t mean = recipe::divideBits(sum, static_cast<uint16_t>(values.size()));
  return dtype == DType::F64 ? mean
                             : recipe::castBits(mean, DType::F64, dtype,
                                                dtype == DType::F8E4M3FN ? recipe::Overflow::Nan
                                                                         : recipe::Overflow::Ieee);
}

/// One element of what ckpt.extrapolate says, by its table. `scalars` are f64.
uint64_t extrapolatedBits(ckpt::Direction direction, uint64_t weight,
                          const std::vector<uint64_t> &states, const std::vector<uint64_t> &scalars,
                          bool hasDecay, DType dtype) {
  auto wide = [&](uint64_t bits) {
    return dtype == DType::F64 ? bits
                               : recipe::castBits(bits, dtype, DType::F64, recipe::Overflow::Ieee);
  };
  uint64_t w = wide(weight), step = 0;
  if (direction == ckpt::Direction::Velocity) {
    step = wide(states[0]);
  } else if (direction == ckpt::Direction::Momentum) {
    step = recipe::addBits(recipe::multiplyBits(scalars[1], wide(states[0])),
                           recipe::multiplyBits(scalars[2], wide(states[1])));
  } else {
    uint64_t m = recipe::quotientBits(wide(states[0]), scalars[1]);
    uint64_t v = recipe::quotientBits(wide(states[1]), scalars[2]);
    step = recipe::quotientBits(m, recipe::addBits(recipe::squareRootBits(v), scalars[3]));
  }
  if (hasDecay)
    w = recipe::multiplyBits(w, scalars.back());
  uint64_t moved = recipe::subtractBits(w, recipe::multiplyBits(scalars[0], step));
  return dtype == DType::F64 ? moved
                             : recipe::castBits(moved, DType::F64, dtype,
                                                dtype == DType::F8E4M3FN ? recipe::Overflow::Nan
                                                                         : recipe::Overflow::Ieee);
}

/// Element `index` of an array whose elements follow each other bit by bit, low bits first.
uint64_t bitsAt(const char *bytes, uint64_t index, DType dtype) {
  const uint64_t width = bitWidth(dtype);
  uint64_t out = 0;
  for (uint64_t i = 0, at = index * width; i < width; ++i, ++at)
    out |= (static_cast<uint64_t>(static_cast<unsigned char>(bytes[at / 8])) >> at % 8 & 1) << i;
  return out;
}

/// The same element, zero before, becomes `bits`.
void setBits(char *bytes, uint64_t index, DType dtype, uint64_t bits) {
  const uint64_t width = bitWidth(dtype);
  for (uint64_t i = 0, at = index * width; i < width; ++i, ++at)
    bytes[at / 8] = static_cast<char>(bytes[at / 8] | (bits >> i & 1) << at % 8);
}

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
  /// Puts the elements where the layout of `type` has part `part` on the target's rank; the other
  /// parts of `out` stay.
  Status store(ckpt::ValueType type, const plan::TargetEndpoint &target, const Tensor &tensor,
               int32_t part, OracleTensor &out);
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
  Tensor tensor{type.getDType(), {}, {}};
  if (bitWidth(tensor.dtype) > 64)
    return badInput(fmt::format("the oracle has no room for values of {}", name(tensor.dtype)));
  int64_t storeId = row[columns.store(input)], start = row[columns.start(input)];
  std::vector<int64_t> shape = type.getShape().vec();
  layout::Layout layout = type.getLayout();
  size_t versions = 1;
  for (const std::string &axis : ckpt::varyingAxes(type)) {
    tensor.axes.emplace_back(axis, layout.mesh.sizes[layout.mesh.axisIndex(axis)]);
    versions *= static_cast<size_t>(tensor.axes.back().second);
  }
  tensor.versions.assign(versions, std::vector<uint64_t>(static_cast<size_t>(*elementCount(shape)),
                                                         static_cast<uint64_t>(start)));
  if (storeId < 0) // One value for all elements.
    return tensor;
  auto part = static_cast<int32_t>(row[columns.inputPart(input)]);
  bool perGroup = layout::groupStep(layout) != nullptr;
  const plan::Store &store = plan_.stores[static_cast<size_t>(storeId)];
  for (int64_t rank = layout.mesh.rankCount() - 1; rank >= 0;
       --rank) { // The lowest holder is kept.
    RECAST_ASSIGN(std::vector<layout::Slot> slots,
                  layout::elementMap(layout, plan::partShapes(layout, shape), rank,
                                     {start, row[columns.total(input)]}));
    if (slots.empty()) // other stages have no buffer
      continue;
    std::vector<int64_t> coordinates = layout.mesh.coordinates(rank);
    size_t version = 0;
    for (const auto &[axis, size] : tensor.axes)
      version = version * static_cast<size_t>(size) +
                static_cast<size_t>(coordinates[layout.mesh.axisIndex(axis)]);
    const plan::Extent &extent = plan_.extents[store.firstExtent + static_cast<uint32_t>(rank)];
    RECAST_ASSIGN(std::string_view bytes, fileBytes(extent.file));
    for (size_t k = 0; k < slots.size(); ++k) {
      if (slots[k].part != part)
        continue;
      uint64_t element = k + (perGroup ? 0 : static_cast<uint64_t>(start));
      tensor.versions[version][static_cast<size_t>(slots[k].index)] =
          bitsAt(bytes.data() + extent.offset, element, tensor.dtype);
    }
  }
  return tensor;
}

Status Interpreter::store(ckpt::ValueType type, const plan::TargetEndpoint &target,
                          const Tensor &tensor, int32_t part, OracleTensor &out) {
  std::vector<int64_t> shape = type.getShape().vec();
  layout::Layout layout = type.getLayout();
  out.dtype = tensor.dtype;
  const int64_t rank = target.rankIn(layout);
  RECAST_ASSIGN(out.shape, plan::storedShape(layout, shape, rank));
  out.bytes.resize(static_cast<size_t>(*elementCount(out.shape)) * bitWidth(out.dtype) / 8);
  RECAST_ASSIGN(std::vector<layout::Slot> slots,
                layout::elementMap(layout, plan::partShapes(layout, shape), rank));
  for (size_t k = 0; k < slots.size(); ++k)
    if (slots[k].part == part)
      setBits(out.bytes.data(), k, out.dtype,
              tensor.versions.front()[static_cast<size_t>(slots[k].index)]);
  return {};
}

Status Interpreter::check(ckpt::CheckEqualOp op, const Tensor &a, const Tensor &b,
                          const std::string &name) {
  for (size_t v = 0; v < a.versions.size(); ++v)
    for (size_t i = 0; i < a.versions[v].size(); ++i) {
      uint64_t left = a.versions[v][i], right = b.versions[v][i];
      if (left != right && !(isNaN(left, a.dtype) && isNaN(right, b.dtype)))
        return fail(
            Error(Code::Negative, fmt::format("element {}: {:#x} is not {:#x}", i, left, right))
                .tensor(name));
    }
  return {};
}

/// The versions of `tensor` at one coordinate of an axis.
static Tensor version(const Tensor &tensor, const std::string &axis, uint64_t at) {
  Tensor out{tensor.dtype, {}, {}};
  size_t inner = tensor.versions.size(), size = 1;
  for (const auto &[name, extent] : tensor.axes) {
    if (name != axis)
      out.axes.emplace_back(name, extent);
  }
  for (const auto &[name, extent] : tensor.axes) {
    inner /= static_cast<size_t>(extent);
    size = static_cast<size_t>(extent);
    if (name == axis)
      break;
  }
  for (size_t v = 0; v < tensor.versions.size(); ++v)
    if (v / inner % size == at)
      out.versions.push_back(tensor.versions[v]);
  return out;
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
      Tensor to{cast.getTargetDType(), from.axes, from.versions};
      for (auto &version : to.versions)
        for (uint64_t &bits : version)
          bits = recipe::castBits(bits, from.dtype, to.dtype, cast.getRecipeOverflow());
      values[cast.getResult()] = std::move(to);
    } else if (auto select = llvm::dyn_cast<ckpt::SelectOp>(op)) {
      values[select.getResult()] =
          version(values[select.getInput()], select.getAxis().str(), select.getCoordinate());
    } else if (auto average = llvm::dyn_cast<ckpt::AverageOp>(op)) {
      const Tensor &from = values[average.getInput()];
      Tensor to{from.dtype, {}, {{}}};
      for (size_t i = 0; i < from.versions.front().size(); ++i) {
        std::vector<uint64_t> all;
        for (const auto &version : from.versions)
          all.push_back(version[i]);
        to.versions.front().push_back(meanBits(all, to.dtype));
      }
      values[average.getResult()] = std::move(to);
    } else if (auto mean = llvm::dyn_cast<ckpt::MeanOp>(op)) {
      Tensor to = values[mean.getValues().front()];
      for (size_t v = 0; v < to.versions.size(); ++v)
        for (size_t i = 0; i < to.versions[v].size(); ++i) {
          std::vector<uint64_t> all;
          for (mlir::Value value : mean.getValues())
            all.push_back(values[value].versions[v][i]);
          to.versions[v][i] = meanBits(all, to.dtype);
        }
      values[mean.getResult()] = std::move(to);
    } else if (auto ahead = llvm::dyn_cast<ckpt::ExtrapolateOp>(op)) {
      Tensor to = values[ahead.getWeights()];
      std::vector<uint64_t> scalars;
      for (mlir::Value scalar : ahead.getScalars())
        scalars.push_back(values[scalar].versions.front().front());
      for (size_t i = 0; i < to.versions.front().size(); ++i) {
        std::vector<uint64_t> states;
        for (mlir::Value state : ahead.getStates())
          states.push_back(values[state].versions.front()[i]);
        uint64_t &bits = to.versions.front()[i];
        bits = extrapolatedBits(ahead.getDirection(), bits, states, scalars,
                                ahead.getDecay() != nullptr, to.dtype);
      }
      values[ahead.getResult()] = std::move(to);
    } else if (auto equal = llvm::dyn_cast<ckpt::CheckEqualOp>(op)) {
      RECAST_TRY(check(equal, values[equal.getLhs()], values[equal.getRhs()], name));
    } else if (auto yield = llvm::dyn_cast<ckpt::YieldOp>(op)) {
      for (auto [o, value] : llvm::enumerate(yield.getValues())) {
        std::string target =
            llvm::cast<mlir::FlatSymbolRefAttr>(family.getTargets()[o]).getValue().str();
        auto endpoint = std::ranges::find(plan_.targets, target, &plan::TargetEndpoint::name);
        if (endpoint == plan_.targets.end())
          return internal(fmt::format("there is no target {}", target));
        RECAST_TRY(
            store(llvm::cast<ckpt::ValueType>(value.getType()), *endpoint, values[value],
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
