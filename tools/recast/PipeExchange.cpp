#include "compiler/Pipe/DeclaredSchedule.h"
#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Check.h"
#include "compiler/Schedule/Exchange.h"
#include "lang/ast/Builder.h"
#include "lang/ast/Words.h"
#include "lang/import/ExprAttr.h"
#include "lang/ucl/Check.h"
#include "lang/ucl/Format.h"
#include "runtime/base/Printable.h"
#include "tools/recast/Pipe.h"
#include "tools/recast/WriteFile.h"

#include "mlir/IR/OwningOpRef.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace recast::tools {
namespace {

Status put(const std::string &output, const std::string &text) {
  if (!output.empty() && output != "-")
    return replaceFile(output, text);
  fmt::print("{}", text);
  return {};
}

/// What leaves for another program is proved, or the user said that it need not be.
Status prove(const schedule::Schedule &schedule, bool unchecked) {
  std::vector<schedule::Finding> findings = schedule::check(schedule);
  auto wrong = std::ranges::find(findings, schedule::Severity::Error, &schedule::Finding::severity);
  if (wrong == findings.end())
    return {};
  if (!unchecked)
    return fail(Error(Code::BadInput, fmt::format("these lists are wrong, and not written: [{}] {}",
                                                  wrong->code, wrong->message))
                    .hint("All findings: recast pipe check; with --unchecked it is written as it "
                          "is."));
  fmt::print(stderr, "note: written unproved: [{}] {}\n", wrong->code, wrong->message);
  return {};
}

/// A pipeline that says the lists.
Result<std::string> asUcl(const schedule::Schedule &schedule, const std::string &name,
                          mlir::MLIRContext &context) {
  lang::SpecBuilder spec;
  lang::PipelineRef pipeline = spec.pipeline(name);
  pipeline.set("ranks", schedule.ranks).set("microbatches", schedule.microbatches);
  if (schedule.kind != "explicit")
    pipeline.set("schedule", lang::Value(schedule.kind));
  if (schedule.updateEvery != 0)
    pipeline.set("update", lang::callOf("every", {lang::arg(schedule.updateEvery)}));
  if (!(schedule.weights == schedule::WeightPolicy()))
    pipeline.set("weights", lang::attrToExpr(compiler::weightsAttr(&context, schedule.weights)));
  std::vector<lang::Arg> rankOf, actions;
  for (int32_t rank : schedule.rankOf)
    rankOf.push_back(lang::arg(rank));
  for (const std::vector<schedule::Action> &list : schedule.actions)
    actions.push_back(lang::arg(fmt::format("{}", fmt::join(schedule::cellTexts(list), " "))));
  pipeline.set("rank_of", lang::tuple(std::move(rankOf)));
  pipeline.set("actions", lang::tuple(std::move(actions)));
  RECAST_TRY(lang::check(spec.spec()));
  return lang::format(spec.spec());
}

std::string asIr(const schedule::Schedule &schedule, const std::string &name,
                 mlir::MLIRContext &context) {
  mlir::OpBuilder builder(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(builder, builder.getUnknownLoc());
  builder.setInsertionPointToEnd(module->getBody());
  compiler::makeLists(builder, builder.getUnknownLoc(), name, schedule);
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  return text + "\n";
}

} // namespace

Result<int> pipeExport(const PipeExportOptions &options) {
  RECAST_ASSIGN(schedule::Form form, schedule::formNamed(options.form));
  RECAST_TRY(refuseInput(options.output, options.source.what));
  RECAST_ASSIGN(LoadedSchedule loaded, loadSchedule(options.source));
  RECAST_TRY(prove(loaded.schedule, options.unchecked));
  schedule::ExportOptions how;
  how.comms = options.comms;
  how.defer = options.defer;
  how.align = options.align;
  RECAST_ASSIGN(std::string text, schedule::exportSchedule(form, loaded.schedule, how));
  RECAST_TRY(put(options.output, text));
  return 0;
}

Result<int> pipeImport(const PipeImportOptions &options) {
  if (!lang::isIdentifier(options.name))
    return fail(Error(Code::Usage, fmt::format("--name '{}' is no name for a pipeline",
                                               printable(options.name, 40)))
                    .hint("A name is letters, digits and '_', and does not begin with a digit."));
  RECAST_TRY(refuseInput(options.output, options.source.what));
  RECAST_ASSIGN(LoadedSchedule loaded, loadSchedule(options.source));
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<ir::ckpt::CkptDialect, ir::pipe::PipeDialect>();
  if (options.ir) {
    RECAST_TRY(put(options.output, asIr(loaded.schedule, options.name, context)));
    return 0;
  }
  RECAST_ASSIGN(std::string text, asUcl(loaded.schedule, options.name, context));
  RECAST_TRY(put(options.output, text));
  return 0;
}

} // namespace recast::tools
