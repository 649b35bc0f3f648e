// Proofs about schedules: everything that is wrong with explicit lists, whoever made them, each
// with a witness that a person can follow. Without a finding of Severity::Error the lists are
// proved under `Limits`.
//
// Codes, in the order of the proofs; what an earlier group leaves unsound hides the later ones:
//   1 shape               lists, ranks, stages and microbatches do not go together
//     out-of-range        a stage or microbatch that does not exist
//     wrong-rank          an action in the list of a rank that does not have its stage
//     overlap             a pair that is not a forward and a backward
//   2 missing-action      every stage runs every microbatch: F, and B or both of I and W; with
//                         sends or receives in the lists, both ends of every transfer
//     doubled-action      once each
//     order               of a stage: F, then B or I, then W; receives before, sends after
//     unmatched-send, unmatched-receive     one end of a transfer, or one with no other rank
//   3 channel-order       two ranks match sends and receives by their order alone
//     unshard-order       parameters are gathered when a stage computes, and freed once
//     reduce-order        REDUCE_GRAD after the last backward of an update, before its OPT
//     missing-reduce      none for a stage, though others have it (warning: none at all in lists
//                         with sends; PyTorch scales gradients there)
//     update-count        OPT after as many backwards as the schedule says
//     version             a weight action that cannot be, or passes that see other weights than
//                         the schedule's rule says
//     prediction          a forward that aims at another version than its backward sees (a warning
//                         unless the rule is to predict what the lists say)
//   4 cross-stage-order   the order of lists and the data between stages make a circle
//     deadlock            so do sends and receives; a receive waits for its send
//     channel-depth       so do sends that wait for room: Limits::channelDepth
//     memory-limit        more activations than Limits::activations
//   5 kind                lists that go by the name of a kind have its order
#pragma once

#include "compiler/Schedule/Simulate.h"
#include "compiler/Schedule/Stuck.h"

#include <optional>

namespace recast::schedule {

/// Numbers below 0 count as 0.
struct Limits {
  /// Sends of one rank to another that may be under way at once; 0: a send waits for its receive
  /// to begin (rendezvous). Nothing: sends never wait.
  std::optional<int32_t> channelDepth;
  /// Activations that a rank may hold, each of one stage.
  std::optional<int64_t> activations;
  Release release = Release::Weight;
  Costs costs; ///< For the time at which a limit breaks.
};

enum class Severity : uint8_t { Error, Warning };

struct Finding {
  std::string code; ///< Stable; of the list above.
  Severity severity = Severity::Error;
  std::string message;       ///< A sentence that names actions, ranks and positions.
  std::vector<Place> places; ///< The witness; empty where something is in no list.
};

/// Linear, but for naming what it finds. At most 16 findings of a code; the last says how many more
/// there are. Never fails: lists that no reader lets through are findings too.
std::vector<Finding> check(const Schedule &schedule, const Limits &limits = {});

/// Whether no finding is an error.
bool isProved(std::span<const Finding> findings);

} // namespace recast::schedule
