// A schedule as a picture: one row per rank, time to the right, a colour per microbatch, what is
// idle in between; below it how many activations each rank keeps over time.
#pragma once

#include "compiler/Schedule/Timeline.h"

namespace recast::schedule {

struct PictureOptions {
  std::string title;  ///< Above the picture.
  bool memory = true; ///< Curves of activations below the rows.
  /// By rank and list position: what to write under an action ("v3"); empty: nothing anywhere.
  std::vector<std::vector<std::string>> notes;
};

/// An SVG document. Code::Usage for more than 20,000 actions: nobody sees them.
Result<std::string> drawSvg(const Schedule &schedule, const Simulation &simulation,
                            const PictureOptions &options);

/// The same rows as text: "F0 F1 .. B0 B0", a column per shortest action. Rows are cut at `width`
/// characters; `isCut` says whether one was.
std::string drawText(const Schedule &schedule, const Simulation &simulation, size_t width,
                     bool &isCut);

} // namespace recast::schedule
