#include "compiler/Bind/Packed.h"

#include "compiler/Bind/Glob.h"
#include "compiler/Bind/SourceText.h"
#include "runtime/recipe/Recipe.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unordered_set>

namespace recast::compiler {
namespace {

/// The value of an `init` as bits of `dtype`; nothing if it does not fit.
std::optional<uint64_t> bitsOf(mlir::Attribute value, DType dtype) {
  auto whole = llvm::dyn_cast<mlir::IntegerAttr>(value);
  double real = whole ? static_cast<double>(whole.getInt())
                      : llvm::cast<mlir::FloatAttr>(value).getValueAsDouble();
  auto bits = std::bit_cast<uint64_t>(real);
  if (dtype == DType::F64)
    return bits;
  if (info(dtype).isFloat && recipe::castSupported(DType::F64, dtype))
    return recipe::castBits(bits, DType::F64, dtype,
                            recipe::overflowAllowed(dtype, recipe::Overflow::Ieee)
                                ? recipe::Overflow::Ieee
                                : recipe::Overflow::Nan);
  unsigned width = bitWidth(dtype);
  if (!whole || width > 64 || whole.getInt() < 0 ||
      (width < 64 && (static_cast<uint64_t>(whole.getInt()) >> (width - 1)) > 1))
    return std::nullopt;
  return static_cast<uint64_t>(whole.getInt());
}

class Filler {
public:
  Filler(const Job &job, const Ends &ends, Resolution &resolution, uint32_t target)
      : job_(job), ends_(ends), resolution_(resolution), target_(target),
        view_(*ends.targets[target].view()), to_(job.targets[target]) {
    for (const InitRule &rule : job.inits)
      named_.push_back(view_.model.named(rule.selection.paths));
  }

  Status run() {
    RECAST_TRY(sameNamesWhereKept());
    for (uint32_t i = 0; i < ends_.source.tensors.size(); ++i)
      RECAST_TRY(collect(i));
    for (const auto &[key, parts] : cells_)
      RECAST_TRY(complete(key.first, key.second, parts));
    return initAbsent();
  }

private:
  struct Stored {
    std::vector<char> filled; ///< Per part.
    std::optional<DType> dtype;
  };

  tl::unexpected<Error> bad(const StoredTensor &stored, std::string message, std::string hint) {
    return fail(specError(to_.loc, message).tensor(stored.name).hint(hint));
  }

  /// Files of the source that the target keeps hold its names, so the view must not change them.
  Status sameNamesWhereKept() {
    if (format::targetTraits(to_.format)->verbatimRoles.empty())
      return {};
    for (uint32_t i = 0; i < ends_.source.tensors.size(); ++i) {
      auto place = ends_.targets[target_].find(ends_.source.tensors[i].name);
      if (place && place->name == ends_.storedNames[i] && !place->layout->isWhole())
        return fail(specError(to_.loc, fmt::format("{} keeps files of the source, which hold '{}' "
                                                   "in another shape or layout",
                                                   to_.format, place->name))
                        .hint("Use the view and the model of the source for this target too."));
      if (place && place->name != ends_.storedNames[i])
        return fail(specError(to_.loc, fmt::format("{} keeps files of the source, which call it "
                                                   "'{}' and not '{}'",
                                                   to_.format, ends_.storedNames[i], place->name))
                        .hint("Use the view of the source for this target too."));
    }
    return {};
  }

  Status collect(uint32_t tensorIndex) {
    const format::Tensor &tensor = ends_.source.tensors[tensorIndex];
    auto known = view_.model.byName.find(tensor.name);
    if (known == view_.model.byName.end())
      return {};
    uint32_t logical = known->second;
    for (Cell &cell : resolution_.cellsOf(tensorIndex)) {
      if (cell.target != target_)
        continue;
      StoredPart place = view_.places[logical];
      const StoredTensor &stored = view_.stored[place.stored];
      DType dtype = typeAfter(tensor.dtype, *cell.chain);
      if (tensor.scalar && !view_.model.tensors[logical].shape.empty()) {
        RECAST_TRY(number(tensor, stored, cell, *tensor.scalar));
        continue;
      }
      if (tensor.shape != ends_.targets[target_].written(place.stored).parts[place.part].shape)
        return bad(stored,
                   fmt::format("{} has another shape in the model of '{}': ({}) instead of ({})",
                               tensor.name, to_.name,
                               fmt::join(view_.model.tensors[logical].shape, ", "),
                               fmt::join(tensor.shape, ", ")),
                   "Both ends need configurations that agree. An outer axis may grow, if `init` "
                   "says what fills it.");
      Stored &entry = cells_[{place.stored, cell.role}];
      entry.filled.resize(stored.parts.size());
      entry.filled[place.part] = 1;
      if (entry.dtype.value_or(dtype) != dtype)
        return bad(stored, fmt::format("its parts are {} and {}", name(*entry.dtype), name(dtype)),
                   "Cast them to one dtype.");
      entry.dtype = dtype;
    }
    return {};
  }

  /// A number per parameter (a step) becomes one per stored tensor: its parts must agree.
  Status number(const format::Tensor &tensor, const StoredTensor &stored, Cell &cell,
                uint64_t bits) {
    auto [entry, isNew] = numbers_.try_emplace({stored.name, cell.role}, bits);
    if (entry->second != bits)
      return bad(
          stored,
          fmt::format("the {} of its parts differ ({} has another one)", cell.role, tensor.name),
          fmt::format("Drop {} for '{}'.", cell.role, to_.name));
    // Where another part gives the same number already, nowhere.
    cell.to = isNew ? Destination{stored.name, 0, &wholeLayout()} : Destination{};
    return {};
  }

  Status complete(uint32_t storedId, Name role, const Stored &entry) {
    const StoredTensor &stored = view_.stored[storedId];
    const WrittenTensor &written = ends_.targets[target_].written(storedId);
    for (uint32_t part = 0; part < entry.filled.size(); ++part) {
      const LogicalTensor &logical = view_.model.tensors[stored.parts[part]];
      if (entry.filled[part]) {
        if (written.grown[part].empty())
          continue;
        RECAST_ASSIGN(bool filled, init(stored, part, role, *entry.dtype, written.grown[part]));
        if (!filled)
          return bad(stored,
                     fmt::format("{} of {} is larger in the model of '{}', and nothing fills what "
                                 "it has grown by",
                                 role, logical.name, to_.name),
                     fmt::format("Say what does: `init {} in {} : zeros`.", role,
                                 view_.model.decls[logical.decl].name));
        continue;
      }
      RECAST_ASSIGN(bool filled, init(stored, part, role, *entry.dtype, all(storedId, part)));
      if (!filled)
        return bad(
            stored,
            fmt::format("{} of {} has no source, but other parts of it have", role, logical.name),
            fmt::format("Say what fills it (`init {} in {} : zeros`), or drop {} of the "
                        "others too.",
                        role, view_.model.decls[logical.decl].name, role));
    }
    for (const WrittenPart &padding : written.padding)
      resolution_.fills.push_back({target_, role,
                                   Destination{stored.name, padding.part, &written.layout},
                                   *entry.dtype, padding.shape, 0});
    return {};
  }

  /// The pieces of a part of the view: what a source would have, and what none has.
  std::vector<WrittenPart> all(uint32_t storedId, uint32_t part) const {
    const WrittenTensor &written = ends_.targets[target_].written(storedId);
    std::vector<WrittenPart> pieces = written.grown[part];
    pieces.push_back(written.parts[part]);
    return pieces;
  }

  /// Fills pieces of one part as an `init` says; false if none does.
  Result<bool> init(const StoredTensor &stored, uint32_t part, Name role, DType dtype,
                    const std::vector<WrittenPart> &pieces) {
    const LogicalTensor &logical = view_.model.tensors[stored.parts[part]];
    for (size_t i = 0; i < job_.inits.size(); ++i) {
      const InitRule &rule = job_.inits[i];
      if (std::find(rule.targets.begin(), rule.targets.end(), target_) == rule.targets.end() ||
          std::find(rule.selection.roles.begin(), rule.selection.roles.end(), role) ==
              rule.selection.roles.end() ||
          !names(i, logical, stored.name))
        continue;
      auto bits = bitsOf(rule.value, dtype);
      if (!bits)
        return fail(specError(rule.loc, fmt::format("this value is none of {}", name(dtype)))
                        .tensor(stored.name));
      const layout::Layout &layout =
          ends_.targets[target_].written(view_.byName.at(stored.name)).layout;
      for (const WrittenPart &piece : pieces)
        resolution_.fills.push_back({target_, role, Destination{stored.name, piece.part, &layout},
                                     dtype, piece.shape, *bits});
      return true;
    }
    return false;
  }

  /// Whether a selection means a tensor that the source does not have: by the target's names.
  bool names(size_t init, const LogicalTensor &logical, Name stored) const {
    const Selection &selection = job_.inits[init].selection;
    if (selection.isAll() || named_[init][logical.decl])
      return true;
    for (const std::string &glob : selection.globs)
      if (globMatches(glob, stored))
        return true;
    return false;
  }

  /// Tensors of the target's model that the source has in no role.
  Status initAbsent() {
    if (!job_.only.empty())
      return {};
    std::unordered_set<Name> present;
    for (const format::Tensor &tensor : ends_.source.tensors)
      present.insert(tensor.name);
    std::map<Name, DType> dtypes; // Of each role, by what the source has of it.
    for (const auto &[key, entry] : cells_)
      dtypes.emplace(key.second, *entry.dtype);
    for (uint32_t s = 0; s < view_.stored.size(); ++s)
      for (uint32_t part = 0; part < view_.stored[s].parts.size(); ++part) {
        const LogicalTensor &logical = view_.model.tensors[view_.stored[s].parts[part]];
        if (logical.tiedTo || present.count(logical.name))
          continue;
        bool filled = false;
        for (const auto &[role, dtype] : dtypes) {
          if (cells_.count({s, role}))
            filled = true; // As a part of a tensor that has other parts: done above.
          else {
            RECAST_ASSIGN(bool one, init(view_.stored[s], part, role, dtype, all(s, part)));
            filled |= one;
          }
        }
        if (!filled)
          return bad(view_.stored[s],
                     fmt::format("nothing fills {} of the model of '{}': the source does not have "
                                 "it",
                                 logical.name, to_.name),
                     fmt::format("Say what does: `init weight in {} : zeros`.",
                                 view_.model.decls[logical.decl].name));
      }
    return {};
  }

  const Job &job_;
  const Ends &ends_;
  Resolution &resolution_;
  uint32_t target_;
  const BoundView &view_;
  const EndpointDecl &to_;
  std::vector<std::vector<char>> named_;              ///< Per `init`, per declaration.
  std::map<std::pair<uint32_t, Name>, Stored> cells_; ///< (stored tensor, role)
  std::map<std::pair<Name, Name>, uint64_t> numbers_;
};

} // namespace

Status fillPacked(const Job &job, const Ends &ends, Resolution &resolution) {
  for (uint32_t target = 0; target < job.targets.size(); ++target) {
    if (ends.targets[target].view())
      RECAST_TRY(Filler(job, ends, resolution, target).run());
    else if (!job.inits.empty())
      return fail(specError(job.inits.front().loc,
                            "`init` fills tensors of a model; the ends of this job are `as same`, "
                            "where nothing is without a source"));
  }
  if (!job.source.view.empty()) // Some cells may have no place any more.
    resolution.sortCells(ends.source.tensors.size());
  return {};
}

} // namespace recast::compiler
