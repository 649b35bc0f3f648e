#include "dialect/Ckpt/CkptDialect.h"
#include "lang/ast/Evaluate.h"
#include "lang/ast/Words.h"
#include "lang/import/ExprAttr.h"
#include "lang/import/Import.h"
#include "runtime/base/NearestName.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"

#include <fmt/format.h>

using namespace mlir;
using namespace recast::ir;

namespace recast::lang {
namespace {

class Importer {
public:
  Importer(const Spec &spec, MLIRContext &context)
      : spec_(spec), context_(context), builder_(&context),
        // What the attributes' and ops' own verifiers say becomes part of the error.
        handler_(&context, [this](Diagnostic &diagnostic) {
          if (said_.empty() && diagnostic.getSeverity() == DiagnosticSeverity::Error) {
            said_ = diagnostic.str();
            saidAt_ = diagnostic.getLocation();
          }
          return success();
        }) {}

  Result<OwningOpRef<ModuleOp>> import();

private:
  // ---- places
  mlir::Location at(Location where);
  tl::unexpected<Error> failAt(Location where, std::string_view message,
                               std::string_view nearest = {});
  /// The failure that a verifier reported.
  tl::unexpected<Error> failSaid(Location where);
  /// Makes an attribute whose verifier may refuse; null if it did.
  template <typename Attr, typename... Args> Attr checked(Location where, Args... args) {
    auto complain = [&] { return emitError(at(where)); };
    llvm::function_ref<InFlightDiagnostic()> emit = complain;
    return Attr::getChecked(emit, &context_, args...);
  }

  // ---- values
  Result<ExprPtr> folded(const Spec &scope, const ExprPtr &expr, Location where);
  Result<Attribute> constant(const ExprPtr &expr, Location where);
  Result<ExprPtr> withoutLets(const ExprPtr &expr, Location where, unsigned depth);
  Result<Attribute> condition(const ExprPtr &expr, Location where);
  ArrayAttr strings(const std::vector<std::string> &texts);
  ArrayAttr globs(const std::vector<Glob> &texts);
  ArrayAttr symbols(const std::vector<std::string> &names);

  // ---- endpoints
  Status endpoint(const Endpoint &endpoint);
  Result<Attribute> step(const Spec &scope, const LayoutStep &step);

  // ---- jobs
  Status job(const Job &job);
  Status statement(const Job &job, const Statement &statement, ArrayAttr targets);
  Status role(const RoleStatement &role, Location where, ArrayAttr targets);
  Result<Value> operation(const Operation &operation, Value value, bool isFirst);
  Result<Value> cast(const Operation &operation, Value value);
  Status objects(const ObjectsStatement &objects, ArrayAttr targets);
  Status files(const FilesStatement &files, Location where, ArrayAttr targets);
  Result<std::string> leadingRole(const Operation &operation);
  Status endpointIs(const Job &job, const std::string &name, bool isTarget);

  const Spec &spec_;
  MLIRContext &context_;
  OpBuilder builder_;
  std::string said_;
  std::optional<mlir::Location> saidAt_;
  ScopedDiagnosticHandler handler_;
  llvm::StringSet<> symbols_;
};

bool isOperation(std::string_view name) { return findWord(operationWords(), name) != nullptr; }

std::vector<std::string> available(std::span<const KnownWord> words) {
  std::vector<std::string> out;
  for (const KnownWord &word : words)
    if (word.available)
      out.emplace_back(word.name);
  return out;
}

// ---- places
mlir::Location Importer::at(Location where) {
  if (where.line == 0)
    return UnknownLoc::get(&context_);
  return FileLineColLoc::get(&context_, spec_.file.empty() ? "<text>" : spec_.file, where.line,
                             where.column);
}

std::string placed(const mlir::Location &at, std::string_view message) {
  if (auto place = dyn_cast<FileLineColLoc>(at))
    return fmt::format("{}:{}:{}: {}", place.getFilename().str(), place.getLine(),
                       place.getColumn(), message);
  return std::string(message);
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
  if (!expr || depth > kMaxExprDepth)
    return failAt(where, expr ? "this condition is nested too deeply" : "a condition is missing");
  if (expr->kind == Expr::Kind::Name && spec_.let(expr->text))
    return folded(spec_, expr, where);
  // The base of a member is an endpoint or another object, never a constant.
  if (expr->kind == Expr::Kind::Member || (expr->args.empty() && expr->operands.empty()))
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

// ---- endpoints
Result<Attribute> Importer::step(const Spec &scope, const LayoutStep &step) {
  SmallVector<StringAttr> axes, by;
  Attribute attr;
  if (const auto *pad = std::get_if<PadStep>(&step.step)) {
    RECAST_ASSIGN(ExprPtr multiple, folded(scope, pad->multiple, step.loc));
    if (multiple->kind != Expr::Kind::Int)
      return failAt(multiple->loc.line ? multiple->loc : step.loc,
                    "axes are padded to a multiple of a whole number");
    attr = checked<ckpt::PadAttr>(step.loc, StringRef(pad->axis), multiple->integer);
  } else if (const auto *split = std::get_if<SplitStep>(&step.step)) {
    auto rule = ckpt::symbolizeSplitRule(split->rule.empty() ? "even" : split->rule);
    if (!rule)
      return failAt(step.loc, fmt::format("no split rule is called `{}`", split->rule));
    for (const std::string &axis : split->axes)
      axes.push_back(builder_.getStringAttr(axis));
    for (const std::string &axis : split->by)
      by.push_back(builder_.getStringAttr(axis));
    attr = checked<ckpt::SplitAttr>(step.loc, ArrayRef<StringAttr>(axes), ArrayRef<StringAttr>(by),
                                    *rule, ArrayRef(split->widths));
  } else if (const auto *chunk = std::get_if<ChunkStep>(&step.step)) {
    attr = checked<ckpt::ChunkAttr>(step.loc, chunk->dim, StringRef(chunk->by));
  } else {
    const auto &flat = std::get<FlatStep>(step.step);
    auto scopeOf = ckpt::symbolizeFlatScope(flat.per);
    if (!scopeOf)
      return failAt(step.loc, fmt::format("`flat` is per param or per group, not `{}`", flat.per));
    attr = checked<ckpt::FlatAttr>(step.loc, StringRef(flat.by), *scopeOf);
  }
  if (!attr)
    return failSaid(step.loc);
  return attr;
}

Status Importer::endpoint(const Endpoint &endpoint) {
  if (!symbols_.insert(endpoint.name).second)
    return failAt(endpoint.loc, fmt::format("`{}` is declared twice", endpoint.name));
  SmallVector<Attribute> args;
  for (const Arg &arg : endpoint.args) {
    RECAST_ASSIGN(Attribute value, constant(arg.value, endpoint.loc));
    args.push_back(arg.name.empty() ? value : ckpt::ArgAttr::get(&context_, arg.name, value));
  }
  // Inside layout steps the axes of the mesh stand for their sizes.
  Spec scope;
  SmallVector<StringAttr> axes;
  SmallVector<int64_t> sizes;
  for (const auto &[axis, size] : endpoint.mesh) {
    Expr value;
    value.integer = size;
    scope.lets.emplace_back(axis, std::make_shared<const Expr>(std::move(value)));
    axes.push_back(builder_.getStringAttr(axis));
    sizes.push_back(size);
  }
  scope.lets.insert(scope.lets.end(), spec_.lets.begin(), spec_.lets.end());
  ckpt::MeshAttr mesh;
  if (!axes.empty()) {
    mesh =
        checked<ckpt::MeshAttr>(endpoint.loc, ArrayRef<StringAttr>(axes), ArrayRef<int64_t>(sizes));
    if (!mesh)
      return failSaid(endpoint.loc);
  }
  SmallVector<Attribute> same;
  for (const SameRule &rule : endpoint.same) {
    SmallVector<Attribute> steps;
    for (const LayoutStep &written : rule.steps) {
      RECAST_ASSIGN(Attribute attr, step(scope, written));
      steps.push_back(attr);
    }
    auto attr = checked<ckpt::SameAttr>(rule.names.loc, StringRef(rule.names.text),
                                        builder_.getArrayAttr(steps));
    if (!attr)
      return failSaid(rule.names.loc);
    same.push_back(attr);
  }
  auto name = builder_.getStringAttr(endpoint.name),
       format = builder_.getStringAttr(endpoint.format);
  auto argList = builder_.getArrayAttr(args);
  ArrayAttr rules = same.empty() ? ArrayAttr() : builder_.getArrayAttr(same);
  if (endpoint.isTarget)
    ckpt::TargetOp::create(builder_, at(endpoint.loc), name, format, argList, rules, mesh,
                           strings(endpoint.replicated));
  else
    ckpt::SourceOp::create(builder_, at(endpoint.loc), name, format, argList, rules, mesh,
                           strings(endpoint.replicated));
  return {};
}

// ---- jobs
Status Importer::endpointIs(const Job &job, const std::string &name, bool isTarget) {
  const Endpoint *found = spec_.endpoint(name);
  if (found && found->isTarget == isTarget)
    return {};
  if (found)
    return failAt(job.loc,
                  fmt::format("`{}` is a {}, not a {}", name, found->isTarget ? "target" : "source",
                              isTarget ? "target" : "source"));
  std::vector<std::string> known;
  for (const Endpoint &endpoint : spec_.endpoints)
    if (endpoint.isTarget == isTarget)
      known.push_back(endpoint.name);
  return failAt(job.loc, fmt::format("no {} is called `{}`", isTarget ? "target" : "source", name),
                nearestName(name, known));
}

Status Importer::job(const Job &job) {
  RECAST_TRY(endpointIs(job, job.source, /*isTarget=*/false));
  for (const std::string &target : job.targets)
    RECAST_TRY(endpointIs(job, target, /*isTarget=*/true));
  // The language does not name jobs; symbols must differ.
  std::string name = fmt::format("{}_{}", job.verb, job.source);
  for (unsigned n = 1; !symbols_.insert(name).second; ++n)
    name = fmt::format("{}_{}_{}", job.verb, job.source, n);
  auto op = ckpt::JobOp::create(
      builder_, at(job.loc), builder_.getStringAttr(name), builder_.getStringAttr(job.verb),
      FlatSymbolRefAttr::get(&context_, job.source), symbols(job.targets));
  OpBuilder::InsertionGuard guard(builder_);
  builder_.createBlock(&op.getBody());
  for (const Statement &written : job.body)
    RECAST_TRY(statement(job, written, {}));
  return {};
}

Status Importer::statement(const Job &job, const Statement &statement, ArrayAttr targets) {
  Location where = statement.loc;
  if (const auto *node = std::get_if<RoleStatement>(&statement.node))
    return role(*node, where, targets);
  if (const auto *node = std::get_if<ForStatement>(&statement.node)) {
    if (targets)
      return failAt(where, "a `for` block inside a `for` block");
    if (node->targets.empty())
      return failAt(where, "`for` names at least one target");
    for (const std::string &target : node->targets)
      if (std::find(job.targets.begin(), job.targets.end(), target) == job.targets.end())
        return failAt(where, fmt::format("`{}` is no target of this job", target),
                      nearestName(target, job.targets));
    for (const Statement &inner : node->body)
      RECAST_TRY(this->statement(job, inner, symbols(node->targets)));
    return {};
  }
  if (const auto *node = std::get_if<ObjectsStatement>(&statement.node))
    return objects(*node, targets);
  if (const auto *node = std::get_if<FilesStatement>(&statement.node))
    return files(*node, where, targets);
  if (const auto *node = std::get_if<DropStatement>(&statement.node)) {
    ckpt::DropOp::create(builder_, at(where), strings(node->selection.roles),
                         node->selection.isElse, globs(node->selection.in), targets);
    return {};
  }
  if (const auto *node = std::get_if<ExpectStatement>(&statement.node)) {
    RECAST_ASSIGN(Attribute attr, condition(node->condition, where));
    ckpt::ExpectOp::create(builder_, at(where), attr, targets);
    return {};
  }
  if (const auto *node = std::get_if<CheckStatement>(&statement.node)) {
    RECAST_ASSIGN(Attribute attr, condition(node->condition, where));
    StringAttr otherwise =
        node->otherwise.empty() ? StringAttr() : builder_.getStringAttr(node->otherwise);
    ckpt::CheckOp::create(builder_, at(where), attr, otherwise, targets);
    return {};
  }
  const auto &budget = std::get<BudgetStatement>(statement.node);
  if (budget.bytes > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return failAt(where, "this budget is out of range");
  ckpt::BudgetOp::create(builder_, at(where),
                         ckpt::SizeAttr::get(&context_, static_cast<int64_t>(budget.bytes)),
                         targets);
  return {};
}

Result<std::string> Importer::leadingRole(const Operation &operation) {
  if (operation.name != "role") {
    if (!operation.args.empty())
      return failAt(operation.loc, fmt::format("there is no operation `{}`", operation.name),
                    nearestName(operation.name, available(operationWords())));
    return operation.name;
  }
  if (operation.args.size() != 1 || !operation.args[0].name.empty() || !operation.args[0].value ||
      operation.args[0].value->kind != Expr::Kind::Name)
    return failAt(operation.loc, "`role` takes the name of one role, as in role(cast)");
  return operation.args[0].value->text;
}

Status Importer::role(const RoleStatement &role, Location where, ArrayAttr targets) {
  if (role.chain.empty())
    return failAt(where, "this rule does not say what becomes of its roles");
  ArrayRef<Operation> chain(role.chain);
  StringAttr from;
  if (!isOperation(chain.front().name) || chain.front().name == "role") {
    RECAST_ASSIGN(std::string name, leadingRole(chain.front()));
    from = builder_.getStringAttr(name);
    chain = chain.drop_front();
  }
  auto op = ckpt::RoleOp::create(builder_, at(where), strings(role.selection.roles),
                                 role.selection.isElse, globs(role.selection.in), from, targets);
  OpBuilder::InsertionGuard guard(builder_);
  Block *block = builder_.createBlock(&op.getBody());
  Value value = block->addArgument(ckpt::StateType::get(&context_), at(where));
  for (const Operation &written : chain) {
    RECAST_ASSIGN(value, operation(written, value, /*isFirst=*/!from && &written == chain.begin()));
  }
  ckpt::YieldOp::create(builder_, at(where), value);
  return {};
}

Result<Value> Importer::operation(const Operation &operation, Value value, bool isFirst) {
  if (operation.name == "keep") {
    if (!operation.args.empty())
      return failAt(operation.loc, "`keep` takes no arguments");
    return value;
  }
  if (operation.name == "cast")
    return cast(operation, value);
  if (operation.name == "role")
    return failAt(operation.loc, "a role stands at the beginning of a chain");
  if (const KnownWord *word = findWord(operationWords(), operation.name); word && !word->available)
    return failAt(operation.loc, fmt::format("`{}` is not part of this version", operation.name));
  return failAt(operation.loc, fmt::format("there is no operation `{}`", operation.name),
                nearestName(operation.name, available(operationWords())));
}

Result<Value> Importer::cast(const Operation &operation, Value value) {
  std::optional<DType> dtype;
  std::optional<ckpt::Overflow> overflow;
  for (const Arg &arg : operation.args) {
    RECAST_ASSIGN(ExprPtr word, folded(spec_, arg.value, operation.loc));
    if (word->kind != Expr::Kind::Name)
      return failAt(operation.loc, "the arguments of `cast` are words, as in cast(bf16)");
    if (arg.name.empty() && !dtype) {
      dtype = parseDType(word->text);
      std::vector<std::string> known;
      for (const DTypeInfo &candidate : allDTypes())
        known.emplace_back(candidate.name);
      if (!dtype)
        return failAt(operation.loc, fmt::format("no type is called `{}`", word->text),
                      nearestName(word->text, known));
    } else if (arg.name == "overflow") {
      overflow = ckpt::symbolizeOverflow(word->text);
      if (!overflow)
        return failAt(operation.loc,
                      fmt::format("overflow is ieee, saturate or nan, not `{}`", word->text));
    } else if (arg.name == "round") {
      if (!ckpt::symbolizeRounding(word->text))
        return failAt(operation.loc, fmt::format("round is rne, not `{}`", word->text));
    } else {
      return failAt(operation.loc, arg.name.empty()
                                       ? "`cast` takes one type"
                                       : fmt::format("`cast` has no argument `{}`", arg.name));
    }
  }
  if (!dtype)
    return failAt(operation.loc, "`cast` takes a type, as in cast(bf16)");
  if (info(*dtype).isFloat && bitWidth(*dtype) <= 8 && !overflow)
    return failAt(
        operation.loc,
        fmt::format(
            "a cast to {0} says what overflow does, as in cast({0}, overflow = {1})", name(*dtype),
            recipe::overflowAllowed(*dtype, recipe::Overflow::Saturate) ? "saturate" : "ieee"));
  return Value(ckpt::CastOp::create(builder_, at(operation.loc), value, *dtype, overflow));
}

Status Importer::objects(const ObjectsStatement &objects, ArrayAttr targets) {
  for (const ObjectRule &rule : objects.rules) {
    auto policy = ckpt::symbolizeObjectPolicy(rule.policy.name);
    if (!policy)
      return failAt(rule.policy.loc.line ? rule.policy.loc : rule.loc,
                    fmt::format("there is no object policy `{}`", rule.policy.name),
                    nearestName(rule.policy.name, available(objectPolicyWords())));
    bool isSet = *policy == ckpt::ObjectPolicy::Set;
    if (rule.policy.args.size() != (isSet ? 1 : 0) || (isSet && !rule.policy.args[0].name.empty()))
      return failAt(rule.policy.loc.line ? rule.policy.loc : rule.loc,
                    isSet ? "`set` takes one value"
                          : fmt::format("`{}` takes no arguments", rule.policy.name));
    Attribute value;
    if (isSet) {
      RECAST_ASSIGN(value, constant(rule.policy.args[0].value, rule.loc));
    }
    std::vector<std::string> keys;
    for (const Ref &key : rule.keys)
      keys.push_back(key.str());
    ckpt::ObjectsOp::create(builder_, at(rule.loc), strings(keys), rule.isElse, *policy, value,
                            targets);
  }
  return {};
}

Status Importer::files(const FilesStatement &files, Location where, ArrayAttr targets) {
  RECAST_ASSIGN(Attribute from, constant(files.from, where));
  auto path = dyn_cast<StringAttr>(from);
  if (!path)
    return failAt(where, "files are copied from a folder, written as text");
  ArrayAttr names = globs(files.names);
  ckpt::FilesOp::create(builder_, at(where), names ? names : builder_.getArrayAttr({}), path,
                        targets);
  return {};
}

Result<OwningOpRef<ModuleOp>> Importer::import() {
  context_.getOrLoadDialect<ckpt::CkptDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder_, at({1, 1}));
  builder_.setInsertionPointToEnd(module->getBody());
  for (const Endpoint &written : spec_.endpoints)
    RECAST_TRY(endpoint(written));
  for (const Job &written : spec_.jobs)
    RECAST_TRY(job(written));
  if (failed(verify(*module)))
    return failSaid({});
  return module;
}

} // namespace

Result<OwningOpRef<ModuleOp>> importSpec(const Spec &spec, MLIRContext &context) {
  return Importer(spec, context).import();
}

} // namespace recast::lang
