// Digests that the manifest of a checkpoint holds, by the tensors that its reader lists.
#pragma once

#include "runtime/codec/Digest.h"
#include "runtime/format/Inventory.h"

#include <map>
#include <string>

namespace recast::capi {

/// The folder that holds the manifest of a checkpoint: `path` itself, the folder of a file, or the
/// tag that a pointer in it (or `tag`) names; empty if there is none.
Result<std::string> manifestFolder(const std::string &path, const std::string &tag = "");

class StoredDigests {
public:
  StoredDigests() = default;
  /// Those of `folder` (none for ""). Matched by where tensors lie; what has another dtype or shape
  /// there than the manifest says is not matched. Reads the manifest, no tensor.
  static Result<StoredDigests> read(const std::string &folder, const format::Inventory &inventory);

  /// Null if there is none.
  const codec::Digest *find(const format::Tensor &tensor) const;
  size_t size() const { return found_.size(); }
  /// A tensor that the manifest lists and the checkpoint does not have; empty: none.
  const std::string &missing() const { return missing_; }
  /// A file that was changed after the manifest was written, so that digests may be those of other
  /// bytes; empty: none.
  const std::string &newer() const { return newer_; }

private:
  std::map<const format::Tensor *, codec::Digest> found_;
  std::string missing_, newer_;
};

} // namespace recast::capi
