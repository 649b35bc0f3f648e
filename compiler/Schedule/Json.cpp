#include "compiler/Schedule/Json.h"

#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Explicit.h"
#include "compiler/Schedule/JsonTree.h"
#include "compiler/Schedule/WeightWords.h"

#include <algorithm>
#include <fmt/ranges.h>
#include <limits>

namespace recast::schedule {
namespace {
using nlohmann::json;

constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
constexpr std::string_view kFormat = "recast.schedule";

template <typename Enum>
Status readEnum(const JsonValue &object, std::string_view key,
                std::span<const std::string_view> names, Enum &out) {
  if (!object.has(key))
    return {};
  RECAST_ASSIGN(JsonValue value, object.member(key));
  RECAST_ASSIGN(size_t index, value.oneOf(names));
  out = static_cast<Enum>(index);
  return {};
}

Status readWeights(const JsonValue &value, WeightPolicy &out) {
  RECAST_TRY(value.only({"rule", "lag", "optimizer"}));
  RECAST_TRY(readEnum(value, "rule", kWeightRuleWords, out.rule));
  RECAST_TRY(readEnum(value, "optimizer", kOptimizerWords, out.optimizer));
  if (!value.has("lag"))
    return {};
  RECAST_ASSIGN(JsonValue lag, value.member("lag"));
  if (lag.isText())
    return readEnum(value, "lag", kLagRuleWords, out.lagRule);
  out.lagRule = LagRule::Fixed;
  RECAST_ASSIGN(out.lag, lag.integer(0, kMost));
  return {};
}

/// The error as one of the value.
Status located(const JsonValue &value, const Status &status) {
  if (status)
    return {};
  return value.refuse(status.error().message());
}

Status readList(const JsonValue &cells, int32_t rank, Schedule &out) {
  RECAST_ASSIGN(size_t count, cells.size());
  std::vector<Action> &list = out.actions[static_cast<size_t>(rank)];
  list.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    JsonValue cell = cells.at(i);
    RECAST_ASSIGN(std::string_view text, cell.text());
    size_t before = list.size();
    if (auto parsed = parseCell(text, list); !parsed)
      return cell.refuse(parsed.error().message());
    for (; before < list.size(); ++before)
      RECAST_TRY(located(cell, checkPlace(out, rank, list[before])));
  }
  return {};
}

} // namespace

std::string toJson(const Schedule &schedule) {
  const WeightPolicy &weights = schedule.weights;
  std::string lag = weights.lagRule == LagRule::Fixed
                        ? std::to_string(weights.lag)
                        : fmt::format("\"{}\"", name(weights.lagRule));
  std::string out = fmt::format(
      "{{\n  \"format\": \"{}\",\n  \"version\": 1,\n  \"kind\": {},\n  \"ranks\": {},\n"
      "  \"chunks\": {},\n  \"microbatches\": {},\n  \"rank_of\": [{}],\n  \"update_every\": {},\n"
      "  \"weights\": {{\"rule\": \"{}\", \"lag\": {}, \"optimizer\": \"{}\"}},\n  \"actions\": [",
      kFormat, json(schedule.kind).dump(), schedule.ranks, schedule.chunks, schedule.microbatches,
      fmt::join(schedule.rankOf, ", "), schedule.updateEvery, name(weights.rule), lag,
      name(weights.optimizer));
  std::string_view separator = "\n";
  for (const std::vector<Action> &list : schedule.actions) {
    out += separator;
    out += "    [";
    for (size_t i = 0; i < list.size();) {
      out += i == 0 ? "\"" : ", \"";
      out += cellText(list, i); // Letters, digits, "@;()_": nothing that JSON escapes.
      out += '"';
    }
    out += ']';
    separator = ",\n";
  }
  return out + "\n  ]\n}\n";
}

Result<Schedule> fromJson(std::string_view text) {
  RECAST_ASSIGN(json tree, readJson(text));
  return fromJson(JsonValue(tree));
}

Result<Schedule> fromJson(const JsonValue &root) {
  RECAST_TRY(root.only({"format", "version", "kind", "ranks", "chunks", "microbatches", "rank_of",
                        "update_every", "weights", "actions"}));
  RECAST_ASSIGN(JsonValue format, root.member("format"));
  RECAST_TRY(format.oneOf(std::span(&kFormat, 1)));
  RECAST_ASSIGN(JsonValue version, root.member("version"));
  RECAST_TRY(version.integer(1, 1));

  Schedule out;
  if (root.has("kind")) {
    RECAST_ASSIGN(JsonValue kind, root.member("kind"));
    RECAST_ASSIGN(std::string_view text, kind.text());
    auto named = listsNamed(text);
    if (!named)
      return fail(
          std::move(kind.refuse(named.error().message()).value()).hint(named.error().hintText()));
    out.kind = *named;
  }
  RECAST_ASSIGN(JsonValue actions, root.member("actions"));
  RECAST_ASSIGN(size_t lists, actions.size());
  RECAST_ASSIGN(JsonValue ranks, root.member("ranks"));
  RECAST_ASSIGN(out.ranks, ranks.integer(1, kMost));
  if (lists != static_cast<size_t>(out.ranks))
    return actions.refuse(fmt::format("{} lists for {} ranks", lists, out.ranks));
  RECAST_ASSIGN(JsonValue microbatches, root.member("microbatches"));
  RECAST_ASSIGN(out.microbatches, microbatches.integer(1, kMost));
  RECAST_ASSIGN(JsonValue rankOf, root.member("rank_of"));
  RECAST_ASSIGN(out.rankOf, rankOf.integers(0, out.ranks - 1));
  if (out.rankOf.empty())
    return rankOf.refuse("a schedule has at least one stage");
  out.chunks = chunksOf(out);
  if (root.has("chunks")) {
    RECAST_ASSIGN(JsonValue chunks, root.member("chunks"));
    RECAST_ASSIGN(int32_t stated, chunks.integer(1, kMost));
    RECAST_TRY(located(chunks, checkChunks(out, stated)));
  }
  if (root.has("update_every")) {
    RECAST_ASSIGN(JsonValue every, root.member("update_every"));
    RECAST_ASSIGN(out.updateEvery, every.integer(0, kMost));
    RECAST_TRY(located(every, checkUpdateEvery(out.updateEvery, out.microbatches)));
  }
  if (root.has("weights")) {
    RECAST_ASSIGN(JsonValue weights, root.member("weights"));
    RECAST_TRY(readWeights(weights, out.weights));
  }
  out.actions.resize(lists);
  for (int32_t r = 0; r < out.ranks; ++r)
    RECAST_TRY(readList(actions.at(static_cast<size_t>(r)), r, out));
  RECAST_TRY(located(actions, checkSize(out)));
  return out;
}

} // namespace recast::schedule
