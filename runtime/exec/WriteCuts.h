// Where a long run is cut, so that the page cache takes what is written in large pieces.
#pragma once

#include "runtime/exec/Program.h"

namespace recast::exec {

/// Linux keeps a write as one piece (a folio: ext4 since 6.16, XFS, Btrfs) if it begins at a
/// multiple of its size, as several if not. For 256 KiB that is a fifth of the system's time;
/// larger ones save nothing more and wait for memory in one piece.
inline constexpr uint64_t kFolioBytes = uint64_t{256} << 10;

/// Of the elements [first, first + count) of a task that goes on beyond them, as many as end where
/// the first output comes to a multiple of what they fill of it, of kFolioBytes at most: `count`
/// less what lies behind the last such place. At least one; all of a task without outputs.
int64_t cutForWrites(const Program &program, const Task &task, int64_t first, int64_t count);

} // namespace recast::exec
