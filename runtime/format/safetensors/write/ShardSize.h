// The option `max_shard_size`.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <string_view>

namespace recast::format {

/// Bytes: a positive integer, alone or with a unit (KB MB GB TB: powers of 1000, KiB MiB GiB TiB:
/// powers of 1024; either case, "B" too), as huggingface_hub reads it.
Result<uint64_t> parseShardSize(std::string_view text);

} // namespace recast::format
