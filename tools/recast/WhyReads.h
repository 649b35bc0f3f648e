// Which bytes are checked on their way, and which are read more than once.
#pragma once

#include "tools/recast/Why.h"

namespace recast::tools {

/// The checksums that bytes pass under between a source and a target.
class Checksums {
public:
  explicit Checksums(const exec::Program &program);

  /// Of what an input of a task reads: under checksums of its file that are verified with it.
  uint64_t verifiedBytes(const exec::Task &task, size_t input) const;
  /// Of what an output writes: under checksums that its file holds.
  uint64_t summedBytes(const exec::Task &task, size_t output) const;

private:
  const exec::Program &program_;
  std::vector<bool> isVerified_; ///< By record: with the reads of the tasks that need its bytes.
  std::vector<std::vector<exec::CrcPatch>> patches_; ///< By target file, ascending.
};

/// What several tasks read: shared by files that are kept, or read again and why.
void addSharedReads(const plan::Plan &plan, const capi::Instance &instance, Why &why);

} // namespace recast::tools
