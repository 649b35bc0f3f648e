// `recast inspect`: what a checkpoint holds and what is wrong with it, on one screen.
#pragma once

#include "runtime/format/Inventory.h"

#include <string>

namespace recast::tools {

struct InspectOptions {
  bool json = false;    ///< One JSON document instead of the screen.
  bool objects = false; ///< Also what is not a tensor: param_groups, scheduler, client state.
  bool digests = false; ///< Read every tensor and say its digest.
  std::string match;    ///< Glob over names (`*`, `?`): list these tensors one by one.
  format::ReadOptions read;
};

/// Prints to standard output. The exit code: 0, or 3 if the checkpoint has problems; an error if
/// nothing can be said about `path`.
Result<int> inspect(const std::string &path, const InspectOptions &options);

} // namespace recast::tools
