// One entry inside an object tree, found and replaced by path: `args.tensor_model_parallel_size`.
#pragma once

#include "runtime/plan/Object.h"

#include <span>

namespace recast::plan {

/// Whether a dotted path names `outer` or something inside it.
bool isWithin(std::string_view path, std::string_view outer);

/// What lies at `path`, a key per level: entries of dicts, attributes of instances (the dict that
/// pickle's BUILD gives them). Null if there is nothing.
const Object *at(const Object &root, std::span<const std::string> path);

/// `root` with `value` at `path` (not empty), or without that entry if `value` is null; a new key
/// goes last. Shares what does not change. Code::BadInput if no dict or instance is at the parent's
/// path, or if an entry to be removed is not there.
Result<ObjectPtr> edited(const ObjectPtr &root, std::span<const std::string> path,
                         const ObjectPtr &value);

} // namespace recast::plan
