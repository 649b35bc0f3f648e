// The JSON form of schedules: the one form that says everything, weight versions included.
//
//   {"format": "recast.schedule", "version": 1, "kind": "1f1b", "ranks": 2, "chunks": 1,
//    "microbatches": 2, "rank_of": [0, 1], "update_every": 0,
//    "weights": {"rule": "latest", "lag": "derived", "optimizer": "unknown"},
//    "actions": [["0F0", "0F1", "0B0", "0B1"], ["1F0", "1B0", "1F1", "1B1"]]}
//
// `rank_of`: by stage, its rank. `update_every`: microbatches per optimizer step, 0: one after all.
// `lag`: how far ahead `predict` looks: derived, paper, code, spectrain, xpipe, or a number of
// updates. `actions`: by rank, in program order, as in ActionText.h.
#pragma once

#include "compiler/Schedule/JsonTree.h"
#include "compiler/Schedule/Schedule.h"

namespace recast::schedule {

std::string toJson(const Schedule &schedule);

/// The inverse. `kind`, `chunks`, `update_every` and `weights` (and its members) may be left out:
/// "explicit", as rank_of says, 0, and the latest weights. Code::BadInput names the path of what is
/// wrong: an unknown or repeated key, a wrong type, a number out of range, sizes that disagree, a
/// cell that is no action, an action of a stage of another rank.
Result<Schedule> fromJson(std::string_view text);
Result<Schedule> fromJson(const JsonValue &root);

} // namespace recast::schedule
