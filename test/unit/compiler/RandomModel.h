// A random model and two ways to store its tensors: what random conversions are made of.
#pragma once

#include "runtime/base/DType.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace recast::fixtures {

using Sizes = std::map<std::string, int64_t>; ///< Of axes.

/// A factor of a map: an axis, or alternatives, of which member i of a pack takes the i-th.
struct Node {
  std::string axis;
  std::vector<std::vector<Node>> alternatives;
};
using Product = std::vector<Node>;

/// A tensor of the model, in 0, 1 (layer[l]) or 2 (layer[l].expert[e]) groups.
struct Decl {
  std::string name;
  size_t depth = 0;
  std::vector<std::vector<std::string>> dims;
  DType from = DType::F32;
  std::vector<DType> casts;
  DType to = DType::F32;
  bool absent = false; ///< Only in the target.
  int64_t fill = 0;

  std::vector<std::string> axes() const {
    std::vector<std::string> out;
    for (const auto &dim : dims)
      out.insert(out.end(), dim.begin(), dim.end());
    return out;
  }
};

/// One rule of a view.
struct Rule {
  std::vector<size_t> members; ///< One, those of a pack, or those of a choice.
  bool choice = false, mapped = false;
  std::vector<Product> dims;
  std::set<std::string> stacked; ///< Of "l" and "e".
  std::map<std::string, int64_t> padTo;
  std::string stored;
};

/// Indices of the groups a tensor may be in, outer first.
inline constexpr const char *kIndices[] = {"l", "e"};

/// Source of all choices: the same for the same seed.
class Dice {
public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  int64_t below(int64_t limit) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(limit));
  }
  uint64_t bits() { return random_(); }
  template <typename List> void shuffle(List &list) {
    std::shuffle(list.begin(), list.end(), random_);
  }

private:
  std::mt19937_64 random_;
};

/// The tensors, a view of them for each side, and the casts between.
class RandomModel {
public:
  explicit RandomModel(Dice &dice);

  Sizes sizes, grown; ///< In the source and in the target: axis "v" may grow.
  std::vector<Decl> decls;
  std::vector<Rule> source, target;
  size_t packs = 0, stacks = 0, pads = 0, absent = 0; ///< What is in them.

private:
  void declare();
  std::vector<Rule> rules(const std::string &prefix, bool withAbsent);
  void shape(Rule &rule, size_t depth);
  void arrange(Rule &rule);
  void choose();
  void cast(const Rule &rule);

  Dice &dice_;
};

} // namespace recast::fixtures
