// Random conversions between two views of one model, and what must come of them, worked out element
// by element from how the generator built them: it parses no map and shares nothing with bind and
// the layout calculus.
#pragma once

#include "lang/ast/Builder.h"
#include "runtime/base/DType.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace recast::fixtures {

struct RandomTensor {
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  std::string bytes; ///< Row-major.
};

struct RandomConversion {
  /// A source and a target `safetensors`, each with a view of its own; maps that transpose, pack,
  /// stack and pad; casts; tensors and rows that only the target has, filled by `init`.
  lang::Spec spec;
  std::map<std::string, RandomTensor> source;   ///< Stored tensors, padding filled with noise.
  std::map<std::string, RandomTensor> expected; ///< Of the target.
  size_t packs = 0, stacks = 0, pads = 0, grown = 0, absent = 0; ///< What is in it.
};

/// The same for the same seed.
RandomConversion randomConversion(uint64_t seed, const std::string &sourcePath,
                                  const std::string &targetPath);

/// The bytes of a safetensors file.
std::string safetensorsOf(const std::map<std::string, RandomTensor> &tensors);

} // namespace recast::fixtures
