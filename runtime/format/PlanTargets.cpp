// Targets of a plan as write requests.
#include "runtime/format/PlanTargets.h"
#include "runtime/plan/Expand.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <span>
#include <unordered_map>

namespace recast::format {
namespace {

Result<plan::ObjectPtr> parseObject(const std::string &json, const std::string &what) {
  auto object = plan::fromJson(json);
  if (!object)
    return fail(Code::BadInput, fmt::format("{} of the plan: {}", what, object.error().message()));
  return object;
}

/// The tensors of one target, as the families of a plan write them.
class Collector {
public:
  Collector(const plan::Plan &plan, uint32_t target)
      : plan_(plan), target_(target), names_(plan.strings.size(), plan::kNone),
        roles_(plan.strings.size(), plan::kNone) {}

  /// `tensorOf`: see TargetImages.
  Status add(const plan::Family &family, std::vector<uint32_t> &tensorOf) {
    const size_t width = family.outputs.size();
    tensorOf.assign(family.memberOutputs.size(), plan::kNone);
    std::vector<Shared> shared(width);
    for (size_t m = 0; m < family.memberCount(); ++m)
      for (size_t o = 0; o < width; ++o)
        if (family.outputs[o].target == target_) {
          RECAST_ASSIGN(tensorOf[m * width + o], addMember(family, m, o, shared[o]));
        }
    return {};
  }

  uint32_t nameOf(uint32_t id) {
    if (names_[id] == plan::kNone)
      names_[id] = tensors_.addName(plan_.strings[id]);
    return names_[id];
  }

  TargetTensors take() { return std::move(tensors_); }

private:
  /// What the members of a family have in common in one output, once the first is there.
  struct Shared {
    std::optional<uint32_t> shape;
    std::vector<plan::MemberInput> scalars; ///< From which `bits` were computed.
    uint64_t bits = 0;
  };

  Result<uint32_t> addMember(const plan::Family &family, size_t m, size_t o, Shared &shared) {
    const plan::MemberOutput &names = family.memberOutputs[m * family.outputs.size() + o];
    const plan::Output &output = family.outputs[o];
    const layout::Layout &layout = plan_.layouts[output.layout];
    auto next = static_cast<uint32_t>(tensors_.size());
    if (layout.axes.partCount() > 1) { // Its other parts are other members.
      auto [entry, isNew] = packed_.try_emplace(uint64_t{names.name} << 32 | names.role, next);
      if (!isNew)
        return entry->second;
    }
    if (!shared.shape) {
      RECAST_ASSIGN(std::vector<int64_t> shape,
                    plan::storedShape(layout, family.shape, plan_.targets[target_].rankIn(layout)));
      shared.shape = tensors_.addShape(shape);
    }
    TargetTensors::Row row{nameOf(names.name), roleOf(names.role), *shared.shape, output.dtype};
    row.isScalar = plan::isScalarMember(family, m);
    if (row.isScalar)
      row.scalarBits = scalarOf(family, m, o, shared);
    tensors_.push_back(row);
    return next;
  }

  uint32_t roleOf(uint32_t id) {
    if (roles_[id] == plan::kNone)
      roles_[id] = tensors_.addRole(plan_.strings[id]);
    return roles_[id];
  }

  /// Most parameters are at the same step.
  static uint64_t scalarOf(const plan::Family &family, size_t m, size_t o, Shared &shared) {
    auto inputs =
        std::span(family.memberInputs).subspan(m * family.inputs.size(), family.inputs.size());
    if (!std::ranges::equal(inputs, shared.scalars)) {
      shared.scalars.assign(inputs.begin(), inputs.end());
      shared.bits = plan::scalarOutput(family, m, o);
    }
    return shared.bits;
  }

  const plan::Plan &plan_;
  const uint32_t target_;
  TargetTensors tensors_;
  std::vector<uint32_t> names_, roles_; ///< By string of the plan: its number in `tensors_`.
  std::unordered_map<uint64_t, uint32_t> packed_; ///< (name, role) -> tensor.
};

} // namespace

Result<TargetImages> makeImages(const plan::Plan &plan, uint32_t target) {
  const plan::TargetEndpoint &endpoint = plan.targets[target];
  TargetImages images;
  images.tensorOf.resize(plan.families.size());
  Collector collector(plan, target);
  for (size_t f = 0; f < plan.families.size(); ++f)
    RECAST_TRY(collector.add(plan.families[f], images.tensorOf[f]));

  WriteRequest request;
  request.options = endpoint.options;
  request.tag = endpoint.tag;
  for (auto [alias, canonical] : endpoint.aliases)
    request.aliases.emplace_back(plan.strings[alias], plan.strings[canonical]);
  for (const plan::Group &group : endpoint.groups) {
    TargetGroup out;
    for (uint32_t name : group.names)
      out.names.push_back(collector.nameOf(name));
    RECAST_ASSIGN(out.hyper, parseObject(group.hyper, "a parameter group"));
    request.groups.push_back(std::move(out));
  }
  for (const auto &[name, json] : endpoint.objects) {
    RECAST_ASSIGN(request.objects[name], parseObject(json, fmt::format("object '{}'", name)));
  }
  for (const plan::KeptFile &kept : endpoint.keptFiles)
    request.keptFiles.push_back({plan.files[kept.file].path, plan.files[kept.file].size});

  request.tensors = collector.take();

  auto writer = createWriter(endpoint.format, std::move(request));
  if (!writer)
    return fail(std::move(writer).error());
  images.writer = std::move(*writer);
  return images;
}

} // namespace recast::format
