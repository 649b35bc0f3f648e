// The tensors of a model as a flat list, and which of them a path names.
#pragma once

#include "lang/ast/Model.h"

namespace recast::lang {

/// One declared tensor with the groups around it, outer to inner.
struct ModelTensor {
  std::vector<const GroupDecl *> groups;
  const TensorDecl *decl = nullptr;

  /// Whether `path`, without choices and packs, names this tensor; indices may be left out or
  /// called as the path likes.
  bool matches(const Path &path) const;
  std::string str() const; ///< `layer[l].q`
};

/// In the order of the model.
std::vector<ModelTensor> tensorsOf(const Model &model);

/// Bounds on what texts may ask for, far above what models need.
inline constexpr size_t kMaxTensorDecls = 10000; ///< Of a model.
inline constexpr size_t kMaxPathCount = 4096;    ///< That one path stands for.
inline constexpr size_t kMaxViewPaths = 100000;  ///< That all rules of a view stand for.

/// How many paths a path with choices and packs stands for; at most kMaxPathCount + 1.
size_t pathCount(const Path &path);

/// The paths that a path with choices and packs stands for: one list per alternative of its
/// choices, in it one path per member of its pack (one without a pack). A path
/// of more than kMaxPathCount must not be expanded.
std::vector<std::vector<Path>> expand(const Path &path);

} // namespace recast::lang
