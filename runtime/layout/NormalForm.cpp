// Rewrites that keep the element map, in an order in which each meets what the ones before left:
// steps are simplified, then axes that no step tells apart are joined, then everything gets uniform
// names, then steps that commute are sorted.
#include "runtime/layout/NormalForm.h"

#include "runtime/base/Checked.h"
#include "runtime/layout/Resolve.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace recast::layout {

namespace {

using Product = std::vector<Factor>;

class Normalizer {
public:
  Normalizer(const Layout &layout, const Shapes &shapes) : out_(layout) {
    if (out_.axes.stored.empty() && shapes.size() == 1 && !shapes.front().empty())
      out_.axes = AxisMap::identity(shapes.front());
    makeLogicalExplicit();
  }

  Layout run() {
    simplifySteps();
    dropUnitMeshAxes();
    dropUnitAxes();
    joinAxes();
    rename();
    sortSteps();
    flattenLogical();
    return std::move(out_);
  }

private:
  // ---- the logical side: the order of a part's axes, without their grouping
  void makeLogicalExplicit();
  void flattenLogical();

  void simplifySteps();
  void dropUnitMeshAxes();
  void dropUnitAxes();
  void joinAxes();
  void sortSteps();
  void rename();

  int64_t meshSize(const std::string &axis) const {
    return out_.mesh.sizes[out_.mesh.axisIndex(axis)];
  }
  bool isNamed(const std::string &axis) const; // by a step
  bool hasChunks() const {
    return std::ranges::any_of(
        out_.steps, [](const Step &step) { return std::holds_alternative<Chunk>(step); });
  }

  Layout out_;
};

/// Calls `visit` for every product of the pattern, inner ones first.
template <typename Visit> void eachProduct(std::vector<Product> &products, const Visit &visit) {
  for (Product &product : products) {
    for (Factor &factor : product)
      eachProduct(factor.alternatives, visit);
    visit(product);
  }
}

void Normalizer::makeLogicalExplicit() {
  AxisMap &map = out_.axes;
  std::vector<AxisMap::Dims> logical;
  for (size_t part = 0; part < map.partCount(); ++part) {
    AxisMap::Dims &dims = logical.emplace_back();
    for (std::string &axis : map.partAxes(part))
      dims.push_back({std::move(axis)});
  }
  map.logical = std::move(logical);
}

void Normalizer::flattenLogical() {
  AxisMap implied = out_.axes;
  implied.logical.clear();
  bool differs = false;
  for (size_t part = 0; part < implied.partCount(); ++part)
    differs |= implied.partAxes(part) != out_.axes.partAxes(part);
  if (!differs)
    return out_.axes.logical.clear();
  for (size_t part = 0; part < implied.partCount(); ++part)
    out_.axes.logical[part] = {out_.axes.partAxes(part)};
}

bool Normalizer::isNamed(const std::string &axis) const {
  return std::ranges::any_of(out_.steps, [&](const Step &step) {
    if (const auto *pad = std::get_if<Pad>(&step))
      return pad->axis == axis;
    const auto *split = std::get_if<Split>(&step);
    return split && std::ranges::count(split->axes, axis) > 0;
  });
}

// Extents of axes are followed as long as they are equal on all ranks.
void Normalizer::simplifySteps() {
  std::map<std::string, int64_t> extents = out_.axes.sizes; // -1: differs between ranks
  std::vector<Step> steps;
  for (Step &step : out_.steps) {
    if (auto *pad = std::get_if<Pad>(&step)) {
      int64_t &extent = extents[pad->axis];
      if (extent >= 0 && extent % pad->multiple == 0)
        continue;
      if (extent >= 0)
        extent += pad->multiple - extent % pad->multiple;
    }
    if (auto *chunk = std::get_if<Chunk>(&step)) {
      const Product &product = out_.axes.stored[static_cast<size_t>(chunk->dim)];
      if (product.size() == 1 && !product.front().axis.empty())
        step = Split{{product.front().axis}, {chunk->by}, SplitRule::Ceil, {}};
      else if (meshSize(chunk->by) == 1)
        continue;
    }
    if (auto *stage = std::get_if<Stage>(&step))
      if (static_cast<int64_t>(stage->at.size()) == meshSize(stage->by))
        continue;
    if (auto *varying = std::get_if<Varying>(&step))
      if (meshSize(varying->by) == 1)
        continue;
    if (auto *flat = std::get_if<Flat>(&step))
      if (flat->scope == FlatScope::PerParam && meshSize(flat->by) == 1)
        continue;
    if (auto *split = std::get_if<Split>(&step)) {
      std::erase_if(split->by, [&](const std::string &by) { return meshSize(by) == 1; });
      if (split->by.empty())
        continue;
      int64_t ways = 1;
      std::vector<int64_t> local;
      for (const std::string &by : split->by)
        ways *= meshSize(by);
      for (const std::string &axis : split->axes)
        local.push_back(extents[axis]);
      if (std::ranges::count(local, -1) > 0) {
        for (const std::string &axis : split->axes)
          extents[axis] = -1;
        steps.push_back(std::move(step));
        continue;
      }
      // Axes that are cut one way are not cut, except that the last one has the rule.
      std::vector<int64_t> factors = splitFactors(local, ways);
      std::vector<std::string> axes;
      for (size_t i = 0; i < factors.size(); ++i) {
        bool last = i + 1 == factors.size();
        if (factors[i] > 1)
          axes.push_back(split->axes[i]);
        if (!last)
          extents[split->axes[i]] = local[i] / factors[i];
      }
      int64_t &extent = extents[split->axes.back()];
      bool even =
          extent % factors.back() == 0 && (split->rule != SplitRule::Widths ||
                                           std::ranges::all_of(split->widths, [&](int64_t width) {
                                             return width == extent / factors.back();
                                           }));
      if (factors.back() == 1 || even) {
        split->rule = SplitRule::Even;
        split->widths.clear();
      }
      extent = even ? extent / factors.back() : -1;
      split->axes = std::move(axes);
    }
    steps.push_back(std::move(step));
  }
  out_.steps = std::move(steps);
}

void Normalizer::dropUnitMeshAxes() {
  Mesh mesh;
  for (size_t i = 0; i < out_.mesh.axes.size(); ++i) {
    bool used = std::ranges::any_of(out_.steps, [&](const Step &step) {
      return std::ranges::count(meshAxesOf(step), out_.mesh.axes[i]) > 0;
    });
    if (out_.mesh.sizes[i] == 1 && !used)
      continue;
    mesh.axes.push_back(out_.mesh.axes[i]);
    mesh.sizes.push_back(out_.mesh.sizes[i]);
  }
  out_.mesh = std::move(mesh);
}

// An axis of one element that no step names takes no room and moves nothing. A product keeps one
// factor, and a dimension stays where chunks count dimensions.
void Normalizer::dropUnitAxes() {
  AxisMap &map = out_.axes;
  std::set<std::string> dropped;
  for (const auto &[axis, size] : map.sizes)
    if (size == 1 && !isNamed(axis))
      dropped.insert(axis);
  // Within a concatenation a product of nothing could not be written.
  bool needed = false;
  eachProduct(map.stored, [&](Product &product) {
    bool alone = std::ranges::all_of(product, [&](const Factor &factor) {
      return factor.alternatives.empty() && dropped.contains(factor.axis);
    });
    needed |= alone && (map.partCount() > 1 || hasChunks());
  });
  if (needed)
    return;
  eachProduct(map.stored, [&](Product &product) {
    std::erase_if(product, [&](const Factor &factor) {
      return factor.alternatives.empty() && dropped.contains(factor.axis);
    });
  });
  std::erase_if(map.stored, [](const Product &product) { return product.empty(); });
  for (AxisMap::Dims &part : map.logical)
    std::erase_if(part, [&](const auto &dim) { return dropped.contains(dim.front()); });
  for (const std::string &axis : dropped)
    map.sizes.erase(axis);
}

// Two axes that follow each other in every part that has either, and as stored, are one.
void Normalizer::joinAxes() {
  AxisMap &map = out_.axes;
  if (!hasChunks()) { // dimensions mean nothing then: one product of all
    Product all;
    for (Product &product : map.stored)
      std::ranges::move(product, std::back_inserter(all));
    map.stored.clear();
    if (!all.empty())
      map.stored.push_back(std::move(all));
  }
  for (bool changed = true; changed;) {
    changed = false;
    std::pair<std::string, std::string> pair;
    auto together = [&](const std::string &a, const std::string &b) {
      if (isNamed(a) || isNamed(b))
        return false;
      for (const AxisMap::Dims &part : map.logical)
        for (size_t i = 0; i < part.size(); ++i) {
          if (part[i].front() == a && (i + 1 == part.size() || part[i + 1].front() != b))
            return false;
          if (part[i].front() == b && (i == 0 || part[i - 1].front() != a))
            return false;
        }
      bool follow = true;
      eachProduct(map.stored, [&](Product &product) {
        for (size_t i = 0; i < product.size(); ++i) {
          follow &= product[i].axis != a || (i + 1 < product.size() && product[i + 1].axis == b);
          follow &= product[i].axis != b || (i > 0 && product[i - 1].axis == a);
        }
      });
      return follow;
    };
    eachProduct(map.stored, [&](Product &product) {
      for (size_t i = 0; i + 1 < product.size() && !changed; ++i)
        if (!product[i].axis.empty() && !product[i + 1].axis.empty() &&
            together(product[i].axis, product[i + 1].axis)) {
          pair = {product[i].axis, product[i + 1].axis};
          changed = true;
        }
    });
    if (!changed)
      break;
    const auto &[a, b] = pair;
    eachProduct(map.stored, [&](Product &product) {
      std::erase_if(product, [&](const Factor &factor) { return factor.axis == b; });
    });
    for (AxisMap::Dims &part : map.logical)
      std::erase_if(part, [&](const auto &dim) { return dim.front() == b; });
    map.sizes[a] *= map.sizes[b];
    map.sizes.erase(b);
  }
}

/// Whether two steps may change places: they cut other axes over other mesh axes. Chunks and flats
/// cut what the steps before leave, so they stay where they are.
bool commute(const Step &a, const Step &b) {
  auto fixed = [](const Step &step) {
    return std::holds_alternative<Chunk>(step) || std::holds_alternative<Flat>(step) ||
           std::holds_alternative<PieceList>(step);
  };
  auto marks = [](const Step &step) {
    return std::holds_alternative<Stage>(step) || std::holds_alternative<Varying>(step);
  };
  if (marks(a) || marks(b))
    return !std::holds_alternative<PieceList>(a) && !std::holds_alternative<PieceList>(b);
  if (fixed(a) || fixed(b))
    return false;
  auto axesOf = [](const Step &step) -> std::vector<std::string> {
    if (const auto *pad = std::get_if<Pad>(&step))
      return {pad->axis};
    return std::get<Split>(step).axes;
  };
  // Other parts may be cut over the same mesh axes, all of them together.
  if (const auto *left = std::get_if<Split>(&a))
    if (const auto *right = std::get_if<Split>(&b))
      if (left->by != right->by && std::ranges::any_of(left->by, [&](const std::string &by) {
            return std::ranges::count(right->by, by) > 0;
          }))
        return false;
  std::vector<std::string> axes = axesOf(b);
  return std::ranges::none_of(
      axesOf(a), [&](const std::string &axis) { return std::ranges::count(axes, axis) > 0; });
}

void Normalizer::sortSteps() {
  auto key = [](const Step &step) {
    int kind = std::holds_alternative<Stage>(step)     ? 0
               : std::holds_alternative<Varying>(step) ? 1
                                                       : 2;
    return std::pair(kind, str(step));
  };
  for (size_t end = out_.steps.size(); end > 1; --end)
    for (size_t i = 0; i + 1 < end; ++i)
      if (commute(out_.steps[i], out_.steps[i + 1]) && key(out_.steps[i + 1]) < key(out_.steps[i]))
        std::swap(out_.steps[i], out_.steps[i + 1]);
}

void Normalizer::rename() {
  std::map<std::string, std::string> axes, mesh;
  auto collect = [&](auto &&self, const Product &product) -> void {
    for (const Factor &factor : product) {
      if (!factor.axis.empty())
        axes.emplace(factor.axis, fmt::format("a{}", axes.size()));
      for (const Product &alternative : factor.alternatives)
        self(self, alternative);
    }
  };
  for (const Product &product : out_.axes.stored)
    collect(collect, product);
  eachProduct(out_.axes.stored, [&](Product &product) {
    for (Factor &factor : product)
      if (!factor.axis.empty())
        factor.axis = axes.at(factor.axis);
  });
  for (AxisMap::Dims &part : out_.axes.logical)
    for (auto &dim : part)
      dim.front() = axes.at(dim.front());
  std::map<std::string, int64_t> sizes;
  for (const auto &[axis, size] : out_.axes.sizes)
    sizes[axes.at(axis)] = size;
  out_.axes.sizes = std::move(sizes);
  for (std::string &axis : out_.mesh.axes)
    axis = mesh.emplace(axis, fmt::format("m{}", mesh.size())).first->second;
  for (Step &step : out_.steps) {
    if (auto *pad = std::get_if<Pad>(&step))
      pad->axis = axes.at(pad->axis);
    if (auto *split = std::get_if<Split>(&step)) {
      for (std::string &axis : split->axes)
        axis = axes.at(axis);
      for (std::string &by : split->by)
        by = mesh.at(by);
    }
    if (auto *chunk = std::get_if<Chunk>(&step))
      chunk->by = mesh.at(chunk->by);
    if (auto *flat = std::get_if<Flat>(&step))
      flat->by = mesh.at(flat->by);
    if (auto *stage = std::get_if<Stage>(&step))
      stage->by = mesh.at(stage->by);
    if (auto *varying = std::get_if<Varying>(&step))
      varying->by = mesh.at(varying->by);
  }
}

} // namespace

Layout normalForm(const Layout &layout, const Shapes &shapes) {
  Layout form = Normalizer(layout, shapes).run();
  Shapes flat;
  for (const auto &shape : shapes)
    flat.push_back({elementCount(shape).value_or(0)});
  // What one round joins may be simple to the next: a dimension of one axis, its chunk a split.
  for (Layout next = Normalizer(form, flat).run(); next != form;
       next = Normalizer(form, flat).run())
    form = std::move(next);
  return form;
}

} // namespace recast::layout
