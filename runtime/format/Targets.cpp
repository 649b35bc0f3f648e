// The target formats by name.
#include "runtime/base/NearestName.h"
#include "runtime/format/Printable.h"
#include "runtime/format/TargetWriter.h"
#include "runtime/format/deepspeed_universal/write/UniversalWriter.h"
#include "runtime/format/memory/write/MemoryWriter.h"
#include "runtime/format/safetensors/write/SafetensorsWriter.h"
#include "runtime/format/torch/write/TorchWriter.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::format {
namespace {

struct Target {
  const TargetTraits &(*traits)();
  Result<std::unique_ptr<TargetWriter>> (*create)(WriteRequest);
};

constexpr Target kTargets[] = {
    {universalTraits, createUniversalWriter},
    {safetensorsTraits, createSafetensorsWriter},
    {torchTraits, createTorchWriter},
    {memoryTraits, createMemoryWriter},
};

const Target *findTarget(std::string_view format) {
  for (const Target &target : kTargets)
    if (target.traits().format == format)
      return &target;
  return nullptr;
}

std::string suggestion(std::string_view name, const std::vector<std::string> &known) {
  std::string nearest = nearestName(name, known);
  return nearest.empty() ? fmt::format("Known: {}.", fmt::join(known, ", "))
                         : fmt::format("Did you mean '{}'?", nearest);
}

} // namespace

bool holdsObject(const TargetTraits &traits, const std::string &name) {
  const std::vector<std::string> &names = traits.objects;
  return traits.holdsObjects &&
         (names.empty() || std::find(names.begin(), names.end(), name) != names.end());
}

const TargetTraits *targetTraits(std::string_view format) {
  const Target *target = findTarget(format);
  return target ? &target->traits() : nullptr;
}

std::vector<std::string> targetFormats() {
  std::vector<std::string> names;
  for (const Target &target : kTargets)
    names.push_back(target.traits().format);
  return names;
}

Result<std::unique_ptr<TargetWriter>> createWriter(std::string_view format, WriteRequest request) {
  const Target *target = findTarget(format);
  if (!target)
    return fail(Error(Code::Usage,
                      fmt::format("'{}' is not a format that Recast writes", printable(format, 80)))
                    .hint(suggestion(format, targetFormats())));
  const std::vector<std::string> &known = target->traits().options;
  for (const auto &[option, value] : request.options)
    if (std::find(known.begin(), known.end(), option) == known.end())
      return fail(
          Error(Code::Usage, fmt::format("{} has no option '{}'", format, printable(option, 80)))
              .hint(suggestion(option, known)));
  return target->create(std::move(request));
}

} // namespace recast::format
