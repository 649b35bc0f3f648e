// Lists instead of arithmetic: an axis is the list of its indices, a stored dimension the list of
// its entries, a buffer the list of its slots; every step takes lists apart. Slow on purpose.
#include "runtime/layout/ElementMap.h"

#include "runtime/base/Checked.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace recast::layout {

namespace {

constexpr size_t kMaxSlots = size_t{1} << 20;
constexpr int64_t kPadding = -1;

/// One position along a stored dimension: the path through its concatenations that leads there,
/// and the index along each axis.
struct Entry {
  size_t path = 0;
  std::map<std::string, int64_t> index;
};

using AxisLists = std::map<std::string, std::vector<int64_t>>;

class Naive {
public:
  Naive(const Layout &layout, const std::vector<std::vector<int64_t>> &shapes, int64_t rank)
      : layout_(layout), rank_(rank), map_(layout.axes) {
    if (map_.stored.empty())
      map_ = AxisMap::identity(shapes.front());
    std::vector<int64_t> coordinates = layout.mesh.coordinates(rank);
    for (size_t i = 0; i < coordinates.size(); ++i) {
      coordinate_[layout.mesh.axes[i]] = coordinates[i];
      ways_[layout.mesh.axes[i]] = layout.mesh.sizes[i];
    }
  }

  Result<std::vector<Slot>> run(FlatPosition position);

private:
  void pad(const Pad &step);
  void split(const Split &step);
  std::vector<Entry> entriesOf(const std::vector<Factor> &product);
  std::vector<Entry> entriesOf(const Factor &factor);
  Result<std::vector<Slot>> slots() const;
  static Result<std::vector<Slot>> listed(const std::vector<Slot> &tensor,
                                          const std::vector<Piece> &pieces);
  Slot slotOf(const std::vector<const Entry *> &entries) const;
  static size_t pathsOf(const std::vector<Factor> &product);
  static size_t pathsOf(const Factor &factor);
  /// The axis that a stored dimension consists of, or "".
  std::string onlyAxis(int64_t dim) const {
    return map_.stored[dim].size() == 1 ? map_.stored[dim].front().axis : "";
  }

  const Layout &layout_;
  int64_t rank_;
  AxisMap map_;
  std::map<std::string, int64_t> coordinate_, ways_;
  AxisLists axes_;
  std::vector<std::vector<Entry>> dims_;
  bool tooMany_ = false;
};

template <typename T> std::vector<T> slice(const std::vector<T> &list, int64_t begin, int64_t end) {
  int64_t size = static_cast<int64_t>(list.size());
  begin = std::min(begin, size);
  end = std::min(end, size);
  return {list.begin() + begin, list.begin() + end};
}

// The share of rank q of `ways`, dealt out element by element.
std::vector<int64_t> shareOf(const std::vector<int64_t> &list, int64_t ways, int64_t q,
                             const Split &step, bool last) {
  int64_t size = static_cast<int64_t>(list.size());
  std::vector<int64_t> shares(ways, 0);
  if (!last || step.rule == SplitRule::Even || step.rule == SplitRule::Balanced) {
    for (int64_t i = 0; i < size; ++i)
      ++shares[i % ways];
  } else if (step.rule == SplitRule::Ceil) {
    int64_t width = 0;
    while (width * ways < size)
      ++width;
    for (int64_t i = 0; i < size; ++i)
      ++shares[i / width];
  } else {
    shares = step.widths;
  }
  int64_t begin = 0;
  for (int64_t i = 0; i < q; ++i)
    begin += shares[i];
  return slice(list, begin, begin + shares[q]);
}

void Naive::pad(const Pad &step) {
  auto &list = axes_[step.axis];
  while (!tooMany_ && list.size() % step.multiple != 0) {
    list.push_back(kPadding);
    tooMany_ = list.size() > kMaxSlots;
  }
}

void Naive::split(const Split &step) {
  int64_t ways = 1, q = 0;
  for (const std::string &by : step.by) {
    ways *= ways_[by];
    q = q * ways_[by] + coordinate_[by];
  }
  for (size_t i = 0; i < step.axes.size(); ++i) {
    auto &list = axes_[step.axes[i]];
    bool last = i + 1 == step.axes.size();
    int64_t own = ways;
    while (!last && (static_cast<int64_t>(list.size()) % own != 0 || ways % own != 0))
      --own;
    ways /= own;
    list = shareOf(list, own, q / ways, step, last);
    q %= ways;
  }
}

size_t Naive::pathsOf(const Factor &factor) {
  size_t count = factor.axis.empty() ? 0 : 1;
  for (const auto &alternative : factor.alternatives)
    count += pathsOf(alternative);
  return count;
}

size_t Naive::pathsOf(const std::vector<Factor> &product) {
  size_t count = 1;
  for (const Factor &factor : product)
    count *= pathsOf(factor);
  return count;
}

std::vector<Entry> Naive::entriesOf(const Factor &factor) {
  std::vector<Entry> out;
  if (!factor.axis.empty()) {
    for (int64_t index : axes_[factor.axis])
      out.push_back({0, {{factor.axis, index}}});
    return out;
  }
  size_t before = 0;
  for (const auto &alternative : factor.alternatives) {
    for (Entry &entry : entriesOf(alternative)) {
      entry.path += before;
      out.push_back(std::move(entry));
    }
    before += pathsOf(alternative);
  }
  return out;
}

std::vector<Entry> Naive::entriesOf(const std::vector<Factor> &product) {
  std::vector<Entry> out(1);
  for (const Factor &factor : product) {
    std::vector<Entry> inner = entriesOf(factor), next;
    tooMany_ |= out.size() * inner.size() > kMaxSlots;
    if (tooMany_)
      return {};
    for (const Entry &major : out) {
      for (const Entry &minor : inner) {
        Entry both = major;
        both.path = major.path * pathsOf(factor) + minor.path;
        both.index.insert(minor.index.begin(), minor.index.end());
        next.push_back(std::move(both));
      }
    }
    out = std::move(next);
  }
  return out;
}

Slot Naive::slotOf(const std::vector<const Entry *> &entries) const {
  size_t part = 0;
  std::map<std::string, int64_t> index;
  for (size_t dim = 0; dim < entries.size(); ++dim) {
    part = part * pathsOf(map_.stored[dim]) + entries[dim]->path;
    index.insert(entries[dim]->index.begin(), entries[dim]->index.end());
  }
  Slot slot{static_cast<int32_t>(part), 0};
  for (const std::string &axis : map_.partAxes(part)) {
    if (index[axis] == kPadding)
      return {};
    slot.index = slot.index * map_.sizes.at(axis) + index[axis];
  }
  return slot;
}

Result<std::vector<Slot>> Naive::slots() const {
  std::vector<std::vector<const Entry *>> rows(1);
  for (const auto &dim : dims_) {
    if (tooMany_ || rows.size() * dim.size() > kMaxSlots)
      return badInput(fmt::format("more than {} slots are too many to list", kMaxSlots));
    std::vector<std::vector<const Entry *>> next;
    for (const auto &row : rows) {
      for (const Entry &entry : dim) {
        next.push_back(row);
        next.back().push_back(&entry);
      }
    }
    rows = std::move(next);
  }
  std::vector<Slot> out;
  for (const auto &row : rows)
    out.push_back(slotOf(row));
  return out;
}

Result<std::vector<Slot>> Naive::listed(const std::vector<Slot> &tensor,
                                        const std::vector<Piece> &pieces) {
  std::vector<Slot> out;
  for (const Piece &piece : pieces) {
    std::vector<std::pair<int64_t, int64_t>> places = {{piece.logicalOffset, piece.storedOffset}};
    for (const BoxDim &dim : piece.dims) {
      std::vector<std::pair<int64_t, int64_t>> next;
      for (auto [from, to] : places)
        for (int64_t i = 0; i < dim.extent; ++i)
          next.push_back({from + i * dim.logicalStride, to + i * dim.storedStride});
      places = std::move(next);
    }
    for (auto [from, to] : places) {
      if (to >= static_cast<int64_t>(kMaxSlots))
        return badInput("the buffer is too long to list");
      if (to >= static_cast<int64_t>(out.size()))
        out.resize(static_cast<size_t>(to) + 1);
      out[static_cast<size_t>(to)] = tensor[static_cast<size_t>(from)];
    }
  }
  return out;
}

// A list of entries cannot follow a step on axes, so the axes are cut first and the chunks after;
// a chunk of a dimension that is one axis cuts that axis, as later steps may name it.
Result<std::vector<Slot>> Naive::run(FlatPosition position) {
  for (const auto &[name, size] : map_.sizes) {
    if (size > static_cast<int64_t>(kMaxSlots))
      return badInput(fmt::format("axis {} of {} is too long to list", name, size));
    for (int64_t i = 0; i < size; ++i)
      axes_[name].push_back(i);
  }
  for (const Step &step : layout_.steps) {
    if (const auto *one = std::get_if<Pad>(&step))
      pad(*one);
    if (const auto *one = std::get_if<Split>(&step))
      split(*one);
    if (const auto *one = std::get_if<Chunk>(&step))
      if (std::string axis = onlyAxis(one->dim); !axis.empty())
        split({{axis}, {one->by}, SplitRule::Ceil, {}});
  }
  for (const auto &dim : map_.stored)
    dims_.push_back(entriesOf(dim));
  Split ceil{{}, {}, SplitRule::Ceil, {}};
  for (const Step &step : layout_.steps) {
    const auto *chunk = std::get_if<Chunk>(&step);
    if (!chunk || !onlyAxis(chunk->dim).empty())
      continue;
    auto &dim = dims_[chunk->dim];
    std::vector<int64_t> all(dim.size());
    for (size_t i = 0; i < all.size(); ++i)
      all[i] = static_cast<int64_t>(i);
    std::vector<Entry> kept;
    for (int64_t i : shareOf(all, ways_[chunk->by], coordinate_[chunk->by], ceil, true))
      kept.push_back(dim[i]);
    dim = std::move(kept);
  }
  for (const Step &step : layout_.steps)
    if (const auto *stage = std::get_if<Stage>(&step))
      if (std::ranges::count(stage->at, coordinate_.at(stage->by)) == 0)
        return std::vector<Slot>();
  RECAST_ASSIGN(std::vector<Slot> buffer, slots());
  if (!layout_.steps.empty())
    if (const auto *list = std::get_if<PieceList>(&layout_.steps.back()))
      return listed(buffer, list->ranks[static_cast<size_t>(rank_)]);
  if (layout_.steps.empty() || !std::holds_alternative<Flat>(layout_.steps.back()))
    return buffer;
  const Flat &flat = std::get<Flat>(layout_.steps.back());
  int64_t ways = ways_[flat.by], size = static_cast<int64_t>(buffer.size());
  if (flat.scope == FlatScope::PerGroup) {
    if (position.start < 0 || position.total < position.start ||
        size > position.total - position.start || position.total % ways != 0)
      return badInput("the tensor does not lie in its group buffer");
    if (position.total > static_cast<int64_t>(kMaxSlots))
      return badInput("the group buffer is too long to list");
    buffer.insert(buffer.begin(), position.start, Slot{});
    buffer.resize(position.total);
  }
  while (buffer.size() % ways != 0)
    buffer.push_back(Slot{});
  int64_t share = static_cast<int64_t>(buffer.size()) / ways;
  return slice(buffer, coordinate_[flat.by] * share, (coordinate_[flat.by] + 1) * share);
}

} // namespace

Result<std::vector<Slot>> elementMap(const Layout &layout,
                                     const std::vector<std::vector<int64_t>> &shapes, int64_t rank,
                                     FlatPosition position) {
  RECAST_TRY(verify(layout, shapes));
  if (rank < 0 || rank >= layout.mesh.rankCount())
    return badInput(fmt::format("there is no rank {} in the mesh {}", rank, layout.mesh.str()));
  return Naive(layout, shapes, rank).run(position);
}

} // namespace recast::layout
