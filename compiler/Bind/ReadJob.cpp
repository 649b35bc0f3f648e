#include "compiler/Bind/ReadJob.h"

#include "compiler/Bind/RankSteps.h"
#include "compiler/Bind/SourceText.h"
#include "dialect/Pipe/PipeDialect.h"
#include "runtime/base/NearestName.h"
#include "runtime/format/Inventory.h"
#include "runtime/format/TargetWriter.h"

#include <fmt/format.h>
#include <numeric>

namespace recast::compiler {
namespace {

using namespace recast::ir;

/// A rank is a target of its own.
constexpr uint32_t kMaxRanks = 1024;

std::vector<std::string> strings(std::optional<mlir::ArrayAttr> array) {
  std::vector<std::string> out;
  if (array && *array)
    for (mlir::Attribute element : *array)
      out.push_back(llvm::cast<mlir::StringAttr>(element).str());
  return out;
}

/// An argument as the text that a format understands: words and strings alike.
std::optional<std::string> optionText(mlir::Attribute value) {
  if (auto text = llvm::dyn_cast<mlir::StringAttr>(value))
    return text.str();
  if (auto word = llvm::dyn_cast<ckpt::WordAttr>(value))
    return word.getText().str();
  if (auto flag = llvm::dyn_cast<mlir::BoolAttr>(value))
    return flag.getValue() ? "true" : "false";
  if (auto number = llvm::dyn_cast<mlir::IntegerAttr>(value))
    return std::to_string(number.getInt());
  if (auto size = llvm::dyn_cast<ckpt::SizeAttr>(value))
    return std::to_string(size.getBytes());
  return std::nullopt;
}

template <typename Endpoint>
Result<EndpointDecl> readEndpoint(Endpoint op, const std::vector<std::string> &known) {
  constexpr bool isSource = std::is_same_v<Endpoint, ckpt::SourceOp>;
  EndpointDecl out{op.getSymName().str(),
                   op.getFormat().str(),
                   {},
                   {},
                   op.getLoc(),
                   {},
                   {},
                   {},
                   {},
                   strings(op.getReplicated()),
                   plan::kNone,
                   {},
                   plan::kNone};
  if (op.getView()) {
    out.view = op.getView()->str();
    out.model = *op.getModel();
    if (op.getMesh())
      out.mesh = op.getMesh()->getMesh();
  }
  for (mlir::Attribute argument : op.getArgs()) {
    auto named = llvm::dyn_cast<ckpt::ArgAttr>(argument);
    if (!named) {
      auto path = llvm::dyn_cast<mlir::StringAttr>(argument);
      if (!path || !out.path.empty())
        return fail(specError(op.getLoc(),
                              fmt::format("'{}' takes one path and named arguments", out.name)));
      out.path = path.str();
      continue;
    }
    std::string name = named.getName().str();
    if (std::find(known.begin(), known.end(), name) == known.end())
      return fail(specError(op.getLoc(), fmt::format("{} has no argument '{}'", out.format, name),
                            nearestName(name, known)));
    auto text = optionText(named.getValue());
    if (!text)
      return fail(specError(op.getLoc(), fmt::format("argument '{}' must be a constant", name)));
    out.options[name] = *text;
  }
  const format::TargetTraits *traits = isSource ? nullptr : format::targetTraits(out.format);
  if (traits && traits->inMemory) {
    if (!out.path.empty())
      return fail(
          specError(op.getLoc(), fmt::format("'{}' is in memory and has no path", out.name)));
  } else if (out.path.empty())
    return fail(specError(op.getLoc(), fmt::format("'{}' has no path", out.name)));
  auto noSteps = [&](const char *why) {
    return fail(specError(op.getLoc(),
                          fmt::format("{} takes no mesh and no layout steps{}", out.format, why)));
  };
  if ((op.getMesh() && !op.getView()) || (op.getReplicated() && !(traits && traits->inMemory)))
    return noSteps(isSource ? ": its layouts are read from its files" : ": it holds whole tensors");
  if (!isSource && op.getSame())
    return noSteps(": it holds whole tensors");
  if (op.getSame())
    for (auto rule : op.getSame()->template getAsRange<ckpt::SameAttr>()) {
      RankRule &made = out.ranks.emplace_back(RankRule{rule.getNames().str(), {}});
      for (mlir::Attribute step : rule.getSteps()) {
        made.steps.push_back(ckpt::stepOf(step));
        if (!isRankStep(made.steps.back()))
          return noSteps(" but `varying` and `stage`: its layouts are read from its files");
      }
    }
  return out;
}

std::vector<ckpt::PathAttr> paths(std::optional<mlir::ArrayAttr> array) {
  std::vector<ckpt::PathAttr> out;
  if (array && *array)
    for (auto path : array->getAsRange<ckpt::PathAttr>())
      out.push_back(path);
  return out;
}

class Reader {
public:
  Result<Job> read(mlir::ModuleOp module);

private:
  /// One declaration per rank of the mesh or the pipeline.
  Status addRanks(ckpt::TargetOp target, EndpointDecl to, bool inMemory);
  Status statement(mlir::Operation *op);
  Status role(ckpt::RoleOp op);
  Status check(ckpt::CheckOp op);
  template <typename Op> Selection selection(Op op) {
    return {strings(op.getRoles()), op.getIsElse(), strings(op.getNames()), paths(op.getPaths())};
  }
  /// Indices of the `for` list; all targets without one.
  template <typename Op> std::vector<uint32_t> targets(Op op) {
    std::vector<uint32_t> out;
    if (auto list = op.getTargets())
      for (mlir::Attribute symbol : *list)
        for (uint32_t i = 0; i < job_->targets.size(); ++i)
          if (job_->targets[i].name == llvm::cast<mlir::FlatSymbolRefAttr>(symbol).getValue())
            out.push_back(i);
    if (!op.getTargets()) {
      out.resize(job_->targets.size());
      std::iota(out.begin(), out.end(), 0u);
    }
    return out;
  }

  std::optional<Job> job_;
};

Status Reader::addRanks(ckpt::TargetOp target, EndpointDecl to, bool inMemory) {
  auto bad = [&](std::string message) { return fail(specError(target.getLoc(), message)); };
  int64_t ranks = 1;
  if (target.getStages()) {
    if (!inMemory)
      return bad(
          fmt::format("{} has one folder for all ranks: `stages` is for memory()", to.format));
    auto pipeline = mlir::SymbolTable::lookupNearestSymbolFrom<pipe::ScheduleOp>(
        target->getParentOfType<mlir::ModuleOp>(), target.getStagesAttr());
    if (!pipeline)
      return bad("`stages` names lists; a declared pipeline is needed");
    to.stages = target.getStages()->str();
    ranks = pipeline.getNumber("ranks", 1);
  }
  const bool hasMesh = inMemory && !to.mesh.axes.empty();
  const int pp = hasMesh ? to.mesh.axisIndex(kPipelineAxis) : -1;
  if (hasMesh && target.getStages()) {
    if (pp < 0)
      return bad(
          fmt::format("'{}' has `stages {}`, and its mesh {} no axis `{}` for the {} ranks of "
                      "the pipeline",
                      to.name, to.stages, to.mesh.str(), kPipelineAxis, ranks));
    if (to.mesh.sizes[pp] != ranks)
      return bad(fmt::format("the mesh of '{}' has {} = {}, and the pipeline `{}` has {} ranks",
                             to.name, kPipelineAxis, to.mesh.sizes[pp], to.stages, ranks));
  }
  if (hasMesh)
    ranks = to.mesh.rankCount();
  if (!hasMesh && !target.getStages()) {
    job_->targets.push_back(std::move(to));
    return {};
  }
  if (ranks > kMaxRanks)
    return bad(fmt::format("'{}' has {} ranks, more than a plan may have ({})", to.name, ranks,
                           kMaxRanks));
  for (to.rank = 0; to.rank < ranks; ++to.rank) {
    if (target.getStages())
      to.stageRank = hasMesh ? static_cast<uint32_t>(to.mesh.coordinates(to.rank)[pp]) : to.rank;
    job_->targets.push_back(to);
  }
  return {};
}

Status Reader::role(ckpt::RoleOp op) {
  RoleRule rule{selection(op), op.getFrom() ? op.getFrom()->str() : "", {}, {}, targets(op),
                op.getLoc()};
  // A chain is a line of operations from the block's argument to its yield.
  mlir::Value value = op.getYield().getValues().front();
  std::vector<ChainStep> reversed;
  while (mlir::Operation *made = value.getDefiningOp()) {
    if (auto cast = llvm::dyn_cast<ckpt::CastOp>(made))
      reversed.push_back(CastStep{cast.getTargetDType(), cast.getRecipeOverflow()});
    else if (auto select = llvm::dyn_cast<ckpt::SelectOp>(made))
      reversed.push_back(
          SelectStep{select.getAxis().str(), static_cast<int64_t>(select.getCoordinate())});
    else if (llvm::isa<ckpt::AverageOp>(made))
      reversed.push_back(AverageStep{});
    else
      break;
    value = made->getOperand(0);
  }
  if (auto predict = value.getDefiningOp<ckpt::PredictOp>(); predict && !rule.from.empty()) {
    rule.predict.emplace(PredictRule{strings(predict.getStates()), {}});
    for (auto arg : predict.getArgs().getAsRange<ckpt::ArgAttr>())
      rule.predict->args[arg.getName().str()] = arg.getValue();
    value = predict.getWeights();
  }
  if (value != op.getState())
    return fail(specError(op.getLoc(), "this operation of a chain cannot be bound"));
  rule.chain.assign(reversed.rbegin(), reversed.rend());
  job_->rules.push_back(std::move(rule));
  return {};
}

/// `p.cut == drained`, where p is a pipeline.
std::optional<CutCheck> cutCheck(ckpt::CheckOp op) {
  auto equation = llvm::dyn_cast<ckpt::BinaryAttr>(op.getCondition());
  if (!equation || (equation.getOp() != "==" && equation.getOp() != "!="))
    return std::nullopt;
  auto cut = llvm::dyn_cast<ckpt::MemberAttr>(equation.getLhs());
  auto word = llvm::dyn_cast<ckpt::WordAttr>(equation.getRhs());
  if (!cut || !word || cut.getField() != "cut" || word.getText() != "drained")
    return std::nullopt;
  auto base = llvm::dyn_cast<ckpt::WordAttr>(cut.getBase());
  if (!base)
    return std::nullopt;
  return CutCheck{base.getText().str(), equation.getOp() == "==", op.getLoc()};
}

Status Reader::check(ckpt::CheckOp op) {
  if (op.getOtherwise())
    return fail(
        specError(op.getLoc(), "`otherwise` needs a lossy scheme; a failed check stops the job"));
  if (auto cut = cutCheck(op))
    job_->cuts.push_back(*cut);
  else
    job_->checks.push_back({op.getCondition(), op.getLoc()});
  return {};
}

Status Reader::statement(mlir::Operation *op) {
  if (auto rule = llvm::dyn_cast<ckpt::RoleOp>(op))
    return role(rule);
  if (auto condition = llvm::dyn_cast<ckpt::CheckOp>(op))
    return check(condition);
  if (auto drop = llvm::dyn_cast<ckpt::DropOp>(op)) {
    job_->drops.push_back({selection(drop), targets(drop), op->getLoc()});
  } else if (auto objects = llvm::dyn_cast<ckpt::ObjectsOp>(op)) {
    job_->objects.push_back({strings(objects.getKeys()), objects.getIsElse(),
                             ckpt::stringifyObjectPolicy(objects.getPolicy()).str(),
                             objects.getValueAttr(), targets(objects), op->getLoc()});
  } else if (auto files = llvm::dyn_cast<ckpt::FilesOp>(op)) {
    job_->files.push_back(
        {strings(files.getNames()), files.getFrom().str(), targets(files), op->getLoc()});
  } else if (auto only = llvm::dyn_cast<ckpt::OnlyOp>(op)) {
    job_->only.push_back({strings(only.getNames()), paths(only.getPaths()), op->getLoc()});
  } else if (auto init = llvm::dyn_cast<ckpt::InitOp>(op)) {
    job_->inits.push_back(
        {{strings(init.getRoles()), false, strings(init.getNames()), paths(init.getPaths())},
         init.getValue(),
         targets(init),
         op->getLoc()});
  } else if (auto expect = llvm::dyn_cast<ckpt::ExpectOp>(op)) {
    job_->expects.push_back({expect.getCondition(), op->getLoc()});
  } else if (auto deadline = llvm::dyn_cast<ckpt::DeadlineOp>(op)) {
    if (job_->deadline)
      return fail(specError(op->getLoc(), "a job has one `deadline`"));
    job_->deadline = {deadline.getPipeline().str(), targets(deadline), op->getLoc()};
  } else if (auto budget = llvm::dyn_cast<ckpt::BudgetOp>(op)) {
    job_->budget = static_cast<uint64_t>(budget.getSize().getBytes());
  } else {
    return fail(specError(op->getLoc(), "this statement cannot be bound"));
  }
  return {};
}

Result<Job> Reader::read(mlir::ModuleOp module) {
  auto jobs = llvm::to_vector(module.getOps<ckpt::JobOp>());
  if (jobs.size() != 1)
    return fail(
        specError(module.getLoc(),
                  fmt::format("the specification holds {} jobs; one is expected", jobs.size())));
  ckpt::JobOp op = jobs.front();
  const bool isRestore = op.getVerb() == "restore";
  if (op.getVerb() != "convert" && !isRestore)
    return fail(specError(
        op.getLoc(), fmt::format("jobs of the kind '{}' cannot be bound", op.getVerb().str())));
  auto source =
      mlir::SymbolTable::lookupNearestSymbolFrom<ckpt::SourceOp>(module, op.getSourceAttr());
  std::vector<std::string> known;
  for (const format::SourceArgument &argument : format::sourceArguments(source.getFormat().str()))
    known.emplace_back(argument.name);
  RECAST_ASSIGN(EndpointDecl from, readEndpoint(source, known));
  job_.emplace(Job{op.getSymName().str(),
                   std::move(from),
                   {},
                   {},
                   {},
                   {},
                   {},
                   {},
                   {},
                   {},
                   {},
                   0,
                   op.getLoc(),
                   {},
                   {}});
  for (mlir::Attribute symbol : op.getTargets()) {
    auto target = mlir::SymbolTable::lookupNearestSymbolFrom<ckpt::TargetOp>(
        module, llvm::cast<mlir::FlatSymbolRefAttr>(symbol));
    std::string format = target.getFormat().str();
    const format::TargetTraits *traits = format::targetTraits(format);
    if (!traits)
      return fail(specError(target.getLoc(), fmt::format("no target format is called '{}'", format),
                            nearestName(format, format::targetFormats())));
    RECAST_ASSIGN(EndpointDecl to, readEndpoint(target, traits->options));
    if (traits->inMemory && !isRestore)
      return fail(specError(op.getLoc(), fmt::format("'{}' is in memory: write `restore {} -> {}`",
                                                     to.name, job_->source.name, to.name)));
    RECAST_TRY(addRanks(target, std::move(to), traits->inMemory));
  }
  for (mlir::Operation &statementOp : op.getBody().front())
    RECAST_TRY(statement(&statementOp));
  return std::move(*job_);
}

} // namespace

std::string PredictRule::lagOf() const {
  auto found = args.find("s");
  auto member = found == args.end() ? ckpt::MemberAttr()
                                    : llvm::dyn_cast_or_null<ckpt::MemberAttr>(found->second);
  auto base = member ? llvm::dyn_cast<ckpt::WordAttr>(member.getBase()) : ckpt::WordAttr();
  return base && member.getField() == "lag" ? base.getText().str() : "";
}

Result<Job> readJob(mlir::ModuleOp module) { return Reader().read(module); }

} // namespace recast::compiler
