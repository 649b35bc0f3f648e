#include "runtime/plan/ObjectEdit.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::plan {
namespace {

/// Where the state is among the items of a Call or an Instance.
constexpr size_t kState = 2;

bool hasState(const Object &object) {
  bool builds = object.kind == Object::Kind::Call || object.kind == Object::Kind::Instance;
  return builds && object.items.size() > kState && object.items[kState]->isDict();
}

} // namespace

bool isWithin(std::string_view path, std::string_view outer) {
  return path.starts_with(outer) && (path.size() == outer.size() || path[outer.size()] == '.');
}

const Object *at(const Object &root, std::span<const std::string> path) {
  const Object *here = &root;
  for (const std::string &key : path) {
    if (hasState(*here))
      here = here->items[kState].get();
    here = here->isDict() ? here->find(key) : nullptr;
    if (!here)
      return nullptr;
  }
  return here;
}

Result<ObjectPtr> edited(const ObjectPtr &root, std::span<const std::string> path,
                         const ObjectPtr &value) {
  const std::string &key = path.front();
  auto copy = std::make_shared<Object>(*root);
  if (hasState(*root)) {
    RECAST_ASSIGN(copy->items[kState], edited(root->items[kState], path, value));
    return ObjectPtr(std::move(copy));
  }
  if (!root->isDict())
    return badInput(fmt::format("'{}' is looked for in what has no entries", key));
  auto found = std::find_if(copy->entries.begin(), copy->entries.end(), [&](const auto &entry) {
    return entry.first->kind == Object::Kind::String && entry.first->text == key;
  });
  bool last = path.size() == 1;
  if (found == copy->entries.end()) {
    if (!last || !value)
      return badInput(fmt::format("there is no entry '{}'", key));
    copy->entries.push_back(entry(key, value));
    return ObjectPtr(std::move(copy));
  }
  if (!last) {
    RECAST_ASSIGN(found->second, edited(found->second, path.subspan(1), value));
  } else if (value) {
    found->second = value;
  } else {
    copy->entries.erase(found);
  }
  return ObjectPtr(std::move(copy));
}

} // namespace recast::plan
