#include "lang/ast/Evaluate.h"
#include "lang/import/ExprAttr.h"
#include "lang/import/Import.h"
#include "lang/import/Importer.h"

#include "mlir/IR/Verifier.h"

#include <fmt/format.h>

using namespace mlir;
using namespace recast::ir;

namespace recast::lang {
namespace {

std::string placed(const mlir::Location &at, std::string_view message) {
  if (auto place = dyn_cast<FileLineColLoc>(at))
    return fmt::format("{}:{}:{}: {}", place.getFilename().str(), place.getLine(),
                       place.getColumn(), message);
  return std::string(message);
}

} // namespace

// ---- places
mlir::Location Importer::at(Location where) {
  if (where.line == 0)
    return UnknownLoc::get(&context_);
  return FileLineColLoc::get(&context_, file_.empty() ? "<text>" : file_, where.line, where.column);
}

tl::unexpected<Error> Importer::failAt(Location where, std::string_view message,
                                       std::string_view nearest) {
  Error error(Code::Usage, placed(at(where), message));
  if (!nearest.empty())
    return fail(std::move(error).hint(fmt::format("Did you mean `{}`?", nearest)));
  return fail(std::move(error));
}

tl::unexpected<Error> Importer::failSaid(Location where) {
  if (said_.empty())
    return failAt(where, "this cannot be said in the ckpt dialect");
  return usage(placed(saidAt_.value_or(at(where)), said_));
}

// ---- values
Result<ExprPtr> Importer::folded(const Spec &scope, const ExprPtr &expr, Location where) {
  Evaluation value = evaluate(scope, expr);
  if (!value)
    return failAt(value.where.line ? value.where : where, value.error);
  return value.value;
}

Result<Attribute> Importer::constant(const ExprPtr &expr, Location where) {
  RECAST_ASSIGN(ExprPtr value, folded(spec_, expr, where));
  auto attr = exprToAttr(context_, value);
  if (!attr)
    return failAt(value->loc.line ? value->loc : where, attr.error().message());
  return attr;
}

Result<ExprPtr> Importer::withoutLets(const ExprPtr &expr, Location where, unsigned depth) {
  // A let may name another one twice, and that one again: bounded in work as well.
  if (!expr || depth > kMaxExprDepth || ++substituted_ > (size_t{1} << 16))
    return failAt(where, expr ? "this expression is nested too deeply" : "a value is missing");
  if (expr->kind == Expr::Kind::Name)
    if (const ExprPtr *value = spec_.let(expr->text)) {
      // What calls something is known when the job is bound; everything else is now.
      if (evaluate(spec_, expr))
        return folded(spec_, expr, where);
      return withoutLets(*value, where, depth + 1);
    }
  // The base of a member is an endpoint or what a function gives, never a constant.
  bool isEndpoint = expr->kind == Expr::Kind::Member && expr->operands.size() == 1 &&
                    expr->operands[0] && expr->operands[0]->kind == Expr::Kind::Name &&
                    !spec_.let(expr->operands[0]->text);
  if (isEndpoint || (expr->args.empty() && expr->operands.empty()))
    return expr;
  Expr out = *expr;
  for (Arg &arg : out.args) {
    RECAST_ASSIGN(arg.value, withoutLets(arg.value, where, depth + 1));
  }
  for (ExprPtr &operand : out.operands) {
    RECAST_ASSIGN(operand, withoutLets(operand, where, depth + 1));
  }
  return std::make_shared<const Expr>(std::move(out));
}

Result<Attribute> Importer::condition(const ExprPtr &expr, Location where) {
  RECAST_ASSIGN(ExprPtr closed, withoutLets(expr, where, 0));
  auto attr = exprToAttr(context_, closed);
  if (!attr)
    return failAt(where, attr.error().message());
  return attr;
}

ArrayAttr Importer::strings(const std::vector<std::string> &texts) {
  SmallVector<StringRef> refs(texts.begin(), texts.end());
  return refs.empty() ? ArrayAttr() : builder_.getStrArrayAttr(refs);
}

ArrayAttr Importer::globs(const std::vector<Glob> &patterns) {
  std::vector<std::string> texts;
  for (const Glob &glob : patterns)
    texts.push_back(glob.text);
  return strings(texts);
}

ArrayAttr Importer::symbols(const std::vector<std::string> &names) {
  SmallVector<Attribute> out;
  for (const std::string &name : names)
    out.push_back(FlatSymbolRefAttr::get(&context_, name));
  return builder_.getArrayAttr(out);
}

Result<OwningOpRef<ModuleOp>> Importer::import() {
  context_.getOrLoadDialect<ckpt::CkptDialect>();
  context_.getOrLoadDialect<pipe::PipeDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder_, at({1, 1}));
  builder_.setInsertionPointToEnd(module->getBody());
  if (!spec_.uses.empty())
    return failAt(spec_.uses.front().loc, "used files must be linked before a spec is imported");
  for (const Model &written : spec_.models)
    RECAST_TRY(model(written));
  for (const View &written : spec_.views)
    RECAST_TRY(view(written));
  for (const Pipeline &written : spec_.pipelines)
    RECAST_TRY(pipeline(written));
  for (const Endpoint &written : spec_.endpoints)
    RECAST_TRY(endpoint(written));
  for (const Job &written : spec_.jobs)
    RECAST_TRY(job(written));
  if (failed(verify(*module)))
    return failSaid({});
  return module;
}

Result<OwningOpRef<ModuleOp>> importSpec(const Spec &spec, MLIRContext &context) {
  return Importer(spec, context).import();
}

} // namespace recast::lang
