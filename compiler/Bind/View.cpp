#include "compiler/Bind/View.h"

#include "compiler/Bind/Evaluate.h"
#include "compiler/Bind/SourceText.h"
#include "compiler/Bind/StackedIndices.h"
#include "compiler/Bind/ViewSteps.h"
#include "runtime/layout/PackedShapes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace recast::compiler {
namespace {

using namespace recast::ir;
using plan::ObjectPtr;
using Kind = plan::Object::Kind;

constexpr uint32_t kNowhere = UINT32_MAX;
/// `{l}` in a stored name becomes the value of l.
std::string fill(std::string_view pattern, const std::map<std::string, std::string> &values) {
  std::string out;
  for (size_t at = 0; at < pattern.size(); ++at) {
    size_t end = pattern[at] == '{' ? pattern.find('}', at) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out += pattern[at];
      continue;
    }
    auto found = values.find(std::string(pattern.substr(at + 1, end - at - 1)));
    out += found == values.end() ? std::string(pattern.substr(at, end - at + 1)) : found->second;
    at = end;
  }
  return out;
}

bool captures(std::string_view pattern, const std::string &name) {
  return pattern.find("{" + name + "}") != std::string_view::npos;
}

class Binder {
public:
  Binder(ckpt::ViewOp op, BoundModel model, const layout::Mesh &mesh, bool shares)
      : op_(op), mesh_(mesh), steps_(mesh, shares, out_.cutAxes) {
    out_.name = op.getSymName().str();
    out_.model = std::move(model);
    out_.places.assign(out_.model.tensors.size(), {kNowhere, 0});
    names_.word = [this](const std::string &word) -> Result<ObjectPtr> {
      if (auto index = indices_.find(word); index != indices_.end())
        return plan::integer(index->second);
      for (size_t i = 0; i < mesh_.axes.size(); ++i)
        if (mesh_.axes[i] == word)
          return plan::integer(mesh_.sizes[i]);
      for (mlir::Attribute axis : op_.getOver())
        if (llvm::cast<mlir::StringAttr>(axis).getValue() == word)
          return plan::integer(1);
      if (auto dim = out_.model.dims.find(word); dim != out_.model.dims.end())
        return plan::integer(dim->second);
      return ObjectPtr();
    };
  }

  Result<BoundView> run() {
    for (auto rule : op_.getBody().front().getOps<ckpt::RuleOp>())
      RECAST_TRY(bindRule(rule));
    for (auto ignore : op_.getBody().front().getOps<ckpt::IgnoreOp>())
      out_.ignores.push_back(ignore.getNames().str());
    for (size_t i = 0; i < out_.places.size(); ++i)
      if (out_.places[i].stored == kNowhere)
        return fail(specError(op_.getLoc(), fmt::format("the view '{}' does not say where {} is "
                                                        "stored",
                                                        out_.name, out_.model.tensors[i].name)));
    return std::move(out_);
  }

private:
  Status bindRule(ckpt::RuleOp rule) {
    RECAST_ASSIGN(PathMatch match, out_.model.match(rule.getPath(), rule.getLoc()));
    for (size_t way = 0; way < match.packs.size(); ++way) {
      if (match.packs[way].empty())
        continue; // Its groups have no members in this model.
      RECAST_TRY(bindPack(rule, match.packs[way], match.choices[way], match.indices));
    }
    return {};
  }

  /// All stored tensors of one alternative: one per value of the captured indices.
  Status bindPack(ckpt::RuleOp rule, const std::vector<uint32_t> &pack,
                  const std::map<std::string, std::string> &choice,
                  const std::vector<std::string> &indices) {
    // Members by the values of the captures; the values of stacked indices follow in order.
    std::map<std::vector<int64_t>, std::vector<std::vector<int64_t>>> members;
    std::vector<size_t> captured, stacked;
    for (size_t g = 0; g < indices.size(); ++g)
      (captures(rule.getStored(), indices[g]) ? captured : stacked).push_back(g);
    for (const auto &[key, id] : out_.model.byIndex) {
      if (std::find(pack.begin(), pack.end(), key.first) == pack.end())
        continue;
      std::vector<int64_t> values;
      for (size_t g : captured)
        values.push_back(key.second[g]);
      auto &tuples = members[values];
      if (std::find(tuples.begin(), tuples.end(), key.second) == tuples.end())
        tuples.push_back(key.second);
    }
    for (auto &[values, tuples] : members) {
      std::sort(tuples.begin(), tuples.end());
      std::map<std::string, std::string> text = choice;
      indices_.clear();
      for (size_t k = 0; k < captured.size(); ++k) {
        text[indices[captured[k]]] = std::to_string(values[k]);
        indices_[indices[captured[k]]] = values[k];
      }
      RECAST_ASSIGN(bool applies, holds(rule));
      if (!applies)
        continue;
      std::vector<StackedIndex> stackedIndices;
      for (size_t g : stacked)
        stackedIndices.push_back({indices[g], g});
      RECAST_TRY(
          bindStored(rule, pack, fill(rule.getStored().str(), text), tuples, stackedIndices));
    }
    indices_.clear();
    return {};
  }

  Result<bool> holds(ckpt::RuleOp rule) {
    if (!rule.getCondition())
      return true;
    RECAST_ASSIGN(Evaluated result, evaluate(rule.getLoc(), *rule.getCondition(), names_));
    if (result.value->kind != Kind::Bool)
      return fail(specError(rule.getLoc(), fmt::format("a condition must be true or false, not {}",
                                                       show(*result.value))));
    return result.value->integer != 0;
  }

  Status bindStored(ckpt::RuleOp rule, const std::vector<uint32_t> &pack, Name name,
                    const std::vector<std::vector<int64_t>> &tuples,
                    const std::vector<StackedIndex> &stacked) {
    StoredTensor stored{name, {}, false, {}, {}, {}, rule.getLoc()};
    auto bad = [&](std::string message) {
      return fail(
          Error(Code::Usage, specError(rule.getLoc(), message).message()).tensor(stored.name));
    };
    for (const auto &tuple : tuples)
      for (uint32_t decl : pack) {
        auto found = out_.model.byIndex.find({decl, tuple});
        if (found == out_.model.byIndex.end())
          return bad(fmt::format("this rule packs '{}' with others, but the model has none here",
                                 out_.model.decls[decl].name));
        stored.parts.push_back(found->second);
      }
    auto status = rule.getMap() ? withMap(rule, pack, tuples, stacked, stored)
                                : plain(pack, tuples.size(), stored);
    if (!status)
      return bad(status.error().message());
    if (auto padded = addSteps(rule, stored); !padded)
      return bad(padded.error().message());
    auto id = static_cast<uint32_t>(out_.stored.size());
    if (auto [other, isNew] = out_.byName.try_emplace(stored.name, id); !isNew)
      return bad(fmt::format(
          "{} and {} would both be stored as '{}'", out_.model.tensors[stored.parts[0]].name,
          out_.model.tensors[out_.stored[other->second].parts[0]].name, stored.name));
    for (uint32_t part = 0; part < stored.parts.size(); ++part) {
      StoredPart &place = out_.places[stored.parts[part]];
      if (place.stored != kNowhere)
        return bad(fmt::format("{} is stored as '{}' already",
                               out_.model.tensors[stored.parts[part]].name,
                               out_.stored[place.stored].name));
      place = {id, part};
    }
    out_.stored.push_back(std::move(stored));
    return {};
  }

  /// Without a map: the logical tensor itself, its axes named so that steps can cut them.
  Status plain(const std::vector<uint32_t> &pack, size_t tuples, StoredTensor &stored) {
    if (pack.size() != 1 || tuples != 1)
      return usage("several tensors need a map that says how they lie in the stored one");
    stored.asItIs = true;
    stored.shape = out_.model.tensors[stored.parts[0]].shape;
    stored.layout.axes = out_.model.axesOf(pack[0]);
    return {};
  }

  /// `stored.parts` come in the order (tuple, member of the pack) and leave in that of the map.
  Status withMap(ckpt::RuleOp rule, const std::vector<uint32_t> &pack,
                 const std::vector<std::vector<int64_t>> &tuples,
                 const std::vector<StackedIndex> &stacked, StoredTensor &stored) {
    RECAST_ASSIGN(layout::AxisMap map,
                  layout::AxisMap::parse(rule.getMap()->str(), out_.model.dims));
    if (!stacked.empty())
      RECAST_TRY(stackIndices(pack.size(), tuples, stacked, map, stored.parts));
    RECAST_TRY(checkPartCount(map, stored.parts.size()));
    std::vector<std::vector<int64_t>> shapes;
    for (uint32_t part : stored.parts)
      shapes.push_back(out_.model.tensors[part].shape);
    if (map.logical.empty())
      RECAST_TRY(nameParts(stored.parts, stacked.size(), map));
    RECAST_ASSIGN(map, map.inferSizes(shapes));
    stored.shape = layout::storedShape(map);
    stored.layout.axes = std::move(map);
    return layout::verify(stored.layout, shapes);
  }

  /// The logical side of each part: the axes that the model gives the tensor.
  Status nameParts(const std::vector<uint32_t> &tensors, size_t stackedCount,
                   layout::AxisMap &map) {
    std::vector<layout::AxisMap::Dims> logical;
    for (size_t part = 0; part < tensors.size(); ++part) {
      const TensorDecl &decl = out_.model.decls[out_.model.tensors[tensors[part]].decl];
      layout::AxisMap::Dims dims = decl.axes;
      for (size_t i = 0; i < stackedCount && !dims.empty(); ++i)
        dims.front().insert(dims.front().begin(), stackedUnit(i));
      std::vector<std::string> named, given = map.partAxes(part);
      for (const auto &dim : dims)
        named.insert(named.end(), dim.begin(), dim.end());
      std::sort(named.begin(), named.end());
      std::sort(given.begin(), given.end());
      if (named != given)
        return usage(fmt::format("part {} of the map has the axes ({}), but '{}' has ({}) in the "
                                 "model",
                                 part, fmt::join(given, " "), decl.name, fmt::join(named, " ")));
      logical.push_back(std::move(dims));
    }
    map.logical = std::move(logical);
    return {};
  }

  Status addSteps(ckpt::RuleOp rule, StoredTensor &stored) {
    auto steps = rule.getSteps().value_or(mlir::ArrayAttr::get(op_.getContext(), {}));
    for (mlir::Attribute attr : steps) {
      if (auto padTo = llvm::dyn_cast<ckpt::PadToAttr>(attr)) {
        RECAST_ASSIGN(Evaluated multiple, evaluate(rule.getLoc(), padTo.getMultiple(), names_));
        if (multiple.value->kind != Kind::Int || multiple.value->integer < 1)
          return usage(fmt::format("an axis is padded to a multiple of a whole number, not of {}",
                                   show(*multiple.value)));
        RECAST_TRY(steps_.add(layout::Pad{padTo.getAxis().str(), multiple.value->integer}, stored));
      } else {
        RECAST_TRY(steps_.add(ckpt::stepOf(attr), stored));
      }
    }
    if (stored.layout.steps.empty()) {
      if (stored.asItIs)
        stored.layout = {}; // Nothing is cut: axes need no names.
      return {};
    }
    stored.asItIs = false;
    std::vector<std::vector<int64_t>> shapes;
    for (uint32_t part : stored.parts)
      shapes.push_back(out_.model.tensors[part].shape);
    return layout::verify(stored.layout, shapes);
  }

  ckpt::ViewOp op_;
  layout::Mesh mesh_;
  Names names_;
  std::map<std::string, int64_t> indices_; ///< Captured, of the tensor being bound.
  BoundView out_;
  ViewSteps steps_;
};

} // namespace

Result<BoundView> bindView(mlir::ModuleOp module, ckpt::ViewOp op, mlir::Attribute application,
                           const layout::Mesh &mesh, bool shares, mlir::Location loc) {
  auto model = mlir::SymbolTable::lookupNearestSymbolFrom<ckpt::ModelOp>(module, op.getModelAttr());
  RECAST_ASSIGN(BoundModel bound, bindModel(module, model, application, loc));
  return Binder(op, std::move(bound), mesh, shares).run();
}

} // namespace recast::compiler
