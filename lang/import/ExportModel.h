// Declared models and views as syntax; shared by the parts of the exporter.
#pragma once

#include "dialect/Ckpt/CkptDialect.h"
#include "lang/ast/Ast.h"
#include "runtime/base/Status.h"

namespace recast::lang {

Location placeOf(mlir::Location loc);
tl::unexpected<Error> failAt(mlir::Location loc, std::string message);
/// The text as a name, or an error: the language must be able to spell it.
Result<std::string> identifier(llvm::StringRef text, mlir::Location loc);
Result<std::vector<std::string>> identifiers(std::optional<mlir::ArrayAttr> names,
                                             mlir::Location loc);
std::vector<Glob> globs(std::optional<mlir::ArrayAttr> patterns);
/// Fails on steps that the language has no words for.
Result<LayoutStep> exportStep(mlir::Attribute attr);

Result<std::vector<Path>> exportPaths(std::optional<mlir::ArrayAttr> paths, mlir::Location loc);
Result<Model> exportModel(ir::ckpt::ModelOp op);
Result<View> exportView(ir::ckpt::ViewOp op);

} // namespace recast::lang
