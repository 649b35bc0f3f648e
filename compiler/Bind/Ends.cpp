#include "compiler/Bind/Ends.h"

#include "compiler/Bind/LogicalSource.h"
#include "compiler/Bind/RankSteps.h"
#include "compiler/Bind/SourceText.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::compiler {
namespace {

using namespace recast::ir;

Result<std::unique_ptr<BoundView>> viewOf(mlir::ModuleOp module, const EndpointDecl &endpoint) {
  auto op = mlir::SymbolTable::lookupNearestSymbolFrom<ckpt::ViewOp>(
      module, mlir::StringAttr::get(module.getContext(), endpoint.view));
  RECAST_ASSIGN(BoundView view, bindView(module, op, endpoint.model, endpoint.mesh,
                                         endpoint.hasRanks(), endpoint.loc));
  return std::make_unique<BoundView>(std::move(view));
}

/// Who owns a tensor of a target, its pipeline says; and no ranks of it get different values.
Status noRankSteps(const EndpointDecl &target, const BoundView &view) {
  for (const StoredTensor &stored : view.stored)
    for (const layout::Step &step : stored.ranks) {
      std::string axis = layout::meshAxesOf(step).front();
      int at = target.mesh.axisIndex(axis);
      const bool isStaged = !target.stages.empty() && axis == kPipelineAxis;
      if (at < 0 || target.mesh.sizes[at] == 1 ||
          (isStaged && std::holds_alternative<layout::Stage>(step)))
        continue;
      return fail(
          specError(target.loc, fmt::format("`{}` in the view '{}' is said of sources; '{}' is a "
                                            "target of {} = {} ranks",
                                            layout::str(step), view.name, target.name, axis,
                                            target.mesh.sizes[at]))
              .tensor(stored.name)
              .hint(
                  fmt::format("A pipeline says which ranks own what: `stages p` behind a mesh with "
                              "the axis `{}`.",
                              kPipelineAxis)));
    }
  return {};
}

/// Every axis of a mesh is used, or said to be replicated.
Status meshUsed(const EndpointDecl &target, const BoundView &view) {
  for (size_t i = 0; i < target.mesh.axes.size(); ++i) {
    const std::string &axis = target.mesh.axes[i];
    const bool isSaid = std::ranges::count(target.replicated, axis) != 0;
    const bool isStaged = !target.stages.empty() && axis == kPipelineAxis;
    const bool isCut = isStaged || view.cutAxes.contains(axis);
    if (isSaid && isCut)
      return fail(specError(
          target.loc, fmt::format("'{}' is `replicated {}`, but {} divides its tensors along it",
                                  target.name, axis,
                                  isStaged ? "`stages " + target.stages + "`"
                                           : "the view '" + view.name + "'")));
    if (!isSaid && !isCut && target.mesh.sizes[i] > 1)
      return fail(specError(target.loc,
                            fmt::format("nothing divides the tensors of '{}' along `{}`, of which "
                                        "its mesh has {} ranks",
                                        target.name, axis, target.mesh.sizes[i]))
                      .hint(fmt::format("If each of them shall hold all, write `replicated {}` "
                                        "behind the mesh.",
                                        axis)));
  }
  return {};
}

/// One side by a view and the other by stored names would compare names of two kinds.
Status sameKind(const Job &job) {
  for (const EndpointDecl &target : job.targets)
    if (target.view.empty() != job.source.view.empty())
      return fail(
          specError(target.loc,
                    fmt::format("'{}' is as {} and '{}' as {}: both need a view of one "
                                "model, or both `same`",
                                job.source.name, job.source.view.empty() ? "same" : job.source.view,
                                target.name, target.view.empty() ? "same" : target.view)));
  return {};
}

Status keepOnly(const Job &job, Ends &ends) {
  if (job.only.empty())
    return {};
  std::vector<char> wanted(ends.source.tensors.size(), 0);
  for (const OnlyRule &only : job.only) {
    bool any = false;
    Selector selector = ends.selector(only.globs, only.paths);
    for (uint32_t i = 0; i < wanted.size(); ++i)
      if (selector.means(i))
        wanted[i] = any = true;
    if (!any)
      return fail(
          specError(only.loc, fmt::format("`only` names no tensor of '{}'", job.source.name)));
  }
  std::vector<format::Tensor> kept;
  std::vector<Name> names;
  std::vector<uint32_t> decls;
  for (size_t i = 0; i < wanted.size(); ++i)
    if (wanted[i]) {
      kept.push_back(std::move(ends.source.tensors[i]));
      names.push_back(ends.storedNames[i]);
      if (ends.model)
        decls.push_back(ends.decls[i]);
    }
  ends.leftOut.push_back({fmt::format("{} tensors", wanted.size() - kept.size()),
                          "not among those that `only` names"});
  ends.source.tensors = std::move(kept);
  ends.storedNames = std::move(names);
  ends.decls = std::move(decls);
  return {};
}

} // namespace

bool Selector::isNamed(uint32_t tensor) const {
  return (!decls_.empty() && decls_[ends_->decls[tensor]]) ||
         std::any_of(globs_->begin(), globs_->end(), [&](const std::string &glob) {
           return globMatches(glob, ends_->storedNames[tensor]);
         });
}

Selector Ends::selector(const std::vector<std::string> &globs,
                        const std::vector<ckpt::PathAttr> &paths) const {
  Selector out;
  out.ends_ = this;
  out.globs_ = &globs;
  out.all_ = globs.empty() && paths.empty();
  if (model && !paths.empty())
    out.decls_ = model->named(paths);
  return out;
}

Result<Ends> bindEnds(mlir::ModuleOp module, const Job &job, format::Inventory source) {
  RECAST_TRY(sameKind(job));
  Ends ends;
  ends.targets.resize(job.targets.size());
  if (job.source.view.empty()) {
    RECAST_TRY(applyRankRules(job.source, source));
    ends.source = std::move(source);
    for (const format::Tensor &tensor : ends.source.tensors)
      ends.storedNames.push_back(tensor.name);
  } else {
    RECAST_ASSIGN(std::unique_ptr<BoundView> view, viewOf(module, job.source));
    RECAST_ASSIGN(ends.source, logicalInventory(std::move(source), *view, ends.leftOut));
    for (const format::Tensor &tensor : ends.source.tensors) {
      uint32_t logical = view->model.byName.at(tensor.name);
      ends.storedNames.push_back(view->stored[view->places[logical].stored].name);
      ends.decls.push_back(view->model.tensors[logical].decl);
    }
    ends.model = &view->model;
    ends.views.push_back(std::move(view));
    for (size_t t = 0; t < job.targets.size(); ++t) {
      if (t > 0 && job.targets[t].name == job.targets[t - 1].name) { // Its next rank.
        ends.targets[t] = ends.targets[t - 1];
        continue;
      }
      RECAST_ASSIGN(std::unique_ptr<BoundView> to, viewOf(module, job.targets[t]));
      if (job.targets[t].hasRanks()) {
        RECAST_TRY(noRankSteps(job.targets[t], *to));
        RECAST_TRY(meshUsed(job.targets[t], *to));
      }
      RECAST_ASSIGN(ends.targets[t], Destinations::create(*to, *ends.model));
      ends.views.push_back(std::move(to));
    }
  }
  RECAST_TRY(keepOnly(job, ends));
  return ends;
}

} // namespace recast::compiler
