// The tasks of a program: runs of families, with what the chosen targets need of them.
#pragma once

#include "runtime/capi/ProgramTargets.h"
#include "runtime/plan/Expand.h"

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace recast::capi::detail {

class FamilyTasks {
public:
  /// `chosen`: by target of the plan, each of which `targets` has; `priorities`: by program tensor,
  /// see exec::Task. All that is referred to outlives this.
  FamilyTasks(const plan::Plan &plan, std::optional<uint32_t> rank, const std::vector<bool> &chosen,
              const ProgramTargets &targets, std::vector<uint32_t> priorities,
              exec::Program &program);

  /// Appends the tasks of family `family`. Fails with Code::OverBudget where the tables of tasks
  /// alone outgrow the plan's memory.
  Status add(uint32_t family);

private:
  /// Of the family at hand: which of its outputs are of chosen targets, which inputs these and the
  /// checks need, and the slices with their input maps.
  struct Slices {
    std::vector<size_t> ordinals;
    std::vector<uint16_t> inputs;
    std::vector<exec::TaskOutput> outputs;
    std::vector<exec::TaskCheck> checks;
  };

  /// false: nothing of it is for this process.
  bool sliceFamily(const plan::Family &family);
  void renumberInputs(size_t inputs, const std::set<uint16_t> &used);
  Result<exec::Task> makeTask(const plan::Run &run);
  void addDims(const plan::Run &run, exec::Task &task) const;
  uint32_t sliceOf(recipe::Recipe slice);
  uint32_t nameOf(uint32_t string);
  Status account(const exec::Task &task);

  const plan::Plan &plan_;
  std::optional<uint32_t> rank_;
  const std::vector<bool> &chosen_;
  const ProgramTargets &targets_;
  std::vector<uint32_t> priorities_;
  exec::Program &program_;
  Slices current_;
  uint64_t taskBytes_ = 0;
  std::vector<uint32_t> names_; ///< By string of the plan: its number in the program, or kNone.
};

} // namespace recast::capi::detail
