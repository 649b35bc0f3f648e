// A child process in which the n-th system call of a kind goes wrong.
#pragma once

#include <functional>

namespace recast::exec::test {

enum class Fault {
  Kill,    ///< SIGKILL instead of the call.
  Io,      ///< It fails with EIO.
  NoSpace, ///< It fails with ENOSPC.
  Short,   ///< It moves half of the bytes at most.
};

struct FaultResult {
  bool happened = false; ///< False: the child made fewer such calls, or could not be traced.
  int exitCode = -1;     ///< Of the child, unless it was killed.
};

/// Renames, unlinks, links, folders, locks and flushes.
bool isNamingCall(long call);
/// Positional reads and writes.
bool isDataCall(long call);
/// These, and whatever else makes or changes files.
bool isFileCall(long call);
bool isAnyCall(long call);

/// Runs `body` in a child; call `n` (from 0, over all its threads) of those that `counts` picks
/// suffers `fault`. Only Kill works on processors other than x86-64.
FaultResult faultAtCall(int n, Fault fault, bool (*counts)(long), const std::function<int()> &body);
FaultResult faultAtCall(int n, Fault fault, bool (*counts)(long),
                        const std::function<void()> &body);

} // namespace recast::exec::test
