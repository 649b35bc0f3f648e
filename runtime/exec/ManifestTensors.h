// What a manifest says of the tensors in its folder.
#pragma once

#include "runtime/base/DType.h"
#include "runtime/base/Status.h"
#include "runtime/codec/Digest.h"

#include <string>
#include <vector>

namespace recast::exec {

struct ManifestTensor {
  std::string name, role;
  DType dtype = DType::U8;
  std::vector<int64_t> shape;
  std::string file;    ///< Relative to the folder of the manifest.
  uint64_t offset = 0; ///< Of its first byte there.
  codec::Digest digest;
};

/// The tensors of `folder`/.recast/manifest.json; none where it has no digests, or those of another
/// definition. Code::BadInput if it makes no sense. Reads nothing but the manifest.
Result<std::vector<ManifestTensor>> readManifestTensors(const std::string &folder);

} // namespace recast::exec
