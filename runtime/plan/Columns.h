// The raw columns of an artifact that is being read, each a view into the file.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/plan/Sections.h"
#include "runtime/plan/artifact_generated.h"

#include <array>
#include <cstring>
#include <initializer_list>
#include <string_view>

namespace recast::plan {

template <typename T> T load(std::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

inline bool allZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

class Columns {
public:
  /// `area`: the column area of a file of format 1.`minor`. Every column lies where it must.
  static Result<Columns> open(const fb::Directory &directory, std::string_view area,
                              uint16_t minor);

  size_t count(Column column) const {
    return view(column).size() / kColumnWidth[static_cast<size_t>(column)];
  }
  /// Whether the version of the file has this column.
  bool has(Column column) const { return static_cast<size_t>(column) < known_; }
  std::string_view view(Column column) const { return views_[static_cast<size_t>(column)]; }
  template <typename T> T at(Column column, size_t row) const {
    return load<T>(view(column), row * sizeof(T));
  }
  /// All of `columns` have as many rows as `rows`.
  Status sameCount(std::string_view what, size_t rows, std::initializer_list<Column> columns) const;

private:
  std::array<std::string_view, kColumnCount> views_;
  size_t known_ = 0;
};

} // namespace recast::plan
