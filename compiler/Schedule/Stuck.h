// Why lists cannot go on: a circle of actions that wait for each other, or one that waits for an
// action that is in no list.
#pragma once

#include "compiler/Schedule/ListRunner.h"

namespace recast::schedule {

/// Where an action stands: position `index`, from 0, of a rank's list. Pairs count as two actions.
struct Place {
  int32_t rank = 0;
  size_t index = 0;
  bool operator==(const Place &) const = default;
};

/// "'0B0' (rank 0, position 3)"
std::string placeText(const Schedule &schedule, Place place);

struct Stuck {
  bool isCircle = false;    ///< Otherwise the last place waits for what is in no list.
  Event missing = kNoEvent; ///< That, if so.
  /// In turns: an action that waits, and the one it waits for, which comes after the next in its
  /// list; the last comes after the first.
  std::vector<Place> places;
  std::string message; ///< The same as a sentence.
};

/// Of lists that ListRunner::run() could not run to their ends.
Stuck explainStuck(const Schedule &schedule, const ListRunner &runner);

/// Code::BadInput unless the lists are safe to index by: as many as ranks, ranks of stages in
/// range, every action where its stage is and of a microbatch that exists, pairs complete, and
/// sizes in proportion (checkSize()).
Status checkLists(const Schedule &schedule);

/// Whether the lists have sends or receives, and so have to have all.
bool hasCommunication(const Schedule &schedule);

} // namespace recast::schedule
