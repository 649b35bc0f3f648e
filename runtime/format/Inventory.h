// What a checkpoint holds: the result of every reader and the input of bind. Reading it touches
// headers, directories and pickles only, never bulk tensor data.
#pragma once

#include "runtime/base/DType.h"
#include "runtime/base/Name.h"
#include "runtime/base/Status.h"
#include "runtime/layout/Layout.h"
#include "runtime/plan/Object.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace recast::format {

/// Roles every part of Recast knows by name; readers may report others ("momentum_buffer").
namespace role {
inline constexpr char kWeight[] = "weight"; ///< Model copy, in the model's dtype.
inline constexpr char kMaster[] = "master"; ///< Optimizer's master copy.
inline constexpr char kExpAvg[] = "exp_avg";
inline constexpr char kExpAvgSq[] = "exp_avg_sq";
inline constexpr char kStep[] = "step";     ///< Optimizer step of the parameter.
inline constexpr char kFrozen[] = "frozen"; ///< Parameter without optimizer state.
inline constexpr char kBuffer[] = "buffer";
} // namespace role

struct File {
  std::string path; ///< Relative to `Inventory::root`.
  uint64_t size = 0;
  int64_t mtimeNs = 0; ///< With size: tells whether the source changed between bind and read.
};

/// A range of a file with a checksum of its own (a zip member): checked whole as it streams by.
struct Record {
  uint32_t file = 0;
  uint64_t offset = 0, length = 0; ///< In bytes.
  uint32_t crc32 = 0;
};

/// Elements of one rank's buffer in a file.
struct Extent {
  uint32_t file = 0;
  uint64_t offset = 0;  ///< Byte of the first element.
  int64_t elements = 0; ///< Elements that may be read from there.
};

/// A buffer that lies over ranks: a flat group, a per-parameter slot buffer, or (one rank) a whole
/// storage. Tensors refer to it; many tensors share one.
struct Store {
  DType dtype = DType::F32;
  std::vector<Extent> extents; ///< One per rank of the layouts that refer to it.
};

/// One logical tensor in one role.
struct Tensor {
  Name name; ///< Canonical logical name.
  Name role;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  uint32_t layout = 0; ///< Index into `Inventory::layouts`.
  uint32_t store = 0;  ///< Index into `Inventory::stores`; unused when `scalar` is set.
  /// Element of each rank's extent at which the member's local buffer begins. For `flat per group`
  /// the member's start in the group (layout::FlatPosition::start); `groupTotal` is its total.
  int64_t start = 0;
  int64_t groupTotal = 0;
  /// Which part of a packed layout it is. Readers leave 0: what is packed, a view says.
  uint32_t part = 0;
  /// A 0-dim value that was read with the metadata (a step): its bits; no store then.
  std::optional<uint64_t> scalar;
  /// Index into `groups`, or -1.
  int32_t group = -1;
  /// Where each rank of the mesh keeps a copy of its own (buffers under ZeRO-3): the store of all
  /// of them, with one extent per rank. `store` is the one that is taken unless a specification
  /// says that they differ.
  std::optional<uint32_t> copies;
};

/// An optimizer parameter group: an ordered list of names plus hyper-parameters (decisions.md).
struct Group {
  std::vector<Name> names;
  plan::ObjectPtr hyper; ///< Dict of hyper-parameters, without `params`.
};

/// Something wrong with the checkpoint. An inventory with problems can be shown, not converted.
struct Problem {
  Error error;
};

struct Inventory {
  std::string format;       ///< "deepspeed", "safetensors", "deepspeed_universal".
  std::string formatDetail; ///< For people: "DeepSpeed 0.19.8, ZeRO-3".
  std::string root;         ///< Folder (or the folder of the one file); files are relative to it.
  std::string tag;          ///< "global_step3"; empty where the format has none.
  std::optional<int64_t> iteration;
  layout::Mesh mesh; ///< Of the run that saved it; no axes: one rank.
  std::map<std::string, plan::ObjectPtr> properties; ///< For `expect`: zero = 3, ...

  std::vector<File> files;
  std::vector<Record> records; ///< Sorted by (file, offset).
  std::vector<layout::Layout> layouts;
  std::vector<Store> stores;
  std::vector<Tensor> tensors;                              ///< In the order of the source.
  std::vector<std::pair<std::string, std::string>> aliases; ///< (alias, canonical name): tied.
  std::vector<Group> groups;

  std::map<std::string, plan::ObjectPtr> objects; ///< Named as selections name them.
  /// Paths of objects, or of entries inside them, that each rank saved with a value of its own
  /// (random generators, data loaders), sorted; `objects` has rank 0's.
  std::vector<std::string> perRank;
  std::vector<std::string> foreignGlobals; ///< "module.name" of classes outside the allow-list.

  /// The flat order of master cannot be told from metadata alone: `cast(master) == weight` must be
  /// armed, not optional (round robin).
  bool orderUncertain = false;

  /// Files (indices) that hold weights and state of the run besides optimizer shards, which a
  /// target of the same family of formats keeps byte for byte (DeepSpeed's model-states files).
  std::vector<uint32_t> keptFiles;

  std::vector<Problem> problems;
  std::vector<std::string>
      notes; ///< What a user should know: "frozen values: the loader ignores..."
};

/// Tells the format of a path (folder or file) from names and first bytes; "" if unknown.
std::string detectFormat(const std::string &path);

struct ReadOptions {
  std::string format; ///< Empty: detect.
  std::string tag;    ///< Empty: the `latest` pointer.
  std::string key;    ///< torch: where the state dict is; empty: where it stands alone.
  /// DeepSpeed without ZeRO, whose files do not tell: names or shell patterns, separated by commas,
  /// of parameters that no optimizer has.
  std::string frozen;
};
/// An argument of a source besides its path, and where its text goes.
struct SourceArgument {
  std::string_view name;
  std::string ReadOptions::*text;
};
/// Those that a source of this format understands; all there are for an empty format.
std::vector<SourceArgument> sourceArguments(std::string_view format);
/// Reads the inventory. Fails only when nothing can be said; damage goes to `problems`.
Result<Inventory> readInventory(const std::string &path, const ReadOptions &options);
/// The same, and the first problem is an error: for everything that converts.
Result<Inventory> readSoundInventory(const std::string &path, const ReadOptions &options);

} // namespace recast::format
