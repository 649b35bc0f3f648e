#include "tools/recast/PlanningMemory.h"

#include <cstddef>
#include <mimalloc.h>

namespace recast::tools {

void reservePlanningMemory() {
  constexpr size_t kSize = size_t{1} << 31;
  mi_reserve_os_memory(kSize, /*commit=*/true, /*allow_large=*/false);
}

} // namespace recast::tools
