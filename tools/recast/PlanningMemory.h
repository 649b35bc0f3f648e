#pragma once

namespace recast::tools {

/// Planning a large state fills hundreds of megabytes with small objects, several times. Left to
/// itself, the allocator gives them back to the system in between, and a fifth of the time goes
/// into page faults; out of one range of addresses it takes a third of these. What of the range is
/// not used costs nothing, and where the system refuses it, all is as it was. Call first in main().
void reservePlanningMemory();

} // namespace recast::tools
