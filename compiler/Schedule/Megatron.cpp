#include "compiler/Schedule/Megatron.h"

#include "compiler/Schedule/Comms.h"
#include "compiler/Schedule/Generate.h"

#include <algorithm>
#include <fmt/ranges.h>
#include <limits>

namespace recast::schedule {
namespace {

/// Of a file: few numbers ask for many.
constexpr int64_t kMostPasses = int64_t{1} << 25;

/// One chunk: 1f1b, which has no groups.
Result<Schedule> megatronLists(const Shape &shape) {
  if (shape.chunks > 1)
    return generate("interleaved", shape);
  return generate("1f1b", {shape.ranks, 1, shape.microbatches});
}

struct Counts {
  int64_t passes = 0, warmup = 0;
};
Counts countsOf(const Shape &shape, int32_t rank) {
  int64_t passes = int64_t{shape.chunks} * shape.microbatches, after = shape.ranks - 1 - rank;
  int64_t warmup = shape.chunks > 1 ? 2 * after + int64_t{shape.chunks - 1} * shape.group : after;
  return {passes, std::min(passes, warmup)};
}

/// (microbatch, chunk) of all forwards, from the list of the first rank.
std::vector<std::pair<int32_t, int32_t>> tableOf(const Schedule &schedule) {
  std::vector<std::pair<int32_t, int32_t>> out;
  for (const Action &action : schedule.actions[0])
    if (action.kind == ActionKind::Forward)
      out.emplace_back(action.microbatch, action.stage / schedule.ranks);
  return out;
}

Status checkTable(const JsonValue &root, const Schedule &schedule) {
  RECAST_ASSIGN(JsonValue table, root.member("schedule_table"));
  RECAST_ASSIGN(size_t count, table.size());
  auto expected = tableOf(schedule);
  if (count != expected.size())
    return table.refuse(fmt::format("{} entries; {} chunks of {} microbatches have {}", count,
                                    schedule.chunks, schedule.microbatches, expected.size()));
  for (size_t i = 0; i < count; ++i) {
    JsonValue entry = table.at(i);
    RECAST_ASSIGN(std::vector<int32_t> pair,
                  entry.integers(0, std::numeric_limits<int32_t>::max()));
    auto [microbatch, chunk] = expected[i];
    if (pair != std::vector<int32_t>{microbatch, chunk})
      return entry.refuse(fmt::format("[{}] where Megatron has [{}, {}]: microbatch and chunk",
                                      fmt::join(pair, ", "), microbatch, chunk));
  }
  return {};
}

Status checkCounts(const JsonValue &all, const Shape &shape) {
  constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
  RECAST_ASSIGN(size_t count, all.size());
  if (count != static_cast<size_t>(shape.ranks))
    return all.refuse(fmt::format("{} entries for {} ranks", count, shape.ranks));
  for (int32_t r = 0; r < shape.ranks; ++r) {
    JsonValue entry = all.at(static_cast<size_t>(r));
    RECAST_ASSIGN(size_t fields, entry.size());
    if (fields != 4)
      return entry.refuse("passes, all in warm-up, warm-up and left are expected");
    RECAST_ASSIGN(int32_t passes, entry.at(0).integer(0, kMost));
    RECAST_ASSIGN(bool isAllWarmup, entry.at(1).boolean());
    RECAST_ASSIGN(int32_t warmup, entry.at(2).integer(0, kMost));
    RECAST_ASSIGN(int32_t left, entry.at(3).integer(0, kMost));
    Counts expected = countsOf(shape, r);
    if (passes != expected.passes || warmup != expected.warmup || left != passes - warmup ||
        isAllWarmup != (warmup == passes))
      return entry.refuse(fmt::format("Megatron has [{}, {}, {}, {}]", expected.passes,
                                      expected.warmup == expected.passes, expected.warmup,
                                      expected.passes - expected.warmup));
  }
  return {};
}

/// Options of Megatron-LM's command line. One chunk needs none of the others.
std::vector<std::string> argumentsOf(const Shape &shape) {
  std::vector<std::string> out{"--pipeline-model-parallel-size", std::to_string(shape.ranks)};
  if (shape.chunks > 1)
    out.insert(out.end(),
               {"--num-virtual-stages-per-pipeline-rank", std::to_string(shape.chunks),
                "--microbatch-group-size-per-virtual-pipeline-stage", std::to_string(shape.group)});
  return out;
}

Status checkArguments(const JsonValue &all, const Shape &shape) {
  RECAST_ASSIGN(size_t count, all.size());
  std::vector<std::string> found;
  for (size_t i = 0; i < count; ++i) {
    JsonValue value = all.at(i);
    RECAST_ASSIGN(std::string_view text, value.text());
    found.emplace_back(text);
  }
  std::vector<std::string> expected = argumentsOf(shape);
  if (found == expected)
    return {};
  return all.refuse(fmt::format("not those of the numbers, {}", fmt::join(expected, " ")));
}

} // namespace

Result<std::string> toMegatronJson(const Schedule &given) {
  Schedule schedule = computeOnly(given);
  auto refuse = [](std::string_view why) {
    return fail(Error(Code::Usage,
                      fmt::format("Megatron-Core chooses its lists itself, by numbers: {}", why))
                    .hint("It runs 1f1b, and interleaved with a group."));
  };
  if (schedule.isAsynchronous())
    return refuse("it steps its optimizer after all microbatches");
  auto table = tableOf(schedule);
  auto groupEnd = std::ranges::find_if(table, [](const auto &entry) { return entry.second != 0; });
  Shape shape{schedule.ranks, schedule.chunks, schedule.microbatches,
              static_cast<int32_t>(groupEnd - table.begin())};
  auto lists = megatronLists(shape);
  if (!lists || lists->actions != schedule.actions || lists->rankOf != schedule.rankOf)
    return refuse("these are not the lists of any");
  if (shape.chunks == 1)
    shape.group = std::min(shape.ranks, shape.microbatches); // Without effect.
  std::string out = fmt::format(
      "{{\n  \"ranks\": {},\n  \"chunks\": {},\n  \"microbatches\": {},\n  \"group\": {},\n"
      "  \"arguments\": [\"{}\"",
      shape.ranks, shape.chunks, shape.microbatches, shape.group,
      fmt::join(argumentsOf(shape), "\", \""));
  out += "],\n  \"schedule_table\": [";
  std::string_view separator;
  for (auto [microbatch, chunk] : table) {
    out += fmt::format("{}[{}, {}]", separator, microbatch, chunk);
    separator = ", ";
  }
  out += "],\n  \"rank_counts\": [";
  separator = {};
  for (int32_t r = 0; r < shape.ranks; ++r) {
    Counts counts = countsOf(shape, r);
    out +=
        fmt::format("{}[{}, {}, {}, {}]", separator, counts.passes, counts.warmup == counts.passes,
                    counts.warmup, counts.passes - counts.warmup);
    separator = ", ";
  }
  return out + "]\n}\n";
}

Result<Schedule> fromMegatronJson(const JsonValue &root) {
  constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
  RECAST_TRY(root.only({"ranks", "chunks", "microbatches", "group", "arguments", "schedule_table",
                        "table_fields", "rank_counts", "rank_counts_fields"}));
  Shape shape;
  for (auto [key, number] :
       {std::pair{"ranks", &shape.ranks}, std::pair{"chunks", &shape.chunks},
        std::pair{"microbatches", &shape.microbatches}, std::pair{"group", &shape.group}}) {
    RECAST_ASSIGN(JsonValue value, root.member(key));
    RECAST_ASSIGN(*number, value.integer(1, kMost));
  }
  // The table bounds what the numbers can ask for.
  RECAST_ASSIGN(JsonValue table, root.member("schedule_table"));
  RECAST_ASSIGN(size_t count, table.size());
  if (count != static_cast<uint64_t>(shape.chunks) * static_cast<uint64_t>(shape.microbatches))
    return table.refuse(fmt::format("{} entries for {} chunks of {} microbatches", count,
                                    shape.chunks, shape.microbatches));
  if (int64_t{shape.ranks} * static_cast<int64_t>(count) > kMostPasses)
    return table.refuse(fmt::format("more than {} passes of all ranks", kMostPasses));
  if (root.has("rank_counts")) {
    RECAST_ASSIGN(JsonValue counts, root.member("rank_counts"));
    RECAST_TRY(checkCounts(counts, shape));
  }
  if (root.has("arguments")) {
    RECAST_ASSIGN(JsonValue arguments, root.member("arguments"));
    RECAST_TRY(checkArguments(arguments, shape));
  }
  RECAST_ASSIGN(Schedule out, megatronLists(shape));
  RECAST_TRY(checkTable(root, out));
  return out;
}

} // namespace recast::schedule
