// What a run leaves beside its output and believes later: commit markers and manifests.
#include "runtime/exec/CommitMarker.h"
#include "runtime/exec/Manifest.h"
#include "test/fuzz/Folder.h"
#include "test/fuzz/Target.h"

namespace recast::fuzz {

bool runMarker(std::string_view input) {
  auto marker = exec::CommitMarker::parse(std::string(input));
  if (!marker)
    return false;
  auto again = exec::CommitMarker::parse(marker->toJson());
  RECAST_PROMISE(again.has_value() && again->boot == marker->boot &&
                 again->synced == marker->synced && again->moves.size() == marker->moves.size());
  for (size_t i = 0; i < again->moves.size(); ++i)
    RECAST_PROMISE(again->moves[i].move.from == marker->moves[i].move.from &&
                   again->moves[i].inode == marker->moves[i].inode);
  return true;
}

bool runManifest(std::string_view input) {
  const std::string &folder = emptyFolder();
  writeFile(folder, "a", "12345678");
  writeFile(folder, "d/b", "");
  writeFile(folder, "c", "12345678");
  writeFile(folder, exec::StagedRoot::kManifestPath, input);
  exec::VerifyCounts counts;
  if (!exec::verifyManifest(folder, &counts))
    return false;
  RECAST_PROMISE(counts.bytes <= 8 * counts.files);
  return true;
}

} // namespace recast::fuzz
