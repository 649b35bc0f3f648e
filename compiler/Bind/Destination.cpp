#include "compiler/Bind/Destination.h"

#include "runtime/base/Checked.h"
#include "runtime/layout/PackedShapes.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::compiler {
namespace {

using Product = std::vector<layout::Factor>;

/// Puts `axis + tail` in place of `axis`; alternatives that are nothing but the axis are spliced
/// into the concatenation around them.
void extend(Product &product, const std::string &axis, const std::string &tail) {
  for (layout::Factor &factor : product) {
    if (factor.axis == axis) {
      factor = layout::Factor{"", {{layout::Factor{axis, {}}}, {layout::Factor{tail, {}}}}};
      continue;
    }
    std::vector<Product> alternatives;
    for (Product &alternative : factor.alternatives) {
      extend(alternative, axis, tail);
      if (alternative.size() == 1 && !alternative.front().alternatives.empty())
        alternatives.insert(alternatives.end(), alternative.front().alternatives.begin(),
                            alternative.front().alternatives.end());
      else
        alternatives.push_back(std::move(alternative));
    }
    factor.alternatives = std::move(alternatives);
  }
}

/// What is behind the end of an axis.
struct Tail {
  std::string axis; ///< Of the view's map.
  bool isPad = false;
};

class Writer {
public:
  Writer(const StoredTensor &stored, const BoundModel &model) : stored_(stored) {
    out_.layout.axes = stored.layout.axes;
    out_.layout.mesh = stored.layout.mesh;
    if (map().stored.empty())
      map() = model.axesOf(model.tensors[stored.parts.front()].decl);
    if (map().logical.empty())
      for (uint32_t part : stored.parts)
        map().logical.push_back(model.decls[model.tensors[part].decl].axes);
  }

  /// Of the rows of `axis`, those from `size` on become parts of their own.
  void growFrom(const std::string &axis, int64_t size) {
    std::string tail = axis + "_new";
    map().sizes[tail] = map().sizes.at(axis) - size;
    map().sizes[axis] = size;
    append(axis, tail);
    last_[axis] = tail;
    tails_[tail] = {axis, false};
  }

  Status pad(const layout::Pad &pad) {
    if (!out_.layout.steps.empty())
      return usage(fmt::format("`{}`: what is cut is not padded; pad first", layout::str(pad)));
    auto last = last_.find(pad.axis);
    std::string axis = last == last_.end() ? pad.axis : last->second, tail = pad.axis + "_pad";
    int64_t size = map().sizes.at(pad.axis) + (axis == pad.axis ? 0 : map().sizes.at(axis));
    map().sizes[tail] = ceilDiv(size, pad.multiple) * pad.multiple - size;
    append(axis, tail);
    last_[pad.axis] = tail;
    tails_[tail] = {pad.axis, true};
    return {};
  }

  /// Axes that have become longer are cut as dimensions.
  Status cut(const layout::Step &step) {
    auto *split = std::get_if<layout::Split>(&step);
    bool isLonger = split && std::ranges::any_of(split->axes, [&](const std::string &axis) {
                      return last_.contains(axis);
                    });
    if (!isLonger) {
      out_.layout.steps.push_back(step);
      return {};
    }
    std::optional<size_t> dim = dimOf(split->axes.front());
    // A chunk is cut by the ceil rule, mesh axis by mesh axis.
    bool isChunk = split->rule == layout::SplitRule::Even ||
                   (split->rule == layout::SplitRule::Ceil && split->by.size() == 1);
    if (split->axes.size() > 1 || !dim || !isChunk)
      return usage(fmt::format("`{}`: an axis that is padded or has grown can be cut where it is a "
                               "dimension by itself, into equal shares",
                               layout::str(step)));
    for (const std::string &by : split->by)
      out_.layout.steps.push_back(layout::Chunk{static_cast<int64_t>(*dim), by});
    return {};
  }

  Result<WrittenTensor> run() {
    // Parts with the same tails come in the order that their parts have in the view.
    layout::AxisMap implied = map();
    implied.logical.clear();
    size_t count = implied.partCount();
    if (count > layout::kMaxParts)
      return usage(fmt::format("'{}' would be written in {} parts; at most {} may be", stored_.name,
                               count, layout::kMaxParts));
    std::vector<layout::AxisMap::Dims> own = std::move(map().logical), logical;
    std::map<std::vector<std::string>, std::vector<size_t>> partsWith;
    std::map<std::vector<std::string>, size_t> met;
    std::vector<std::pair<size_t, std::vector<std::string>>> origin;
    for (size_t k = 0; k < count; ++k) {
      std::vector<std::string> tails;
      for (const std::string &axis : implied.partAxes(k))
        if (tails_.count(axis))
          tails.push_back(axis);
      auto [with, isNew] = partsWith.try_emplace(tails);
      for (size_t part = 0; isNew && part < own.size(); ++part)
        if (hasBases(own[part], tails))
          with->second.push_back(part);
      size_t part = with->second.at(met[tails]++);
      logical.push_back(withTails(own[part], tails));
      origin.emplace_back(part, std::move(tails));
    }
    map().logical = std::move(logical);
    std::vector<std::vector<int64_t>> shapes = layout::partShapes(map());
    RECAST_TRY(layout::verify(out_.layout, shapes));
    out_.parts.resize(own.size());
    out_.grown.resize(own.size());
    for (uint32_t k = 0; k < count; ++k) {
      const auto &[part, tails] = origin[k];
      WrittenPart written{k, shapes[k]};
      if (std::any_of(tails.begin(), tails.end(),
                      [&](const std::string &tail) { return tails_.at(tail).isPad; }))
        out_.padding.push_back(std::move(written));
      else if (!tails.empty())
        out_.grown[part].push_back(std::move(written));
      else
        out_.parts[part] = std::move(written);
    }
    return std::move(out_);
  }

private:
  layout::AxisMap &map() { return out_.layout.axes; }

  /// The dimension that is an axis with its tails and nothing else.
  std::optional<size_t> dimOf(const std::string &axis) {
    for (size_t d = 0; d < map().stored.size(); ++d)
      if (const Product &dim = map().stored[d];
          dim.size() == 1 && !dim.front().alternatives.empty() &&
          std::ranges::all_of(dim.front().alternatives, [&](const Product &one) {
            return one.size() == 1 &&
                   (one.front().axis == axis || (tails_.contains(one.front().axis) &&
                                                 tails_.at(one.front().axis).axis == axis));
          }))
        return d;
    return std::nullopt;
  }

  void append(const std::string &axis, const std::string &tail) {
    for (Product &dim : map().stored)
      extend(dim, axis, tail);
  }

  bool hasBases(const layout::AxisMap::Dims &dims, const std::vector<std::string> &tails) const {
    return std::all_of(tails.begin(), tails.end(), [&](const std::string &tail) {
      return std::any_of(dims.begin(), dims.end(), [&](const std::vector<std::string> &dim) {
        return std::find(dim.begin(), dim.end(), tails_.at(tail).axis) != dim.end();
      });
    });
  }

  layout::AxisMap::Dims withTails(layout::AxisMap::Dims dims,
                                  const std::vector<std::string> &tails) const {
    for (auto &dim : dims)
      for (std::string &axis : dim)
        for (const std::string &tail : tails)
          if (axis == tails_.at(tail).axis) {
            axis = tail;
            break;
          }
    return dims;
  }

  const StoredTensor &stored_;
  std::map<std::string, std::string> last_; ///< Axes that are longer: their last tail.
  std::map<std::string, Tail> tails_;
  WrittenTensor out_;
};

/// Axes of a tensor that are longer than in the source's model; none where the two differ
/// otherwise.
std::map<std::string, int64_t> grownAxes(const BoundModel &to, uint32_t tensor,
                                         const BoundModel &from) {
  std::map<std::string, int64_t> out;
  auto found = from.byName.find(to.tensors[tensor].name);
  if (found == from.byName.end())
    return out;
  const TensorDecl &there = from.decls[from.tensors[found->second].decl],
                   &here = to.decls[to.tensors[tensor].decl];
  if (there.axes != here.axes)
    return out;
  for (const auto &dim : here.axes)
    for (size_t i = 0; i < dim.size(); ++i) {
      int64_t before = from.dims.at(dim[i]), after = to.dims.at(dim[i]);
      if (before > after || (before < after && i > 0))
        return {};
      if (before < after)
        out[dim[i]] = before;
    }
  return out;
}

} // namespace

Result<WrittenTensor> asWritten(const StoredTensor &stored, const BoundModel &model,
                                const std::map<std::string, int64_t> &grownFrom) {
  auto isPad = [](const layout::Step &step) { return std::holds_alternative<layout::Pad>(step); };
  if (std::ranges::none_of(stored.layout.steps, isPad) && grownFrom.empty()) {
    WrittenTensor out{stored.layout, {}, {}, {}};
    for (uint32_t part = 0; part < stored.parts.size(); ++part)
      out.parts.push_back({part, model.tensors[stored.parts[part]].shape});
    out.grown.resize(stored.parts.size());
    return out;
  }
  Writer writer(stored, model);
  for (const auto &[axis, size] : grownFrom)
    writer.growFrom(axis, size);
  for (const layout::Step &step : stored.layout.steps) {
    if (const auto *pad = std::get_if<layout::Pad>(&step))
      RECAST_TRY(writer.pad(*pad));
    else
      RECAST_TRY(writer.cut(step));
  }
  return writer.run();
}

Result<Destinations> Destinations::create(const BoundView &view, const BoundModel &source) {
  Destinations out;
  out.view_ = &view;
  auto all = std::make_shared<std::vector<WrittenTensor>>();
  all->reserve(view.stored.size());
  for (const StoredTensor &stored : view.stored) {
    std::map<std::string, int64_t> grownFrom;
    for (uint32_t part : stored.parts)
      grownFrom.merge(grownAxes(view.model, part, source));
    // A map with `->` names axes as it likes; what it splits does not grow.
    if (!stored.layout.axes.stored.empty())
      std::erase_if(grownFrom,
                    [&](const auto &axis) { return !stored.layout.axes.sizes.count(axis.first); });
    RECAST_ASSIGN(WrittenTensor written, asWritten(stored, view.model, grownFrom));
    all->push_back(std::move(written));
  }
  out.written_ = std::move(all);
  return out;
}

const layout::Layout &wholeLayout() {
  static const layout::Layout whole;
  return whole;
}

std::optional<Destination> Destinations::find(Name logical) const {
  if (!view_)
    return Destination{logical, 0, &wholeLayout()};
  auto tensor = view_->model.byName.find(logical);
  if (tensor == view_->model.byName.end())
    return std::nullopt;
  StoredPart place = view_->places[tensor->second];
  const WrittenTensor &written = this->written(place.stored);
  const layout::Layout &layout = written.layout.isWhole() ? wholeLayout() : written.layout;
  return Destination{view_->stored[place.stored].name, written.parts[place.part].part, &layout};
}

} // namespace recast::compiler
