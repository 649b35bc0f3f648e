#include "lang/ast/Words.h"
#include "lang/import/Importer.h"
#include "runtime/base/NearestName.h"

#include <fmt/format.h>

using namespace mlir;
using namespace recast::ir;

namespace recast::lang {
namespace {

bool isOperation(std::string_view name) { return findWord(operationWords(), name) != nullptr; }

std::vector<std::string> available(std::span<const KnownWord> words) {
  std::vector<std::string> out;
  for (const KnownWord &word : words)
    if (word.available)
      out.emplace_back(word.name);
  return out;
}

} // namespace

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
    RECAST_ASSIGN(ArrayAttr in, paths(node->selection.paths, where));
    ckpt::DropOp::create(builder_, at(where), strings(node->selection.roles),
                         node->selection.isElse, globs(node->selection.in), in, targets);
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
  if (const auto *node = std::get_if<OnlyStatement>(&statement.node)) {
    RECAST_ASSIGN(ArrayAttr in, paths(node->paths, where));
    ckpt::OnlyOp::create(builder_, at(where), globs(node->in), in, targets);
    return {};
  }
  if (const auto *node = std::get_if<InitStatement>(&statement.node))
    return init(*node, where, targets);
  if (const auto *node = std::get_if<DeadlineStatement>(&statement.node)) {
    if (!spec_.pipeline(node->pipeline))
      return failAt(where, fmt::format("no pipeline is called `{}`", node->pipeline));
    ckpt::DeadlineOp::create(builder_, at(where), FlatSymbolRefAttr::get(&context_, node->pipeline),
                             targets);
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

Status Importer::init(const InitStatement &init, Location where, ArrayAttr targets) {
  RECAST_ASSIGN(ArrayAttr in, paths(init.selection.paths, where));
  Attribute value = builder_.getI64IntegerAttr(init.value.name == "ones");
  if (init.value.name == "constant") {
    if (init.value.args.size() != 1)
      return failAt(where, "`constant` takes one number, as in `constant(0.5)`");
    RECAST_ASSIGN(value, constant(init.value.args[0].value, where));
  } else if (init.value.name != "zeros" && init.value.name != "ones") {
    return failAt(where, fmt::format("`{}` is nothing to fill tensors with", init.value.name));
  }
  ArrayAttr roles = strings(init.selection.roles);
  ckpt::InitOp::create(builder_, at(where), roles ? roles : builder_.getArrayAttr({}),
                       globs(init.selection.in), in, value, targets);
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
  } else if (chain.front().name == "predict") {
    RECAST_ASSIGN(std::string name, predictedRole(chain.front()));
    from = builder_.getStringAttr(name);
  }
  RECAST_ASSIGN(ArrayAttr in, paths(role.selection.paths, where));
  auto op =
      ckpt::RoleOp::create(builder_, at(where), strings(role.selection.roles),
                           role.selection.isElse, globs(role.selection.in), in, from, targets);
  OpBuilder::InsertionGuard guard(builder_);
  Block *block = builder_.createBlock(&op.getBody());
  Value value = block->addArgument(ckpt::StateType::get(&context_), at(where));
  for (const Operation &written : chain) {
    if (written.name == "predict" && &written != &role.chain.front())
      return failAt(written.loc, "`predict` can only begin a chain");
    RECAST_ASSIGN(value, operation(written, value));
  }
  ckpt::YieldOp::create(builder_, at(where), value);
  return {};
}

Result<Value> Importer::operation(const Operation &operation, Value value) {
  if (operation.name == "keep") {
    if (!operation.args.empty())
      return failAt(operation.loc, "`keep` takes no arguments");
    return value;
  }
  if (operation.name == "cast")
    return cast(operation, value);
  if (operation.name == "average" && operation.args.empty())
    return Value(ckpt::AverageOp::create(builder_, at(operation.loc), value));
  if (operation.name == "average")
    return failAt(operation.loc, "`average` takes no arguments");
  if (operation.name == "select")
    return select(operation, value);
  if (operation.name == "predict")
    return predict(operation, value);
  if (operation.name == "role")
    return failAt(operation.loc, "a role stands at the beginning of a chain");
  if (const KnownWord *word = findWord(operationWords(), operation.name); word && !word->available)
    return failAt(operation.loc, fmt::format("`{}` is not part of this version", operation.name));
  return failAt(operation.loc, fmt::format("there is no operation `{}`", operation.name),
                nearestName(operation.name, available(operationWords())));
}

/// The role of the weights, which the chain begins with.
Result<std::string> Importer::predictedRole(const Operation &operation) {
  for (const Arg &arg : operation.args)
    if (arg.name.empty() && arg.value && arg.value->kind == Expr::Kind::Name)
      return arg.value->text;
  return failAt(operation.loc, "`predict` begins with the role of the weights");
}

Result<Value> Importer::predict(const Operation &operation, Value value) {
  std::vector<std::string> roles;
  SmallVector<Attribute> args;
  for (const Arg &arg : operation.args) {
    if (!arg.name.empty()) {
      // The lag of a pipeline differs between its stages: it is known when tensors are.
      bool isLag = arg.name == "s" && arg.value && arg.value->kind == Expr::Kind::Member;
      RECAST_ASSIGN(Attribute attr, isLag ? condition(arg.value, operation.loc)
                                          : constant(arg.value, operation.loc));
      args.push_back(ckpt::ArgAttr::get(&context_, arg.name, attr));
      continue;
    }
    if (!arg.value || arg.value->kind != Expr::Kind::Name || !args.empty())
      return failAt(operation.loc,
                    "`predict` takes the names of roles, and then arguments by name");
    roles.push_back(arg.value->text);
  }
  if (roles.size() < 2)
    return failAt(operation.loc, "`predict` takes the roles of the optimizer's states, too");
  roles.erase(roles.begin());
  return Value(ckpt::PredictOp::create(
      builder_, at(operation.loc), value.getType(), value,
      builder_.getStrArrayAttr(SmallVector<StringRef>(roles.begin(), roles.end())),
      builder_.getArrayAttr(args)));
}

Result<Value> Importer::select(const Operation &operation, Value value) {
  bool isOne = operation.args.size() == 1 && !operation.args[0].name.empty();
  ExprPtr coordinate;
  if (isOne) {
    RECAST_ASSIGN(coordinate, folded(spec_, operation.args[0].value, operation.loc));
  }
  if (!coordinate || coordinate->kind != Expr::Kind::Int || coordinate->integer < 0)
    return failAt(operation.loc,
                  "`select` takes one coordinate of a mesh axis, as in select(dp = 0)");
  return Value(ckpt::SelectOp::create(builder_, at(operation.loc), value,
                                      builder_.getStringAttr(operation.args[0].name),
                                      builder_.getI64IntegerAttr(coordinate->integer)));
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

} // namespace recast::lang
