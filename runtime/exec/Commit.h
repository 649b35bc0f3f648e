// How staged output becomes visible, and how a commit that was killed half-way is finished.
//
// Before the first rename every root gets a marker: the list of moves with the inode of what is to
// be moved. Renames happen only while the markers of *all* roots exist, and markers go away only
// after all renames are done. So whoever finds the markers of all roots can tell from the inodes
// which moves are left, and carry them out: roll forward. Every other leftover is garbage.
#pragma once

#include "runtime/exec/Staging.h"

namespace recast::exec {

using StagedRoots = std::vector<std::unique_ptr<StagedRoot>>;

/// Where the pointer `name` is staged.
std::string stagedPointer(const std::string &name);

/// Stages the links and pointers of all roots; everything else must be there.
Status stageRest(const StagedRoots &roots);
/// Flushes the file systems of all roots, each once.
Status flush(const StagedRoots &roots);
/// Makes everything visible: all roots or, if a rename fails, none. Staging folders are removed.
Status commit(const StagedRoots &roots, bool overwrite, bool sync);

/// Finishes the commit that an earlier run of the same plan began. False if none was begun, or what
/// it left cannot be trusted (the machine went down before it was flushed).
Result<bool> rollForward(const StagedRoots &roots);

/// Takes back that a commit was about to begin; see rollForward().
void dropMarkers(const StagedRoots &roots);

/// Fails if `staging`, left by a run of another plan, holds a commit that was begun and not
/// finished: removing it would lose half of an output.
Status refuseHalfCommitted(const StagedRoot &root, const std::string &staging);

} // namespace recast::exec
