// The text of actions: PyTorch's (torch.distributed.pipelining, `_Action`) for what it has, the
// same manner for optimizer steps and weight actions. It stands in CSV files, in JSON, in IR and in
// every message.
#pragma once

#include "compiler/Schedule/Schedule.h"

#include <span>

namespace recast::schedule {

/// "SEND_F" and so on: the kind as it stands in an action's text.
std::string_view name(ActionKind kind);

/// "0F0", "2UNSHARD", "1OPT", "0STASH@3", "0PREDICT5@2".
std::string str(const Action &action);
/// One cell of a list: an action, or the pair "(0F7;7B3)OVERLAP_F_B". Advances `index` past it.
std::string cellText(std::span<const Action> list, size_t &index);
/// All cells of a list.
std::vector<std::string> cellTexts(std::span<const Action> list);

/// The inverse of cellText(): appends one action, or the two of a pair. Strict: nothing before,
/// between or after, a microbatch where the kind has one and only there, numbers without sign or
/// leading zeros below 2^31. Code::BadInput otherwise, with what is wrong with the cell; old text
/// ("0BW0": before the notation of November 2024) is refused with the reason.
Status parseCell(std::string_view text, std::vector<Action> &list);

} // namespace recast::schedule
