// From what a user types (a run folder, or the folder of one tag) to the folder with the files.
#pragma once

#include "runtime/format/Inventory.h"
#include "runtime/format/deepspeed/read/FileNames.h"

namespace recast::format::deepspeed {

struct TagFolder {
  std::string root;   ///< As the user gave it: file paths are relative to it.
  std::string prefix; ///< "global_step3/", or empty when the tag's folder was given itself.
  std::string tag;
  std::vector<CheckpointFile> files;

  std::string folder() const { return prefix.empty() ? root : root + "/" + tag; }
};

/// The tag of `options`, else that of the pointer file.
Result<TagFolder> findTagFolder(const std::string &path, const ReadOptions &options);
/// The content of a `latest` pointer, checked to be one folder name.
Result<std::string> readPointer(const std::string &path);

} // namespace recast::format::deepspeed
