#include "compiler/Schedule/Channels.h"

#include "compiler/Schedule/ActionText.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace recast::schedule {
namespace {

/// Both as sends.
struct Channel {
  std::vector<Action> sent, received;
};

/// The receive of a send, the send of a receive.
Action otherEnd(const Action &transfer) {
  ActionKind kind = transfer.kind == ActionKind::SendForward      ? ActionKind::ReceiveForward
                    : transfer.kind == ActionKind::ReceiveForward ? ActionKind::SendForward
                    : transfer.kind == ActionKind::SendBackward   ? ActionKind::ReceiveBackward
                                                                  : ActionKind::SendBackward;
  return {kind, false, otherStage(transfer), transfer.microbatch};
}

} // namespace

int32_t otherStage(const Action &transfer) {
  bool up =
      transfer.kind == ActionKind::SendForward || transfer.kind == ActionKind::ReceiveBackward;
  return transfer.stage + (up ? 1 : -1);
}

Status checkChannels(const Schedule &withComms) {
  std::map<std::pair<int32_t, int32_t>, Channel> channels; // By sending and receiving rank.
  for (int32_t r = 0; r < withComms.ranks; ++r)
    for (const Action &action : withComms.actions[static_cast<size_t>(r)]) {
      if (!isSend(action.kind) && !isReceive(action.kind))
        continue;
      int32_t stage = otherStage(action);
      if (stage < 0 || stage >= withComms.stages())
        return badInput(
            fmt::format("'{}' of rank {} has no stage at its other end", str(action), r));
      int32_t other = withComms.rankOf[static_cast<size_t>(stage)];
      if (isSend(action.kind))
        channels[{r, other}].sent.push_back(action);
      else
        channels[{other, r}].received.push_back(otherEnd(action));
    }
  for (const auto &[ends, channel] : channels) {
    const auto &[sends, receives] = channel;
    for (size_t i = 0; i < std::max(sends.size(), receives.size()); ++i) {
      if (i < sends.size() && i < receives.size() && sends[i] == receives[i])
        continue;
      auto text = [&](const std::vector<Action> &list, bool isSent) {
        return i == list.size() ? std::string("nothing")
                                : fmt::format("'{}'", str(isSent ? list[i] : otherEnd(list[i])));
      };
      return badInput(fmt::format(
          "number {} of what rank {} sends rank {} is {}, but rank {} receives "
          "{} then",
          i + 1, ends.first, ends.second, text(sends, true), ends.second, text(receives, false)));
    }
  }
  return {};
}

} // namespace recast::schedule
