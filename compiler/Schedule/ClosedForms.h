// Bubbles and peaks by formula, each with the condition under which it is what simulation gives.
// The papers state most of them without: a short pipeline has more bubble than they say.
#pragma once

#include "compiler/Schedule/Costs.h"
#include "compiler/Schedule/Generate.h"

#include <optional>

namespace recast::schedule {

struct ClosedForm {
  double value = 0;
  bool holds = false; ///< Whether the condition is met; otherwise the value is no claim.
  /// The condition for p ranks, m microbatches and the costs f, i, w; empty where there is none.
  std::string_view condition;
};

/// The span bubble of a step (Simulation::spanBubble()) of a synchronous kind as generate() makes
/// it, where a backward costs its parts, b = i + w, and neither comm, factors of stages nor shares
/// of pairs change that: otherwise, and of costs that checkCosts() refuses, it does not hold. Costs
/// are those of one stage (one chunk). Nothing for other kinds, and for numbers below 1.
///   gpipe, 1f1b               (p - 1)(f + i + w)
///   interleaved, looped-bfs   (p - 1)(f + i + w)       m >= p
///   zb-h1, interleaved-zb     (p - 1)(f + i - w)       m >= p and w <= f
///   zb-v                      0                        m >= 2p - 1 and f = i = w
///   dualpipe-v                (p - 1)(f + 2i - w)      f = i = w
std::optional<ClosedForm> spanBubbleOf(std::string_view kind, const Shape &shape,
                                       const Costs &costs = {});

/// Activations that rank r holds at most (RankTimes::peakActivations), each of one stage, freed by
/// the backward or its weight part; g microbatches are a group. Nothing for other kinds, and for
/// numbers below 1.
///   gpipe, looped-bfs         m v
///   1f1b                      min(m, p - r)
///   interleaved               min(m v, (v - 1) g + 2 (p - 1 - r) + 1)
///   zb-h1, interleaved-zb     min(m v, (v - 1) g + p)
///   zb-v                      2p                       m >= 2p - 1
///   dualpipe-v                2p + 1
/// With one chunk `interleaved` has its formula too: 2p - 1 on rank 0, where 1f1b has p.
std::optional<ClosedForm> peakActivationsOf(std::string_view kind, const Shape &shape,
                                            int32_t rank);

} // namespace recast::schedule
