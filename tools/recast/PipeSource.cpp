#include "tools/recast/PipeSource.h"

#include "compiler/Schedule/Exchange.h"
#include "runtime/io/File.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

namespace recast::tools {
namespace {
namespace fs = std::filesystem;
using schedule::Schedule;

constexpr uint64_t kLargestFile = uint64_t{1} << 30;

Result<Schedule> readSchedule(const PipeSource &source) {
  RECAST_ASSIGN(std::string text, io::readWhole(source.what, kLargestFile));
  schedule::StatedShape stated{source.ranks, source.chunks, source.microbatches};
  return schedule::importSchedule(text, source.what, std::nullopt, stated);
}

Result<Schedule> makeSchedule(const PipeSource &source) {
  for (auto [name, value] :
       {std::pair("--ranks", source.ranks), std::pair("--microbatches", source.microbatches)})
    if (value == 0)
      return usage(fmt::format("a kind of schedule needs {}", name));
  schedule::Shape shape;
  shape.ranks = source.ranks;
  shape.chunks = source.chunks == 0 ? schedule::usualChunks(source.what) : source.chunks;
  shape.microbatches = source.microbatches;
  shape.group = source.group;
  return schedule::generate(source.what, shape);
}

} // namespace

Result<LoadedSchedule> loadSchedule(const PipeSource &source) {
  std::string extension = fs::path(source.what).extension();
  bool isFile = extension == ".csv" || extension == ".json";
  LoadedSchedule out;
  if (isFile && source.group != 0)
    return usage("--group is for a kind of schedule; a file says its order itself");
  RECAST_ASSIGN(out.schedule, isFile ? readSchedule(source) : makeSchedule(source));
  if (source.costs.empty())
    return out;
  RECAST_ASSIGN(out.costs, schedule::parseCosts(source.costs));
  return out;
}

std::string titleOf(const Schedule &schedule) {
  return fmt::format("{}: {} ranks{}, {} microbatches", schedule.kind, schedule.ranks,
                     schedule.chunks > 1 ? fmt::format(" with {} stages each", schedule.chunks)
                                         : "",
                     schedule.microbatches);
}

} // namespace recast::tools
