// Writers: pure functions from what a target shall hold to *file images*: literal bytes, places for
// tensors, and slots to patch once bytes are known. No I/O, no tensor data, no clock.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/format/TargetTensors.h"
#include "runtime/plan/Object.h"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace recast::format {

/// A file of the source to be kept byte for byte.
struct KeptFile {
  std::string path; ///< Relative to the source root.
  uint64_t size = 0;
};

struct TargetGroup {
  std::vector<uint32_t> names; ///< Numbers in WriteRequest::tensors.
  plan::ObjectPtr hyper;
};

/// Everything a writer may look at. Strings and trees come from untrusted files: writers validate
/// names before they become paths.
struct WriteRequest {
  std::map<std::string, std::string> options; ///< Endpoint arguments: max_shard_size, ...
  std::string tag;                            ///< Source tag ("global_step3"), may be empty.
  TargetTensors tensors;                      ///< In source order; writers choose their own.
  std::vector<std::pair<std::string, std::string>> aliases; ///< (alias, canonical).
  std::vector<TargetGroup> groups;
  std::map<std::string, plan::ObjectPtr> objects; ///< Kept objects only.
  std::vector<KeptFile> keptFiles;                ///< Source files the target may carry verbatim.
};

struct Literal {
  uint64_t offset = 0;
  std::string bytes;
};

/// Bytes of a tensor go to [offset, offset + bytes). `tensor` counts from FileImage::firstTensor,
/// as an index into WriteRequest::tensors.
struct TensorSlot {
  uint64_t offset = 0, bytes = 0;
  uint32_t tensor = 0;
};

/// At `offset`, 4 bytes little-endian: the CRC-32 of [begin, end) of the same file.
struct CrcPatch {
  uint64_t offset = 0;
  uint64_t begin = 0, end = 0;
};

/// The whole of kept file `file` (index into WriteRequest::keptFiles) is copied to `offset`.
struct VerbatimSlot {
  uint64_t offset = 0;
  uint32_t file = 0;
};

/// What files have in common that are alike but for the bytes of their tensors. Literals, slots and
/// verbatim ranges cover [0, size) exactly once.
struct FileTemplate {
  uint64_t size = 0;
  std::vector<Literal> literals; ///< Sorted by offset, none empty.
  std::vector<TensorSlot> tensors;
  std::vector<CrcPatch> patches;
  std::vector<VerbatimSlot> verbatim = {};
  /// Values that are known now (TargetTensor::isScalar), where something but a loader of files has
  /// to find them: each lies in a literal.
  std::vector<TensorSlot> values = {};
};

/// One output file. Its path is relative to the output folder, '/'-separated, and in three parts
/// that the writer keeps: the paths of 10^6 files begin and end alike.
struct FileImage {
  std::string_view folder, name, ending;
  uint32_t form = 0; ///< Index into TargetWriter::templates().
  uint32_t firstTensor = 0;

  std::string path() const;
};

/// A second name for a file of the target with the same bytes (a hard link where possible).
struct LinkedFile {
  std::string path;   ///< New name, relative to the output folder.
  std::string target; ///< Existing name, relative to the output folder.
};

/// How the output becomes visible: everything is staged, then `renames` are carried out in order,
/// then `pointers` are written (each atomically), the last one being what makes the tag current.
struct CommitPlan {
  std::vector<std::string>
      renames; ///< Top-level names (files or folders) inside the output folder.
  std::vector<std::pair<std::string, std::string>>
      pointers;            ///< (name, content), e.g. latest_universal.
  std::string manifestDir; ///< Where `.recast/manifest.json` goes, "" = output folder.
};

/// A target as a function: complete once it is created.
class TargetWriter {
public:
  explicit TargetWriter(WriteRequest request) : request_(std::move(request)) {}
  virtual ~TargetWriter() = default;
  TargetWriter(const TargetWriter &) = delete;
  TargetWriter &operator=(const TargetWriter &) = delete;

  /// What it was asked to hold.
  const TargetTensors &tensors() const { return request_.tensors; }
  const std::vector<FileImage> &images() const { return images_; }
  /// 10^5 parameters of a few shapes have a few.
  const std::vector<FileTemplate> &templates() const { return templates_; }
  const FileTemplate &templateOf(const FileImage &image) const { return templates_[image.form]; }
  const std::vector<LinkedFile> &links() const { return links_; }
  const CommitPlan &commit() const { return commit_; }
  /// Sentences for the user: what loaders of this format will ignore.
  const std::vector<std::string> &notes() const { return notes_; }

protected:
  /// Text for the paths of images.
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  uint32_t addTemplate(FileTemplate form);
  /// A file like no other.
  void addImage(std::string path, FileTemplate form);

  const WriteRequest request_;
  std::vector<FileImage> images_;
  std::vector<LinkedFile> links_;
  CommitPlan commit_;
  std::vector<std::string> notes_;

private:
  std::vector<FileTemplate> templates_;
  std::deque<std::string> texts_;
};

/// What a format can hold, asked by bind before anything is shaped.
struct TargetTraits {
  std::string format;
  bool takesMesh = false;
  bool inMemory = false; ///< Has no files, so no path, and nothing to commit.
  /// Roles the format can hold; empty: any.
  std::vector<std::string> roles;
  bool holdsObjects = false;
  /// Names of the objects it can hold; empty: any, if it holds objects.
  std::vector<std::string> objects;
  /// Objects that lie in kept source files: every rank's, and none can be changed or left out.
  std::vector<std::string> verbatimObjects;
  /// `param_groups` is made anew from the groups' tensors and hyper-parameters.
  bool regroups = false;
  /// Roles whose floating values narrower than f32 are widened to f32 (exactly) in this format.
  std::vector<std::string> widenedRoles;
  /// Roles that stay inside kept source files and need no place of their own.
  std::vector<std::string> verbatimRoles;
  /// Source formats whose kept files the target needs; empty: any source.
  std::vector<std::string> sourceFormats;
  /// Names of endpoint arguments that the writer understands.
  std::vector<std::string> options;
};

/// Whether a format holds this object, as far as its name tells.
bool holdsObject(const TargetTraits &traits, const std::string &name);

/// Null if no such target format exists; `targetFormats` lists those that do.
const TargetTraits *targetTraits(std::string_view format);
std::vector<std::string> targetFormats();
Result<std::unique_ptr<TargetWriter>> createWriter(std::string_view format, WriteRequest request);

} // namespace recast::format
