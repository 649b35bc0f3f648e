#include "compiler/Target/PlanIO.h"
#include "dialect/Plan/PlanDialect.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

#include <bit>
#include <fmt/format.h>

namespace recast {
namespace {

tl::unexpected<Error> badOp(mlir::Operation *op, std::string why) {
  Error error(Code::BadInput, fmt::format("'{}': {}", op->getName().getStringRef().str(), why));
  if (auto at = op->getLoc()->findInstanceOf<mlir::FileLineColLoc>())
    error = std::move(error).file(
        fmt::format("{}:{}:{}", at.getFilename().str(), at.getLine(), at.getColumn()));
  return fail(std::move(error));
}

/// The verifier's first complaint as an Error instead of a diagnostic.
Status verifyOp(mlir::Operation *op) {
  std::string message;
  mlir::ScopedDiagnosticHandler handler(op->getContext(), [&](mlir::Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
    return mlir::success();
  });
  if (mlir::failed(mlir::verify(op, /*verifyRecursively=*/false)))
    return badOp(op, message);
  return {};
}

/// The cells of a table were checked by the op's verifier; only the data may be missing.
Result<ir::plan::Table> tableOf(mlir::Operation *op, mlir::DenseResourceElementsAttr attr) {
  if (auto table = ir::plan::Table::read(attr))
    return *table;
  return badOp(op, fmt::format("the data of resource `{}` is not there",
                               attr.getRawHandle().getKey().str()));
}

Result<llvm::StringRef> bytesOf(mlir::Operation *op, mlir::DenseResourceElementsAttr attr) {
  if (auto bytes = ir::plan::readBytes(attr))
    return *bytes;
  return badOp(op, fmt::format("the data of resource `{}` is not there",
                               attr.getRawHandle().getKey().str()));
}

class Exporter {
public:
  Result<plan::Plan> run(mlir::ModuleOp module) {
    llvm::StringSet<> seen;
    for (mlir::Operation &op : module.getBody()->getOperations()) {
      if (op.getName().getDialectNamespace() != ir::plan::PlanDialect::getDialectNamespace())
        continue;
      RECAST_TRY(verifyOp(&op));
      bool single =
          llvm::isa<ir::plan::HeaderOp, ir::plan::StringsOp, ir::plan::FilesOp, ir::plan::RecordsOp,
                    ir::plan::ExtentsOp, ir::plan::StoresOp, ir::plan::DeadlinesOp>(op);
      if (single && !seen.insert(op.getName().getStringRef()).second)
        return badOp(&op, "a module may have only one");
      RECAST_TRY(visit(&op));
    }
    return std::move(plan_);
  }

private:
  Status visit(mlir::Operation *op) {
    return llvm::TypeSwitch<mlir::Operation *, Status>(op)
        .Case<ir::plan::HeaderOp, ir::plan::StringsOp, ir::plan::SourceOp, ir::plan::FilesOp,
              ir::plan::RecordsOp, ir::plan::ExtentsOp, ir::plan::StoresOp, ir::plan::LayoutOp,
              ir::plan::TargetOp, ir::plan::FamilyOp, ir::plan::LeftOutOp, ir::plan::DeadlinesOp>(
            [this](auto typed) { return add(typed); })
        .Default([](mlir::Operation *unknown) -> Status {
          return badOp(unknown, "is not an operation of the plan dialect");
        });
  }

  Status add(ir::plan::HeaderOp op) {
    if (op.getMajor() != plan::kVersionMajor || op.getMinor() != plan::kVersionMinor)
      return badOp(op, fmt::format("the text has format version {}.{}, this program writes {}.{}",
                                   op.getMajor(), op.getMinor(), plan::kVersionMajor,
                                   plan::kVersionMinor));
    plan_.spec = op.getSpec().str();
    plan_.budget = op.getBudget();
    plan_.schemaFingerprint = op.getSchema();
    plan_.instanceFingerprint = op.getInstance();
    plan_.rebinding = static_cast<plan::Rebinding>(op.getRebinding());
    plan_.cut = static_cast<plan::Cut>(op.getCut());
    return {};
  }

  Status add(ir::plan::StringsOp op) {
    RECAST_ASSIGN(ir::plan::Table lengths, tableOf(op, op.getLengths()));
    RECAST_ASSIGN(llvm::StringRef bytes, bytesOf(op, op.getBytes()));
    plan_.strings.reserve(static_cast<size_t>(lengths.rows()));
    for (int64_t row = 0; row < lengths.rows(); ++row) {
      auto length = static_cast<size_t>(lengths.at(row, 0));
      plan_.strings.push_back(bytes.take_front(length).str());
      bytes = bytes.drop_front(length);
    }
    return {};
  }

  Status add(ir::plan::SourceOp op) {
    plan_.sources.push_back(
        {op.getName().str(), op.getFormat().str(), op.getPath().str(), op.getTag().str(), {}});
    addTexts(op.getFactsAttr(), plan_.sources.back().facts);
    return {};
  }

  Status add(ir::plan::FilesOp op) {
    RECAST_ASSIGN(ir::plan::Table rows, tableOf(op, op.getRows()));
    RECAST_ASSIGN(llvm::StringRef paths, bytesOf(op, op.getPaths()));
    for (int64_t row = 0; row < rows.rows(); ++row) {
      auto length = static_cast<size_t>(rows.at(row, 3));
      plan_.files.push_back({u32(rows.at(row, 0)), paths.take_front(length).str(),
                             static_cast<uint64_t>(rows.at(row, 1)), rows.at(row, 2)});
      paths = paths.drop_front(length);
    }
    return {};
  }

  Status add(ir::plan::RecordsOp op) {
    RECAST_ASSIGN(ir::plan::Table rows, tableOf(op, op.getRows()));
    for (int64_t row = 0; row < rows.rows(); ++row)
      plan_.records.push_back({u32(rows.at(row, 0)), static_cast<uint64_t>(rows.at(row, 1)),
                               static_cast<uint64_t>(rows.at(row, 2)), u32(rows.at(row, 3))});
    return {};
  }

  Status add(ir::plan::ExtentsOp op) {
    RECAST_ASSIGN(ir::plan::Table rows, tableOf(op, op.getRows()));
    for (int64_t row = 0; row < rows.rows(); ++row)
      plan_.extents.push_back(
          {u32(rows.at(row, 0)), static_cast<uint64_t>(rows.at(row, 1)), rows.at(row, 2)});
    return {};
  }

  Status add(ir::plan::StoresOp op) {
    RECAST_ASSIGN(ir::plan::Table rows, tableOf(op, op.getRows()));
    for (int64_t row = 0; row < rows.rows(); ++row)
      plan_.stores.push_back({u32(rows.at(row, 0)), u32(rows.at(row, 1))});
    return {};
  }

  Status add(ir::plan::LayoutOp op) {
    RECAST_ASSIGN(layout::Layout layout, layout::Layout::parse(op.getText().str()));
    plan_.layouts.push_back(std::move(layout));
    return {};
  }

  Status add(ir::plan::TargetOp op) {
    plan::TargetEndpoint target;
    target.name = op.getName().str();
    target.format = op.getFormat().str();
    target.path = op.getPath().str();
    target.tag = op.getTag().str();
    if (op.getRank())
      target.rank = *op.getRank();
    addTexts(op.getOptionsAttr(), target.options);
    addTexts(op.getObjectsAttr(), target.objects);
    if (auto attr = op.getAliasesAttr()) {
      RECAST_ASSIGN(ir::plan::Table rows, tableOf(op, attr));
      for (int64_t row = 0; row < rows.rows(); ++row)
        target.aliases.emplace_back(u32(rows.at(row, 0)), u32(rows.at(row, 1)));
    }
    if (op.getGroupHyperAttr()) {
      RECAST_ASSIGN(ir::plan::Table names, tableOf(op, op.getGroupNamesAttr()));
      int64_t next = 0;
      for (auto [hyper, size] :
           llvm::zip_equal(op.getGroupHyperAttr().getAsRange<mlir::StringAttr>(),
                           op.getGroupSizesAttr().asArrayRef())) {
        plan::Group &group = target.groups.emplace_back();
        group.hyper = hyper.getValue().str();
        for (int64_t end = next + size; next < end; ++next)
          group.names.push_back(u32(names.at(next, 0)));
      }
    }
    if (auto attr = op.getKeptFilesAttr()) {
      RECAST_ASSIGN(ir::plan::Table rows, tableOf(op, attr));
      for (int64_t row = 0; row < rows.rows(); ++row)
        target.keptFiles.push_back({u32(rows.at(row, 0))});
    }
    if (auto attr = op.getSideFilesAttr())
      for (auto side : attr.getAsRange<ir::plan::SideFileAttr>())
        target.sideFiles.push_back(
            {side.getSource().str(), side.getName().str(), side.getSize(), side.getMtime()});
    plan_.targets.push_back(std::move(target));
    return {};
  }

  Status add(ir::plan::FamilyOp op) {
    plan::Family family;
    family.shape = op.getShape().vec();
    for (auto input : op.getInputs().getAsRange<ir::plan::InputAttr>())
      family.inputs.push_back({input.getDtype(), input.getLayout()});
    for (auto output : op.getOutputs().getAsRange<ir::plan::OutputAttr>())
      family.outputs.push_back({output.getTarget(), output.getDtype(), output.getLayout()});
    RECAST_ASSIGN(family.recipe, recipe::Recipe::parse(op.getRecipe().str()));
    RECAST_ASSIGN(ir::plan::Table rows, tableOf(op, op.getMembers()));
    auto members = static_cast<size_t>(rows.rows());
    family.memberNames.reserve(members);
    family.memberInputs.reserve(members * family.inputs.size());
    family.memberOutputs.reserve(members * family.outputs.size());
    for (int64_t row = 0; row < rows.rows(); ++row) {
      int64_t column = 0;
      family.memberNames.push_back(u32(rows.at(row, column++)));
      for (size_t i = 0; i < family.inputs.size(); ++i, column += 4)
        // -1 becomes kNone.
        family.memberInputs.push_back({static_cast<uint32_t>(rows.at(row, column)),
                                       rows.at(row, column + 1), rows.at(row, column + 2),
                                       u32(rows.at(row, column + 3))});
      for (size_t i = 0; i < family.outputs.size(); ++i, column += 3)
        family.memberOutputs.push_back({u32(rows.at(row, column)), u32(rows.at(row, column + 1)),
                                        u32(rows.at(row, column + 2))});
    }
    plan_.families.push_back(std::move(family));
    return {};
  }

  Status add(ir::plan::LeftOutOp op) {
    plan::LeftOut &item = plan_.leftOut.emplace_back(op.getWhat().str(), op.getWhy().str());
    if (op.getObject())
      item.object = {op.getObject()->str(), op.getTarget()->str(),
                     static_cast<plan::ObjectChange::Kind>(*op.getChange())};
    if (op.getRole())
      item.role = {op.getRole()->str(), op.getTarget()->str(),
                   static_cast<uint64_t>(*op.getTensors()),
                   static_cast<plan::RoleChange::Kind>(*op.getRoleChange())};
    return {};
  }

  Status add(ir::plan::DeadlinesOp op) {
    plan_.pipeline = op.getPipeline().str();
    plan_.pipelineTime = op.getTime().convertToDouble();
    RECAST_ASSIGN(ir::plan::Table rows, tableOf(op, op.getRows()));
    for (int64_t row = 0; row < rows.rows(); ++row)
      plan_.deadlines.push_back({u32(rows.at(row, 0)), u32(rows.at(row, 1)), u32(rows.at(row, 2)),
                                 std::bit_cast<double>(rows.at(row, 3))});
    return {};
  }

  static uint32_t u32(int64_t cell) { return static_cast<uint32_t>(cell); }
  static void addTexts(mlir::DictionaryAttr attr, std::map<std::string, std::string> &map) {
    if (attr)
      for (mlir::NamedAttribute entry : attr)
        map.emplace(entry.getName().str(),
                    llvm::cast<mlir::StringAttr>(entry.getValue()).getValue().str());
  }

  plan::Plan plan_;
};

} // namespace

Result<plan::Plan> exportPlan(mlir::ModuleOp module) { return Exporter().run(module); }

} // namespace recast
