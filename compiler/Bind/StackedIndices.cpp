#include "compiler/Bind/StackedIndices.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

namespace recast::compiler {
namespace {

/// Replaces the axis `name` by a concatenation of `units`; true if it was there. As in texts, no
/// alternative is nothing but a concatenation.
bool stack(std::vector<layout::Factor> &product, const std::string &name,
           const std::vector<std::string> &units) {
  bool found = false;
  for (layout::Factor &factor : product) {
    if (factor.axis == name) {
      factor = layout::Factor{units.front(), {}};
      if (units.size() > 1) {
        factor.axis.clear();
        for (const std::string &unit : units)
          factor.alternatives.push_back({layout::Factor{unit, {}}});
      }
      found = true;
      continue;
    }
    std::vector<std::vector<layout::Factor>> alternatives;
    for (auto &alternative : factor.alternatives) {
      found |= stack(alternative, name, units);
      if (alternative.size() == 1 && !alternative.front().alternatives.empty())
        std::move(alternative.front().alternatives.begin(), alternative.front().alternatives.end(),
                  std::back_inserter(alternatives));
      else
        alternatives.push_back(std::move(alternative));
    }
    factor.alternatives = std::move(alternatives);
  }
  return found;
}

/// No axis of a map begins with it.
constexpr const char *kLabel = "#";
std::string labelOf(size_t index, int64_t value) {
  return fmt::format("{}{} {}", kLabel, index, value);
}
std::vector<std::string> labelsOf(const std::vector<int64_t> &tuple,
                                  const std::vector<StackedIndex> &stacked) {
  std::vector<std::string> out;
  for (size_t i = 0; i < stacked.size(); ++i)
    out.push_back(labelOf(i, tuple[stacked[i].group]));
  std::sort(out.begin(), out.end());
  return out;
}

} // namespace

std::string stackedUnit(size_t index) { return fmt::format("_{}", index + 1); }

Status checkPartCount(const layout::AxisMap &map, size_t tensors) {
  if (size_t parts = map.partCount(); parts != tensors)
    return usage(
        fmt::format("the map has {} parts for the {} tensors of the path", parts, tensors));
  return {};
}

Status stackIndices(size_t packed, const std::vector<std::vector<int64_t>> &tuples,
                    const std::vector<StackedIndex> &stacked, layout::AxisMap &map,
                    std::vector<uint32_t> &parts) {
  if (!map.logical.empty())
    return usage("a map with `->` does not stack indices");
  layout::AxisMap labelled = map; // Every value of an index as an axis of its own.
  size_t all = 1;
  for (size_t i = 0; i < stacked.size(); ++i) {
    std::set<int64_t> values;
    for (const auto &tuple : tuples)
      values.insert(tuple[stacked[i].group]);
    all *= values.size();
    std::vector<std::string> labels, units(values.size(), stackedUnit(i));
    for (int64_t value : values)
      labels.push_back(labelOf(i, value));
    bool found = false;
    for (auto &dim : labelled.stored)
      found |= stack(dim, stacked[i].name, labels);
    for (auto &dim : map.stored)
      stack(dim, stacked[i].name, units);
    if (!found)
      return usage(fmt::format("the index '{}' is no axis of the map", stacked[i].name));
    map.sizes.erase(stacked[i].name);
    map.sizes[stackedUnit(i)] = 1;
  }
  if (all != tuples.size())
    return usage("the tensors that are stacked do not fill the array");
  RECAST_TRY(checkPartCount(labelled, parts.size()));
  // For a given tuple, paths come in the order of the pack.
  std::map<std::vector<std::string>, std::vector<uint32_t>> membersOf;
  for (size_t t = 0; t < tuples.size(); ++t) {
    auto &members = membersOf[labelsOf(tuples[t], stacked)];
    auto first = parts.begin() + static_cast<ptrdiff_t>(t * packed);
    members.assign(first, first + static_cast<ptrdiff_t>(packed));
  }
  std::map<std::vector<std::string>, size_t> met;
  std::vector<uint32_t> ordered;
  for (size_t part = 0; part < parts.size(); ++part) {
    std::vector<std::string> axes = labelled.partAxes(part), labels;
    for (std::string &axis : axes)
      if (axis.starts_with(kLabel))
        labels.push_back(std::move(axis));
    std::sort(labels.begin(), labels.end());
    auto members = membersOf.find(labels);
    size_t next = members == membersOf.end() ? packed : met[labels]++;
    if (next >= packed)
      return usage("each part of the map needs each stacked index once");
    ordered.push_back(members->second[next]);
  }
  parts = std::move(ordered);
  return {};
}

} // namespace recast::compiler
