// The step `pieces` inside this folder: its text, its rules, and the fragments that it gives.
#pragma once

#include "runtime/layout/Pieces.h"
#include "runtime/layout/Resolve.h"
#include "runtime/layout/TextScanner.h"

namespace recast::layout {

std::string printPieces(const PieceList &list);
/// What follows the word `pieces`.
Result<PieceList> parsePieces(TextScanner &scan);

/// The pieces lie inside a tensor of `elements`, and on no rank do two elements share a place in
/// the tensor or in the buffer.
Status checkPieces(const PieceList &list, int64_t elements);

/// What the ranks (`rank`: only that one) hold by the list of `layout`, in rank order; ranks that
/// hold nothing are left out unless asked for.
Result<std::vector<Fragment>> listedFragments(const ResolvedLayout &layout,
                                              std::optional<int64_t> rank);

} // namespace recast::layout
