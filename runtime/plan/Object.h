// Objects: what a checkpoint holds besides tensors (param_groups, random state, args, loss scaler),
// as inert trees. Reading one never runs code: a class or a call is a node with a name.
#pragma once

#include "runtime/base/DType.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace recast::plan {

struct Object;
/// Shared, because a pickle may use one node in several places; immutable once built.
using ObjectPtr = std::shared_ptr<const Object>;

/// A tensor inside an object tree. Its bytes stay in the file, at `storage`; small ones that a
/// writer must emit again (a 0-dim `step`) carry them in `literal`.
struct TensorRef {
  DType dtype = DType::F32;
  std::string storage;         ///< Storage key inside the archive (`data/<key>`).
  std::string location;        ///< Device tag as saved, e.g. "cpu".
  int64_t storageElements = 0; ///< Elements of the whole storage.
  int64_t offset = 0;          ///< In elements.
  std::vector<int64_t> shape, strides;
  bool requiresGrad = false;
  bool parameter = false; ///< Wrapped by _rebuild_parameter.
  std::string literal;    ///< Little-endian bytes, contiguous; empty: not loaded.
  bool operator==(const TensorRef &) const = default;
};

struct Object {
  enum class Kind : uint8_t {
    None,
    Bool,     ///< integer 0 / 1
    Int,      ///< integer
    BigInt,   ///< text: decimal, outside int64
    Float,    ///< real
    String,   ///< text
    Bytes,    ///< text
    List,     ///< items
    Tuple,    ///< items
    Set,      ///< items
    Dict,     ///< entries, insertion order
    Ordered,  ///< collections.OrderedDict: entries
    Global,   ///< a class or function: module + name
    Call,     ///< callee (items[0]) applied to a tuple (items[1]); optional state (items[2]);
              ///< entries / list items set after construction are in entries
    Instance, ///< NEWOBJ: class items[0], args items[1], optional state items[2]
    Tensor,   ///< tensor
  };

  Kind kind = Kind::None;
  int64_t integer = 0;
  double real = 0;
  std::string text;
  std::string module, name;
  std::vector<ObjectPtr> items;
  std::vector<std::pair<ObjectPtr, ObjectPtr>> entries;
  std::shared_ptr<const TensorRef> tensor;

  /// Value of a string key of a Dict or Ordered; null if absent or another kind.
  const Object *find(std::string_view key) const;
  bool isDict() const { return kind == Kind::Dict || kind == Kind::Ordered; }
  bool isSequence() const { return kind == Kind::List || kind == Kind::Tuple; }
  bool isNone() const { return kind == Kind::None; }
  bool isGlobal(std::string_view module, std::string_view name) const;
};

ObjectPtr none();
ObjectPtr boolean(bool value);
ObjectPtr integer(int64_t value);
ObjectPtr real(double value);
ObjectPtr string(std::string value);
ObjectPtr list(std::vector<ObjectPtr> items);
ObjectPtr tuple(std::vector<ObjectPtr> items);
ObjectPtr dict(std::vector<std::pair<ObjectPtr, ObjectPtr>> entries);
ObjectPtr global(std::string module, std::string name);
ObjectPtr tensor(TensorRef ref);
/// Keys as strings, for building dicts: entry("lr", real(0.1)).
std::pair<ObjectPtr, ObjectPtr> entry(std::string key, ObjectPtr value);

/// Bit-exact comparison by value (floats by bits, sharing ignored).
bool equal(const Object &a, const Object &b);

/// Text form for the artifact and the plan dialect: JSON with a tag per kind, floats exact,
/// sharing expanded. `fromJson` refuses trees beyond the limits below.
std::string toJson(const Object &object);
Result<ObjectPtr> fromJson(std::string_view text);
inline constexpr int kMaxObjectDepth = 200;
inline constexpr size_t kMaxObjectNodes = size_t{1} << 22;

} // namespace recast::plan
