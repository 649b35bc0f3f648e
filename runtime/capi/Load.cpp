#include "runtime/capi/Instantiate.h"
#include "runtime/io/File.h"
#include "runtime/io/TrustedFile.h"

#include <fmt/format.h>

namespace recast::capi {

Result<plan::Plan> loadPlan(const std::string &path) {
  // Far above any real plan (40 bytes a piece at most), far below what would hurt.
  constexpr uint64_t kLargestArtifact = uint64_t{1} << 32;
  RECAST_ASSIGN(std::string bytes, io::readTrusted(path, kLargestArtifact));
  auto plan = plan::readArtifact(bytes);
  if (!plan)
    return fail(std::move(plan).error().file(path));
  return plan;
}

Status checkSources(const plan::Plan &plan) {
  for (const plan::SourceFile &file : plan.files) {
    const plan::SourceEndpoint &source = plan.sources[file.endpoint];
    std::string path = source.path + "/" + file.path;
    RECAST_ASSIGN(io::FileInfo now, io::statFile(path));
    if (now.size == file.size && now.mtimeNs == file.mtimeNs)
      continue;
    Error error(Code::BadInput,
                fmt::format("the file changed since the plan was made ({} bytes then, {} now)",
                            file.size, now.size));
    return fail(std::move(error).file(path).hint("Make the plan again from this checkpoint."));
  }
  return {};
}

} // namespace recast::capi
