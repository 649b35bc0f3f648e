#include "runtime/format/deepspeed/read/ParameterGroups.h"

#include <fmt/format.h>

namespace recast::format::deepspeed {

plan::ObjectPtr hyperParameters(const plan::Object &group) {
  std::vector<std::pair<plan::ObjectPtr, plan::ObjectPtr>> hyper;
  for (const auto &entry : group.entries)
    if (entry.first->text != "params")
      hyper.push_back(entry);
  return plan::dict(std::move(hyper));
}

std::vector<int32_t> addGroups(const ModelStates &model, const RankStates &rank, bool zero3,
                               Inventory &inventory, std::vector<Error> &problems) {
  const auto &shapes = model.paramShapes;
  const auto &groups = rank.paramGroups->items;
  std::vector<int32_t> groupOf(shapes.size(), -1);
  for (size_t g = 0; g < groups.size(); ++g) {
    Group out;
    out.hyper = hyperParameters(*groups[g]);
    std::vector<int64_t> parts =
        zero3 ? intsOf(groups[g]->find("params")).value_or(std::vector<int64_t>{})
              : std::vector{static_cast<int64_t>(g)};
    for (int64_t part : parts) {
      bool exists = part >= 0 && static_cast<size_t>(part) < shapes.size();
      if (!exists || groupOf[static_cast<size_t>(part)] != -1) {
        problems.push_back(
            Error(Code::BadInput,
                  fmt::format("parameter group {} names the sub-group {}, which {}", g, part,
                              exists ? "another group has" : "does not exist"))
                .file(rank.name));
        continue;
      }
      groupOf[static_cast<size_t>(part)] = static_cast<int32_t>(g);
      for (const NamedShape &param : shapes[static_cast<size_t>(part)])
        out.names.push_back(param.name);
    }
    inventory.groups.push_back(std::move(out));
  }
  for (size_t part = 0; part < shapes.size(); ++part)
    if (groupOf[part] < 0)
      problems.push_back(
          Error(Code::BadInput, fmt::format("the sub-group {} belongs to no parameter group", part))
              .file(rank.name));
  return groupOf;
}

} // namespace recast::format::deepspeed
