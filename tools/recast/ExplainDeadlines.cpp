#include "tools/recast/ExplainDeadlines.h"

#include "runtime/base/Text.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <set>

namespace recast::tools {

std::vector<Due> dueOf(const capi::Instance &instance, int root) {
  const exec::Program &program = instance.program;
  std::map<uint32_t, Due> due; // By priority.
  std::map<uint32_t, std::set<std::string>> roles;
  for (const exec::Task &task : program.tasks) {
    if (task.priority == exec::Task::kNoDeadline)
      continue;
    bool isMeant = false;
    for (const exec::TaskOutput &output : task.outputs) {
      if (output.tensor == exec::TaskOutput::kNoTensor ||
          (root >= 0 && program.targets[output.file].root != static_cast<uint32_t>(root)))
        continue;
      isMeant = true;
      exec::TensorLabel label = program.label(output.tensor);
      roles[task.priority].insert(label.role);
      Due &entry = due.try_emplace(task.priority, Due{HUGE_VAL, 0, 0, {}}).first->second;
      entry.time = std::min(entry.time, label.deadline.value_or(HUGE_VAL));
    }
    if (!isMeant)
      continue;
    for (const exec::TaskInput &input : task.inputs)
      if (!input.isConstant())
        due[task.priority].bytes += static_cast<uint64_t>(task.count) * byteWidth(input.dtype);
  }
  std::vector<Due> out;
  uint64_t sum = 0;
  for (auto &[priority, entry] : due) {
    sum += entry.bytes;
    entry.sum = sum;
    entry.roles.assign(roles[priority].begin(), roles[priority].end());
    out.push_back(std::move(entry));
  }
  return out;
}

namespace {

/// The bound of a first step whose data comes at `b` bytes per unit of time.
std::string boundOf(const std::vector<Due> &due, double time) {
  std::vector<std::string> lateness;
  double enough = 0; // Bytes per unit with which only what is due at once is waited for.
  for (const Due &entry : due) {
    lateness.push_back(entry.time > 0 ? fmt::format("{}/b - {:g}", entry.sum, entry.time)
                                      : fmt::format("{}/b", entry.sum));
    if (entry.time > 0)
      enough = std::max(enough, static_cast<double>(entry.sum) / entry.time);
  }
  std::string out = fmt::format("T_first <= {:g} + max(0, {})", time, fmt::join(lateness, ", "));
  return enough > 0 ? fmt::format("{}; in time from b = {} per unit on", out,
                                  bytesText(static_cast<uint64_t>(enough + 1)))
                    : out;
}

} // namespace

std::string deadlinesText(const plan::Plan &plan, const capi::Instance &instance) {
  if (plan.deadlines.empty())
    return "";
  std::string out = fmt::format("deadlines of pipeline {}, whose first updates end at {:g}; b is "
                                "what storage gives, in bytes per unit of its time\n",
                                plan.pipeline, plan.pipelineTime);
  auto part = [&](const std::string &name, int root) {
    std::vector<Due> due = dueOf(instance, root);
    for (const Due &entry : due)
      out += fmt::format("  {:<10} at {:<8g} {:>12}  {}\n", name, entry.time,
                         bytesText(entry.bytes), fmt::join(entry.roles, ", "));
    if (!due.empty())
      out += fmt::format("  {:<10} {}\n", name, boundOf(due, plan.pipelineTime));
  };
  const std::vector<exec::TargetRoot> &roots = instance.program.roots;
  for (size_t r = 0; r < roots.size(); ++r)
    part(roots[r].endpoint, static_cast<int>(r));
  if (roots.size() > 1)
    part("one source", -1);
  return out;
}

} // namespace recast::tools
