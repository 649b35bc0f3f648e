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

/// The paths that a path with choices and packs stands for: one list per alternative of its
/// choices, in it one path per member of its pack (one without a pack).
std::vector<std::vector<Path>> expand(const Path &path);

} // namespace recast::lang
