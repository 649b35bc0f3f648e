// The importer behind Import.h: one function per statement, one op made by each.
#pragma once

#include "dialect/Ckpt/CkptDialect.h"
#include "dialect/Pipe/PipeDialect.h"
#include "lang/ast/Ast.h"
#include "runtime/base/Status.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringSet.h"

namespace recast::lang {

class Importer {
public:
  Importer(const Spec &spec, mlir::MLIRContext &context)
      : spec_(spec), file_(spec.file), context_(context), builder_(&context),
        // What the attributes' and ops' own verifiers say becomes part of the error.
        handler_(&context, [this](mlir::Diagnostic &diagnostic) {
          if (said_.empty() && diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error) {
            said_ = diagnostic.str();
            saidAt_ = diagnostic.getLocation();
          }
          return mlir::success();
        }) {}

  Result<mlir::OwningOpRef<mlir::ModuleOp>> import();

private:
  // ---- places
  mlir::Location at(Location where);
  tl::unexpected<Error> failAt(Location where, std::string_view message,
                               std::string_view nearest = {});
  /// The failure that a verifier reported.
  tl::unexpected<Error> failSaid(Location where);
  /// Makes an attribute whose verifier may refuse; null if it did.
  template <typename Attr, typename... Args> Attr checked(Location where, Args... args) {
    auto complain = [&] { return mlir::emitError(at(where)); };
    llvm::function_ref<mlir::InFlightDiagnostic()> emit = complain;
    return Attr::getChecked(emit, &context_, args...);
  }

  // ---- models and views (ImportModel.cpp)
  Status model(const Model &model);
  Status items(const std::vector<ModelItem> &items);
  Status view(const View &view);
  Status rule(const ViewRule &rule);
  Result<ir::ckpt::PathAttr> path(const Path &path, Location where);
  Result<mlir::ArrayAttr> paths(const std::vector<Path> &written, Location where);
  /// The expression as it is; `optional` gives null for null.
  Result<mlir::Attribute> unfolded(const ExprPtr &expr, Location where);
  Result<mlir::Attribute> optional(const ExprPtr &expr, Location where);

  // ---- values
  Result<ExprPtr> folded(const Spec &scope, const ExprPtr &expr, Location where);
  Result<mlir::Attribute> constant(const ExprPtr &expr, Location where);
  Result<ExprPtr> withoutLets(const ExprPtr &expr, Location where, unsigned depth);
  Result<mlir::Attribute> condition(const ExprPtr &expr, Location where);
  mlir::ArrayAttr strings(const std::vector<std::string> &texts);
  mlir::ArrayAttr globs(const std::vector<Glob> &texts);
  mlir::ArrayAttr symbols(const std::vector<std::string> &names);

  // ---- endpoints
  Status endpoint(const Endpoint &endpoint);
  Result<mlir::Attribute> step(const Spec &scope, const LayoutStep &step);

  // ---- pipelines (ImportPipeline.cpp)
  /// A constant, or a call of constants: `every(2 * n)`.
  Result<mlir::Attribute> constantCall(const ExprPtr &expr, Location where);
  Status pipeline(const Pipeline &pipeline);

  // ---- jobs
  Status job(const Job &job);
  Status statement(const Job &job, const Statement &statement, mlir::ArrayAttr targets);
  Status role(const RoleStatement &role, Location where, mlir::ArrayAttr targets);
  Result<mlir::Value> operation(const Operation &operation, mlir::Value value);
  Result<mlir::Value> cast(const Operation &operation, mlir::Value value);
  Result<std::string> predictedRole(const Operation &operation);
  Result<mlir::Value> predict(const Operation &operation, mlir::Value value);
  Result<mlir::Value> select(const Operation &operation, mlir::Value value);
  Status objects(const ObjectsStatement &objects, mlir::ArrayAttr targets);
  Status files(const FilesStatement &files, Location where, mlir::ArrayAttr targets);
  Status init(const InitStatement &init, Location where, mlir::ArrayAttr targets);
  Result<std::string> leadingRole(const Operation &operation);
  Status endpointIs(const Job &job, const std::string &name, bool isTarget);

  const Spec &spec_;
  std::string file_; ///< That locations point into: the spec's, or a library's.
  size_t substituted_ = 0;
  mlir::MLIRContext &context_;
  mlir::OpBuilder builder_;
  std::string said_;
  std::optional<mlir::Location> saidAt_;
  mlir::ScopedDiagnosticHandler handler_;
  llvm::StringSet<> symbols_;
};

} // namespace recast::lang
