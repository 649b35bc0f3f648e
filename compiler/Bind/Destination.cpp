#include "compiler/Bind/Destination.h"

#include "runtime/base/Checked.h"
#include "runtime/layout/PackedShapes.h"

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

} // namespace

Result<WrittenTensor> asWritten(const StoredTensor &stored) {
  WrittenTensor out;
  out.layout.axes = stored.layout.axes;
  size_t count = stored.parts.size();
  layout::AxisMap &map = out.layout.axes;
  if (!stored.layout.steps.empty() && map.logical.empty())
    for (size_t part = 0; part < count; ++part) {
      layout::AxisMap::Dims &dims = map.logical.emplace_back();
      for (const Product &dim : map.stored) { // Pads without a map: the model's own axes.
        std::vector<std::string> &names = dims.emplace_back();
        for (const layout::Factor &factor : dim)
          names.push_back(factor.axis);
      }
    }
  // What each part is: a part of the view, or padding.
  std::vector<std::optional<uint32_t>> origin;
  for (uint32_t part = 0; part < count; ++part)
    origin.push_back(part);
  for (const layout::Step &step : stored.layout.steps) {
    const auto &pad = std::get<layout::Pad>(step); // Views bound for one rank have no other step.
    std::string tail = pad.axis + "_pad";
    int64_t size = map.sizes.at(pad.axis);
    map.sizes[tail] = ceilDiv(size, pad.multiple) * pad.multiple - size;
    for (Product &dim : map.stored)
      extend(dim, pad.axis, tail);
    std::vector<layout::AxisMap::Dims> logical;
    std::vector<std::optional<uint32_t>> next;
    for (size_t part = 0; part < map.logical.size(); ++part) {
      layout::AxisMap::Dims padding = map.logical[part];
      bool has = false;
      for (auto &dim : padding)
        for (std::string &axis : dim)
          if (axis == pad.axis) {
            axis = tail;
            has = true;
          }
      logical.push_back(map.logical[part]);
      next.push_back(origin[part]);
      if (has) {
        logical.push_back(std::move(padding));
        next.push_back(std::nullopt);
      }
    }
    map.logical = std::move(logical);
    origin = std::move(next);
    if (map.partCount() != origin.size())
      return usage(fmt::format("'{}' cannot be written padded: the pad of '{}' and the "
                               "concatenations of its map do not nest",
                               stored.name, pad.axis));
  }
  out.parts.resize(count);
  if (origin.size() > count) {
    std::vector<std::vector<int64_t>> shapes = layout::partShapes(map);
    RECAST_TRY(layout::verify(out.layout, shapes));
    for (uint32_t part = 0; part < origin.size(); ++part)
      if (!origin[part])
        out.padding.push_back({part, shapes[part]});
  }
  for (uint32_t part = 0; part < origin.size(); ++part)
    if (origin[part])
      out.parts[*origin[part]] = part;
  return out;
}

Result<Destinations> Destinations::create(const BoundView &view) {
  Destinations out;
  out.view_ = &view;
  for (const StoredTensor &stored : view.stored) {
    RECAST_ASSIGN(WrittenTensor written, asWritten(stored));
    out.written_.push_back(std::move(written));
  }
  return out;
}

std::optional<Destination> Destinations::find(const std::string &logical) const {
  if (!view_)
    return Destination{logical, {}, 0};
  auto tensor = view_->model.byName.find(logical);
  if (tensor == view_->model.byName.end())
    return std::nullopt;
  StoredPart place = view_->places[tensor->second];
  const WrittenTensor &written = written_[place.stored];
  return Destination{view_->stored[place.stored].name, written.layout, written.parts[place.part]};
}

} // namespace recast::compiler
