// Views, as far as they can be proved without sizes: every tensor of the model is claimed, and
// every index of a path can be read back from the stored name.
#include "lang/ucl/CheckImpl.h"

#include <fmt/format.h>

namespace recast::lang {
namespace {

/// The names in braces of a stored name; nothing if braces do not match.
std::optional<std::vector<std::string>> capturesOf(std::string_view stored) {
  std::vector<std::string> out;
  for (size_t at = 0; at < stored.size(); ++at) {
    if (stored[at] == '}')
      return std::nullopt;
    if (stored[at] != '{')
      continue;
    size_t end = stored.find('}', at);
    if (end == std::string_view::npos ||
        stored.substr(at + 1, end - at - 1).find('{') != stored.npos)
      return std::nullopt;
    out.emplace_back(stored.substr(at + 1, end - at - 1));
    at = end;
  }
  return out;
}

/// Whether `word` stands in a map as an axis.
bool mapNames(std::string_view map, std::string_view word) {
  for (size_t at = map.find(word); at != std::string_view::npos; at = map.find(word, at + 1)) {
    auto isPart = [&](size_t i) {
      return i < map.size() && (isalnum(static_cast<unsigned char>(map[i])) || map[i] == '_');
    };
    if (!(at > 0 && isPart(at - 1)) && !isPart(at + word.size()))
      return true;
  }
  return false;
}

/// What a tensor and a path that names it have in common.
std::string keyOf(const ModelTensor &tensor) {
  std::string out;
  for (const GroupDecl *group : tensor.groups)
    out += group->name + ".";
  return out + tensor.decl->name;
}
std::string keyOf(const Path &path) {
  std::string out;
  for (const PathSegment &segment : path.segments)
    out += (out.empty() ? "" : ".") + segment.name;
  return out;
}

} // namespace

void Checker::checkView(const View &view) {
  checkName(view.loc, view.name, "a view");
  if (spec_.view(view.name) != &view || view.name == "same")
    reportWord(view.loc, view.name, fmt::format("there is a view `{}` already", view.name));
  checkTwice(view.loc, view.over, "behind `over`");
  const Model *model = spec_.model(view.model);
  if (!model) {
    std::vector<std::string> known;
    for (const Model &candidate : spec_.models)
      known.push_back(candidate.name);
    return reportWord(
        view.loc, view.model,
        fmt::format("there is no model `{}`{}", view.model, didYouMean(view.model, known)));
  }
  ViewState state;
  state.tensors = tensorsOf(*model);
  if (state.tensors.size() > kMaxTensorDecls)
    return; // Said of the model.
  for (const ModelTensor &tensor : state.tensors) {
    state.known.push_back(tensor.str());
    state.byName.emplace(keyOf(tensor), state.known.size() - 1);
  }
  state.claims.resize(state.tensors.size());
  for (const ViewRule &rule : view.rules) {
    if (isFull())
      return;
    checkViewRule(view, rule, state);
    if (state.paths > kMaxViewPaths)
      return report(rule.loc,
                    fmt::format("the rules of the view `{}` stand for more than {} tensors",
                                view.name, kMaxViewPaths));
  }
  for (size_t i = 0; i < state.tensors.size(); ++i)
    if (state.claims[i].count == 0)
      report(view.loc,
             fmt::format("the view `{}` has no rule for `{}`", view.name, state.known[i]));
  for (const Glob &glob : view.ignores)
    checkGlob(glob, view.loc);
}

bool Checker::checkPathCount(const Path &path, Location at) {
  if (pathCount(path) <= kMaxPathCount)
    return true;
  report(at, fmt::format("this path stands for more than {} tensors", kMaxPathCount));
  return false;
}

/// One tensor that the path of a rule names.
void Checker::checkClaim(const View &view, const ViewRule &rule, const Path &path,
                         ViewState &state) {
  Location loc = rule.path.loc.line ? rule.path.loc : rule.loc;
  auto found = state.byName.find(keyOf(path));
  if (found == state.byName.end() || !path.segments.back().index.empty()) {
    if (!isFull())
      report(loc, fmt::format("the model `{}` has no tensor `{}`{}", view.model, path.str(),
                              didYouMean(path.str(), state.known)));
    return;
  }
  const ModelTensor &tensor = state.tensors[found->second];
  Claim &claim = state.claims[found->second];
  // Two rules for one tensor are told apart by their conditions when a job is bound.
  if (claim.count++ && (!claim.conditional || !rule.condition))
    report(loc, fmt::format("`{}` has a rule already; two need an `if` each", tensor.str()));
  claim.conditional = rule.condition != nullptr;
  for (size_t g = 0; g < tensor.groups.size(); ++g)
    if (path.segments[g].index.empty())
      report(loc, fmt::format("`{}` needs an index: `{}[{}]`", path.segments[g].name,
                              path.segments[g].name, tensor.groups[g]->index));
}

void Checker::checkViewRule(const View &view, const ViewRule &rule, ViewState &state) {
  Location loc = rule.path.loc.line ? rule.path.loc : rule.loc;
  size_t packs = 0;
  for (const PathSegment &segment : rule.path.segments)
    packs += segment.isPack();
  if (packs > 1)
    return report(loc, "a rule packs the tensors of one list; write one `[..]`");
  if (packs == 1 && rule.map.empty())
    report(loc, "a pack needs a map that says how its tensors lie in the stored one");
  if (!checkPathCount(rule.path, loc))
    return;
  state.paths += pathCount(rule.path);
  for (const std::vector<Path> &pack : expand(rule.path))
    for (const Path &path : pack)
      checkClaim(view, rule, path, state);
  checkStoredName(rule, loc);
  auto use = [&](const std::string &axis, Location at) {
    if (std::find(view.over.begin(), view.over.end(), axis) == view.over.end())
      reportWord(at, axis,
                 fmt::format("`{}` is no mesh axis of this view{}{}", axis,
                             view.over.empty() ? "; write `over (..)` at its head" : "",
                             didYouMean(axis, view.over)));
  };
  std::vector<std::string> sizes = view.over;
  for (const Dim &dim : spec_.model(view.model)->dims)
    sizes.push_back(dim.name);
  for (const LayoutStep &step : rule.steps) {
    if (auto *pad = std::get_if<PadStep>(&step.step)) {
      checkName(step.loc, pad->axis, "an axis");
      checkModelExpr(pad->multiple, step.loc, false, sizes);
    }
    checkStep(step, use);
  }
}

/// Every index of the path stands in the stored name, or is an axis of the map (stacked tensors).
void Checker::checkStoredName(const ViewRule &rule, Location loc) {
  auto captures = capturesOf(rule.stored);
  if (!captures || rule.stored.empty())
    return report(loc,
                  fmt::format("\"{}\" is no stored name: captures are written {{l}}", rule.stored));
  std::vector<std::string> indices;
  for (const PathSegment &segment : rule.path.segments) {
    if (segment.index.empty())
      continue;
    indices.push_back(segment.index);
    bool isStacked = !segment.isChoice() && mapNames(rule.map, segment.index);
    bool isNamed = std::find(captures->begin(), captures->end(), segment.index) != captures->end();
    if (!isNamed && !isStacked)
      report(loc, fmt::format("several tensors would be stored as \"{}\": `{}` stands neither in "
                              "the name nor in a map",
                              rule.stored, segment.index));
    if (isNamed && isStacked)
      report(loc, fmt::format("`{}` stands in the stored name and in the map", segment.index));
  }
  for (const std::string &capture : *captures)
    if (std::find(indices.begin(), indices.end(), capture) == indices.end())
      report(loc, fmt::format("`{{{}}}` is no index of the path{}", capture,
                              didYouMean(capture, indices)));
}

} // namespace recast::lang
