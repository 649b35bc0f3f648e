#include "runtime/format/PlanSource.h"

namespace recast::format {

void addSource(plan::Plan &plan, const std::string &endpoint, const Inventory &source) {
  plan.sources.push_back({endpoint, source.format, source.root, source.tag});
  for (const File &file : source.files)
    plan.files.push_back({0, file.path, file.size, file.mtimeNs});
  for (const Record &record : source.records)
    plan.records.push_back({record.file, record.offset, record.length, record.crc32});
  for (const Store &store : source.stores) {
    plan.stores.push_back(
        {static_cast<uint32_t>(plan.extents.size()), static_cast<uint32_t>(store.extents.size())});
    for (const Extent &extent : store.extents)
      plan.extents.push_back({extent.file, extent.offset, extent.elements});
  }
  plan.layouts = source.layouts;
}

} // namespace recast::format
