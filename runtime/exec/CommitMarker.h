// The file that says a commit has begun; see Commit.h for why it suffices.
#pragma once

#include "runtime/exec/Staging.h"

#include <optional>

namespace recast::exec {

struct MarkedMove {
  Move move;
  uint64_t inode = 0; ///< Of what was staged.
};

struct CommitMarker {
  static constexpr char kName[] = ".recast-commit";

  std::string boot;    ///< Id of the boot it was written under.
  bool synced = false; ///< What is staged was flushed before.
  std::vector<MarkedMove> moves;

  std::string toJson() const;
  static std::optional<CommitMarker> parse(const std::string &text);
};

/// Id of this boot; empty where the kernel does not say.
std::string bootId();

/// Inode of `path` below `folder` (a link itself, not what it leads to); nothing if missing.
std::optional<uint64_t> inodeOf(int folder, const std::string &path);

} // namespace recast::exec
