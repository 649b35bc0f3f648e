// One function per kind of schedule. `p` ranks, `v` chunks, `m` microbatches, `r` a rank.
#pragma once

#include "compiler/Schedule/Generate.h"

namespace recast::schedule {

/// All forwards, then all backwards. One chunk.
Result<Schedule> gpipe(const Shape &shape);
/// min(m, p - 1 - r) forwards, then one forward and one backward in turn, then the backwards left.
/// One chunk.
Result<Schedule> oneForwardOneBackward(const Shape &shape);
/// Chunk by chunk in groups of microbatches, one forward and one backward in turn. The last group
/// may be short, as in Megatron; it then has p microbatches or more.
Result<Schedule> interleaved(const Shape &shape);
/// Each chunk's forwards together, then each chunk's backwards, last first.
Result<Schedule> loopedBfs(const Shape &shape);
/// 1F1B in which rank r puts off the weight part of r backwards. One chunk.
Result<Schedule> zeroBubbleH1(const Shape &shape);
/// Interleaved with split backwards, of which rank r puts off r weight parts.
Result<Schedule> interleavedZeroBubble(const Shape &shape);
/// Two chunks in a V, split backwards: no bubble for equal costs and m >= 2p - 1.
Result<Schedule> zeroBubbleV(const Shape &shape);
/// Two chunks in a V, forwards and backwards of different microbatches overlapped. m >= 2p.
Result<Schedule> dualPipeV(const Shape &shape);

// The order of 1F1B, one chunk, with updates between.
/// Every pass sees the latest weights.
Result<Schedule> asynchronousLatest(const Shape &shape);
/// A backward sees the version of its forward, which is stashed.
Result<Schedule> pipeDream(const Shape &shape);
/// Passes of microbatch k see version max(k / n - 1, 0); n >= p.
Result<Schedule> pipeDream2BW(const Shape &shape);
/// Both passes see predicted weights.
Result<Schedule> specTrain(const Shape &shape);
Result<Schedule> xPipe(const Shape &shape);
/// Forwards see predicted weights, backwards the latest.
Result<Schedule> pipeOptimPaper(const Shape &shape);
Result<Schedule> pipeOptimCode(const Shape &shape);

} // namespace recast::schedule
