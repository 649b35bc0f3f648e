// Writers: pure functions from what a target shall hold to *file images*: literal bytes, places for
// tensors, and slots to patch once bytes are known. No I/O, no tensor data, no clock.
#pragma once

#include "runtime/base/DType.h"
#include "runtime/base/Status.h"
#include "runtime/plan/Object.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace recast::format {

/// A tensor that the target shall hold, whole and row-major.
struct TargetTensor {
  std::string name;
  std::string role;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  bool isScalar = false; ///< A value known now (a step): `scalarBits`; written as a literal.
  uint64_t scalarBits = 0;
};

/// A file of the source to be kept byte for byte.
struct KeptFile {
  std::string path; ///< Relative to the source root.
  uint64_t size = 0;
};

struct TargetGroup {
  std::vector<std::string> names;
  plan::ObjectPtr hyper;
};

/// Everything a writer may look at. Strings and trees come from untrusted files: writers validate
/// names before they become paths.
struct WriteRequest {
  std::map<std::string, std::string> options; ///< Endpoint arguments: max_shard_size, ...
  std::string tag;                            ///< Source tag ("global_step3"), may be empty.
  std::vector<TargetTensor> tensors;          ///< In source order; writers choose their own.
  std::vector<std::pair<std::string, std::string>> aliases; ///< (alias, canonical).
  std::vector<TargetGroup> groups;
  std::map<std::string, plan::ObjectPtr> objects; ///< Kept objects only.
  std::vector<KeptFile> keptFiles;                ///< Source files the target may carry verbatim.
};

struct Literal {
  uint64_t offset = 0;
  std::string bytes;
};

/// Of one file, sorted by offset. Files that are alike but for the bytes of their tensors share
/// them: 10^5 parameters of a few shapes have a few.
using Literals = std::shared_ptr<const std::vector<Literal>>;

/// Bytes of tensor `tensor` (index into WriteRequest::tensors) go to [offset, offset + bytes).
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

/// One output file. Literals, slots and verbatim ranges cover [0, size) exactly once.
struct FileImage {
  std::string path; ///< Relative to the output folder, '/'-separated.
  uint64_t size = 0;
  std::vector<TensorSlot> tensors;
  std::vector<CrcPatch> patches;
  std::vector<VerbatimSlot> verbatim;
  /// Values that are known now (TargetTensor::isScalar), where something but a loader of files has
  /// to find them: each lies in a literal.
  std::vector<TensorSlot> values = {};
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

/// A target as a function. `images` is complete after `create`; literals are produced on demand, so
/// that 10^5 small files need not be in memory at once.
class TargetWriter {
public:
  virtual ~TargetWriter() = default;
  const std::vector<FileImage> &images() const { return images_; }
  const std::vector<LinkedFile> &links() const { return links_; }
  const CommitPlan &commit() const { return commit_; }
  /// Sentences for the user: what loaders of this format will ignore.
  const std::vector<std::string> &notes() const { return notes_; }
  /// Literal bytes of images()[file]; never null.
  virtual Literals literals(size_t file) const = 0;

protected:
  std::vector<FileImage> images_;
  std::vector<LinkedFile> links_;
  CommitPlan commit_;
  std::vector<std::string> notes_;
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
