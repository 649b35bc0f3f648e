#include "lang/ucl/Check.h"

#include "lang/ucl/CheckImpl.h"
#include "lang/ucl/Link.h"
#include "lang/ucl/Parser.h"
#include "runtime/base/Checked.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::lang {
namespace {
constexpr size_t kShownFindings = 8;
/// Far beyond any real spec, small enough for looking names up one by one.
constexpr size_t kMaxDeclarations = 1000;
constexpr size_t kMaxMeshAxes = 64;
/// More ranks than any machine has; keeps products of mesh axes in range.
constexpr int64_t kMaxRanks = int64_t{1} << 31;
} // namespace

Checker::Checker(const Spec &spec, std::string_view text) : spec_(spec), source_{text, spec.file} {
  if (auto list = lex(source_))
    list_ = std::move(*list);
}

// ---- findings

bool Checker::isFull() const { return findings_.size() > kShownFindings; }

void Checker::report(Location loc, std::string message) {
  if (isFull())
    return;
  size_t width = 1;
  for (const Token &token : list_.tokens)
    if (token.loc.line == loc.line && token.loc.column == loc.column)
      width = token.end - token.begin;
  findings_.push_back(pointAt(source_, loc, width, message));
}

void Checker::reportWord(Location loc, std::string_view word, std::string message, size_t nth) {
  if (isFull())
    return;
  for (const Token &token : list_.tokens) {
    bool isBefore =
        token.loc.line < loc.line || (token.loc.line == loc.line && token.loc.column < loc.column);
    if (isBefore || source_.text.substr(token.begin, token.end - token.begin) != word)
      continue;
    if (--nth == 0)
      return report(token.loc, std::move(message));
  }
  report(loc, std::move(message));
}

bool Checker::checkName(Location loc, std::string_view name, std::string_view what) {
  if (isIdentifier(name))
    return true;
  report(loc, fmt::format("`{}` cannot name {}: names are letters, digits and _", name, what));
  return false;
}

void Checker::checkTwice(Location loc, const std::vector<std::string> &names,
                         std::string_view what) {
  std::set<std::string> seen;
  for (const std::string &name : names)
    if (!seen.insert(name).second)
      reportWord(loc, name, fmt::format("`{}` stands twice {}", name, what), 2);
}

void Checker::checkGlob(const Glob &glob, Location at) {
  Location loc = glob.loc.line ? glob.loc : at;
  if (glob.text.empty())
    report(loc, "an empty name pattern matches nothing");
  else if (glob.text.find('\0') != std::string::npos)
    report(loc, "a name pattern cannot hold a NUL byte");
}

Status Checker::checkCounts() {
  bool isFine = spec_.lets.size() <= kMaxDeclarations && spec_.models.size() <= kMaxDeclarations &&
                spec_.views.size() <= kMaxDeclarations &&
                spec_.pipelines.size() <= kMaxDeclarations &&
                spec_.endpoints.size() <= kMaxDeclarations && spec_.jobs.size() <= kMaxDeclarations;
  for (const Job &job : spec_.jobs)
    isFine = isFine && job.targets.size() <= kMaxDeclarations;
  if (isFine)
    return {};
  return fail(errorAt(source_, {}, 1,
                      fmt::format("a spec has at most {} `let`s, sources and targets, and jobs",
                                  kMaxDeclarations)));
}

Status Checker::runLibrary() {
  RECAST_TRY(checkCounts());
  checkModels();
  return findings();
}

Status Checker::run() {
  RECAST_TRY(checkCounts());
  if (!spec_.uses.empty())
    report(spec_.uses.front().loc, "files that are used must be linked before a spec is checked");
  checkModels();
  for (const View &view : spec_.views)
    if (const View *other = spec_.view(view.name); !view.file.empty() && other != &view)
      report({}, fmt::format("there are two views `{}`, of `{}` and of `{}`; write the jobs of one "
                             "of them to a file of their own",
                             view.name, other->model, view.model));
  checkLets();
  checkPipelines();
  for (const Endpoint &endpoint : spec_.endpoints)
    checkEndpoint(endpoint);
  for (const Job &job : spec_.jobs)
    checkJob(job);
  // A file may hold pipelines alone: `recast pipe` shows them.
  if (spec_.jobs.empty() && spec_.pipelines.empty() && findings_.empty())
    report({}, "there is no job; write `convert SOURCE -> TARGET { .. }`");
  return findings();
}

Status Checker::findings() const {
  if (findings_.empty())
    return {};
  std::string message;
  for (size_t i = 0; i < findings_.size() && i < kShownFindings; ++i)
    message += (i ? "\n" : "") + findings_[i];
  if (findings_.size() > kShownFindings)
    message += "\n... and more";
  return fail(Code::Usage, std::move(message));
}

// ---- declarations

std::vector<std::string> Checker::letNames() const {
  std::vector<std::string> out;
  for (const auto &[name, value] : spec_.lets)
    out.push_back(name);
  return out;
}

std::vector<std::string> Checker::endpointNames(bool targets) const {
  std::vector<std::string> out;
  for (const Endpoint &endpoint : spec_.endpoints)
    if (endpoint.isTarget == targets)
      out.push_back(endpoint.name);
  return out;
}

void Checker::checkLets() {
  std::set<std::string> seen;
  for (const auto &[name, value] : spec_.lets) {
    Location loc = value ? value->loc : Location{};
    checkName(loc, name, "a `let`");
    if (!seen.insert(name).second)
      report(loc, fmt::format("`let {}` stands twice", name));
    if (value && isDeferred(*value))
      checkDeferred(value, loc);
    else
      constant(value, loc);
  }
}

void Checker::checkEndpoint(const Endpoint &endpoint) {
  Location loc = endpoint.loc;
  std::string_view kind = endpoint.isTarget ? "target" : "source";
  checkName(loc, endpoint.name, fmt::format("a {}", kind));
  if (spec_.endpoint(endpoint.name) != &endpoint)
    reportWord(loc, endpoint.name,
               fmt::format("there is a source or target `{}` already", endpoint.name));
  else if (spec_.let(endpoint.name))
    reportWord(
        loc, endpoint.name,
        fmt::format("`{}` is a `let` already; give the {} another name", endpoint.name, kind));
  const KnownWord *format = findWord(formatWords(), endpoint.format);
  // A text may spell a format with dashes, as several words: then the caret shows the statement.
  std::string_view spelled(endpoint.format);
  if (!format)
    reportWord(loc, spelled,
               fmt::format("unknown format `{}`{}; this version has {}", endpoint.format,
                           didYouMean(endpoint.format, formatWords()), listOf(formatWords())));
  else if (!format->available)
    reportWord(loc, spelled,
               fmt::format("the format `{}` is not part of this version, which has {}",
                           endpoint.format, listOf(formatWords())));
  checkArgs(endpoint);
  checkMesh(endpoint);
  checkHow(endpoint);
  if (!endpoint.stages.empty()) {
    checkPipelineName(endpoint.stages, loc);
    if (!endpoint.isTarget)
      reportWord(loc, endpoint.stages,
                 "`stages` is for targets; where the stages of a source are, "
                 "its files say");
  }
  if (endpoint.mesh.size() <= kMaxMeshAxes)
    for (const SameRule &rule : endpoint.same)
      checkSameRule(endpoint, rule);
}

void Checker::checkArgs(const Endpoint &endpoint) {
  Location loc = endpoint.loc;
  std::set<std::string> seen;
  size_t positional = 0;
  for (const Arg &arg : endpoint.args) {
    Location at = arg.value && arg.value->loc.line ? arg.value->loc : loc;
    if (!arg.name.empty()) {
      checkName(at, arg.name, "an argument");
      if (!seen.insert(arg.name).second)
        reportWord(loc, arg.name, fmt::format("the argument `{}` stands twice", arg.name), 2);
      constant(arg.value, at);
    } else if (++positional > 1) {
      report(at, "an endpoint has one path; other arguments are written `name = value`");
    } else if (auto path = textOf(arg.value, at, "the path");
               path && endpoint.isTarget && spec_.endpoint(endpoint.name) == &endpoint) {
      auto [other, isNew] = folders_.emplace(*path, endpoint.name);
      if (!isNew)
        report(at, fmt::format("`{}` and `{}` would be written to the same place", other->second,
                               endpoint.name));
    }
  }
  if (endpoint.format == "memory") {
    if (positional != 0)
      reportWord(loc, endpoint.format, "`memory` has no path: write `memory()`");
    if (!endpoint.isTarget)
      reportWord(loc, endpoint.format, "`memory` is for targets");
  } else if (positional == 0)
    reportWord(loc, endpoint.format, "an endpoint needs a path, as in `safetensors(\"export\")`");
}

void Checker::checkMesh(const Endpoint &endpoint) {
  if (endpoint.mesh.size() > kMaxMeshAxes || endpoint.replicated.size() > kMaxMeshAxes)
    return report(endpoint.loc, fmt::format("a mesh has at most {} axes", kMaxMeshAxes));
  std::vector<std::string> axes;
  int64_t ranks = 1;
  for (const auto &[axis, size] : endpoint.mesh) {
    checkName(endpoint.loc, axis, "a mesh axis");
    axes.push_back(axis);
    if (size < 1) {
      reportWord(endpoint.loc, axis, fmt::format("the mesh axis `{}` has no ranks", axis));
      continue;
    }
    auto product = checkedMul(ranks, size);
    if (!product || *product > kMaxRanks) {
      reportWord(endpoint.loc, axis, "this mesh has more than 2^31 ranks");
      break;
    }
    ranks = *product;
  }
  checkTwice(endpoint.loc, axes, "in the mesh");
  checkTwice(endpoint.loc, endpoint.replicated, "behind `replicated`");
  for (const std::string &axis : endpoint.replicated)
    if (std::find(axes.begin(), axes.end(), axis) == axes.end())
      reportWord(endpoint.loc, axis,
                 fmt::format("`{}` is no axis of the mesh{}", axis, didYouMean(axis, axes)));
}

void Checker::checkSameRule(const Endpoint &endpoint, const SameRule &rule) {
  checkGlob(rule.names, endpoint.loc);
  if (rule.steps.empty())
    report(rule.names.loc, "a rule of `as same` needs a layout step");
  std::vector<std::string> axes;
  for (const auto &[axis, size] : endpoint.mesh)
    axes.push_back(axis);
  std::set<std::string> used;
  auto use = [&](const std::string &axis, Location loc) {
    // The mesh of a source is in its files; `on` says what it is expected to be.
    if (axes.empty() && !endpoint.isTarget)
      checkName(loc, axis, "a mesh axis");
    else if (axes.empty())
      reportWord(loc, axis, fmt::format("`{}` needs a mesh: write `on ({} = ..)`", axis, axis));
    else if (std::find(axes.begin(), axes.end(), axis) == axes.end())
      reportWord(loc, axis,
                 fmt::format("`{}` is no axis of the mesh{}", axis, didYouMean(axis, axes)));
    else if (!used.insert(axis).second)
      reportWord(loc, axis, fmt::format("the mesh axis `{}` is used twice for one name", axis));
  };
  for (const LayoutStep &step : rule.steps) {
    if (auto *pad = std::get_if<PadStep>(&step.step))
      checkPad(endpoint, *pad, step.loc);
    checkStep(step, use);
    if (!endpoint.isTarget && !std::holds_alternative<VaryingStep>(step.step) &&
        !std::holds_alternative<StageStep>(step.step))
      report(step.loc.line ? step.loc : endpoint.loc,
             "how a source is laid out is read from its files; of layout steps it takes `varying` "
             "and `stage` only");
  }
}

void Checker::checkStep(const LayoutStep &step,
                        const std::function<void(const std::string &, Location)> &use) {
  Location loc = step.loc;
  if (auto *split = std::get_if<SplitStep>(&step.step)) {
    for (const std::string &axis : split->axes)
      checkName(loc, axis, "an axis");
    checkTwice(loc, split->axes, "behind `split`");
    if (split->axes.empty() || split->by.empty())
      report(loc, "`split` needs an axis and a mesh axis");
    bool isKnown = split->rule.empty() || split->rule == "even" || split->rule == "ceil" ||
                   split->rule == "balanced" || split->rule == "widths";
    bool hasWidths = !split->widths.empty();
    if (!isKnown || hasWidths != (split->rule == "widths"))
      report(loc, "a split is (even), (ceil), (balanced) or (widths 3 5)");
    if (std::any_of(split->widths.begin(), split->widths.end(), [](int64_t w) { return w < 0; }))
      report(loc, "a width cannot be negative");
    for (const std::string &axis : split->by)
      use(axis, loc);
  } else if (auto *chunk = std::get_if<ChunkStep>(&step.step)) {
    if (chunk->dim < 0)
      report(loc, "dimensions are numbered from 0");
    use(chunk->by, loc);
  } else if (auto *flat = std::get_if<FlatStep>(&step.step)) {
    if (flat->per != "param" && flat->per != "group")
      report(loc, "`flat` is per `param` or per `group`");
    use(flat->by, loc);
  } else if (auto *stage = std::get_if<StageStep>(&step.step)) {
    if (!std::is_sorted(stage->at.begin(), stage->at.end(), std::less_equal<int64_t>()) ||
        (!stage->at.empty() && stage->at.front() < 0))
      report(loc, "the coordinates of a stage are not negative and rise");
    use(stage->by, loc);
  } else if (auto *varying = std::get_if<VaryingStep>(&step.step)) {
    use(varying->by, loc);
  }
}

// In `multiple of 128 * tp` the axes of the mesh are numbers.
void Checker::checkPad(const Endpoint &endpoint, const PadStep &pad, Location loc) {
  checkName(loc, pad.axis, "an axis");
  if (!expressible(pad.multiple, loc, false))
    return;
  Spec scope;
  for (const auto &[axis, size] : endpoint.mesh) {
    auto value = std::make_shared<Expr>();
    value->integer = size;
    scope.lets.emplace_back(axis, std::move(value));
  }
  scope.lets.insert(scope.lets.end(), spec_.lets.begin(), spec_.lets.end());
  Evaluation value = evaluate(scope, pad.multiple);
  if (!value)
    return report(value.where.line ? value.where : loc, std::move(value.error));
  Location at = pad.multiple->loc.line ? pad.multiple->loc : loc;
  if (value.value->kind == Expr::Kind::Name)
    return report(at, fmt::format("nothing is called `{}`; a multiple is made of numbers, `let`s "
                                  "and axes of the mesh",
                                  value.value->text));
  if (value.value->kind != Expr::Kind::Int || value.value->integer < 1)
    report(at, "a multiple is a whole number of at least 1");
}

// ---- the interface

Status check(const Spec &spec, std::string_view text) { return Checker(spec, text).run(); }

Result<Spec> parseAndCheck(std::string_view text, std::string file) {
  RECAST_ASSIGN(Spec spec, parse(text, std::move(file)));
  RECAST_ASSIGN(spec, link(std::move(spec), [](const std::string &) { return std::nullopt; }));
  RECAST_TRY(check(spec, text));
  return spec;
}

} // namespace recast::lang
