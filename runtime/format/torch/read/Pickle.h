// An inert reader of pickles: the opcodes build a tree, nothing is ever imported, called or
// executed. A class, a function or a call is a node with a name (plan::Object). Follows the opcode
// table of CPython's pickletools (protocols 2 to 5, binary opcodes only) and what torch.save
// writes.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/plan/Object.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace recast::format::torch {

/// What may still be spent, over all files of a source: a thousand small bombs are one large one.
struct PickleBudget {
  uint64_t nodes = uint64_t{1} << 28; ///< Nodes built.
  uint64_t bytes = uint64_t{1} << 33; ///< Bytes of pickle read, and of text that trees expand to.
};

/// Limits of one pickle; those of its tree are plan::kMaxObjectDepth and plan::kMaxObjectNodes,
/// counted as if no node were shared (memo doubling is refused by that).
inline constexpr size_t kMaxStack = size_t{1} << 22;
inline constexpr size_t kMaxLongBytes = 1024;
inline constexpr uint64_t kMaxTreeText = uint64_t{1} << 28;

struct Pickle {
  plan::ObjectPtr root;
  /// Storages that tensors refer to: key -> bytes declared. One key has one size.
  std::map<std::string, uint64_t> storages;
  /// "module.name" of globals outside the allow-list of KnownGlobals.h, reachable or not.
  std::set<std::string> foreignGlobals;
};

/// Reads one pickle that fills `bytes` exactly. Total: any input gives a tree or an error that
/// names the byte. Tensors are checked to lie inside their declared storages; names inside one
/// dict are unique.
Result<Pickle> readPickle(std::string_view bytes, PickleBudget &budget);

/// The same for a pickle at the beginning of `bytes`, which something else follows. `consumed`: its
/// length; where `bytes` end before it does, larger than `bytes.size()` (and an error is returned).
Result<Pickle> readPickleAt(std::string_view bytes, size_t &consumed, PickleBudget &budget);

} // namespace recast::format::torch
