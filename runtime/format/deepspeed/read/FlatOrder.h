// Where the parameters of a ZeRO-1/2 group lie in its flat buffer. The formulas are those of
// DeepSpeed's stage_1_and_2.py; stored paddings are never used, versions before 0.16 wrote wrong
// ones.
#pragma once

#include "runtime/format/deepspeed/read/ModelStates.h"

namespace recast::format::deepspeed {

struct FlatOrder {
  std::vector<int64_t> starts; ///< Element of the group's buffer at which each parameter begins.
  int64_t total = 0;           ///< Elements of the buffer over all ranks, padding included.
  /// The two accounts of the order disagree (round robin): `cast(master) == weight` must be armed.
  bool uncertain = false;
};

/// `group`: index of the group, in `ranks[r].flats` and for messages. `hasWeights`: the module's
/// weights are there to be compared with. Checks that every rank's tensors are long enough.
Result<FlatOrder> flatOrder(const std::vector<NamedShape> &params, size_t group,
                            const std::vector<RankStates> &ranks, bool roundRobin, bool hasWeights);

} // namespace recast::format::deepspeed
