#include "runtime/plan/Columns.h"
#include "runtime/base/Checked.h"
#include "runtime/plan/Malformed.h"
#include "runtime/plan/Plan.h"

#include <algorithm>

namespace recast::plan {

Result<Columns> Columns::open(const fb::Directory &directory, std::string_view area,
                              uint16_t minor) {
  Columns columns;
  const auto *table = directory.sections();
  if (!table)
    return malformed("columns are missing");
  // A newer minor version may have appended columns that this program does not know.
  static_assert(kColumnsOfMinor.size() == kVersionMinor + 1);
  size_t known = kColumnsOfMinor[std::min<size_t>(minor, kVersionMinor)];
  if (table->size() < known || (table->size() > known && minor <= kVersionMinor))
    return malformed("there are {} columns, format 1.{} has {}", table->size(), minor, known);
  uint64_t end = 0;
  for (uint32_t i = 0; i < table->size(); ++i) {
    const fb::Section &section = *table->Get(i);
    if (section.id() != i || section.width() == 0 ||
        (i < kColumnCount && section.width() != kColumnWidth[i]))
      return malformed("column {} has id {} and width {}", i, section.id(), section.width());
    auto size = checkedMul<uint64_t>(section.count(), section.width());
    uint64_t begin = alignColumn(end);
    if (!size || section.offset() != begin || !rangeInside(begin, *size, area.size()))
      return malformed("column {} ({} x {} bytes at {}) does not lie where it must", i,
                       section.count(), section.width(), section.offset());
    if (!allZero(area.substr(end, begin - end)))
      return malformed("bytes before column {} are not zero", i);
    end = begin + *size;
    if (i < kColumnCount)
      columns.views_[i] = area.substr(begin, *size);
  }
  columns.known_ = known;
  if (end != area.size())
    return malformed("{} bytes follow the last column", area.size() - end);
  return columns;
}

Status Columns::sameCount(std::string_view what, size_t rows,
                          std::initializer_list<Column> columns) const {
  for (Column column : columns)
    if (count(column) != rows)
      return malformed("column {} of {} has {} rows instead of {}", static_cast<uint32_t>(column),
                       what, count(column), rows);
  return {};
}

} // namespace recast::plan
