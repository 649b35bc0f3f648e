#include "runtime/exec/TensorDigests.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::exec {

void joinPieces(std::vector<DigestPiece> &pieces) {
  std::sort(pieces.begin(), pieces.end(),
            [](const DigestPiece &a, const DigestPiece &b) { return a.tensor < b.tensor; });
  size_t kept = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (kept > 0 && pieces[kept - 1].tensor == pieces[i].tensor) {
      pieces[kept - 1].bytes += pieces[i].bytes;
      pieces[kept - 1].digest += pieces[i].digest;
    } else {
      pieces[kept++] = pieces[i];
    }
  }
  pieces.resize(kept);
}

void TensorDigests::add(std::span<const DigestPiece> pieces) {
  std::lock_guard lock(mutex_);
  for (const DigestPiece &piece : pieces) {
    sums_[piece.tensor].bytes += piece.bytes;
    sums_[piece.tensor].digest += piece.digest;
  }
}

Status TensorDigests::checkComplete(const Program &program) const {
  for (size_t t = 0; t < sums_.size(); ++t)
    if (sums_[t].bytes != program.tensors[t].bytes)
      return fail(Error(Code::Internal, fmt::format("the digest of tensor {} covers {} of {} bytes",
                                                    t, sums_[t].bytes, program.tensors[t].bytes))
                      .file(program.targets[program.tensors[t].file].path));
  return {};
}

} // namespace recast::exec
