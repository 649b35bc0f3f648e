#include "runtime/plan/Object.h"

#include <algorithm>
#include <bit>

namespace recast::plan {
namespace {

std::shared_ptr<Object> make(Object::Kind kind) {
  auto object = std::make_shared<Object>();
  object->kind = kind;
  return object;
}

bool equalItems(const std::vector<ObjectPtr> &a, const std::vector<ObjectPtr> &b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const ObjectPtr &x, const ObjectPtr &y) { return equal(*x, *y); });
}

/// Sets have no order: Python writes them in hash order, which differs between processes.
bool equalSets(const std::vector<ObjectPtr> &a, const std::vector<ObjectPtr> &b) {
  if (a.size() != b.size())
    return false;
  auto sorted = [](const std::vector<ObjectPtr> &items) {
    std::vector<std::string> texts;
    for (const ObjectPtr &item : items)
      texts.push_back(toJson(*item));
    std::sort(texts.begin(), texts.end());
    return texts;
  };
  return sorted(a) == sorted(b);
}

} // namespace

const Object *Object::find(std::string_view key) const {
  if (!isDict())
    return nullptr;
  for (const auto &[entryKey, value] : entries)
    if (entryKey->kind == Kind::String && entryKey->text == key)
      return value.get();
  return nullptr;
}

bool Object::isGlobal(std::string_view wantedModule, std::string_view wantedName) const {
  return kind == Kind::Global && module == wantedModule && name == wantedName;
}

ObjectPtr none() {
  static const ObjectPtr value = make(Object::Kind::None);
  return value;
}

ObjectPtr boolean(bool value) {
  auto object = make(Object::Kind::Bool);
  object->integer = value;
  return object;
}

ObjectPtr integer(int64_t value) {
  auto object = make(Object::Kind::Int);
  object->integer = value;
  return object;
}

ObjectPtr real(double value) {
  auto object = make(Object::Kind::Float);
  object->real = value;
  return object;
}

ObjectPtr string(std::string value) {
  auto object = make(Object::Kind::String);
  object->text = std::move(value);
  return object;
}

ObjectPtr list(std::vector<ObjectPtr> items) {
  auto object = make(Object::Kind::List);
  object->items = std::move(items);
  return object;
}

ObjectPtr tuple(std::vector<ObjectPtr> items) {
  auto object = make(Object::Kind::Tuple);
  object->items = std::move(items);
  return object;
}

ObjectPtr dict(std::vector<std::pair<ObjectPtr, ObjectPtr>> entries) {
  auto object = make(Object::Kind::Dict);
  object->entries = std::move(entries);
  return object;
}

ObjectPtr global(std::string module, std::string name) {
  auto object = make(Object::Kind::Global);
  object->module = std::move(module);
  object->name = std::move(name);
  return object;
}

ObjectPtr tensor(TensorRef ref) {
  auto object = make(Object::Kind::Tensor);
  object->tensor = std::make_shared<const TensorRef>(std::move(ref));
  return object;
}

std::pair<ObjectPtr, ObjectPtr> entry(std::string key, ObjectPtr value) {
  return {string(std::move(key)), std::move(value)};
}

bool equal(const Object &a, const Object &b) {
  if (&a == &b)
    return true;
  if (a.kind != b.kind || a.integer != b.integer ||
      std::bit_cast<uint64_t>(a.real) != std::bit_cast<uint64_t>(b.real) || a.text != b.text ||
      a.module != b.module || a.name != b.name || !a.tensor != !b.tensor)
    return false;
  if (a.tensor && !(*a.tensor == *b.tensor))
    return false;
  if (a.kind == Object::Kind::Set)
    return equalSets(a.items, b.items);
  return equalItems(a.items, b.items) &&
         std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                    [](const auto &x, const auto &y) {
                      return equal(*x.first, *y.first) && equal(*x.second, *y.second);
                    });
}

} // namespace recast::plan
