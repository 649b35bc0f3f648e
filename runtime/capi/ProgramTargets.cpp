#include "runtime/capi/ProgramTargets.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <string_view>
#include <tuple>

namespace recast::capi::detail {
namespace {

/// Many targets in turn must not cost more than one of their size.
template <typename T> void makeRoom(std::vector<T> &out, size_t more) {
  if (out.capacity() - out.size() < more)
    out.reserve(std::max(out.size() + more, 2 * out.capacity()));
}

} // namespace

Result<exec::TargetRoot> ProgramTargets::makeRoot(uint32_t target,
                                                  const format::TargetWriter &writer) {
  const plan::TargetEndpoint &endpoint = plan_.targets[target];
  exec::TargetRoot root;
  root.inMemory = format::targetTraits(endpoint.format)->inMemory;
  if (!program_.roots.empty() && root.inMemory != program_.inMemory())
    return fail(
        Error(Code::BadInput,
              fmt::format("target '{}' is {} and target '{}' is not", endpoint.name,
                          root.inMemory ? "in memory" : "on disk", program_.roots.front().endpoint))
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
  return root;
}

void ProgramTargets::addSideFiles(const plan::TargetEndpoint &endpoint, exec::TargetRoot &root) {
  auto rootIndex = static_cast<uint32_t>(program_.roots.size());
  for (const plan::SideFile &side : endpoint.sideFiles) {
    root.renames.push_back(side.name);
    verbatim_.push_back({static_cast<uint32_t>(program_.sources.size()),
                         static_cast<uint32_t>(program_.targets.size()), 0});
    program_.sources.push_back({side.source, side.size, side.mtimeNs});
    program_.targets.push_back({rootIndex, side.name, side.size, {}});
    imageStart_.emplace_back(rootIndex, plan::kNone);
  }
}

void ProgramTargets::addImages(const plan::TargetEndpoint &endpoint, OfTarget &of) {
  auto rootIndex = static_cast<uint32_t>(program_.roots.size());
  const format::TargetWriter &writer = *of.images.writer;
  of.places.resize(writer.tensors().size());
  makeRoom(program_.targets, writer.images().size());
  makeRoom(program_.tensors, writer.tensors().size());
  makeRoom(labels_, writer.tensors().size());
  makeRoom(imageStart_, writer.images().size());
  for (size_t i = 0; i < writer.images().size(); ++i) {
    const format::FileImage &image = writer.images()[i];
    auto file = static_cast<uint32_t>(program_.targets.size());
    const format::FileTemplate &form = writer.templateOf(image);
    exec::TargetFile out{rootIndex, image.path(), form.size, {}};
    out.patches.reserve(form.patches.size());
    for (const format::CrcPatch &patch : form.patches)
      out.patches.push_back({patch.offset, patch.begin, patch.end});
    for (const format::TensorSlot &slot : form.tensors) {
      auto tensor = static_cast<uint32_t>(program_.tensors.size());
      const uint32_t index = image.firstTensor + slot.tensor;
      of.places[index] = {file, slot.offset, tensor};
      program_.tensors.push_back({file, slot.offset, slot.bytes});
      labels_.emplace_back(rootIndex, index);
    }
    for (const format::VerbatimSlot &slot : form.verbatim)
      verbatim_.push_back({endpoint.keptFiles[slot.file].file, file, slot.offset});
    program_.targets.push_back(std::move(out));
    imageStart_.emplace_back(rootIndex, i);
  }
}

Status ProgramTargets::add(uint32_t target) {
  const plan::TargetEndpoint &endpoint = plan_.targets[target];
  OfTarget &of = byTarget_[target];
  auto images = format::makeImages(plan_, target);
  if (!images)
    return fail(Error(images.error()).hint(fmt::format("Look at target '{}'.", endpoint.name)));
  of.images = std::move(*images);
  const format::TargetWriter &writer = *of.images.writer;
  RECAST_ASSIGN(exec::TargetRoot root, makeRoot(target, writer));
  // Side files become visible before the file that makes the output look complete.
  addSideFiles(endpoint, root);
  root.renames.insert(root.renames.end(), writer.commit().renames.begin(),
                      writer.commit().renames.end());
  addImages(endpoint, of);
  for (const std::string &note : writer.notes())
    if (std::ranges::find(instance_.notes, note) == instance_.notes.end())
      instance_.notes.push_back(note);
  program_.roots.push_back(std::move(root));
  instance_.writers.push_back(of.images.writer);
  instance_.targets.push_back(target);
  return {};
}

Result<Place> ProgramTargets::placeOf(uint32_t family, uint32_t member, size_t output) const {
  const std::vector<plan::Output> &outputs = plan_.families[family].outputs;
  const OfTarget &of = byTarget_[outputs[output].target];
  uint32_t tensor = of.images.tensorOf[family][size_t{member} * outputs.size() + output];
  const Place &place = of.places[tensor];
  if (place.file != plan::kNone)
    return place;
  const format::TargetTensor said = of.images.writer->tensors()[tensor];
  return internal(fmt::format("target '{}' has no place for {} '{}'",
                              plan_.targets[outputs[output].target].name, said.role, said.name));
}

std::vector<std::optional<double>> ProgramTargets::deadlines() const {
  std::vector<std::optional<double>> out;
  if (plan_.deadlines.empty())
    return out;
  std::map<std::tuple<uint32_t, std::string_view, std::string_view>, double> due;
  for (const plan::Deadline &deadline : plan_.deadlines)
    due[{deadline.target, plan_.strings[deadline.name], plan_.strings[deadline.role]}] =
        deadline.time;
  out.reserve(labels_.size());
  for (auto [root, index] : labels_) {
    const format::TargetTensor tensor = instance_.writers[root]->tensors()[index];
    auto found = due.find({instance_.targets[root], tensor.name, tensor.role});
    out.push_back(found == due.end() ? std::nullopt : std::optional(found->second));
  }
  return out;
}

void ProgramTargets::install(std::vector<std::optional<double>> deadlines) && {
  program_.literals = [writers = instance_.writers,
                       start = std::move(imageStart_)](uint32_t target) {
    std::vector<exec::LiteralBytes> bytes;
    auto [root, image] = start[target];
    if (image == plan::kNone)
      return bytes;
    const format::TargetWriter &of = *writers[root];
    for (const format::Literal &literal : of.templateOf(of.images()[image]).literals)
      bytes.push_back({literal.offset, literal.bytes});
    return bytes;
  };
  program_.label = [writers = instance_.writers, labels = std::move(labels_),
                    due = std::move(deadlines)](uint32_t tensor) {
    auto [root, index] = labels[tensor];
    const format::TargetTensor of = writers[root]->tensors()[index];
    return exec::TensorLabel{std::string(of.name),
                             std::string(of.role),
                             of.dtype,
                             {of.shape.begin(), of.shape.end()},
                             due.empty() ? std::nullopt : due[tensor]};
  };
}

} // namespace recast::capi::detail
