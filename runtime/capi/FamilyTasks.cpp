#include "runtime/capi/FamilyTasks.h"

#include "runtime/exec/Slots.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::capi::detail {
namespace {

/// The dtype as which elements move.
DType unitType(DType dtype) { return isPacked(dtype) ? DType::U8 : dtype; }

} // namespace

FamilyTasks::FamilyTasks(const plan::Plan &plan, std::optional<uint32_t> rank,
                         const std::vector<bool> &chosen, const ProgramTargets &targets,
                         std::vector<uint32_t> priorities, exec::Program &program)
    : plan_(plan), rank_(rank), chosen_(chosen), targets_(targets),
      priorities_(std::move(priorities)), program_(program),
      names_(plan.strings.size(), plan::kNone) {
  size_t members = 0;
  for (const plan::Family &family : plan.families)
    members += family.shape.empty() ? 0 : family.memberCount();
  if (!rank)
    program.tasks.reserve(members + members / 8); // Most have one; some more fill gaps.
}

uint32_t FamilyTasks::sliceOf(recipe::Recipe slice) {
  auto &slices = program_.slices;
  auto found = std::find(slices.begin(), slices.end(), slice);
  if (found != slices.end())
    return static_cast<uint32_t>(found - slices.begin());
  slices.push_back(std::move(slice));
  return static_cast<uint32_t>(slices.size() - 1);
}

/// The states of a parameter share its name.
uint32_t FamilyTasks::nameOf(uint32_t string) {
  auto &names = program_.names;
  if (names_[string] == plan::kNone) {
    names_[string] = static_cast<uint32_t>(names.size());
    names.push_back(plan_.strings[string]);
  }
  return names_[string];
}

Result<exec::Task> FamilyTasks::makeTask(const plan::Run &run) {
  const plan::Family &family = plan_.families[run.family];
  exec::Task task;
  task.count = run.count;
  task.first = run.logicalOffset;
  task.name = nameOf(family.memberNames[run.member]);
  static_assert(plan::kNone == exec::TaskInput::kConstant);
  for (uint16_t i : current_.inputs)
    task.inputs.push_back({run.inputs[i].file, run.inputs[i].offset,
                           unitType(family.inputs[i].dtype), family.recipe.isScalarInput(i)});
  task.checks = current_.checks;
  task.outputs = current_.outputs;
  for (size_t k = 0; k < task.outputs.size(); ++k) {
    size_t o = current_.ordinals[k];
    RECAST_ASSIGN(Place place, targets_.placeOf(run.family, run.member, o));
    task.outputs[k].file = place.file;
    task.outputs[k].offset = place.offset + run.outputs[o].tensorByte;
    task.outputs[k].tensor = place.tensor;
    task.priority = std::min(task.priority, priorities_[place.tensor]);
  }
  addDims(run, task);
  return task;
}

/// In the order in which the first input lies in its file.
void FamilyTasks::addDims(const plan::Run &run, exec::Task &task) const {
  for (const plan::RunDim &dim : run.dims) {
    exec::TaskDim &out = task.dims.emplace_back();
    out.extent = dim.extent;
    out.logicalStride = dim.logicalStride;
    for (uint16_t i : current_.inputs)
      out.strides.push_back(dim.strides[i]);
    for (size_t o : current_.ordinals)
      out.strides.push_back(dim.strides[run.inputs.size() + o]);
  }
  auto first = std::ranges::find_if_not(task.inputs, &exec::TaskInput::isConstant);
  if (first != task.inputs.end())
    std::ranges::sort(
        task.dims, std::greater(),
        [i = first - task.inputs.begin()](const exec::TaskDim &dim) { return dim.strides[i]; });
}

/// A small plan may expand to more runs than memory can hold: it ends here, not when all are made.
/// What is less than the program takes anyway is left to the full account, which names the minimum.
Status FamilyTasks::account(const exec::Task &task) {
  constexpr uint64_t kAlways = uint64_t{64} << 20;
  taskBytes_ += sizeof task + exec::taskMemory(task);
  if (plan_.budget == 0 || taskBytes_ <= std::max(plan_.budget, kAlways))
    return {};
  return fail(Error(Code::OverBudget,
                    fmt::format("{} bytes of memory are not enough: the tables of the first {} "
                                "tasks alone make {}",
                                plan_.budget, program_.tasks.size() + 1, taskBytes_))
                  .hint("Allow several times as much with --memory."));
}

/// The inputs of tasks are those that something uses, in their order. All of them without a rank:
/// what a plan reads for nothing is a mistake that counts shall show.
void FamilyTasks::renumberInputs(size_t inputs, const std::set<uint16_t> &used) {
  std::vector<uint16_t> number(inputs);
  for (uint16_t i = 0; i < inputs; ++i)
    if (!rank_ || used.contains(i)) {
      number[i] = static_cast<uint16_t>(current_.inputs.size());
      current_.inputs.push_back(i);
    }
  for (exec::TaskOutput &output : current_.outputs)
    for (uint16_t &input : output.inputs)
      input = number[input];
  for (exec::TaskCheck &check : current_.checks)
    for (uint16_t &input : check.inputs)
      input = number[input];
}

bool FamilyTasks::sliceFamily(const plan::Family &family) {
  current_ = {};
  std::set<uint16_t> used;
  for (size_t o = 0; o < family.outputs.size(); ++o) {
    if (!chosen_[family.outputs[o].target])
      continue;
    exec::TaskOutput output;
    recipe::Recipe slice = recipe::sliceForOutput(family.recipe, o, output.inputs);
    if (isPacked(family.outputs[o].dtype))
      slice = recipe::copyRecipe(unitType(family.outputs[o].dtype));
    output.slice = sliceOf(std::move(slice));
    used.insert(output.inputs.begin(), output.inputs.end());
    current_.ordinals.push_back(o);
    current_.outputs.push_back(std::move(output));
  }
  // What other ranks need is theirs to read. What nobody writes is checked once, by the first.
  if (rank_ && current_.outputs.empty() && !(family.outputs.empty() && *rank_ == 0))
    return false;
  for (size_t c = 0; c < family.recipe.checkCount(); ++c) {
    exec::TaskCheck check;
    check.slice = sliceOf(recipe::sliceForCheck(family.recipe, c, check.inputs));
    used.insert(check.inputs.begin(), check.inputs.end());
    current_.checks.push_back(std::move(check));
  }
  renumberInputs(family.inputs.size(), used);
  return true;
}

Status FamilyTasks::add(uint32_t index) {
  const plan::Family &family = plan_.families[index];
  if (!sliceFamily(family))
    return {};
  RECAST_ASSIGN(plan::FamilyExpander expander, plan::FamilyExpander::create(plan_, index));
  for (uint32_t m = 0; m < family.memberCount(); ++m) {
    if (plan::isScalarMember(family, m))
      continue;
    RECAST_TRY(expander.expandBoxes(m, [&](const plan::Run &run) -> Status {
      RECAST_ASSIGN(exec::Task task, makeTask(run));
      RECAST_TRY(account(task));
      program_.tasks.push_back(std::move(task));
      return {};
    }));
  }
  return {};
}

} // namespace recast::capi::detail
