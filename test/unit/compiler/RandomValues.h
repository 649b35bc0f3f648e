// What each element of a random model is worth and where the two sides store it, element by
// element.
#pragma once

#include "runtime/recipe/Recipe.h"
#include "test/unit/compiler/RandomModel.h"
#include "test/unit/compiler/RandomViews.h"

namespace recast::fixtures {

/// How casts to a type treat values that are too large.
recipe::Overflow overflowOf(DType type);

class RandomValues {
public:
  RandomValues(const RandomModel &model, Dice &dice);

  std::map<std::string, RandomTensor> source, expected; ///< Stored tensors of both sides.

private:
  using Index = std::map<std::string, int64_t>;

  void fill();
  uint64_t result(size_t member, const Index &index) const;
  void store(const std::vector<Rule> &rules, const Sizes &sizes, bool isTarget,
             std::map<std::string, RandomTensor> &out);
  RandomTensor emptyTensor(const Decl &decl, const std::vector<Product> &dims, const Sizes &padded,
                           bool isTarget);

  const RandomModel &model_;
  Dice &dice_;
  std::vector<std::map<Index, uint64_t>> values_; ///< Per declaration, of all its instances.
};

} // namespace recast::fixtures
