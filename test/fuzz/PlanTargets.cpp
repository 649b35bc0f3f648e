// Artifacts and the JSON of objects.
#include "runtime/capi/Instantiate.h"
#include "runtime/plan/Expand.h"
#include "runtime/plan/Plan.h"
#include "runtime/plan/Sections.h"
#include "test/fuzz/Target.h"

#include <cstring>

namespace recast::fuzz {

bool runArtifact(std::string_view input) {
  std::string bytes(input);
  if (bytes.size() >= plan::kHeadSize) {
    // Sealed again, so that a change reaches the checks behind the checksum.
    uint64_t size = bytes.size();
    std::memcpy(bytes.data() + 24, &size, sizeof size);
    uint64_t checksum = plan::artifactChecksum(bytes.data(), bytes.size());
    std::memcpy(bytes.data() + plan::kChecksumOffset, &checksum, sizeof checksum);
  }
  auto read = plan::readArtifact(bytes);
  if (!read)
    return false;
  std::string written = plan::writeArtifact(*read);
  auto again = plan::readArtifact(written);
  RECAST_PROMISE(again.has_value() && *again == *read);
  RECAST_PROMISE(plan::writeArtifact(*again) == written);

  uint64_t runs = 0;
  auto stop = plan::expandPlan(*read, [&](const plan::Run &run) -> Status {
    for (const plan::RunInput &in : run.inputs)
      RECAST_PROMISE(in.file == plan::kNone || in.file < read->files.size());
    if (++runs > 10000)
      return badInput("enough");
    return {};
  });
  if (!stop)
    return false;
  auto instance = capi::instantiate(*read);
  if (!instance)
    return false;
  for (const exec::Task &task : instance->program.tasks)
    for (const exec::TaskInput &in : task.inputs) {
      if (in.isConstant())
        continue;
      RECAST_PROMISE(in.file < instance->program.sources.size());
      uint64_t size = instance->program.sources[in.file].size;
      RECAST_PROMISE(in.offset <= size &&
                     static_cast<uint64_t>(task.count) <= (size - in.offset) / byteWidth(in.dtype));
    }
  return true;
}

bool runObjectJson(std::string_view input) {
  auto object = plan::fromJson(input);
  if (!object)
    return false;
  std::string text = plan::toJson(**object);
  auto again = plan::fromJson(text);
  RECAST_PROMISE(again.has_value());
  RECAST_PROMISE(plan::equal(**object, **again));
  RECAST_PROMISE(plan::toJson(**again) == text);
  return true;
}

} // namespace recast::fuzz
