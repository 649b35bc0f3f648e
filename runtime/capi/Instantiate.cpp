#include "runtime/capi/Instantiate.h"

#include "runtime/exec/Slots.h"
#include "runtime/plan/Expand.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>
#include <tuple>

namespace recast::capi {
namespace {

struct Place {
  uint32_t file = plan::kNone; ///< Program target file.
  uint64_t offset = 0;
  uint32_t tensor = plan::kNone; ///< Program tensor; none for a value among the literals.
};

/// Where each tensor of one target lies, by request index.
struct TargetPlaces {
  format::TargetImages images;
  std::vector<Place> places;
};

/// The dtype as which elements move.
DType unitType(DType dtype) { return isPacked(dtype) ? DType::U8 : dtype; }

/// Many targets in turn must not cost more than one of their size.
template <typename T> void makeRoom(std::vector<T> &out, size_t more) {
  if (out.capacity() - out.size() < more)
    out.reserve(std::max(out.size() + more, 2 * out.capacity()));
}

class Instantiator {
public:
  Instantiator(const plan::Plan &plan, std::optional<uint32_t> rank) : plan_(plan), rank_(rank) {}
  Result<Instance> run();

private:
  Status chooseTargets();
  void addSources();
  void addDeadlines();
  Status addTarget(uint32_t target);
  Status addFamily(uint32_t family);
  void renumberInputs(size_t inputs, const std::set<uint16_t> &used);
  Result<exec::Task> makeTask(const plan::Run &run);
  uint32_t sliceOf(recipe::Recipe slice);
  uint32_t nameOf(uint32_t string);
  Status account(const exec::Task &task);

  const plan::Plan &plan_;
  std::optional<uint32_t> rank_;
  Instance instance_;
  std::vector<bool> chosen_; ///< By target of the plan.
  std::vector<TargetPlaces> targets_;
  std::vector<detail::VerbatimUse> verbatim_;
  /// Per family: which of its outputs are of chosen targets, which inputs these and the checks
  /// need, and the slices with their input maps.
  struct Slices {
    std::vector<size_t> ordinals;
    std::vector<uint16_t> inputs;
    std::vector<exec::TaskOutput> outputs;
    std::vector<exec::TaskCheck> checks;
  };
  Slices current_;
  uint64_t taskBytes_ = 0;
  std::vector<uint32_t> names_; ///< By string of the plan: its number in the program, or kNone.
  std::vector<std::pair<uint32_t, uint64_t>> imageStart_; ///< Program file -> (writer, image).
  std::vector<std::pair<uint32_t, uint32_t>> labels_; ///< Program tensor -> (root, tensor of it).
  std::vector<std::optional<double>> deadlines_;      ///< By program tensor, or none at all.
  std::vector<uint32_t> priorities_;                  ///< By program tensor; see exec::Task.
};

/// All of them, or those of the rank.
Status Instantiator::chooseTargets() {
  std::set<uint32_t> ranks;
  for (const plan::TargetEndpoint &target : plan_.targets) {
    chosen_.push_back(!rank_ || target.rank == *rank_);
    if (target.rank != plan::kNone)
      ranks.insert(target.rank);
  }
  if (!rank_ || ranks.contains(*rank_))
    return {};
  return fail(Error(Code::Usage, fmt::format("the plan has no target of rank {}", *rank_))
                  .hint(ranks.empty() ? "It is not for the ranks of a pipeline: run it without a "
                                        "rank."
                                      : fmt::format("Its ranks are {} to {}.", *ranks.begin(),
                                                    *ranks.rbegin())));
}

void Instantiator::addSources() {
  exec::Program &program = instance_.program;
  for (const plan::SourceFile &file : plan_.files) {
    const plan::SourceEndpoint &source = plan_.sources[file.endpoint];
    program.sources.push_back({source.path + "/" + file.path, file.size, file.mtimeNs});
  }
  for (const plan::Record &record : plan_.records)
    program.records.push_back({record.file, record.offset, record.length, record.crc32});
}

Status Instantiator::addTarget(uint32_t target) {
  exec::Program &program = instance_.program;
  const plan::TargetEndpoint &endpoint = plan_.targets[target];
  TargetPlaces places;
  auto images = format::makeImages(plan_, target);
  if (!images)
    return fail(Error(images.error()).hint(fmt::format("Look at target '{}'.", endpoint.name)));
  places.images = std::move(*images);
  const format::TargetWriter &writer = *places.images.writer;
  places.places.resize(writer.tensors().size());

  auto rootIndex = static_cast<uint32_t>(program.roots.size());
  exec::TargetRoot root;
  root.inMemory = format::targetTraits(endpoint.format)->inMemory;
  if (rootIndex > 0 && root.inMemory != program.inMemory())
    return fail(
        Error(Code::BadInput,
              fmt::format("target '{}' is {} and target '{}' is not", endpoint.name,
                          root.inMemory ? "in memory" : "on disk", program.roots.front().endpoint))
            .hint("Make a plan for each of the two kinds."));
  if (root.inMemory && !endpoint.sideFiles.empty())
    return fail(Code::BadInput,
                fmt::format("target '{}' is in memory, where no files can be", endpoint.name));
  root.folder = endpoint.path;
  root.endpoint = endpoint.name;
  root.manifestDir = writer.commit().manifestDir;
  root.pointers = writer.commit().pointers;
  for (const format::LinkedFile &link : writer.links())
    root.links.emplace_back(link.path, link.target);

  for (const plan::SideFile &side : endpoint.sideFiles) {
    // Side files become visible before the file that makes the output look complete.
    root.renames.push_back(side.name);
    verbatim_.push_back({static_cast<uint32_t>(program.sources.size()),
                         static_cast<uint32_t>(program.targets.size()), 0});
    program.sources.push_back({side.source, side.size, side.mtimeNs});
    program.targets.push_back({rootIndex, side.name, side.size, {}});
    imageStart_.emplace_back(rootIndex, plan::kNone);
  }
  root.renames.insert(root.renames.end(), writer.commit().renames.begin(),
                      writer.commit().renames.end());

  makeRoom(program.targets, writer.images().size());
  makeRoom(program.tensors, writer.tensors().size());
  makeRoom(labels_, writer.tensors().size());
  makeRoom(imageStart_, writer.images().size());
  for (size_t i = 0; i < writer.images().size(); ++i) {
    const format::FileImage &image = writer.images()[i];
    auto file = static_cast<uint32_t>(program.targets.size());
    const format::FileTemplate &form = writer.templateOf(image);
    exec::TargetFile out{rootIndex, image.path(), form.size, {}};
    out.patches.reserve(form.patches.size());
    for (const format::CrcPatch &patch : form.patches)
      out.patches.push_back({patch.offset, patch.begin, patch.end});
    for (const format::TensorSlot &slot : form.tensors) {
      auto tensor = static_cast<uint32_t>(program.tensors.size());
      const uint32_t index = image.firstTensor + slot.tensor;
      places.places[index] = {file, slot.offset, tensor};
      program.tensors.push_back({file, slot.offset, slot.bytes});
      labels_.emplace_back(rootIndex, index);
    }
    for (const format::VerbatimSlot &slot : form.verbatim)
      verbatim_.push_back({endpoint.keptFiles[slot.file].file, file, slot.offset});
    program.targets.push_back(std::move(out));
    imageStart_.emplace_back(rootIndex, i);
  }
  for (const std::string &note : writer.notes())
    if (std::find(instance_.notes.begin(), instance_.notes.end(), note) == instance_.notes.end())
      instance_.notes.push_back(note);
  program.roots.push_back(std::move(root));
  instance_.writers.push_back(places.images.writer);
  instance_.targets.push_back(target);
  targets_[target] = std::move(places);
  return {};
}

uint32_t Instantiator::sliceOf(recipe::Recipe slice) {
  auto &slices = instance_.program.slices;
  auto found = std::find(slices.begin(), slices.end(), slice);
  if (found != slices.end())
    return static_cast<uint32_t>(found - slices.begin());
  slices.push_back(std::move(slice));
  return static_cast<uint32_t>(slices.size() - 1);
}

/// The states of a parameter share its name.
uint32_t Instantiator::nameOf(uint32_t string) {
  auto &names = instance_.program.names;
  if (names_[string] == plan::kNone) {
    names_[string] = static_cast<uint32_t>(names.size());
    names.push_back(plan_.strings[string]);
  }
  return names_[string];
}

Result<exec::Task> Instantiator::makeTask(const plan::Run &run) {
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
    const TargetPlaces &target = targets_[family.outputs[o].target];
    uint32_t tensor =
        target.images.tensorOf[run.family][size_t{run.member} * family.outputs.size() + o];
    const Place &place = target.places[tensor];
    if (place.file == plan::kNone)
      return internal(fmt::format("target '{}' has no place for {} '{}'",
                                  plan_.targets[family.outputs[o].target].name,
                                  target.images.writer->tensors()[tensor].role,
                                  target.images.writer->tensors()[tensor].name));
    task.outputs[k].file = place.file;
    task.outputs[k].offset = place.offset + run.outputs[o].tensorByte;
    task.outputs[k].tensor = place.tensor;
    task.priority = std::min(task.priority, priorities_[place.tensor]);
  }
  for (const plan::RunDim &dim : run.dims) {
    exec::TaskDim &out = task.dims.emplace_back();
    out.extent = dim.extent;
    out.logicalStride = dim.logicalStride;
    for (uint16_t i : current_.inputs)
      out.strides.push_back(dim.strides[i]);
    for (size_t o : current_.ordinals)
      out.strides.push_back(dim.strides[run.inputs.size() + o]);
  }
  // In the order in which the first input lies in its file.
  for (size_t i = 0; i < task.inputs.size(); ++i)
    if (!task.inputs[i].isConstant()) {
      std::sort(task.dims.begin(), task.dims.end(),
                [i](const exec::TaskDim &a, const exec::TaskDim &b) {
                  return a.strides[i] > b.strides[i];
                });
      break;
    }
  return task;
}

/// A small plan may expand to more runs than memory can hold: it ends here, not when all are made.
/// What is less than the program takes anyway is left to the full account, which names the minimum.
Status Instantiator::account(const exec::Task &task) {
  constexpr uint64_t kAlways = uint64_t{64} << 20;
  taskBytes_ += sizeof task + exec::taskMemory(task);
  if (plan_.budget == 0 || taskBytes_ <= std::max(plan_.budget, kAlways))
    return {};
  return fail(Error(Code::OverBudget,
                    fmt::format("{} bytes of memory are not enough: the tables of the first {} "
                                "tasks alone make {}",
                                plan_.budget, instance_.program.tasks.size() + 1, taskBytes_))
                  .hint("Allow several times as much with --memory."));
}

/// The inputs of tasks are those that something uses, in their order. All of them without a rank:
/// what a plan reads for nothing is a mistake that counts shall show.
void Instantiator::renumberInputs(size_t inputs, const std::set<uint16_t> &used) {
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

Status Instantiator::addFamily(uint32_t index) {
  const plan::Family &family = plan_.families[index];
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
    return {};
  for (size_t c = 0; c < family.recipe.checkCount(); ++c) {
    exec::TaskCheck check;
    check.slice = sliceOf(recipe::sliceForCheck(family.recipe, c, check.inputs));
    used.insert(check.inputs.begin(), check.inputs.end());
    current_.checks.push_back(std::move(check));
  }
  renumberInputs(family.inputs.size(), used);
  exec::Program &program = instance_.program;
  RECAST_ASSIGN(plan::FamilyExpander expander, plan::FamilyExpander::create(plan_, index));
  for (uint32_t m = 0; m < family.memberCount(); ++m) {
    if (plan::isScalarMember(family, m))
      continue;
    RECAST_TRY(expander.expandBoxes(m, [&](const plan::Run &run) -> Status {
      RECAST_ASSIGN(exec::Task task, makeTask(run));
      RECAST_TRY(account(task));
      program.tasks.push_back(std::move(task));
      return {};
    }));
  }
  return {};
}

/// Deadlines of the program's tensors, and their order as priorities.
void Instantiator::addDeadlines() {
  if (plan_.deadlines.empty()) {
    priorities_.assign(labels_.size(), exec::Task::kNoDeadline);
    return;
  }
  std::map<std::tuple<uint32_t, std::string_view, std::string_view>, double> due;
  std::set<double> times;
  for (const plan::Deadline &deadline : plan_.deadlines)
    if (chosen_[deadline.target]) {
      due[{deadline.target, plan_.strings[deadline.name], plan_.strings[deadline.role]}] =
          deadline.time;
      times.insert(deadline.time);
    }
  std::map<double, uint32_t> rankOf;
  for (double time : times)
    rankOf.emplace(time, static_cast<uint32_t>(rankOf.size()));
  for (auto [root, index] : labels_) {
    uint32_t target = instance_.targets[root];
    const format::TargetTensor tensor = instance_.writers[root]->tensors()[index];
    auto found = due.find({target, tensor.name, tensor.role});
    bool isDue = found != due.end();
    deadlines_.push_back(isDue ? std::optional(found->second) : std::nullopt);
    priorities_.push_back(isDue ? rankOf.at(found->second) : exec::Task::kNoDeadline);
  }
}

Result<Instance> Instantiator::run() {
  RECAST_TRY(chooseTargets());
  exec::Program &program = instance_.program;
  program.fingerprint = plan_.instanceFingerprint;
  program.budget = plan_.budget;
  addSources();
  targets_.resize(plan_.targets.size());
  for (uint32_t t = 0; t < plan_.targets.size(); ++t)
    if (chosen_[t])
      RECAST_TRY(addTarget(t));
  addDeadlines();
  size_t members = 0;
  for (const plan::Family &family : plan_.families)
    members += family.shape.empty() ? 0 : family.memberCount();
  if (!rank_)
    program.tasks.reserve(members + members / 8); // Most have one; some more fill gaps.
  names_.assign(plan_.strings.size(), plan::kNone);
  for (uint32_t f = 0; f < plan_.families.size(); ++f) {
    RECAST_TRY(addFamily(f));
    instance_.familyEnds.push_back(program.tasks.size());
  }
  RECAST_TRY(detail::addVerbatim(program, verbatim_));
  RECAST_ASSIGN(instance_.forecast, detail::completeRecords(program));
  RECAST_ASSIGN(instance_.forecast.memory, exec::forecastMemory(program));

  // The writers live as long as the program that asks them for literals.
  program.literals = [writers = instance_.writers, start = imageStart_](uint32_t target) {
    std::vector<exec::LiteralBytes> bytes;
    auto [writer, image] = start[target];
    if (image == plan::kNone)
      return bytes;
    const format::TargetWriter &of = *writers[writer];
    for (const format::Literal &literal : of.templateOf(of.images()[image]).literals)
      bytes.push_back({literal.offset, literal.bytes});
    return bytes;
  };
  program.label = [writers = instance_.writers, labels = std::move(labels_),
                   deadlines = std::move(deadlines_)](uint32_t tensor) {
    auto [root, index] = labels[tensor];
    const format::TargetTensor of = writers[root]->tensors()[index];
    return exec::TensorLabel{std::string(of.name),
                             std::string(of.role),
                             of.dtype,
                             {of.shape.begin(), of.shape.end()},
                             deadlines.empty() ? std::nullopt : deadlines[tensor]};
  };
  return std::move(instance_);
}

} // namespace

Result<Instance> instantiate(const plan::Plan &plan, std::optional<uint32_t> rank) {
  return Instantiator(plan, rank).run();
}

} // namespace recast::capi
