#include "test/unit/compiler/RandomModel.h"

#include <fmt/format.h>

namespace recast::fixtures {
namespace {

constexpr DType kTypes[] = {DType::F32, DType::BF16, DType::F16,    DType::F64,
                            DType::I32, DType::U8,   DType::F8E5M2, DType::F8E4M3FN};

} // namespace

RandomModel::RandomModel(Dice &dice) : dice_(dice) {
  for (const char *axis : {"a", "b", "c", "d", "f", "l", "e"})
    sizes[axis] = 1 + dice_.below(axis[0] == 'l' || axis[0] == 'e' ? 3 : 4);
  int64_t before = 1 + dice_.below(4), after = before;
  if (dice_.below(2))
    after += 1 + dice_.below(3);
  sizes["v"] = before;
  grown = sizes;
  grown["v"] = after;
  declare();
  target = rules("t", /*withAbsent=*/true);
  choose();
  source = rules("s", /*withAbsent=*/false);
  for (const Rule &rule : source) {
    DType dtype = kTypes[dice_.below(std::size(kTypes))];
    for (size_t member : rule.members)
      decls[member].from = dtype;
  }
  for (const Rule &rule : target)
    cast(rule);
}

void RandomModel::declare() {
  for (size_t depth = 0; depth < 3; ++depth)
    for (int64_t n = 1 + dice_.below(4); n > 0; --n) {
      Decl decl;
      decl.name = fmt::format("w{}", decls.size());
      decl.depth = depth;
      // Like the one before, so that packs are met often; or of its own.
      if (!decls.empty() && decls.back().depth == depth && dice_.below(2)) {
        decl.dims = decls.back().dims;
      } else {
        std::vector<std::string> axes{"a", "b", "c", "d", "f"};
        dice_.shuffle(axes);
        for (int64_t d = dice_.below(4); d > 0; --d) {
          std::vector<std::string> &dim = decl.dims.emplace_back();
          for (int64_t k = dice_.below(4) ? 1 : 2; k > 0 && !axes.empty(); --k) {
            dim.push_back(axes.back());
            axes.pop_back();
          }
        }
        std::erase_if(decl.dims, [](const auto &dim) { return dim.empty(); });
        if (!decl.dims.empty() && dice_.below(3) == 0) { // The axis that grows is an outer one.
          auto &dim =
              decl.dims[static_cast<size_t>(dice_.below(static_cast<int64_t>(decl.dims.size())))];
          dim.insert(dim.begin(), "v");
        }
      }
      decl.fill = dice_.below(4);
      decls.push_back(std::move(decl));
    }
}

std::vector<Rule> RandomModel::rules(const std::string &prefix, bool withAbsent) {
  std::vector<Rule> out;
  for (size_t depth = 0; depth < 3; ++depth) {
    std::vector<size_t> left;
    for (size_t i = 0; i < decls.size(); ++i)
      if (decls[i].depth == depth && (withAbsent || !decls[i].absent))
        left.push_back(i);
    dice_.shuffle(left);
    while (!left.empty()) {
      Rule rule;
      for (int64_t n = dice_.below(2) ? 1 : 2 + dice_.below(2); n > 0 && !left.empty(); --n) {
        rule.members.push_back(left.back());
        left.pop_back();
      }
      rule.stored = fmt::format("{}{}", prefix, out.size());
      shape(rule, depth);
      out.push_back(std::move(rule));
    }
  }
  return out;
}

void RandomModel::shape(Rule &rule, size_t depth) {
  bool scalar = std::any_of(rule.members.begin(), rule.members.end(),
                            [&](size_t m) { return decls[m].dims.empty(); });
  rule.choice = rule.members.size() > 1 && (scalar || dice_.below(3) == 0);
  rule.mapped = !scalar && !rule.choice && (rule.members.size() > 1 || dice_.below(3) > 0);
  if (rule.mapped) {
    for (size_t g = 0; g < depth; ++g)
      if (dice_.below(2))
        rule.stacked.insert(kIndices[g]);
    arrange(rule);
  } else if (!rule.choice) {
    for (const auto &dim : decls[rule.members[0]].dims) {
      Product &product = rule.dims.emplace_back();
      for (const std::string &axis : dim)
        product.push_back({axis, {}});
    }
  }
  if (rule.choice || scalar || dice_.below(3))
    return;
  std::vector<std::string> axes = decls[rule.members[0]].axes();
  rule.padTo[axes[static_cast<size_t>(dice_.below(static_cast<int64_t>(axes.size())))]] =
      2 + dice_.below(4);
  ++pads;
}

/// Common axes, one concatenation of what differs, and stacked indices, in any order.
void RandomModel::arrange(Rule &rule) {
  std::vector<std::string> common = decls[rule.members[0]].axes();
  for (size_t member : rule.members) {
    std::vector<std::string> axes = decls[member].axes();
    std::erase_if(common, [&](const std::string &axis) {
      return std::find(axes.begin(), axes.end(), axis) == axes.end();
    });
  }
  Product items;
  if (rule.members.size() > 1) {
    bool needs = std::any_of(rule.members.begin(), rule.members.end(), [&](size_t member) {
      return decls[member].axes().size() == common.size();
    });
    dice_.shuffle(common);
    std::vector<std::string> inside;
    for (int64_t n = (needs ? 1 : 0) + dice_.below(2); n > 0 && !common.empty(); --n) {
      inside.push_back(common.back());
      common.pop_back();
    }
    for (const std::string &index : rule.stacked)
      if (dice_.below(3) == 0)
        inside.push_back(index);
    Node concatenation;
    for (size_t member : rule.members) {
      std::vector<std::string> axes = decls[member].axes(), own = inside;
      for (const std::string &axis : axes)
        if (std::find(common.begin(), common.end(), axis) == common.end() &&
            std::find(inside.begin(), inside.end(), axis) == inside.end())
          own.push_back(axis);
      dice_.shuffle(own);
      Product &alternative = concatenation.alternatives.emplace_back();
      for (const std::string &axis : own)
        alternative.push_back({axis, {}});
    }
    items.push_back(std::move(concatenation));
    for (const std::string &index : rule.stacked)
      if (std::find(inside.begin(), inside.end(), index) == inside.end())
        items.push_back({index, {}});
    ++packs;
  } else {
    for (const std::string &index : rule.stacked)
      items.push_back({index, {}});
  }
  stacks += !rule.stacked.empty();
  for (const std::string &axis : common)
    items.push_back({axis, {}});
  dice_.shuffle(items);
  while (!items.empty()) {
    Product &dim = rule.dims.emplace_back();
    for (int64_t n = 1 + dice_.below(3); n > 0 && !items.empty(); --n) {
      dim.push_back(std::move(items.back()));
      items.pop_back();
    }
  }
}

/// Members of packs that the source does not have: never all of one.
void RandomModel::choose() {
  for (const Rule &rule : target)
    if (rule.members.size() > 1 && !rule.choice && dice_.below(3) == 0) {
      decls[rule.members.back()].absent = true;
      ++absent;
    }
}

/// What becomes of each member: packs agree on a dtype, so do all tensors of an `init`.
void RandomModel::cast(const Rule &rule) {
  std::vector<DType> present;
  for (size_t member : rule.members)
    if (!decls[member].absent)
      present.push_back(decls[member].from);
  bool agree = std::all_of(present.begin(), present.end(),
                           [&](DType type) { return type == present.front(); });
  DType common = agree && dice_.below(2) ? present.front() : kTypes[dice_.below(4)];
  for (size_t member : rule.members) {
    Decl &decl = decls[member];
    decl.to = rule.choice ? (dice_.below(2) ? decl.from : kTypes[dice_.below(4)]) : common;
    if (decl.absent)
      continue;
    if (info(decl.from).isFloat && info(decl.to).isFloat && dice_.below(3) == 0)
      decl.casts.push_back(kTypes[dice_.below(4)]);
    if (decl.casts.empty() ? decl.to != decl.from : decl.to != decl.casts.back())
      decl.casts.push_back(decl.to);
  }
}

} // namespace recast::fixtures
