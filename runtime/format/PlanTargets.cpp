// Targets of a plan as write requests.
#include "runtime/format/PlanTargets.h"
#include "runtime/plan/Expand.h"

#include <fmt/format.h>

namespace recast::format {
namespace {

Result<plan::ObjectPtr> parseObject(const std::string &json, const std::string &what) {
  auto object = plan::fromJson(json);
  if (!object)
    return fail(Code::BadInput, fmt::format("{} of the plan: {}", what, object.error().message()));
  return object;
}

} // namespace

Result<TargetImages> makeImages(const plan::Plan &plan, uint32_t target) {
  const plan::TargetEndpoint &endpoint = plan.targets[target];
  TargetImages images;
  images.tensorOf.resize(plan.families.size());
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> packed; // (name, role) -> tensor

  for (size_t f = 0; f < plan.families.size(); ++f) {
    const plan::Family &family = plan.families[f];
    size_t width = family.outputs.size();
    images.tensorOf[f].assign(family.memberOutputs.size(), plan::kNone);
    for (size_t m = 0; m < family.memberCount(); ++m) {
      for (size_t o = 0; o < width; ++o) {
        if (family.outputs[o].target != target)
          continue;
        const plan::MemberOutput &row = family.memberOutputs[m * width + o];
        const layout::Layout &layout = plan.layouts[family.outputs[o].layout];
        auto next = static_cast<uint32_t>(images.tensors.size());
        if (layout.axes.partCount() > 1) { // Its other parts are other members.
          auto [entry, isNew] = packed.try_emplace({row.name, row.role}, next);
          images.tensorOf[f][m * width + o] = entry->second;
          if (!isNew)
            continue;
        }
        TargetTensor tensor;
        tensor.name = plan.strings[row.name];
        tensor.role = plan.strings[row.role];
        tensor.dtype = family.outputs[o].dtype;
        RECAST_ASSIGN(tensor.shape,
                      plan::storedShape(layout, family.shape, endpoint.rankIn(layout)));
        tensor.isScalar = plan::isScalarMember(family, m);
        if (tensor.isScalar)
          tensor.scalarBits = plan::scalarOutput(family, m, o);
        images.tensorOf[f][m * width + o] = next;
        images.tensors.push_back(std::move(tensor));
      }
    }
  }

  WriteRequest request;
  request.options = endpoint.options;
  request.tag = endpoint.tag;
  request.tensors = images.tensors;
  for (auto [alias, canonical] : endpoint.aliases)
    request.aliases.emplace_back(plan.strings[alias], plan.strings[canonical]);
  for (const plan::Group &group : endpoint.groups) {
    TargetGroup out;
    for (uint32_t name : group.names)
      out.names.push_back(plan.strings[name]);
    RECAST_ASSIGN(out.hyper, parseObject(group.hyper, "a parameter group"));
    request.groups.push_back(std::move(out));
  }
  for (const auto &[name, json] : endpoint.objects) {
    RECAST_ASSIGN(request.objects[name], parseObject(json, fmt::format("object '{}'", name)));
  }
  for (const plan::KeptFile &kept : endpoint.keptFiles)
    request.keptFiles.push_back({plan.files[kept.file].path, plan.files[kept.file].size});

  auto writer = createWriter(endpoint.format, std::move(request));
  if (!writer)
    return fail(std::move(writer).error());
  images.writer = std::move(*writer);
  return images;
}

} // namespace recast::format
