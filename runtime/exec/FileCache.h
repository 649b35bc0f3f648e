// A worker's open files: the few it used last. 10^5 files pass through without more than `capacity`
// descriptors, and no lock is needed because nobody shares it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace recast::exec {

template <typename T> class FileCache {
public:
  explicit FileCache(size_t capacity) : capacity_(capacity) {}

  /// The open file, or null.
  T *find(uint32_t file) {
    for (Entry &entry : entries_)
      if (entry.file == file) {
        entry.used = ++clock_;
        return &entry.value;
      }
    return nullptr;
  }

  /// If the cache is full, gives up the entry that was not used for longest, for the caller to
  /// close. Call before opening another, so that there is room for its descriptor.
  std::optional<T> makeRoom() {
    if (entries_.size() < capacity_)
      return std::nullopt;
    size_t oldest = 0;
    for (size_t i = 1; i < entries_.size(); ++i)
      if (entries_[i].used < entries_[oldest].used)
        oldest = i;
    return take(oldest);
  }

  T &put(uint32_t file, T value) {
    entries_.push_back({file, ++clock_, std::move(value)});
    return entries_.back().value;
  }

  /// Any entry, for the caller to close; nothing once it is empty.
  std::optional<T> drain() {
    return entries_.empty() ? std::nullopt : std::optional<T>(take(entries_.size() - 1));
  }

private:
  struct Entry {
    uint32_t file = 0;
    uint64_t used = 0;
    T value;
  };
  T take(size_t index) {
    T value = std::move(entries_[index].value);
    if (index + 1 != entries_.size())
      entries_[index] = std::move(entries_.back());
    entries_.pop_back();
    return value;
  }

  size_t capacity_;
  uint64_t clock_ = 0;
  std::vector<Entry> entries_;
};

} // namespace recast::exec
