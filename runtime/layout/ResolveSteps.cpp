#include "runtime/layout/ResolveSteps.h"

#include "runtime/base/Checked.h"
#include "runtime/base/NearestName.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::layout {

namespace {

/// Elements of one local tensor; far enough below 2^63 that sums of a few never overflow.
constexpr int64_t kMaxLocal = int64_t{1} << 61;
/// Different local extents that one axis, or the axes of one split, may have over the ranks.
constexpr size_t kMaxExtents = size_t{1} << 20;

using Extents = std::vector<int64_t>; // sorted, unique

void normalise(Extents &extents) {
  std::ranges::sort(extents);
  extents.erase(std::unique(extents.begin(), extents.end()), extents.end());
}

class StepChecker {
public:
  StepChecker(const Layout &layout, const std::vector<std::string> &names, ResolvedLayout &out)
      : mesh_(layout.mesh), names_(names), out_(out), usedBy_(out.parts.size()),
        taken_(layout.mesh.axes.size(), false), frozen_(names.size(), false) {
    for (int64_t size : out.axisSizes)
      extents_.push_back({size});
  }

  Status add(const Pad &pad);
  Status add(const Split &split);
  Status add(const Chunk &chunk);
  Status add(const Flat &flat);
  Status add(const Stage &stage);
  Status add(const Varying &varying);
  Status add(const PieceList &list);
  /// The largest local tensor fits; call after every step.
  Status checkVolume() const;

private:
  Result<int> axis(const std::string &name) const;
  Result<int> meshAxis(const std::string &name) const;
  Status takeMeshAxis(int by, size_t part);
  Status cutAxes(AxisSplit split);
  Status cutWith(const AxisSplit &split, const std::vector<int64_t> &local,
                 std::vector<Extents> &after) const;
  std::optional<int64_t> largest(const ResolvedProduct &product) const;
  bool partHas(size_t part, int axis) const {
    return std::ranges::find(out_.parts[part].axes, axis) != out_.parts[part].axes.end();
  }

  const Mesh &mesh_;
  const std::vector<std::string> &names_;
  ResolvedLayout &out_;
  std::vector<Extents> extents_;         // per axis: its local extents over all ranks
  std::vector<std::vector<int>> usedBy_; // per part: mesh axes that have cut it
  std::vector<bool> taken_;              // per mesh axis: a split has used it
  std::vector<bool> frozen_;             // per axis: inside a dimension that was chunked
};

Error noSuch(std::string_view kind, const std::string &name,
             const std::vector<std::string> &known) {
  Error error(Code::BadInput, fmt::format("there is no {} {}", kind, name.substr(0, 64)));
  if (std::string nearest = nearestName(name, known); !nearest.empty())
    return std::move(error).hint(fmt::format("Did you mean {}?", nearest));
  return std::move(error).hint(known.empty()
                                   ? fmt::format("There is no {} at all.", kind)
                                   : fmt::format("There are: {}.", fmt::join(known, ", ")));
}

Result<int> StepChecker::axis(const std::string &name) const {
  auto found = std::ranges::find(names_, name);
  if (found == names_.end())
    return fail(noSuch("axis", name, names_));
  int index = static_cast<int>(found - names_.begin());
  if (frozen_[index])
    return badInput(fmt::format(
        "axis {} lies in a dimension that an earlier chunk has cut across several axes", name));
  return index;
}

Result<int> StepChecker::meshAxis(const std::string &name) const {
  int index = mesh_.axisIndex(name);
  if (index < 0)
    return fail(noSuch("mesh axis", name, mesh_.axes));
  return index;
}

// Cutting one part twice over the same mesh axis would keep only the diagonal.
Status StepChecker::takeMeshAxis(int by, size_t part) {
  if (std::ranges::find(usedBy_[part], by) != usedBy_[part].end())
    return badInput(
        fmt::format("mesh axis {} is used twice on the same tensor, which would lose elements",
                    mesh_.axes[by]));
  usedBy_[part].push_back(by);
  return {};
}

Status StepChecker::add(const Pad &pad) {
  RECAST_ASSIGN(int index, axis(pad.axis));
  if (pad.multiple < 1 || pad.multiple > kMaxLocal)
    return badInput(fmt::format("{} is no multiple to pad to", pad.multiple));
  for (int64_t &extent : extents_[index]) {
    auto padded = checkedMul(ceilDiv(extent, pad.multiple), pad.multiple);
    if (!padded)
      return badInput("the padded extent does not fit 64 bits");
    extent = *padded;
  }
  normalise(extents_[index]);
  out_.axisSteps.push_back(AxisPad{index, pad.multiple});
  return {};
}

Status StepChecker::cutWith(const AxisSplit &split, const std::vector<int64_t> &local,
                            std::vector<Extents> &after) const {
  std::vector<int64_t> factors = splitFactors(local, split.ways);
  const std::string &last = names_[split.axes.back()];
  int64_t extent = local.back(), ways = factors.back();
  if (split.rule == SplitRule::Even && extent % ways != 0)
    return fail(
        Error(Code::BadInput, fmt::format("axis {} has {} elements, which do not divide "
                                          "into {} equal shares",
                                          last, extent, ways))
            .hint("Name a rule: (ceil), (balanced) or (widths ...), or pad the axis first."));
  if (split.rule == SplitRule::Widths) {
    if (static_cast<int64_t>(split.bounds.size()) != ways + 1)
      return badInput(fmt::format("{} widths are given for {} shares of axis {}",
                                  split.bounds.size() - 1, ways, last));
    if (split.bounds.back() != extent)
      return badInput(fmt::format("the widths add up to {}, but axis {} has {} elements",
                                  split.bounds.back(), last, extent));
  }
  for (size_t i = 0; i + 1 < local.size(); ++i)
    after[i].push_back(local[i] / factors[i]);
  if (split.rule == SplitRule::Widths) {
    for (int64_t q = 0; q < ways; ++q)
      after.back().push_back(split.bounds[q + 1] - split.bounds[q]);
    return {};
  }
  // Ceil and balanced have at most three widths: those of the first rank, of the last one, and of
  // the rank where the long shares end.
  int64_t turn = split.rule == SplitRule::Balanced
                     ? extent % ways
                     : extent / std::max<int64_t>(ceilDiv(extent, ways), 1);
  for (int64_t q : {int64_t{0}, std::min(turn, ways - 1), ways - 1}) {
    Range range = splitRange(split.rule, {}, extent, ways, q);
    after.back().push_back(range.end - range.begin);
  }
  return {};
}

Status StepChecker::cutAxes(AxisSplit split) {
  for (size_t part = 0; part < out_.parts.size(); ++part) {
    bool cut = std::ranges::any_of(split.axes, [&](int axis) { return partHas(part, axis); });
    for (size_t i = 0; cut && i < split.by.size(); ++i)
      RECAST_TRY(takeMeshAxis(split.by[i], part));
  }
  // A mesh axis may cut several parts in steps of their own, but then each time alone or with the
  // same companions, so that one choice of coordinates serves them all.
  size_t again = std::ranges::count_if(split.by, [&](int by) { return taken_[by]; });
  if (again != 0 && again != split.by.size())
    return badInput("some but not all of its mesh axes already cut another tensor of this map");
  for (int by : split.by)
    taken_[by] = true;
  size_t combinations = 1;
  for (int axis : split.axes) {
    combinations *= std::max<size_t>(extents_[axis].size(), 1);
    if (combinations > kMaxExtents)
      return badInput("the local extents of the axes to split are too irregular");
  }
  std::vector<Extents> after(split.axes.size());
  std::vector<int64_t> local(split.axes.size());
  for (size_t n = 0; n < combinations; ++n) {
    size_t rest = n;
    for (size_t i = 0; i < local.size(); ++i) {
      const Extents &choices = extents_[split.axes[i]];
      local[i] = choices[rest % choices.size()];
      rest /= choices.size();
    }
    RECAST_TRY(cutWith(split, local, after));
  }
  for (size_t i = 0; i < local.size(); ++i) {
    normalise(after[i]);
    extents_[split.axes[i]] = std::move(after[i]);
  }
  out_.axisSteps.push_back(std::move(split));
  return {};
}

Status StepChecker::add(const Split &split) {
  if (split.axes.empty() || split.by.empty())
    return badInput("a split names at least one axis and one mesh axis");
  AxisSplit out;
  out.rule = split.rule;
  for (const std::string &name : split.axes) {
    RECAST_ASSIGN(int index, axis(name));
    if (std::ranges::find(out.axes, index) != out.axes.end())
      return badInput(fmt::format("axis {} is listed twice", name));
    out.axes.push_back(index);
  }
  for (const std::string &name : split.by) {
    RECAST_ASSIGN(int index, meshAxis(name));
    if (std::ranges::find(out.by, index) != out.by.end())
      return badInput(fmt::format("mesh axis {} is listed twice", name));
    out.by.push_back(index);
    out.ways *= mesh_.sizes[index];
  }
  if (out.rule > SplitRule::Widths)
    return badInput("unknown rule");
  if (out.rule != SplitRule::Widths && !split.widths.empty())
    return badInput("only the rule `widths` takes widths");
  if (out.rule == SplitRule::Widths) {
    out.bounds = {0};
    for (int64_t width : split.widths) {
      auto next = checkedAdd(out.bounds.back(), width);
      if (width < 0 || !next)
        return badInput(fmt::format("{} is no width", width));
      out.bounds.push_back(*next);
    }
  }
  return cutAxes(std::move(out));
}

Status StepChecker::add(const Chunk &chunk) {
  if (chunk.dim < 0 || chunk.dim >= static_cast<int64_t>(out_.dims.size()))
    return badInput(fmt::format("there is no dimension {}: the stored tensor has {}", chunk.dim,
                                out_.dims.size()));
  RECAST_ASSIGN(int by, meshAxis(chunk.by));
  int dim = static_cast<int>(chunk.dim);
  const ResolvedProduct &product = out_.dims[dim];
  if (product.size() == 1 && product.front().axis >= 0)
    return cutAxes({{product.front().axis}, {by}, mesh_.sizes[by], SplitRule::Ceil, {}});
  for (size_t part = 0; part < out_.parts.size(); ++part)
    RECAST_TRY(takeMeshAxis(by, part));
  auto freeze = [this](auto &&self, const ResolvedProduct &in) -> void {
    for (const ResolvedFactor &factor : in) {
      if (factor.axis >= 0)
        frozen_[factor.axis] = true;
      for (const ResolvedProduct &alternative : factor.alternatives)
        self(self, alternative);
    }
  };
  freeze(freeze, product);
  out_.chunks.push_back({dim, by});
  return {};
}

Status StepChecker::add(const Flat &flat) {
  RECAST_ASSIGN(int by, meshAxis(flat.by));
  if (flat.scope > FlatScope::PerGroup)
    return badInput("unknown scope");
  for (size_t part = 0; part < out_.parts.size(); ++part)
    RECAST_TRY(takeMeshAxis(by, part));
  out_.flat = FlatCut{by, flat.scope};
  return {};
}

Status StepChecker::add(const Stage &stage) {
  RECAST_ASSIGN(int by, meshAxis(stage.by));
  if (out_.stage)
    return badInput("a tensor is on one mesh axis of stages only");
  if (stage.at.empty())
    return fail(
        Error(Code::BadInput, "the step does not say which coordinate owns the tensor")
            .hint(fmt::format("Binding fills it in; by hand it is `stage {} at 0`.", stage.by)));
  for (size_t i = 0; i < stage.at.size(); ++i)
    if (stage.at[i] < 0 || stage.at[i] >= mesh_.sizes[by] ||
        (i > 0 && stage.at[i] <= stage.at[i - 1]))
      return badInput(
          fmt::format("the coordinates of {} are below {} and rise", stage.by, mesh_.sizes[by]));
  for (size_t part = 0; part < out_.parts.size(); ++part)
    RECAST_TRY(takeMeshAxis(by, part));
  out_.stage = StageOwners{by, stage.at};
  return {};
}

Status StepChecker::add(const Varying &varying) {
  RECAST_ASSIGN(int by, meshAxis(varying.by));
  for (size_t part = 0; part < out_.parts.size(); ++part)
    RECAST_TRY(takeMeshAxis(by, part));
  return {};
}

Status StepChecker::add(const PieceList &list) {
  for (const auto &used : usedBy_)
    if (!used.empty())
      return badInput("only pads may stand before `pieces`, which says all of the rest");
  return addPieces(list, out_);
}

std::optional<int64_t> StepChecker::largest(const ResolvedProduct &product) const {
  int64_t count = 1;
  for (const ResolvedFactor &factor : product) {
    int64_t extent = factor.axis >= 0 ? extents_[factor.axis].back() : 0;
    for (const ResolvedProduct &alternative : factor.alternatives) {
      auto inner = largest(alternative);
      auto sum = inner ? checkedAdd(extent, *inner) : std::nullopt;
      if (!sum)
        return std::nullopt;
      extent = *sum;
    }
    // As for logical strides: an empty axis must not hide an overflow of the others.
    auto next = checkedMul(count, std::max<int64_t>(extent, 1));
    if (!next || *next > kMaxLocal)
      return std::nullopt;
    count = *next;
  }
  return count;
}

Status StepChecker::checkVolume() const {
  int64_t volume = 1;
  for (const ResolvedProduct &dim : out_.dims) {
    auto extent = largest(dim);
    auto next = extent ? checkedMul(volume, *extent) : std::nullopt;
    if (!next || *next > kMaxLocal)
      return badInput("the stored tensor is too large");
    volume = *next;
  }
  return {};
}

} // namespace

Status resolveSteps(const Layout &layout, const std::vector<std::string> &names,
                    ResolvedLayout &out) {
  if (layout.steps.size() > kMaxSteps)
    return badInput(fmt::format("a layout of {} steps is too long (at most {})",
                                layout.steps.size(), kMaxSteps));
  StepChecker checker(layout, names, out);
  RECAST_TRY(checker.checkVolume());
  for (size_t i = 0; i < layout.steps.size(); ++i) {
    auto inStep = [&](const Error &error) {
      std::string text = str(layout.steps[i]);
      if (text.size() > 200)
        text = text.substr(0, 200) + "...";
      return fail(Error(error.code(), fmt::format("step {} `{}`: {}", i + 1, text, error.message()))
                      .hint(error.hintText()));
    };
    if (out.flat || out.pieces)
      return inStep(Error(Code::BadInput,
                          fmt::format("nothing may follow `{}`", out.flat ? "flat" : "pieces")));
    Status status =
        std::visit([&](const auto &step) { return checker.add(step); }, layout.steps[i]);
    if (status)
      status = checker.checkVolume();
    if (!status)
      return inStep(status.error());
  }
  return {};
}

} // namespace recast::layout
