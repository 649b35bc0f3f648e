#include "runtime/exec/SourceCheck.h"

#include <fmt/format.h>

namespace recast::exec {
namespace {

Status compare(const SourceFile &planned, const io::FileInfo &found, std::string_view when) {
  if (found.size == planned.size && found.mtimeNs == planned.mtimeNs)
    return {};
  std::string what = found.size != planned.size
                         ? fmt::format("{} bytes were {}", found.size, planned.size)
                         : "it was modified";
  return fail(Error(Code::BadInput, fmt::format("the source changed {}: {}", when, what))
                  .file(planned.path)
                  .hint("Wait until whatever writes it has finished, then plan again."));
}

} // namespace

Status checkUnchanged(const SourceFile &planned, const io::FileInfo &found) {
  return compare(planned, found, "while it was read");
}

Status checkAllUnchanged(const Program &program, std::string_view when) {
  for (const SourceFile &source : program.sources) {
    RECAST_ASSIGN(io::FileInfo found, io::statFile(source.path));
    RECAST_TRY(compare(source, found, when));
  }
  return {};
}

} // namespace recast::exec
