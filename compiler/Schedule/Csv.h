// PyTorch's CSV of schedules (torch.distributed.pipelining): row i is rank i, a cell an action, a
// blank cell a slot without one. Two kinds of file: compute-only (F, B, I, W and pairs) and,
// without blanks, with sends, receives, UNSHARD, RESHARD and REDUCE_GRAD. PyTorch has no text for
// optimizer steps and weight versions.
#pragma once

#include "compiler/Schedule/Schedule.h"

namespace recast::schedule {

/// What is known of a schedule beside its rows; 0: as the rows say.
struct StatedShape {
  int32_t ranks = 0, chunks = 0, microbatches = 0;
};
/// Code::Usage where what is stated and the schedule disagree.
Status checkStated(const Schedule &schedule, const StatedShape &stated);

/// Reads rows; the stages of a rank are those of its row, microbatches are counted from the cells.
/// Lines end in CR LF or LF. Code::BadInput names line, cell and bytes: of every text that PyTorch
/// would refuse or silently read as something else, of blank lines (a rank without actions), of
/// quotes, of blanks in a file with communication, of a stage on two ranks or on none.
Result<Schedule> fromCsv(std::string_view text, const StatedShape &stated = {});

/// By rank and action, the column where it stands; the second of a pair stands with the first.
using Columns = std::vector<std::vector<int32_t>>;

/// Rows of the lists as they are, lines ending in CR LF as PyTorch writes them. `columns`: cells
/// are put there, blanks between (what PipelineScheduleMulti wants: it takes what stands in one
/// column of two ranks for one step). Code::Usage where the schedule has what PyTorch has no text
/// for, or `columns` are not of these lists and rising.
Result<std::string> toCsv(const Schedule &schedule, const Columns *columns = nullptr);

} // namespace recast::schedule
