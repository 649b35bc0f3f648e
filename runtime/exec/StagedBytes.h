// Files that an earlier run staged, compared with what it says it wrote into them.
#pragma once

#include "runtime/exec/Journal.h"

namespace recast::exec {

class StagedBytes {
public:
  StagedBytes(const Program &program, const std::vector<std::unique_ptr<StagedRoot>> &roots)
      : program_(program), roots_(roots) {}

  /// Whether everything that a unit wrote lies in staged files that are long enough and, with
  /// `hashed`, still has its hash. Code::Io if it cannot be read; Code::Interrupted.
  Result<bool> holds(const FinishedUnit &unit, bool hashed);

private:
  /// Opens the file unless it is the one at hand. False if there is none.
  bool open(uint32_t target);
  Result<bool> hasHash(const PlacedExtent &placed);

  const Program &program_;
  const std::vector<std::unique_ptr<StagedRoot>> &roots_;
  io::Descriptor file_;
  uint32_t current_ = 0xffffffff;
  uint64_t size_ = 0;
  std::vector<char> buffer_;
};

} // namespace recast::exec
