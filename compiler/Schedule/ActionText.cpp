#include "compiler/Schedule/ActionText.h"

#include "runtime/base/Printable.h"

#include <array>
#include <charconv>
#include <fmt/format.h>
#include <limits>

namespace recast::schedule {
namespace {

constexpr std::array<std::string_view, 15> kNames = {
    "F",       "B",       "I",           "W",   "SEND_F", "RECV_F",  "SEND_B", "RECV_B",
    "UNSHARD", "RESHARD", "REDUCE_GRAD", "OPT", "STASH",  "PREDICT", "RESTORE"};
constexpr std::string_view kOverlap = "OVERLAP_F_B";

tl::unexpected<Error> refuse(std::string_view text, std::string_view why) {
  return badInput(fmt::format("'{}' is no action: {}", printable(text, 60), why));
}

/// Takes the number that `text` begins with; -1 where there is none.
Result<int32_t> takeNumber(std::string_view whole, std::string_view &text) {
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9')
    ++digits;
  if (digits == 0)
    return -1;
  int32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc() || (digits > 1 && text[0] == '0'))
    return refuse(whole, fmt::format("'{}' is not a number below 2^31 without leading zeros",
                                     printable(text.substr(0, digits), 60)));
  text.remove_prefix(digits);
  return value;
}

Result<Action> parseAction(std::string_view whole) {
  std::string_view text = whole;
  Action action;
  RECAST_ASSIGN(action.stage, takeNumber(whole, text));
  if (action.stage < 0)
    return refuse(whole, "it does not begin with the number of a stage");
  size_t length = 0;
  while (length < text.size() &&
         ((text[length] >= 'A' && text[length] <= 'Z') || text[length] == '_'))
    ++length;
  std::string_view word = text.substr(0, length);
  text.remove_prefix(length);
  auto found = std::find(kNames.begin(), kNames.end(), word);
  if (word == "BW")
    return refuse(whole, "it is of PyTorch's notation before November 2024, in which B was the "
                         "input part; write B for whole backwards and I for their input parts");
  if (found == kNames.end())
    return refuse(whole, word.empty() ? "no kind follows the stage"
                                      : fmt::format("there is no kind '{}'", printable(word, 60)));
  action.kind = static_cast<ActionKind>(found - kNames.begin());
  RECAST_ASSIGN(action.microbatch, takeNumber(whole, text));
  if ((action.microbatch >= 0) != hasMicrobatch(action.kind))
    return refuse(whole, fmt::format("{} {} a microbatch", word,
                                     action.microbatch >= 0 ? "has not" : "needs"));
  // How many there are is a number, too.
  constexpr int32_t kOver = std::numeric_limits<int32_t>::max();
  if (action.stage == kOver || action.microbatch == kOver)
    return refuse(whole, fmt::format("stages and microbatches are below {}", kOver));
  if (hasValue(action.kind)) {
    if (!text.starts_with('@'))
      return refuse(whole, fmt::format("{} needs a number after '@'", word));
    text.remove_prefix(1);
    RECAST_ASSIGN(action.value, takeNumber(whole, text));
    if (action.value < 0)
      return refuse(whole, fmt::format("{} needs a number after '@'", word));
  }
  if (!text.empty())
    return refuse(whole, fmt::format("'{}' is left over", printable(text, 60)));
  return action;
}

} // namespace

std::string_view name(ActionKind kind) { return kNames[static_cast<size_t>(kind)]; }

std::string str(const Action &action) {
  std::string out = fmt::format("{}{}", action.stage, name(action.kind));
  if (hasMicrobatch(action.kind))
    fmt::format_to(std::back_inserter(out), "{}", action.microbatch);
  if (hasValue(action.kind))
    fmt::format_to(std::back_inserter(out), "@{}", action.value);
  return out;
}

std::string cellText(std::span<const Action> list, size_t &index) {
  const Action &first = list[index++];
  if (!first.overlapsNext)
    return str(first);
  return fmt::format("({};{}){}", str(first), str(list[index++]), kOverlap);
}

std::vector<std::string> cellTexts(std::span<const Action> list) {
  std::vector<std::string> out;
  for (size_t i = 0; i < list.size();)
    out.push_back(cellText(list, i));
  return out;
}

Status parseCell(std::string_view text, std::vector<Action> &list) {
  if (!text.starts_with('(')) {
    RECAST_ASSIGN(Action action, parseAction(text));
    list.push_back(action);
    return {};
  }
  size_t close = text.find(')'), semicolon = text.find(';');
  if (close == std::string_view::npos || text.substr(close + 1) != kOverlap)
    return refuse(text, fmt::format("a pair ends in '){}'", kOverlap));
  if (semicolon == std::string_view::npos || semicolon > close)
    return refuse(text, "a pair is two actions with ';' between");
  RECAST_ASSIGN(Action first, parseAction(text.substr(1, semicolon - 1)));
  RECAST_ASSIGN(Action second, parseAction(text.substr(semicolon + 1, close - semicolon - 1)));
  bool isBackward = second.kind == ActionKind::Backward || second.kind == ActionKind::BackwardInput;
  if (first.kind != ActionKind::Forward || !isBackward)
    return refuse(text, "a pair is a forward and a backward");
  first.overlapsNext = true;
  list.push_back(first);
  list.push_back(second);
  return {};
}

} // namespace recast::schedule
