#include "runtime/plan/ReadMembers.h"
#include "runtime/plan/Malformed.h"
#include "runtime/plan/MemberColumns.h"

#include <limits>
#include <type_traits>

namespace recast::plan {
namespace {

constexpr std::initializer_list<Column> kInputColumns = {Column::InputStore, Column::InputStart,
                                                         Column::InputTotal, Column::InputPart};
constexpr std::initializer_list<Column> kOutputColumns = {Column::OutputName, Column::OutputRole,
                                                          Column::OutputPart};
constexpr std::initializer_list<Column> kRunColumns = {Column::RunStart, Column::RunStep,
                                                       Column::RunCount};

void allot(Family &family, size_t members) {
  family.memberNames.resize(members);
  family.memberInputs.resize(members * family.inputs.size());
  family.memberOutputs.resize(members * family.outputs.size());
}

/// Before 1.5: values, a member's inputs (outputs) side by side.
Status readValues(const fb::Directory &directory, const Columns &columns, Plan &plan) {
  // Totals first: u32 counts times at most directory-size slots cannot overflow 64 bits.
  uint64_t names = 0, inputs = 0, outputs = 0;
  for (size_t f = 0; f < plan.families.size(); ++f) {
    uint64_t members = directory.families()->Get(f)->members();
    names += members;
    inputs += members * plan.families[f].inputs.size();
    outputs += members * plan.families[f].outputs.size();
  }
  RECAST_TRY(columns.sameCount("members", names, {Column::MemberName}));
  for (Column column : kInputColumns)
    if (columns.has(column))
      RECAST_TRY(columns.sameCount("members' inputs", inputs, {column}));
  for (Column column : kOutputColumns)
    if (columns.has(column))
      RECAST_TRY(columns.sameCount("members' outputs", outputs, {column}));
  bool parts = columns.has(Column::OutputPart);
  size_t name = 0, input = 0, output = 0;
  for (size_t f = 0; f < plan.families.size(); ++f) {
    Family &family = plan.families[f];
    allot(family, directory.families()->Get(f)->members());
    for (uint32_t &to : family.memberNames)
      to = columns.at<uint32_t>(Column::MemberName, name++);
    for (MemberInput &to : family.memberInputs) {
      to = {columns.at<uint32_t>(Column::InputStore, input),
            columns.at<int64_t>(Column::InputStart, input),
            columns.at<int64_t>(Column::InputTotal, input),
            parts ? columns.at<uint32_t>(Column::InputPart, input) : 0};
      ++input;
    }
    for (MemberOutput &to : family.memberOutputs) {
      to = {columns.at<uint32_t>(Column::OutputName, output),
            columns.at<uint32_t>(Column::OutputRole, output),
            parts ? columns.at<uint32_t>(Column::OutputPart, output) : 0};
      ++output;
    }
  }
  return {};
}

/// Since 1.5.
class CodedReader {
public:
  CodedReader(const fb::Directory &directory, const Columns &columns, Plan &plan)
      : directory_(directory), columns_(columns), plan_(plan) {}

  Status run() {
    RECAST_TRY(check());
    for (size_t f = 0; f < plan_.families.size(); ++f)
      RECAST_TRY(family(f));
    return {};
  }

private:
  const fb::Family &from(size_t f) const { return *directory_.families()->Get(f); }
  ColumnCode code(size_t f, size_t index) const {
    const auto *codes = from(f).codes();
    if (!codes)
      return {};
    return {codes->Get(index)->runs(), codes->Get(index)->period()};
  }

  /// That the columns hold all that the codes say, before anything is allocated for it.
  Status check() const {
    std::array<uint64_t, kColumnCount> values{};
    uint64_t runs = 0, rows = 0;
    for (size_t f = 0; f < plan_.families.size(); ++f) {
      const Family &family = plan_.families[f];
      size_t expected = memberColumnCount(family);
      if (from(f).codes() && from(f).codes()->size() != expected)
        return malformed("family {} has codes for {} of its {} columns", f, from(f).codes()->size(),
                         expected);
      rows += memberRows(family, from(f).members());
      size_t index = 0;
      forEachMemberColumn(family, [&](Column column, auto) {
        ColumnCode coded = code(f, index++);
        runs += coded.runs;
        if (coded.runs == 0)
          values[static_cast<size_t>(column)] += from(f).members();
      });
    }
    uint64_t bytes = 0;
    auto expect = [&](std::string_view what, Column column, uint64_t count) -> Status {
      bytes += columns_.view(column).size();
      return columns_.sameCount(what, count, {column});
    };
    RECAST_TRY(expect("members", Column::MemberName, values[size_t(Column::MemberName)]));
    for (Column column : kInputColumns)
      RECAST_TRY(expect("members' inputs", column, values[size_t(column)]));
    for (Column column : kOutputColumns)
      RECAST_TRY(expect("members' outputs", column, values[size_t(column)]));
    for (Column column : kRunColumns)
      RECAST_TRY(expect("runs", column, runs));
    uint64_t most = maxRowsOfRuns(plan_.strings.size(), bytes);
    if (runs != 0 && rows > most)
      return malformed("its runs say {} members, inputs and outputs; {} strings and columns of {} "
                       "bytes may say {}",
                       rows, plan_.strings.size(), bytes, most);
    return {};
  }

  Status family(size_t f) {
    Family &family = plan_.families[f];
    size_t members = from(f).members(), index = 0;
    allot(family, members);
    Status status;
    forEachMemberColumn(family, [&](Column column, auto at) {
      ColumnCode coded = code(f, index++);
      if (!status)
        return;
      if (coded.runs)
        status = readRuns(f, column, coded, members, at);
      else
        readValues(column, members, at);
    });
    return status;
  }

  template <typename At> void readValues(Column column, size_t members, At at) {
    size_t &row = next_[static_cast<size_t>(column)];
    for (size_t m = 0; m < members; ++m)
      at(m) = columns_.at<std::remove_cvref_t<decltype(at(m))>>(column, row++);
  }

  template <typename At>
  Status readRuns(size_t f, Column column, ColumnCode code, size_t members, At at) {
    using Value = std::remove_cvref_t<decltype(at(0))>;
    runs_.clear();
    for (uint32_t i = 0; i < code.runs; ++i, ++nextRun_)
      runs_.push_back({columns_.at<int64_t>(Column::RunStart, nextRun_),
                       columns_.at<int32_t>(Column::RunStep, nextRun_),
                       columns_.at<uint32_t>(Column::RunCount, nextRun_)});
    values_.resize(members);
    Status ok = decodeRuns(runs_, code.period, std::numeric_limits<Value>::min(),
                           std::numeric_limits<Value>::max(), values_);
    if (!ok)
      return malformed("family {}, column {}: {}", f, static_cast<uint32_t>(column),
                       ok.error().message());
    for (size_t m = 0; m < members; ++m)
      at(m) = static_cast<Value>(values_[m]);
    return {};
  }

  const fb::Directory &directory_;
  const Columns &columns_;
  Plan &plan_;
  std::array<size_t, kColumnCount> next_{}; ///< First value of a column that is not read yet.
  size_t nextRun_ = 0;
  std::vector<MemberRun> runs_; ///< Of one column of one family, as `values_`.
  std::vector<int64_t> values_;
};

/// There are many ways to say the same members; a plan has one artifact, so one of them is allowed.
Status checkCoding(const fb::Directory &directory, const Columns &columns, const Plan &plan) {
  MemberColumns canonical = encodeMembers(plan);
  auto refuse = [](size_t f) {
    return malformed("family {}: its members are not coded as a plan's are", f);
  };
  for (size_t f = 0; f < plan.families.size(); ++f) {
    const auto *codes = directory.families()->Get(f)->codes();
    const std::vector<ColumnCode> &expected = canonical.codes[f];
    if ((codes ? codes->size() : 0) != expected.size())
      return refuse(f);
    for (size_t i = 0; i < expected.size(); ++i)
      if (ColumnCode{codes->Get(i)->runs(), codes->Get(i)->period()} != expected[i])
        return refuse(f);
  }
  // Values are what the members are; only runs could still be others.
  for (Column column : kRunColumns)
    if (columns.view(column) != canonical.bytes[static_cast<size_t>(column)])
      return malformed("the runs of its members are not as long as they can be");
  return {};
}

} // namespace

Status readMembers(const fb::Directory &directory, const Columns &columns, uint16_t minor,
                   Plan &plan) {
  if (minor < kCodedSince)
    return readValues(directory, columns, plan);
  RECAST_TRY(CodedReader(directory, columns, plan).run());
  // A newer writer may choose otherwise among what this program can read.
  return minor == kVersionMinor ? checkCoding(directory, columns, plan) : Status{};
}

} // namespace recast::plan
