// What is written: no part of a tensor of a target twice, parts of one tensor agree on what it is,
// and what has a deadline is written. Strings are numbered densely, so the tensors are sorted by
// name by counting; few share one.
#include "runtime/plan/Verify.h"

#include <algorithm>
#include <span>
#include <tuple>

namespace recast::plan {
namespace {

/// What one output of a family makes of a tensor.
struct Made {
  DType dtype = DType::F32;
  std::vector<int64_t> shape; ///< Of the whole tensor.
  bool operator==(const Made &) const = default;
};

/// Where one output of one member goes.
struct Written {
  uint32_t target = 0, role = 0, part = 0;
  uint32_t made = 0; ///< Which output it is, over all families.

  auto tensor() const { return std::pair(target, role); }
  auto key() const { return std::tie(target, role, part); }
};

/// All that is written, by the names of the tensors.
class WrittenByName {
public:
  explicit WrittenByName(const Plan &plan) : first_(plan.strings.size() + 2) {
    forEach(plan, [this](const MemberOutput &row, uint32_t, uint32_t) { ++first_[row.name + 2]; });
    for (size_t name = 2; name < first_.size(); ++name)
      first_[name] += first_[name - 1];
    written_.resize(first_.back());
    // Moves each start to the end of its name, which is the start of the next one.
    forEach(plan, [this](const MemberOutput &row, uint32_t target, uint32_t made) {
      written_[first_[row.name + 1]++] = {target, row.role, row.part, made};
    });
    for (uint32_t name = 0; name < plan.strings.size(); ++name)
      std::sort(written_.begin() + at(name), written_.begin() + at(name + 1),
                [](const Written &a, const Written &b) { return a.key() < b.key(); });
  }

  /// Ascending by target, role and part.
  std::span<const Written> of(uint32_t name) const {
    return {written_.begin() + at(name), written_.begin() + at(name + 1)};
  }

private:
  template <typename Visit> static void forEach(const Plan &plan, Visit visit) {
    uint32_t made = 0;
    for (const Family &family : plan.families)
      for (size_t i = 0; i < family.outputs.size(); ++i, ++made)
        for (size_t m = 0; m < family.memberCount(); ++m)
          visit(family.memberOutputs[m * family.outputs.size() + i], family.outputs[i].target,
                made);
  }
  std::ptrdiff_t at(uint32_t name) const { return static_cast<std::ptrdiff_t>(first_[name]); }

  std::vector<size_t> first_; ///< Of each name; where the next name begins, it ends.
  std::vector<Written> written_;
};

Result<std::vector<Made>> madeByOutputs(const Plan &plan) {
  std::vector<Made> out;
  for (const Family &family : plan.families)
    for (const Output &output : family.outputs) {
      const layout::Layout &layout = plan.layouts[output.layout];
      RECAST_ASSIGN(std::vector<int64_t> shape,
                    storedShape(layout, family.shape, plan.targets[output.target].rankIn(layout)));
      out.push_back({output.dtype, std::move(shape)});
    }
  return out;
}

Status verifyParts(const Plan &plan, uint32_t name, std::span<const Written> written,
                   const std::vector<Made> &made) {
  for (size_t i = 1; i < written.size(); ++i) {
    const Written &a = written[i - 1], &b = written[i];
    if (a.tensor() != b.tensor())
      continue;
    std::string_view what;
    if (a.part == b.part)
      what = "twice";
    else if (made[a.made] != made[b.made])
      what = "in parts that differ in its shape or dtype";
    if (!what.empty())
      return fail(Error(Code::BadInput,
                        fmt::format("malformed plan: target {} gets role `{}` of a tensor {}",
                                    b.target, plan.strings[b.role], what))
                      .tensor(plan.strings[name]));
  }
  return {};
}

} // namespace

Status verifyWritten(const Plan &plan) {
  RECAST_ASSIGN(std::vector<Made> made, madeByOutputs(plan));
  WrittenByName all(plan);
  for (uint32_t name = 0; name < plan.strings.size(); ++name)
    RECAST_TRY(verifyParts(plan, name, all.of(name), made));
  for (const Deadline &deadline : plan.deadlines) {
    std::span<const Written> written = all.of(deadline.name);
    if (!std::ranges::binary_search(written, std::pair(deadline.target, deadline.role), {},
                                    &Written::tensor))
      return fail(Error(Code::BadInput,
                        fmt::format("malformed plan: a deadline of role `{}` of a tensor that "
                                    "target {} does not get",
                                    plan.strings[deadline.role], deadline.target))
                      .tensor(plan.strings[deadline.name]));
  }
  return {};
}

} // namespace recast::plan
