// Schedules as Megatron-Core chooses them: by numbers, not by lists. The table says for every
// virtual microbatch the microbatch and the chunk (get_schedule_table); all ranks run forwards in
// its order and backwards with chunks counted from the last, after some warm-up forwards
// (get_pp_rank_microbatches).
//
// As JSON: {"ranks", "chunks", "microbatches", "group", "schedule_table": [[microbatch, chunk],
// ...], "rank_counts": by rank [passes, all in warm-up, warm-up, left]} and "arguments", the
// options of Megatron-LM's command line.
#pragma once

#include "compiler/Schedule/JsonTree.h"
#include "compiler/Schedule/Schedule.h"

namespace recast::schedule {

/// Code::Usage unless the lists are those that Megatron runs: 1f1b, or interleaved with some group.
Result<std::string> toMegatronJson(const Schedule &schedule);

/// The lists that Megatron runs. Code::BadInput where the table (or counts and arguments, which may
/// be left out) are not those of ranks, chunks, microbatches and group; Code::Usage where Megatron
/// refuses these.
Result<Schedule> fromMegatronJson(const JsonValue &root);

} // namespace recast::schedule
