#include "tools/recast/Why.h"

#include "runtime/base/Text.h"
#include "runtime/exec/Box.h"
#include "runtime/exec/Slots.h"
#include "runtime/io/OutputFile.h"
#include "runtime/plan/Expand.h"
#include "runtime/recipe/CastChain.h"
#include "tools/recast/HowExecuted.h"
#include "tools/recast/WhyReads.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <span>

namespace recast::tools {
namespace {

/// Where docs say what was measured.
constexpr const char *kMeasured = "docs/performance.md, \"Ways to move bytes\"";

/// Tasks that are equal but for the member share their reasons; bytes add up over all of them.
class FamilyReasons {
public:
  FamilyReasons(const plan::Plan &plan, const plan::Family &family, const exec::Program &program,
                std::span<const exec::Task> tasks, const Checksums &checksums,
                device::cpu::KernelFinder &kernels)
      : plan_(plan), family_(family), program_(program), tasks_(tasks), checksums_(checksums),
        kernels_(kernels) {
    for (size_t m = 0; m < family.memberCount(); ++m)
      elements_ += plan::isScalarMember(family, m) ? 0 : elementCount();
  }

  std::vector<Reason> run() {
    if (elements_ == 0)
      return {};
    oneRead();
    nothingBetween();
    inPlace();
    boxes();
    for (size_t o = 0; o < family_.outputs.size(); ++o)
      output(o);
    castsThatStay();
    return std::move(reasons_);
  }

private:
  uint64_t elementCount() const {
    uint64_t count = 1;
    for (int64_t extent : family_.shape)
      count *= static_cast<uint64_t>(extent);
    return count;
  }
  uint64_t bytesOf(DType type) const { return elements_ * bitWidth(type) / 8; }
  std::string outputName(size_t o) const {
    return fmt::format("{} {}", plan_.targets[family_.outputs[o].target].name,
                       plan_.strings[family_.memberOutputs[o].role]);
  }

  /// As if each output had reads of its own, the first those of the checks too: `--no-fuse`.
  void oneRead() {
    for (size_t i = 0; i < family_.inputs.size(); ++i) {
      if (family_.recipe.isScalarInput(i))
        continue;
      std::vector<std::string> readers;
      bool isChecked = false;
      for (size_t c = 0; c < family_.recipe.checkCount(); ++c)
        isChecked |= uses(recipe::sliceForCheck, c, i);
      bool firstUses = false;
      for (size_t o = 0; o < family_.outputs.size(); ++o)
        if (uses(recipe::sliceForOutput, o, i)) {
          readers.push_back(outputName(o));
          firstUses |= o == 0;
        }
      uint64_t apart = readers.size() + (isChecked && !firstUses ? 1 : 0);
      if (isChecked)
        readers.emplace_back("the check");
      if (readers.size() < 2)
        continue;
      uint64_t bytes = 0;
      for (const exec::Task &task : tasks_)
        if (!task.inputs[i].isConstant())
          bytes += static_cast<uint64_t>(task.count) * byteWidth(task.inputs[i].dtype);
      if (bytes > 0)
        reasons_.push_back({true, "one read",
                            fmt::format("input {} ({}) is read once for {}", i,
                                        name(family_.inputs[i].dtype), fmt::join(readers, ", ")),
                            bytes * (apart - 1)});
    }
  }

  template <typename Slicer> bool uses(Slicer slicer, size_t which, size_t input) const {
    std::vector<uint16_t> inputs;
    (void)slicer(family_.recipe, which, inputs);
    return std::find(inputs.begin(), inputs.end(), input) != inputs.end();
  }

  /// Values that are neither loaded nor stored exist in slots alone.
  void nothingBetween() {
    const std::vector<recipe::Node> &nodes = family_.recipe.nodes;
    std::vector<bool> isStored(nodes.size());
    for (const recipe::Node &node : nodes)
      if (node.op == recipe::Op::Store)
        isStored[node.a] = true;
    std::vector<std::string> types;
    uint64_t bytes = 0;
    for (size_t n = 0; n < nodes.size(); ++n) {
      if (!recipe::isArithmetic(nodes[n].op) && nodes[n].op != recipe::Op::Cast)
        continue;
      if (isStored[n])
        continue;
      types.emplace_back(name(nodes[n].type));
      bytes += bytesOf(nodes[n].type);
    }
    if (!types.empty())
      reasons_.push_back({true, "no temporaries",
                          fmt::format("{} value{} in between ({}) {} in slots only", types.size(),
                                      types.size() == 1 ? "" : "s", fmt::join(types, ", "),
                                      types.size() == 1 ? "exists" : "exist"),
                          0, bytes});
  }

  /// Reshards became the layouts of loads and stores.
  void inPlace() {
    uint64_t bytes = 0;
    std::vector<std::string> layouts;
    auto add = [&](uint32_t layout, DType type) {
      if (plan_.layouts[layout].isWhole())
        return;
      bytes += bytesOf(type);
      layouts.push_back(plan_.layouts[layout].str());
    };
    for (size_t i = 0; i < family_.inputs.size(); ++i)
      if (!family_.recipe.isScalarInput(i))
        add(family_.inputs[i].layout, family_.inputs[i].dtype);
    for (const plan::Output &output : family_.outputs)
      add(output.layout, output.dtype);
    std::sort(layouts.begin(), layouts.end());
    layouts.erase(std::unique(layouts.begin(), layouts.end()), layouts.end());
    if (bytes > 0)
      reasons_.push_back({true, "layouts as addresses",
                          fmt::format("nothing is gathered or scattered first: each piece goes "
                                      "straight to its place ({})",
                                      fmt::join(layouts, "; ")),
                          0, bytes});
  }

  /// Strided boxes instead of one task per piece that is contiguous everywhere.
  void boxes() {
    uint64_t boxes = 0, pieces = 0, bytes = 0;
    for (const exec::Task &task : tasks_) {
      if (task.dims.empty())
        continue;
      uint64_t count = contiguousPieces(task);
      ++boxes;
      pieces += count;
      bytes += (count - 1) * (sizeof task + exec::taskMemory(task));
    }
    if (boxes > 0)
      reasons_.push_back({true, "boxes",
                          fmt::format("{} strided box{} instead of {} pieces that are contiguous "
                                      "on both sides",
                                      boxes, boxes == 1 ? "" : "es", pieces),
                          0, 0, bytes});
  }

  static uint64_t contiguousPieces(const exec::Task &task) {
    std::vector<exec::TaskDim> dims = task.dims;
    std::sort(dims.begin(), dims.end(), [](const exec::TaskDim &a, const exec::TaskDim &b) {
      return a.logicalStride < b.logicalStride;
    });
    int64_t inner = 1;
    for (const exec::TaskDim &dim : dims) {
      bool isContiguous = dim.logicalStride == inner;
      for (size_t k = 0; k < dim.strides.size(); ++k)
        isContiguous &= exec::isConstant(task, k) || dim.strides[k] == inner;
      if (!isContiguous)
        break;
      inner *= dim.extent;
    }
    return static_cast<uint64_t>(task.count / inner);
  }

  void output(size_t o) {
    std::vector<uint16_t> inputs;
    recipe::Recipe slice = recipe::sliceForOutput(family_.recipe, o, inputs);
    const std::string name = outputName(o);
    if (!recipe::isCopy(slice)) {
      std::string how = howExecuted(slice, kernels_);
      reasons_.push_back(
          {false, "copy", fmt::format("{} is computed ({}), by {}", name, slice.str(), how)});
      if (how.find("interpreter") != how.npos)
        reasons_.push_back({false, "kernel",
                            fmt::format("{} has none built in or in the cache: `recast compile` "
                                        "makes one for `--kernels`",
                                        name)});
      return;
    }
    bool isRead = std::any_of(tasks_.begin(), tasks_.end(), [&](const exec::Task &task) {
      return !task.inputs[inputs.front()].isConstant();
    });
    if (!isRead) {
      reasons_.push_back({true, "constant", fmt::format("{} is filled, nothing is read", name)});
      return;
    }
    reasons_.push_back(
        {true, "copy", fmt::format("{} is written as it was read, no kernel", name)});
    reasons_.push_back({false, "copy_file_range",
                        fmt::format("{}: {}", name, checkedOnTheWay(inputs.front(), o))});
  }

  /// Why the bytes of a copy have to pass through the process.
  std::string checkedOnTheWay(uint16_t input, size_t output) const {
    uint64_t inRecords = 0, inPatches = 0;
    for (const exec::Task &task : tasks_) {
      inRecords += checksums_.verifiedBytes(task, input);
      inPatches += checksums_.summedBytes(task, output);
    }
    std::vector<std::string> why;
    if (inRecords > 0)
      why.push_back(fmt::format("{} under checksums of the source, verified on the way",
                                bytesText(inRecords)));
    if (inPatches > 0)
      why.push_back(fmt::format("{} under checksums of the target", bytesText(inPatches)));
    why.emplace_back(program_.inMemory() ? "the target is in memory"
                                         : "all hashed for the manifest");
    return fmt::format("{}", fmt::join(why, ", "));
  }

  void castsThatStay() {
    const std::vector<recipe::Node> &nodes = family_.recipe.nodes;
    for (const recipe::Node &node : nodes) {
      if (node.op != recipe::Op::Cast || nodes[node.a].op != recipe::Op::Cast)
        continue;
      const recipe::Node &before = nodes[node.a];
      std::string why = recipe::whyNotOneCast(nodes[before.a].type, before.type, node.type);
      if (why.empty())
        why = fmt::format("{} -> {} -> {} could be one, but the plan was made with --no-fuse",
                          name(nodes[before.a].type), name(before.type), name(node.type));
      reasons_.push_back({false, "CastOfExactCast", why});
    }
  }

  const plan::Plan &plan_;
  const plan::Family &family_;
  const exec::Program &program_;
  std::span<const exec::Task> tasks_;
  const Checksums &checksums_;
  device::cpu::KernelFinder &kernels_;
  uint64_t elements_ = 0; ///< Of all members that are not literals.
  std::vector<Reason> reasons_;
};

/// What the passes said, where the plan itself does not show it.
void addRemarks(const PlanOrJob &loaded, Why &why) {
  for (const compiler::Remark &remark : loaded.remarks) {
    if (!remark.index || *remark.index >= why.families.size())
      continue;
    Reason reason{remark.isApplied, remark.rewrite, remark.text};
    std::vector<Reason> &reasons = why.families[*remark.index];
    if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end())
      reasons.push_back(std::move(reason));
  }
}

void addTiles(const exec::Program &program, const exec::MemoryForecast &memory, Why &why) {
  bool hasBoxes = std::any_of(program.tasks.begin(), program.tasks.end(),
                              [](const exec::Task &task) { return !task.dims.empty(); });
  uint64_t wanted = hasBoxes ? exec::kBoxSlotBytes : exec::kSlotBytes;
  why.plan.push_back({true, "tiles",
                      fmt::format("{} per operand, {} thread{}{}", bytesText(memory.slotBytes),
                                  memory.threads, memory.threads == 1 ? "" : "s",
                                  hasBoxes ? "; large, because segments of boxes are as long as a "
                                             "tile is wide"
                                           : "")});
  if (memory.slotBytes < wanted)
    why.plan.push_back(
        {false, "tiles",
         fmt::format("no {}: the budget of {} holds {} of tables too", bytesText(wanted),
                     bytesText(program.budget), bytesText(memory.tables))});
}

} // namespace

Result<Why> whyOf(const PlanOrJob &loaded, const capi::Instance &instance,
                  device::cpu::KernelFinder &kernels) {
  const plan::Plan &plan = loaded.plan;
  const exec::Program &program = instance.program;
  std::span<const exec::Task> tasks = program.tasks;
  const Checksums checksums(program);
  Why why;
  size_t begin = 0;
  for (size_t f = 0; f < plan.families.size(); ++f) {
    size_t end = instance.familyEnds[f];
    why.families.push_back(FamilyReasons(plan, plan.families[f], program,
                                         tasks.subspan(begin, end - begin), checksums, kernels)
                               .run());
    begin = end;
  }
  addRemarks(loaded, why);
  addSharedReads(plan, instance, why);
  addTiles(program, instance.forecast.memory, why);
  if (program.inMemory())
    return why;
  if (std::ranges::any_of(program.targets, [](const exec::TargetFile &file) {
        return file.size >= io::kReservedFrom;
      }))
    why.plan.push_back({true, "fallocate",
                        fmt::format("on ext4, files from {} on get their room before they are "
                                    "written: {}",
                                    bytesText(io::kReservedFrom), kMeasured)});
  why.plan.push_back({false, "copy_file_range, O_DIRECT, io_uring",
                      fmt::format("none moves bytes faster than pread and pwrite on a thread per "
                                  "core: {}",
                                  kMeasured)});
  return why;
}

std::string amountText(const Reason &reason) {
  std::vector<std::string> parts;
  auto add = [&](uint64_t bytes, const char *what) {
    if (bytes > 0)
      parts.push_back(fmt::format("{} of {}", bytesText(bytes), what));
  };
  add(reason.readBytes, "reads");
  add(reason.temporaryBytes, "temporaries");
  add(reason.tableBytes, "tables");
  if (parts.empty())
    return {};
  return fmt::format("{} {}", reason.isApplied ? "saves" : "costs", fmt::join(parts, ", "));
}

} // namespace recast::tools
