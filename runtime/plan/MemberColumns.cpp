#include "runtime/plan/MemberColumns.h"

namespace recast::plan {
namespace {

class Encoder {
public:
  explicit Encoder(bool runs) : makesRuns_(runs) {}

  void add(const Family &family) {
    std::vector<ColumnCode> codes;
    bool anyRuns = false;
    values_.resize(family.memberCount());
    forEachMemberColumn(family, [&](Column column, auto at) {
      for (size_t m = 0; m < values_.size(); ++m)
        values_[m] = at(m);
      ColumnCode code = addRuns(kColumnWidth[static_cast<size_t>(column)] * values_.size());
      if (code.runs == 0)
        for (size_t m = 0; m < values_.size(); ++m)
          append(column, at(m));
      anyRuns |= code.runs != 0;
      codes.push_back(code);
    });
    if (!anyRuns)
      codes.clear();
    out_.codes.push_back(std::move(codes));
  }

  MemberColumns take() { return std::move(out_); }

private:
  template <typename T> void append(Column column, T value) {
    out_.bytes[static_cast<size_t>(column)].append(reinterpret_cast<const char *>(&value),
                                                   sizeof(value));
  }

  /// Of `values_`, if they are shorter than `valueBytes`.
  ColumnCode addRuns(size_t valueBytes) {
    if (!makesRuns_ || valueBytes <= kMemberRunBytes)
      return {};
    uint32_t period = encodeRuns(values_, runs_);
    if (runs_.size() * kMemberRunBytes >= valueBytes)
      return {};
    for (const MemberRun &run : runs_) {
      append(Column::RunStart, run.start);
      append(Column::RunStep, run.step);
      append(Column::RunCount, run.count);
    }
    return {static_cast<uint32_t>(runs_.size()), period};
  }

  bool makesRuns_;
  MemberColumns out_;
  std::vector<int64_t> values_; ///< Of one column of one family.
  std::vector<MemberRun> runs_;
};

MemberColumns encode(const Plan &plan, bool runs) {
  Encoder encoder(runs);
  for (const Family &family : plan.families)
    encoder.add(family);
  return encoder.take();
}

} // namespace

MemberColumns encodeMembers(const Plan &plan) {
  MemberColumns columns = encode(plan, true);
  uint64_t rows = 0, bytes = 0;
  for (const Family &family : plan.families)
    rows += memberRows(family, family.memberCount());
  for (const std::string &column : columns.bytes)
    bytes += column.size();
  return rows <= maxRowsOfRuns(plan.strings.size(), bytes) ? columns : encode(plan, false);
}

} // namespace recast::plan
