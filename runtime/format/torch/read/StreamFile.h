// The form of torch.save before 1.6 (`_use_new_zipfile_serialization=False` today): five pickles
// one after the other, then the storages, each behind its number of elements
// (torch/serialization.py, _legacy_save). No checksums, no directory: positions follow from the
// sizes.
#pragma once

#include "runtime/format/torch/read/Pickle.h"
#include "runtime/format/torch/read/ZipDirectory.h"

#include <map>
#include <string>

namespace recast::format::torch {

struct StreamFile {
  Pickle pickle; ///< Of the object.
  /// Where the bytes of each storage lie, as if it were a member of an archive without checksum.
  std::map<std::string, ZipMember, std::less<>> storages;
};

/// Whether a file that begins with `head` (16 bytes are enough) is such a stream.
bool isTorchStream(std::string_view head);
/// Whether a file that begins with `head` (512 bytes are enough) is a tar archive, as torch 0.1
/// wrote it.
bool isTar(std::string_view head);

/// Every storage that the object refers to lies in the file with the declared size, and the file
/// ends with the last one. A file that was cut off is reported as truncated.
Result<StreamFile> readTorchStream(const io::File &file, PickleBudget &budget);

} // namespace recast::format::torch
