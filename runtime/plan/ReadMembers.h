// The columns of members of an artifact -> the members of a Plan's families.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/plan/Columns.h"
#include "runtime/plan/Plan.h"

namespace recast::plan {

/// For a file of format 1.`minor`. `plan` has its strings, and its families without members.
Status readMembers(const fb::Directory &directory, const Columns &columns, uint16_t minor,
                   Plan &plan);

} // namespace recast::plan
