// `.recast/manifest.json`: which bytes were written where, so that torn, rotten or missing files
// are found later, and what each tensor is, wherever its bytes lie. Holds no time and nothing that
// depends on threads: equal outputs, equal manifests.
#pragma once

#include "runtime/exec/Staging.h"
#include "runtime/exec/TargetExtents.h"
#include "runtime/exec/TensorDigests.h"

namespace recast::exec {

/// Writes the manifest of one root into its staging folder; null `digests`: without them.
Status writeManifest(const Program &program, uint32_t root, const StagedRoot &staged,
                     const TargetExtents &extents, const TensorDigests *digests);

struct VerifyCounts {
  uint64_t files = 0, bytes = 0, extents = 0;
};

/// Hashes everything that the manifest of `folder` (the folder that holds `.recast`) lists. Fails
/// with Code::Negative at the first file that is missing, has another size or other bytes, naming
/// file and byte range; with Code::BadInput if there is no manifest or it makes no sense.
Status verifyManifest(const std::string &folder, VerifyCounts *counts = nullptr);

} // namespace recast::exec
