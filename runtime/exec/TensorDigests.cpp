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

TensorDigests::TensorDigests(const Program &program, bool digests, Ready ready)
    : program_(program), digests_(digests), ready_(std::move(ready)),
      sums_(program.tensors.size()) {}

/// Nobody changes the sum of a complete tensor.
void TensorDigests::report(uint32_t tensor) {
  std::lock_guard lock(readyMutex_);
  ready_(tensor, digests_ ? std::optional(sums_[tensor].digest) : std::nullopt);
}

void TensorDigests::reportEmpty() {
  for (uint32_t t = 0; ready_ && t < sums_.size(); ++t)
    if (program_.tensors[t].bytes == 0)
      report(t);
}

void TensorDigests::add(std::span<const DigestPiece> pieces) {
  std::vector<uint32_t> complete;
  {
    std::lock_guard lock(mutex_);
    for (const DigestPiece &piece : pieces) {
      Sum &sum = sums_[piece.tensor];
      sum.bytes += piece.bytes;
      sum.digest += piece.digest;
      if (ready_ && piece.bytes > 0 && sum.bytes == program_.tensors[piece.tensor].bytes)
        complete.push_back(piece.tensor);
    }
  }
  for (uint32_t tensor : complete)
    report(tensor);
}

Status TensorDigests::checkComplete() const {
  for (size_t t = 0; t < sums_.size(); ++t)
    if (sums_[t].bytes != program_.tensors[t].bytes)
      return fail(Error(Code::Internal, fmt::format("{} of {} bytes of tensor {} were written",
                                                    sums_[t].bytes, program_.tensors[t].bytes, t))
                      .file(program_.targets[program_.tensors[t].file].path));
  return {};
}

} // namespace recast::exec
