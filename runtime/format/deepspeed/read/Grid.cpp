#include "runtime/format/deepspeed/read/Grid.h"

#include "runtime/format/Printable.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::format::deepspeed {
namespace {

constexpr size_t kNamed = 16; ///< Missing files listed by name; the rest are counted.

size_t count(const TagFolder &folder, FileKind kind) {
  return static_cast<size_t>(
      std::count_if(folder.files.begin(), folder.files.end(),
                    [&](const CheckpointFile &file) { return file.kind == kind; }));
}

/// The files of one kind, exactly one for each rank below `world`.
std::vector<CheckpointFile> pickRanks(const TagFolder &folder, FileKind kind, int64_t world,
                                      std::vector<Error> &problems) {
  std::vector<CheckpointFile> out;
  size_t missing = 0;
  auto next = folder.files.begin();
  auto skipOthers = [&] {
    while (next != folder.files.end() && next->kind != kind)
      ++next;
  };
  const CheckpointFile *sample = nullptr;
  for (const CheckpointFile &file : folder.files)
    if (!sample && file.kind == kind)
      sample = &file;
  for (int64_t rank = 0; rank < world; ++rank) {
    skipOthers();
    if (next != folder.files.end() && next->dp == rank) {
      out.push_back(*next++);
      skipOthers();
      for (; next != folder.files.end() && next->dp == rank; ++next, skipOthers())
        problems.push_back(Error(Code::BadInput, fmt::format("two files for rank {}: this one and "
                                                             "'{}'",
                                                             rank, printable(out.back().name)))
                               .file(folder.prefix + next->name)
                               .hint("Remove the file that is left over from another run."));
      continue;
    }
    if (++missing <= kNamed)
      problems.push_back(
          Error(Code::BadInput, fmt::format("the file of rank {} of {} is missing", rank, world))
              .file(folder.prefix +
                    (sample ? withRank(*sample, rank)
                            : fmt::format("zero_pp_rank_{}_mp_rank_00_{}", rank,
                                          kind == FileKind::OptimStates ? "optim_states.pt"
                                                                        : "model_states.pt")))
              .hint(kind == FileKind::Zero3ModelStates
                        ? "Copy it from the node that wrote it: without a shared file system every "
                          "node keeps the files of its own ranks. (A ZeRO-3 run that was resumed "
                          "from a universal checkpoint writes the model states of rank 0 only.)"
                        : "Copy it from the node that wrote it: without a shared file system every "
                          "node keeps the files of its own ranks."));
  }
  if (missing > kNamed)
    problems.push_back(Error(Code::BadInput, fmt::format("and the files of {} more ranks of {} are "
                                                         "missing",
                                                         missing - kNamed, world)));
  for (skipOthers(); next != folder.files.end(); ++next, skipOthers())
    problems.push_back(
        Error(Code::BadInput, fmt::format("a surplus file: the run had {} ranks", world))
            .file(folder.prefix + next->name)
            .hint("Remove the file: it is left over from a run with more ranks."));
  return out;
}

/// The model states of a run whose ranks all have the same.
std::vector<CheckpointFile> oneModelFile(const TagFolder &folder, std::vector<Error> &problems) {
  std::vector<CheckpointFile> out;
  for (const CheckpointFile &file : folder.files)
    if (file.kind == FileKind::ModelStates && file.mp == 0)
      out.push_back(file);
  if (out.empty())
    problems.push_back(Error(Code::BadInput, "the model states are missing")
                           .file(folder.prefix + "mp_rank_00_model_states.pt")
                           .hint("Rank 0 writes this file; copy it from its node."));
  for (size_t i = 1; i < out.size(); ++i)
    problems.push_back(Error(Code::BadInput, fmt::format("two files of model states: this one and "
                                                         "'{}'",
                                                         out[0].name))
                           .file(folder.prefix + out[i].name));
  return out;
}

} // namespace

Grid gridOfReplicas(const TagFolder &folder, int64_t world, std::vector<Error> &problems) {
  Grid out;
  out.world = world;
  out.model = oneModelFile(folder, problems);
  for (const CheckpointFile &file : folder.files)
    if (file.kind != FileKind::ModelStates)
      problems.push_back(Error(Code::BadInput,
                               "a surplus file: this run had no ZeRO, its optimizer "
                               "lies in the model states")
                             .file(folder.prefix + file.name)
                             .hint("Remove the file: it is left over from another run."));
  return out;
}

Grid makeGrid(const TagFolder &folder, int64_t world, std::vector<Error> &problems) {
  Grid out;
  out.zero3 = count(folder, FileKind::Zero3ModelStates) > 0;
  if (world <= 0) {
    for (const CheckpointFile &file : folder.files)
      world = std::max(world, file.dp + 1);
  }
  // A wrong world size must not turn into a wrong number of complaints.
  size_t present = folder.files.size();
  if (world <= 0 || static_cast<uint64_t>(world) > present + 1'000'000) {
    problems.push_back(Error(Code::BadInput, fmt::format("the run says that it had {} ranks; there "
                                                         "are {} files",
                                                         world, present))
                           .file(folder.folder()));
    return out;
  }
  out.world = world;
  out.optim = pickRanks(folder, FileKind::OptimStates, world, problems);
  if (!out.zero3) {
    out.model = oneModelFile(folder, problems);
    return out;
  }
  out.model = pickRanks(folder, FileKind::Zero3ModelStates, world, problems);
  for (const CheckpointFile &file : folder.files)
    if (file.kind == FileKind::ModelStates)
      problems.push_back(Error(Code::BadInput, "a surplus file: under ZeRO-3 every rank has model "
                                               "states of its own")
                             .file(folder.prefix + file.name)
                             .hint("Remove the file: it is left over from another run."));
  return out;
}

} // namespace recast::format::deepspeed
