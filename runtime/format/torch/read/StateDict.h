// Which part of what torch.save wrote is the model's state dict.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/plan/Object.h"

#include <optional>
#include <string>
#include <vector>

namespace recast::format::torch {

/// The key that stands for the file's own top level.
inline constexpr char kTopLevel[] = ".";

struct StateDict {
  const plan::Object *dict = nullptr;
  std::string key;                 ///< Dotted path of string keys, or kTopLevel.
  std::vector<std::string> others; ///< Other dicts of tensors: what else `key` could say.
};

/// `key`: what the user says; empty: the only dict of tensors, or the one that is called as models
/// are (`model`, `state_dict`, `module`, ...). Usage where `key` names none, BadInput where the
/// file holds none or several. `root` must outlive the result.
Result<StateDict> findStateDict(const plan::Object &root, const std::string &key);

/// Whether an object stands for a tensor: one with bytes, or a call that would make one.
bool isTensorLike(const plan::Object &object);

/// Why such a call is no tensor that can be read, and the way out.
struct Refusal {
  std::string what, hint;
};
Refusal explainRefusal(const plan::Object &object);

} // namespace recast::format::torch
