#include "compiler/Bind/LogicalSource.h"

#include "compiler/Bind/RankSteps.h"
#include "compiler/Bind/SourceText.h"
#include "runtime/base/NearestName.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

namespace recast::compiler {
namespace {

class Builder {
public:
  Builder(format::Inventory stored, const BoundView &view)
      : out_(std::move(stored)), files_(std::move(out_.tensors)), view_(view) {
    out_.tensors.clear();
    out_.aliases.clear();
  }

  Result<format::Inventory> run(std::vector<plan::LeftOut> &leftOut) {
    std::vector<char> seen(view_.stored.size(), 0);
    int64_t ignored = 0;
    for (const format::Tensor &tensor : files_) {
      auto rule = view_.byName.find(tensor.name);
      if (rule == view_.byName.end()) {
        RECAST_TRY(unclaimed(tensor));
        ++ignored;
        continue;
      }
      seen[rule->second] = 1;
      RECAST_TRY(add(tensor, view_.stored[rule->second]));
    }
    if (ignored)
      leftOut.push_back({fmt::format("{} tensors that can be computed again", ignored),
                         fmt::format("ignored by the view '{}'", view_.name)});
    for (size_t s = 0; s < seen.size(); ++s)
      if (!seen[s])
        RECAST_TRY(absent(view_.stored[s]));
    // Families and outputs follow the model's order, whatever the files' is.
    std::vector<std::pair<uint32_t, size_t>> order;
    for (size_t i = 0; i < out_.tensors.size(); ++i)
      order.emplace_back(view_.model.byName.at(out_.tensors[i].name), i);
    std::sort(order.begin(), order.end());
    std::vector<format::Tensor> sorted;
    for (auto [logical, i] : order)
      sorted.push_back(std::move(out_.tensors[i]));
    out_.tensors = std::move(sorted);
    RECAST_TRY(regroup());
    return std::move(out_);
  }

private:
  Status unclaimed(const format::Tensor &tensor) {
    for (const std::string &glob : view_.ignores)
      if (globMatches(glob, tensor.name))
        return {};
    std::vector<std::string> known;
    for (const StoredTensor &stored : view_.stored)
      known.push_back(stored.name);
    Error error(Code::BadInput,
                fmt::format("the view '{}' does not know this tensor of the source", view_.name));
    std::string nearest = nearestName(tensor.name, known);
    return fail(std::move(error)
                    .tensor(tensor.name)
                    .file(out_.root)
                    .hint(nearest.empty() ? "Is this the right view, and the right config.json? "
                                            "What can be computed again is left out with `ignore`."
                                          : fmt::format("It knows '{}'.", nearest)));
  }

  /// A stored tensor of the view that no file has: right for aliases alone.
  Status absent(const StoredTensor &stored) {
    bool isAlias = std::all_of(stored.parts.begin(), stored.parts.end(), [&](uint32_t part) {
      return view_.model.tensors[part].tiedTo.has_value();
    });
    if (isAlias)
      return {};
    std::vector<std::string> known;
    for (const format::Tensor &tensor : files_)
      known.push_back(tensor.name);
    std::string nearest = nearestName(stored.name, known);
    Error error(Code::BadInput,
                fmt::format("the source has no such tensor, which holds {} of the "
                            "model '{}'",
                            view_.model.tensors[stored.parts[0]].name, view_.model.name));
    return fail(std::move(error)
                    .tensor(stored.name)
                    .file(out_.root)
                    .hint(nearest.empty() ? "Is this the right view, and the right config.json?"
                                          : fmt::format("It has '{}'.", nearest)));
  }

  Status add(format::Tensor tensor, const StoredTensor &rule) {
    RECAST_TRY(applyRankSteps(rule.ranks, /*ifThere=*/true, rule.loc, out_, tensor));
    for (uint32_t part : rule.parts)
      if (view_.model.tensors[part].tiedTo)
        return fail(Error(Code::BadInput,
                          fmt::format("{} is tied to {} in the model, but the source stores both",
                                      view_.model.tensors[part].name,
                                      view_.model.tensors[*view_.model.tensors[part].tiedTo].name))
                        .tensor(tensor.name)
                        .file(out_.root)
                        .hint("If they are two tensors, say so in the config.json "
                              "(tie_word_embeddings)."));
    // A step per parameter is one number, whatever the shape of the parameter is.
    bool isNumber = tensor.shape.empty() && !rule.shape.empty();
    if (isNumber && !tensor.scalar && rule.parts.size() > 1)
      return fail(Error(Code::BadInput, "one stored number for several logical tensors")
                      .tensor(tensor.name)
                      .file(out_.root));
    if (!isNumber && tensor.shape != rule.shape)
      return fail(
          Error(Code::BadInput,
                fmt::format("the view '{}' expects the shape ({}), the source has ({})", view_.name,
                            fmt::join(rule.shape, ", "), fmt::join(tensor.shape, ", ")))
              .tensor(tensor.name)
              .file(out_.root)
              .hint("Is this the right config.json?"));
    uint32_t layout = tensor.layout;
    if (!isNumber && !rule.asItIs) {
      RECAST_ASSIGN(layout, composed(tensor, rule));
    }
    for (uint32_t part = 0; part < rule.parts.size(); ++part) {
      const LogicalTensor &logical = view_.model.tensors[rule.parts[part]];
      format::Tensor &made = out_.tensors.emplace_back(tensor);
      made.name = logical.name;
      made.layout = layout;
      made.part = isNumber ? 0 : part;
      if (!isNumber)
        made.shape = logical.shape;
    }
    return {};
  }

  /// The layout of the files after the map of the view.
  Result<uint32_t> composed(const format::Tensor &tensor, const StoredTensor &rule) {
    auto [entry, isNew] = composed_.try_emplace({tensor.layout, rule.layout.str()}, 0);
    if (!isNew)
      return entry->second;
    const layout::Layout files = out_.layouts[tensor.layout];
    layout::Layout both = rule.layout;
    both.mesh = files.mesh;
    bool fits = files.axes.stored.empty();
    for (const layout::Step &step : files.steps) {
      // Flat cuts and lists of pieces see the stored tensor as a whole; so do chunks. A split of a
      // dimension that the map makes up of several axes is a chunk of it.
      if (auto *split = std::get_if<layout::Split>(&step)) {
        fits &= split->axes.size() == 1 && split->by.size() == 1 && split->axes[0][0] == 'd' &&
                (split->rule == layout::SplitRule::Even || split->rule == layout::SplitRule::Ceil);
        if (fits)
          both.steps.push_back(layout::Chunk{std::stoll(split->axes[0].substr(1)), split->by[0]});
        continue;
      }
      fits &= !std::holds_alternative<layout::Pad>(step);
      both.steps.push_back(step);
    }
    std::vector<std::vector<int64_t>> shapes;
    for (uint32_t part : rule.parts)
      shapes.push_back(view_.model.tensors[part].shape);
    Status sound = fits ? layout::verify(both, shapes) : usage("these steps cannot follow a map");
    if (!sound)
      return fail(Error(Code::BadInput,
                        fmt::format("the files hold it as `{}`, which the map of the view cannot "
                                    "be combined with: {}",
                                    files.str(), sound.error().message()))
                      .tensor(tensor.name)
                      .file(out_.root));
    entry->second = static_cast<uint32_t>(out_.layouts.size());
    out_.layouts.push_back(std::move(both));
    return entry->second;
  }

  /// Members of parameter groups by their logical names.
  Status regroup() {
    for (format::Group &group : out_.groups) {
      std::vector<Name> names;
      for (Name name : group.names) {
        auto rule = view_.byName.find(name);
        if (rule == view_.byName.end())
          return fail(Error(Code::BadInput, "a parameter group names a tensor that the view does "
                                            "not know")
                          .tensor(name)
                          .file(out_.root));
        for (uint32_t part : view_.stored[rule->second].parts)
          names.push_back(view_.model.tensors[part].name);
      }
      group.names = std::move(names);
    }
    return {};
  }

  format::Inventory out_;
  std::vector<format::Tensor> files_; ///< By their names in the files.
  const BoundView &view_;
  std::map<std::pair<uint32_t, std::string>, uint32_t> composed_;
};

} // namespace

Result<format::Inventory> logicalInventory(format::Inventory stored, const BoundView &view,
                                           std::vector<plan::LeftOut> &leftOut) {
  return Builder(std::move(stored), view).run(leftOut);
}

} // namespace recast::compiler
