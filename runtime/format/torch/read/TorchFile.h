// One file that torch.save wrote: its object tree, and where the bytes of its storages lie.
#pragma once

#include "runtime/format/torch/read/Pickle.h"
#include "runtime/format/torch/read/StreamFile.h"
#include "runtime/format/torch/read/ZipDirectory.h"

namespace recast::format::torch {

class TorchFile {
public:
  /// Reads the directory and the pickle (whose checksum is verified), no tensor data; of an archive
  /// or of the older stream. Every storage that a tensor refers to is known to lie in the file with
  /// the declared size.
  static Result<TorchFile> open(const std::string &path, PickleBudget &budget);

  const std::string &path() const { return path_; }
  const io::FileInfo &info() const { return info_; }
  const plan::ObjectPtr &root() const { return root_; }
  /// Frees the tree where only the directory is still needed: a checkpoint has a file per rank.
  void dropTree() { root_ = plan::none(); }
  const std::set<std::string> &foreignGlobals() const { return foreignGlobals_; }
  /// The member that holds a storage; null if there is none of that key.
  const ZipMember *storage(std::string_view key) const;

  /// The elements of `ref`, contiguous and little-endian. Refuses more than `limit` bytes. Opens
  /// the file again (no descriptor is kept) and fails if it changed since.
  Result<std::string> elements(const plan::TensorRef &ref, uint64_t limit) const;

  /// `object` with the bytes of its small tensors (up to 64 KiB each, `budget` in all) inside, so
  /// that it means the same outside this file: such tensors have a `literal`, no storage key, and
  /// are contiguous. Larger tensors stay as they are.
  Result<plan::ObjectPtr> detached(const plan::ObjectPtr &object, uint64_t &budget) const;

  /// Code::BadInput about this file.
  tl::unexpected<Error> bad(std::string message, std::string_view hint = {}) const;

private:
  TorchFile(std::string path, io::FileInfo info) : path_(std::move(path)), info_(info) {}
  Status readArchive(const io::File &file, PickleBudget &budget);
  /// Null where `object` is as it should be already, as nearly all are.
  Result<plan::ObjectPtr> changed(const plan::Object &object, uint64_t &budget) const;
  Status checkByteOrder(const io::File &file, const std::string &prefix) const;

  std::string path_;
  io::FileInfo info_;
  ZipDirectory directory_;
  std::string dataPrefix_;                               ///< "archive/data/"
  std::map<std::string, ZipMember, std::less<>> stream_; ///< Storages of a stream, no archive.
  plan::ObjectPtr root_;
  std::set<std::string> foreignGlobals_;
};

/// Tensor elements in row-major order without holes; extents of 1 and empty tensors always are.
bool isContiguous(const plan::TensorRef &ref);
/// Elements of the tensor; sizes were checked when the pickle was read.
int64_t elementsOf(const plan::TensorRef &ref);

} // namespace recast::format::torch
