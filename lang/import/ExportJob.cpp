#include "lang/import/ExportJob.h"

#include "lang/ast/Words.h"
#include "lang/import/ExportModel.h"
#include "lang/import/ExprAttr.h"

#include <fmt/format.h>

using namespace mlir;
using namespace recast::ir;

namespace recast::lang {
namespace {

ExprPtr word(StringRef text) {
  Expr out;
  out.kind = Expr::Kind::Name;
  out.text = text.str();
  return std::make_shared<const Expr>(std::move(out));
}

template <typename Op> Result<Selection> exportSelection(Op op) {
  Selection out;
  out.loc = placeOf(op.getLoc());
  out.isElse = op.getIsElse();
  out.in = globs(op.getNames());
  RECAST_ASSIGN(out.paths, exportPaths(op.getPaths(), op.getLoc()));
  RECAST_ASSIGN(out.roles, identifiers(op.getRoles(), op.getLoc()));
  return out;
}

Result<InitStatement> exportInit(ckpt::InitOp op) {
  InitStatement out;
  out.selection.loc = out.value.loc = placeOf(op.getLoc());
  RECAST_ASSIGN(out.selection.roles, identifiers(op.getRoles(), op.getLoc()));
  out.selection.in = globs(op.getNames());
  RECAST_ASSIGN(out.selection.paths, exportPaths(op.getPaths(), op.getLoc()));
  auto whole = dyn_cast<IntegerAttr>(op.getValue());
  if (whole && (whole.getInt() == 0 || whole.getInt() == 1))
    out.value.name = whole.getInt() ? "ones" : "zeros";
  else
    out.value = {out.value.loc, "constant", {{"", attrToExpr(op.getValue())}}};
  return out;
}

Operation exportCast(ckpt::CastOp op) {
  lang::Operation out;
  out.loc = placeOf(op.getLoc());
  out.name = "cast";
  out.args.push_back({"", word(StringRef(name(op.getTargetDType())))});
  if (op.getOverflow())
    out.args.push_back({"overflow", word(ckpt::stringifyOverflow(*op.getOverflow()))});
  return out;
}

Operation exportSelect(ckpt::SelectOp op) {
  Expr coordinate;
  coordinate.integer = static_cast<int64_t>(op.getCoordinate());
  return {placeOf(op.getLoc()),
          "select",
          {{op.getAxis().str(), std::make_shared<const Expr>(std::move(coordinate))}}};
}

Result<lang::Operation> exportPredict(ckpt::RoleOp role, ckpt::PredictOp op) {
  lang::Operation out{placeOf(op.getLoc()), "predict", {}};
  if (!role.getFrom())
    return failAt(op.getLoc(), "`predict` begins with the role of the weights");
  RECAST_ASSIGN(std::string weights, identifier(*role.getFrom(), op.getLoc()));
  RECAST_ASSIGN(std::vector<std::string> states, identifiers(op.getStates(), op.getLoc()));
  out.args.push_back({"", word(weights)});
  for (const std::string &state : states)
    out.args.push_back({"", word(state)});
  for (Arg &arg : attrToArgs(op.getArgs()))
    out.args.push_back(std::move(arg));
  return out;
}

Result<RoleStatement> exportRole(ckpt::RoleOp op) {
  RoleStatement out;
  RECAST_ASSIGN(out.selection, exportSelection(op));
  lang::Operation first;
  first.loc = placeOf(op.getLoc());
  first.name = "keep";
  if (op.getFrom()) {
    RECAST_ASSIGN(first.name, identifier(*op.getFrom(), op.getLoc()));
    if (findWord(operationWords(), first.name)) {
      first.args.push_back({"", word(first.name)});
      first.name = "role";
    }
  }
  std::vector<lang::Operation> reversed;
  Value value = op.getYield().getValues().front();
  while (mlir::Operation *made = value.getDefiningOp()) {
    if (auto cast = dyn_cast<ckpt::CastOp>(made))
      reversed.push_back(exportCast(cast));
    else if (auto select = dyn_cast<ckpt::SelectOp>(made))
      reversed.push_back(exportSelect(select));
    else if (isa<ckpt::AverageOp>(made))
      reversed.push_back({placeOf(made->getLoc()), "average", {}});
    else
      break;
    value = made->getOperand(0);
  }
  size_t written = reversed.size();
  if (auto predict = value.getDefiningOp<ckpt::PredictOp>()) {
    RECAST_ASSIGN(first, exportPredict(op, predict));
    value = predict.getWeights();
    ++written;
  }
  // The language has chains only: every op on the way from the argument, and no other.
  if (value != op.getState() || written + 1 != op.getBlock().getOperations().size())
    return failAt(op.getLoc(), "this rule is not one chain of operations");
  out.chain.push_back(std::move(first));
  out.chain.insert(out.chain.end(), reversed.rbegin(), reversed.rend());
  return out;
}

Result<ObjectRule> exportObjects(ckpt::ObjectsOp op) {
  ObjectRule out;
  out.loc = placeOf(op.getLoc());
  out.isElse = op.getIsElse();
  if (ArrayAttr keys = op.getKeysAttr())
    for (Attribute key : keys) {
      Ref &ref = out.keys.emplace_back();
      SmallVector<StringRef> parts;
      StringRef text = cast<StringAttr>(key).getValue();
      text.split(parts, '.');
      for (StringRef part : parts) {
        RECAST_ASSIGN(std::string name, identifier(part, op.getLoc()));
        ref.parts.push_back(std::move(name));
      }
    }
  out.policy.loc = out.loc;
  out.policy.name = ckpt::stringifyObjectPolicy(op.getPolicy()).str();
  if (op.getValue())
    out.policy.args.push_back({"", attrToExpr(*op.getValue())});
  return out;
}

class JobExporter {
public:
  Result<Job> run(ckpt::JobOp op);

private:
  Status statement(mlir::Operation &op);
  /// The list that a statement with these targets belongs to.
  Result<std::vector<Statement> *> bodyFor(mlir::Operation &op);
  template <typename Node> Status add(mlir::Operation &op, Node node) {
    RECAST_ASSIGN(std::vector<Statement> * body, bodyFor(op));
    body->push_back({placeOf(op.getLoc()), std::move(node)});
    return {};
  }

  Job job_;
  ArrayAttr targets_; ///< Of the last statement.
};

Result<std::vector<Statement> *> JobExporter::bodyFor(mlir::Operation &op) {
  auto targets = op.getAttrOfType<ArrayAttr>("targets");
  bool isSame = targets == targets_ && !job_.body.empty();
  targets_ = targets;
  if (!targets)
    return &job_.body;
  if (!isSame) {
    ForStatement block;
    RECAST_ASSIGN(block.targets, identifiers(targets, op.getLoc()));
    job_.body.push_back({placeOf(op.getLoc()), std::move(block)});
  }
  return &std::get<ForStatement>(job_.body.back().node).body;
}

Status JobExporter::statement(mlir::Operation &op) {
  if (auto role = dyn_cast<ckpt::RoleOp>(op)) {
    RECAST_ASSIGN(RoleStatement node, exportRole(role));
    return add(op, std::move(node));
  }
  if (auto drop = dyn_cast<ckpt::DropOp>(op)) {
    RECAST_ASSIGN(Selection selection, exportSelection(drop));
    return add(op, DropStatement{std::move(selection)});
  }
  if (auto objects = dyn_cast<ckpt::ObjectsOp>(op)) {
    RECAST_ASSIGN(ObjectRule rule, exportObjects(objects));
    RECAST_ASSIGN(std::vector<Statement> * body, bodyFor(op));
    bool follows = op.getPrevNode() && isa<ckpt::ObjectsOp>(op.getPrevNode());
    if (!follows || body->empty() || !std::holds_alternative<ObjectsStatement>(body->back().node))
      body->push_back({placeOf(op.getLoc()), ObjectsStatement{}});
    std::get<ObjectsStatement>(body->back().node).rules.push_back(std::move(rule));
    return {};
  }
  if (auto files = dyn_cast<ckpt::FilesOp>(op)) {
    StringAttr from = files.getFromAttr();
    return add(op, FilesStatement{globs(files.getNames()), attrToExpr(from)});
  }
  if (auto expect = dyn_cast<ckpt::ExpectOp>(op))
    return add(op, ExpectStatement{attrToExpr(expect.getCondition())});
  if (auto check = dyn_cast<ckpt::CheckOp>(op)) {
    CheckStatement node{attrToExpr(check.getCondition()), {}};
    if (check.getOtherwise()) {
      RECAST_ASSIGN(node.otherwise, identifier(*check.getOtherwise(), op.getLoc()));
    }
    return add(op, std::move(node));
  }
  if (auto only = dyn_cast<ckpt::OnlyOp>(op)) {
    RECAST_ASSIGN(std::vector<Path> paths, exportPaths(only.getPaths(), op.getLoc()));
    return add(op, OnlyStatement{globs(only.getNames()), std::move(paths)});
  }
  if (auto init = dyn_cast<ckpt::InitOp>(op)) {
    RECAST_ASSIGN(InitStatement node, exportInit(init));
    return add(op, std::move(node));
  }
  if (auto deadline = dyn_cast<ckpt::DeadlineOp>(op)) {
    DeadlineStatement node;
    RECAST_ASSIGN(node.pipeline, identifier(deadline.getPipeline(), op.getLoc()));
    return add(op, std::move(node));
  }
  if (auto budget = dyn_cast<ckpt::BudgetOp>(op)) {
    auto bytes = static_cast<uint64_t>(budget.getSize().getBytes());
    return add(op, BudgetStatement{bytes, spellSize(bytes)});
  }
  return failAt(op.getLoc(), fmt::format("{} is not a statement of the language",
                                         op.getName().getStringRef().str()));
}

Result<Job> JobExporter::run(ckpt::JobOp op) {
  job_.loc = placeOf(op.getLoc());
  RECAST_ASSIGN(job_.verb, identifier(op.getVerb(), op.getLoc()));
  RECAST_ASSIGN(job_.source, identifier(op.getSource(), op.getLoc()));
  RECAST_ASSIGN(job_.targets, identifiers(op.getTargets(), op.getLoc()));
  for (mlir::Operation &inner : op.getBody().front())
    RECAST_TRY(statement(inner));
  return std::move(job_);
}

} // namespace

Result<Job> exportJob(ckpt::JobOp op) { return JobExporter().run(op); }

} // namespace recast::lang
