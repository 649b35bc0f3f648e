// Output folders while nothing of them is visible: a lock, a private staging folder, room enough.
#pragma once

#include "runtime/exec/Program.h"
#include "runtime/io/Descriptor.h"

#include <memory>
#include <span>

namespace recast::exec {

struct FinishedUnit;

/// Something in the staging folder and the name it will have in the root.
struct Move {
  std::string from, to;
  bool overwrite = false; ///< Replacing what is there is allowed (always, for pointers).
};

/// One root. Everything it created goes away with it, unless it was moved out or abandoned before.
class StagedRoot {
public:
  static constexpr std::string_view kLockName = ".recast-lock";
  static constexpr std::string_view kStagingPrefix = ".recast-tmp-";
  static constexpr std::string_view kManifestPath = ".recast/manifest.json";

  /// Creates and locks the folder. Code::Usage if another run holds the lock, or if it is the
  /// folder of one of `others`.
  static Result<std::unique_ptr<StagedRoot>>
  lock(const Program &program, uint32_t root,
       const std::vector<std::unique_ptr<StagedRoot>> &others);
  ~StagedRoot();
  StagedRoot(const StagedRoot &) = delete;
  StagedRoot &operator=(const StagedRoot &) = delete;

  const TargetRoot &root() const { return *root_; }
  int folder() const { return folder_.get(); }
  int staging() const { return staging_.get(); } ///< -1 before openStaging() or adopt().
  const std::string &stagingName() const { return stagingName_; }
  /// For messages: where `path` will be.
  std::string shown(const std::string &path) const;
  /// Device and inode.
  std::pair<uint64_t, uint64_t> identity() const { return identity_; }

  /// Everything that becomes visible, in order: renames, the manifest, pointers.
  std::vector<Move> moves(bool overwrite) const;
  /// Where the manifest is staged.
  std::string manifestPath() const;

  /// Takes over the staging folder that a dead run of the same plan left, if there is one.
  Status adopt();
  /// Removes what a dead run of this plan left; call once it is known to be of no use.
  Status removeStale();
  /// Paths of what dead runs of other plans left, for messages. Code::Usage if one of them was
  /// killed while its output became visible: writing now would mix two outputs.
  Result<std::vector<std::string>> otherStaging() const;
  /// Makes the staging folder, which must not exist.
  Status openStaging();
  /// What was moved out stays, and so does the folder. The destructor removes the rest.
  void keepFolder() { created_.clear(); }
  /// Leaves the staging folder to a later run, which can finish what this one could not.
  void abandon();

private:
  StagedRoot() = default;

  const TargetRoot *root_ = nullptr;
  io::Descriptor folder_, lock_, staging_;
  std::string stagingName_, created_;
  std::pair<uint64_t, uint64_t> identity_;
};

/// Refuses outputs that exist already (unless `overwrite`) and file systems without room for all.
/// `staged`: extents that lie there already.
Status checkRoom(const Program &program, const std::vector<std::unique_ptr<StagedRoot>> &roots,
                 bool overwrite, std::span<const FinishedUnit> staged);

} // namespace recast::exec
