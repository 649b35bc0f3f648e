// A plan in memory: what an `.rplan` artifact holds, symbolically. Pure data; the expansion to one
// rank's reads and writes is in Expand.h. Indices refer to the vectors of the same Plan.
#pragma once

#include "runtime/base/DType.h"
#include "runtime/base/Status.h"
#include "runtime/layout/Layout.h"
#include "runtime/plan/Object.h"
#include "runtime/recipe/Recipe.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace recast::plan {

inline constexpr uint16_t kVersionMajor = 1;
inline constexpr uint16_t kVersionMinor = 7;
inline constexpr uint32_t kNone = 0xffffffffu;

struct SourceEndpoint {
  std::string name, format, path, tag;
  /// What the plan was made from besides numbers and values, as hashes: `tensors` (see
  /// format::tensorsHash), and each configuration that the job read, by its path in the source or,
  /// outside of it, whole. Equal facts, equal plans. Empty in plans before 1.2.
  std::map<std::string, std::string> facts = {};
  bool operator==(const SourceEndpoint &) const = default;
};

struct SourceFile {
  uint32_t endpoint = 0;
  std::string path; ///< Relative to the endpoint's path.
  uint64_t size = 0;
  int64_t mtimeNs = 0;
  bool operator==(const SourceFile &) const = default;
};

/// See format::Record, format::Extent, format::Store: the same facts, in the artifact.
struct Record {
  uint32_t file = 0;
  uint64_t offset = 0, length = 0;
  uint32_t crc32 = 0;
  bool operator==(const Record &) const = default;
};
struct Extent {
  uint32_t file = 0;
  uint64_t offset = 0;
  int64_t elements = 0;
  bool operator==(const Extent &) const = default;
};
struct Store {
  uint32_t firstExtent = 0, extentCount = 0;
  bool operator==(const Store &) const = default;
};

struct Input {
  DType dtype = DType::F32;
  uint32_t layout = 0;
  bool operator==(const Input &) const = default;
};

/// Output of a family: the k-th store of its recipe. `layout` says how a member, or the part of it
/// that MemberOutput names, lies in the target's tensor. Over a mesh of several ranks the target
/// has the share of its own (TargetEndpoint::rank). A family computes the elements that all of its
/// outputs have, so their shares are the same ones.
struct Output {
  uint32_t target = 0;
  DType dtype = DType::F32;
  uint32_t layout = 0;
  bool operator==(const Output &) const = default;
};

/// Columns of a member per input and output; see Family.
struct MemberInput {
  uint32_t store = 0; ///< kNone: a scalar, whose bits are `start`.
  int64_t start = 0;
  int64_t groupTotal = 0;
  uint32_t part = 0; ///< Which part of a packed layout the member is.
  bool operator==(const MemberInput &) const = default;
};
/// Members that name the same tensor of a target (same name and role) are parts of it.
struct MemberOutput {
  uint32_t name = 0; ///< String id of the tensor's name in the target.
  uint32_t role = 0; ///< String id.
  uint32_t part = 0; ///< As MemberInput::part.
  bool operator==(const MemberOutput &) const = default;
};

/// One recipe, many members (D5). Member m has rows [m * inputs.size(), ...) of `memberInputs` and
/// the same of `memberOutputs`; `memberNames[m]` is the string id of its logical name.
struct Family {
  std::vector<int64_t> shape; ///< Logical shape, the same for all members.
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  recipe::Recipe recipe; ///< inputs.size() loads, outputs.size() stores, plus checks.
  std::vector<uint32_t> memberNames;
  std::vector<MemberInput> memberInputs;
  std::vector<MemberOutput> memberOutputs;
  bool operator==(const Family &) const = default;

  size_t memberCount() const { return memberNames.size(); }
};

/// Logical shapes of all parts of `layout` for members of `shape`: the member's own where the
/// layout packs nothing.
std::vector<std::vector<int64_t>> partShapes(const layout::Layout &layout,
                                             const std::vector<int64_t> &shape);
/// Shape of the tensor in a target that members of `shape` are written to with `layout`, on `rank`
/// of its mesh. An error where the rank holds no tensor with dimensions.
Result<std::vector<int64_t>> storedShape(const layout::Layout &layout,
                                         const std::vector<int64_t> &shape, int64_t rank);

/// A source file that targets may keep verbatim, or a side file copied by `files { ... }`.
struct KeptFile {
  uint32_t file = 0; ///< Source file.
  bool operator==(const KeptFile &) const = default;
};
struct SideFile {
  std::string source; ///< Path of the file to copy.
  std::string name;   ///< Name inside the target folder.
  uint64_t size = 0;
  int64_t mtimeNs = 0;
  bool operator==(const SideFile &) const = default;
};

struct Group {
  std::vector<uint32_t> names; ///< String ids.
  std::string hyper;           ///< plan::toJson of a Dict.
  bool operator==(const Group &) const = default;
};

struct TargetEndpoint {
  std::string name, format, path, tag;
  std::map<std::string, std::string> options;
  std::vector<std::pair<uint32_t, uint32_t>> aliases; ///< String ids (alias, canonical).
  std::vector<Group> groups;
  std::map<std::string, std::string> objects; ///< Kept objects: plan::toJson.
  std::vector<KeptFile> keptFiles;
  std::vector<SideFile> sideFiles;
  /// The rank of a pipeline or a mesh whose share it is; kNone: it holds everything.
  uint32_t rank = kNone;
  bool operator==(const TargetEndpoint &) const = default;

  /// The rank of `layout` that this target is.
  int64_t rankIn(const layout::Layout &layout) const {
    return layout.mesh.rankCount() == 1 ? 0 : int64_t{rank};
  }
};

/// When a tensor of a target is first needed, counted from the start of the schedule in its unit of
/// time.
struct Deadline {
  uint32_t target = 0, name = 0, role = 0; ///< Name and role as string ids.
  double time = 0;                         ///< Finite, not negative.
  bool operator==(const Deadline &) const = default;
};

/// What a target does with an object of the source, or with an entry inside of one, instead of
/// keeping it.
struct ObjectChange {
  enum class Kind : uint8_t { Dropped, Set, Regrouped };
  static constexpr Kind kLast = Kind::Regrouped;

  std::string path;   ///< In the source: `args`, or `args.lr` inside it.
  std::string target; ///< Its name.
  Kind kind = Kind::Dropped;
  bool operator==(const ObjectChange &) const = default;
};

/// Tensors of one role that a target does not get as the source stores them.
struct RoleChange {
  enum class Kind : uint8_t { Dropped, Computed }; ///< Computed: from another role.
  static constexpr Kind kLast = Kind::Computed;

  std::string role;
  std::string target; ///< Its name.
  uint64_t tensors = 0;
  Kind kind = Kind::Dropped;
  bool operator==(const RoleChange &) const = default;
};

/// Something the job leaves out on purpose: in words, shown by `explain` ("dropped: exp_avg for
/// hub"), and, of an object or of a role, the same for programs.
struct LeftOut {
  std::string what, why;
  std::optional<ObjectChange> object = {}; ///< Since 1.6.
  std::optional<RoleChange> role = {};     ///< Since 1.7.
  bool operator==(const LeftOut &) const = default;
};

/// Whether the plan fits the other steps of its run (`rebind`), or what of it holds of one step.
enum class Rebinding : uint8_t {
  Unknown, ///< Plans before 1.7, and those that no job made.
  Fits,
  ExpectsStep, ///< A condition over what changes at every save was judged.
  Predicts,    ///< Step and hyper-parameters went into its numbers, or into leaving them out.
};
inline constexpr Rebinding kLastRebinding = Rebinding::Predicts;

/// What the job checks of its source, and `rebind` of the next one: whether all of its tensors have
/// made the same number of updates (format::checkCut).
enum class Cut : uint8_t { Any, Drained, NotDrained };
inline constexpr Cut kLastCut = Cut::NotDrained;

struct Plan {
  std::string spec;    ///< UCL text of the job, for provenance.
  uint64_t budget = 0; ///< Bytes; 0: the runtime's default.
  uint64_t schemaFingerprint = 0, instanceFingerprint = 0;

  std::vector<std::string> strings;
  std::vector<SourceEndpoint> sources;
  std::vector<SourceFile> files;
  std::vector<Record> records;
  std::vector<Extent> extents;
  std::vector<Store> stores;
  std::vector<layout::Layout> layouts;
  std::vector<TargetEndpoint> targets;
  std::vector<Family> families;
  std::vector<LeftOut> leftOut;
  Rebinding rebinding = Rebinding::Unknown;
  Cut cut = Cut::Any; ///< Since 1.6.
  /// Ascending by (target, name, role), each once; the runtime hands out what is due first. Since
  /// 1.3, as are ranks.
  std::vector<Deadline> deadlines;
  /// Of the schedule that the deadlines are from: its name in the job, and the time from its start
  /// to the end of its first updates.
  std::string pipeline;
  double pipelineTime = 0;
  bool operator==(const Plan &) const = default;
};

/// All indices in range, shapes and sizes consistent, recipes verified, extents inside their files.
/// Everything after loading relies on it; total over hostile input.
Status verify(const Plan &plan);

/// Of a plan (XXH3-64). Schema: names, roles, shapes, dtypes, layouts, recipes, spec, targets.
/// Instance: also files, offsets, sizes, times, scalars, objects.
struct Fingerprints {
  uint64_t schema = 0, instance = 0;
};
Fingerprints computeFingerprints(const Plan &plan);
void setFingerprints(Plan &plan);
/// What makes a plan ends with this: verify(), then fingerprints of what passed.
Status seal(Plan &plan);

/// The artifact (D9): FlatBuffers directory, raw little-endian columns in 64-byte aligned sections.
/// write(read(bytes)) == bytes. `plan` has passed verify(), or at least has all rows of its
/// members.
std::string writeArtifact(const Plan &plan);
/// Bounds-checked, verified; any malformed input is an error, never a crash.
Result<Plan> readArtifact(std::string_view bytes);

} // namespace recast::plan
