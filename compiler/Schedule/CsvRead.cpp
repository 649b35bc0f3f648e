#include "compiler/Schedule/ActionText.h"
#include "compiler/Schedule/Csv.h"
#include "compiler/Schedule/Explicit.h"
#include "compiler/Schedule/JsonTree.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <optional>

namespace recast::schedule {
namespace {

/// Where an action stands.
struct Cell {
  size_t line = 0, cell = 0; ///< Both from 1, as editors and spreadsheets count.
  ByteRange bytes;

  std::string str() const { return fmt::format("line {}, cell {}", line, cell); }
  Error refuse(std::string_view why) const {
    return Error(Code::BadInput, fmt::format("{}: {}", str(), why)).bytes(bytes.begin, bytes.end);
  }
};

class Rows {
public:
  explicit Rows(std::string_view text) : text_(text) {}

  Result<Schedule> read() {
    RECAST_TRY(checkBytes());
    for (size_t begin = 0; begin < text_.size();) {
      size_t end = std::min(text_.find('\n', begin), text_.size());
      bool hasReturn = end > begin && text_[end - 1] == '\r';
      RECAST_TRY(readLine(begin, end - (hasReturn ? 1 : 0)));
      begin = end + 1;
    }
    if (out_.actions.empty())
      return badInput("no rows: a schedule has a row for every rank");
    if (firstBlank_ && hasComms_)
      return fail(
          firstBlank_->refuse("a blank in a file with sends, receives or other "
                              "communication; PyTorch takes blanks only where there is none"));
    return finish();
  }

private:
  /// What Python's CSV reader would take for something else than a separator of cells or rows.
  Status checkBytes() const {
    if (text_.size() > kMaxScheduleText)
      return badInput(fmt::format("{} bytes; at most {} are read", text_.size(), kMaxScheduleText));
    for (size_t i = 0; i < text_.size(); ++i) {
      char c = text_[i];
      if (c == '\r' && (i + 1 == text_.size() || text_[i + 1] != '\n'))
        return at(i, i + 1, "a carriage return that no line feed follows");
      if (c == '"')
        return at(i, i + 1, "a quotation mark; no cell of a schedule needs any");
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\r' && c != '\n' && c != '\t') ||
          static_cast<unsigned char>(c) >= 0x7f)
        return at(i, i + 1,
                  fmt::format("byte 0x{:02x}; schedules are plain text", static_cast<uint8_t>(c)));
    }
    return {};
  }
  tl::unexpected<Error> at(size_t begin, size_t end, std::string_view why) const {
    size_t line = static_cast<size_t>(
        std::count(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(begin), '\n'));
    return fail(Error(Code::BadInput, fmt::format("line {}: {}", line + 1, why)).bytes(begin, end));
  }

  Status readLine(size_t begin, size_t end) {
    Cell cell{out_.actions.size() + 1, 0, {}};
    out_.actions.emplace_back();
    auto rank = static_cast<int32_t>(out_.actions.size()) - 1;
    if (begin == end)
      return fail(Error(Code::BadInput,
                        fmt::format("line {} is blank: to PyTorch that is rank {}, without actions",
                                    cell.line, rank))
                      .bytes(begin, end)
                      .hint("Take the line out."));
    for (size_t from = begin; from <= end;) {
      size_t to = std::min(text_.find(',', from), end);
      ++cell.cell;
      cell.bytes = trimmed(from, to);
      RECAST_TRY(readCell(cell, rank));
      from = to + 1;
    }
    if (out_.actions.back().empty())
      return fail(Error(Code::BadInput, fmt::format("line {} has only blanks: rank {} does nothing",
                                                    cell.line, rank))
                      .bytes(begin, end));
    return {};
  }

  /// Without the spaces that PyTorch strips.
  ByteRange trimmed(size_t from, size_t to) const {
    auto isSpace = [&](size_t i) { return text_[i] == ' ' || text_[i] == '\t'; };
    while (from < to && isSpace(from))
      ++from;
    while (from < to && isSpace(to - 1))
      --to;
    return {from, to};
  }

  Status readCell(const Cell &cell, int32_t rank) {
    if (cell.bytes.size() == 0) {
      if (!firstBlank_)
        firstBlank_ = cell;
      return {};
    }
    std::vector<Action> &list = out_.actions.back();
    size_t before = list.size();
    if (auto parsed = parseCell(text_.substr(cell.bytes.begin, cell.bytes.size()), list); !parsed)
      return fail(cell.refuse(parsed.error().message()));
    for (; before < list.size(); ++before) {
      const Action &action = list[before];
      if (action.kind >= ActionKind::OptimizerStep)
        return fail(cell.refuse(fmt::format("PyTorch has no '{}'", str(action)))
                        .hint("Schedules with optimizer steps or weight versions are JSON."));
      auto [home, isNew] = home_.try_emplace(action.stage, rank, cell);
      if (home->second.first != rank)
        return fail(cell.refuse(fmt::format("stage {} is on rank {} here and on rank {} in {}",
                                            action.stage, rank, home->second.first,
                                            home->second.second.str())));
      if (action.microbatch >= out_.microbatches) {
        out_.microbatches = action.microbatch + 1;
        last_ = cell;
      }
      if (!isCompute(action.kind))
        hasComms_ = true;
    }
    return {};
  }

  Result<Schedule> finish() {
    out_.ranks = static_cast<int32_t>(out_.actions.size());
    for (const auto &[stage, home] : home_) {
      if (stage != out_.stages())
        return badInput(fmt::format("{} is of stage {}, but no cell is of stage {}",
                                    home.second.str(), stage, out_.stages()));
      out_.rankOf.push_back(home.first);
    }
    out_.chunks = chunksOf(out_);
    if (out_.microbatches == 0)
      return badInput("no cell runs a microbatch");
    if (auto size = checkSize(out_); !size)
      return fail(last_.refuse(size.error().message()));
    return std::move(out_);
  }

  std::string_view text_;
  Schedule out_;
  std::map<int32_t, std::pair<int32_t, Cell>> home_; ///< By stage: rank, and where it was first.
  std::optional<Cell> firstBlank_;
  Cell last_; ///< Of the highest microbatch.
  bool hasComms_ = false;
};

} // namespace

Status checkStated(const Schedule &schedule, const StatedShape &stated) {
  auto differ = [](std::string_view what, int32_t stated, int32_t found) {
    return usage(fmt::format("the schedule has {} {}, not {}", found, what, stated));
  };
  if (stated.ranks != 0 && stated.ranks != schedule.ranks)
    return differ("ranks", stated.ranks, schedule.ranks);
  if (stated.chunks != 0 && stated.chunks != schedule.chunks)
    return differ("chunks on a rank", stated.chunks, schedule.chunks);
  if (stated.microbatches != 0 && stated.microbatches != schedule.microbatches)
    return differ("microbatches", stated.microbatches, schedule.microbatches);
  return {};
}

Result<Schedule> fromCsv(std::string_view text, const StatedShape &stated) {
  RECAST_ASSIGN(Schedule out, Rows(text).read());
  RECAST_TRY(checkStated(out, stated));
  return out;
}

} // namespace recast::schedule
