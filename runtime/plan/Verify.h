// The two halves of plan::verify, in the order in which they must run.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"

#include <fmt/format.h>

namespace recast::plan {

template <typename... Args>
tl::unexpected<Error> badPlan(fmt::format_string<Args...> text, Args &&...args) {
  return badInput("malformed plan: " + fmt::format(text, std::forward<Args>(args)...));
}

/// What the extents of a store have in common.
struct StoreFacts {
  int64_t minElements = 0; ///< Elements that every extent holds.
  uint64_t maxBits = 0;    ///< Per element, with which every extent still fits its file.
};

/// Everything but the families: ids, paths, ranges. Fills one StoreFacts per store.
Status verifyTables(const Plan &plan, std::vector<StoreFacts> &stores);
/// Families against tables that verifyTables accepted.
Status verifyFamilies(const Plan &plan, const std::vector<StoreFacts> &stores);
/// The end of verifyFamilies: what families write is written once, and all that is due.
Status verifyWritten(const Plan &plan);

} // namespace recast::plan
