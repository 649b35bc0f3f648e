#include "Tracer.h"

#include <cerrno>
#include <csignal>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace recast::exec::test {
namespace {

#ifdef __x86_64__
/// At the entry of a call: a shorter count, or a call that does not exist.
void spoilEntry(pid_t thread, Fault fault) {
  user_regs_struct regs;
  ::ptrace(PTRACE_GETREGS, thread, nullptr, &regs);
  if (fault == Fault::Short)
    regs.rdx = regs.rdx > 1 ? regs.rdx / 2 : regs.rdx;
  else
    regs.orig_rax = static_cast<unsigned long long>(-1);
  ::ptrace(PTRACE_SETREGS, thread, nullptr, &regs);
}

void spoilExit(pid_t thread, Fault fault) {
  if (fault == Fault::Short)
    return;
  user_regs_struct regs;
  ::ptrace(PTRACE_GETREGS, thread, nullptr, &regs);
  regs.rax = static_cast<unsigned long long>(fault == Fault::Io ? -EIO : -ENOSPC);
  ::ptrace(PTRACE_SETREGS, thread, nullptr, &regs);
}
#else
void spoilEntry(pid_t, Fault) {}
void spoilExit(pid_t, Fault) {}
#endif

} // namespace

bool isNamingCall(long call) {
  switch (call) {
#ifdef SYS_mkdir
  case SYS_mkdir:
  case SYS_rmdir:
#endif
  case SYS_renameat:
  case SYS_renameat2:
  case SYS_unlinkat:
  case SYS_mkdirat:
  case SYS_linkat:
  case SYS_fsync:
  case SYS_syncfs:
  case SYS_flock:
    return true;
  default:
    return false;
  }
}

bool isDataCall(long call) { return call == SYS_pread64 || call == SYS_pwrite64; }

bool isFileCall(long call) {
  switch (call) {
  case SYS_openat:
#ifdef SYS_openat2
  case SYS_openat2:
#endif
  case SYS_ftruncate:
  case SYS_fallocate:
  case SYS_copy_file_range:
  case SYS_fchmod:
    return true;
  default:
    return isNamingCall(call) || isDataCall(call);
  }
}

bool isAnyCall(long) { return true; }

FaultResult faultAtCall(int n, Fault fault, bool (*counts)(long),
                        const std::function<int()> &body) {
  FaultResult result;
  pid_t child = ::fork();
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0)
      ::_exit(1);
    ::raise(SIGSTOP);
    ::_exit(body());
  }
  int status;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status))
    return result;
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr,
           PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
  ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
  int seen = 0;
  pid_t spoiled = 0; // The thread whose call returns next.
  while (true) {
    pid_t thread = ::waitpid(-1, &status, __WALL);
    if (thread < 0)
      return result;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (thread != child)
        continue;
      result.exitCode = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      return result;
    }
    int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
      __ptrace_syscall_info info = {};
      ::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info);
      if (info.op == PTRACE_SYSCALL_INFO_ENTRY && counts(static_cast<long>(info.entry.nr)) &&
          seen++ == n) {
        result.happened = true;
        if (fault == Fault::Kill) {
          ::kill(child, SIGKILL);
          while (::waitpid(-1, &status, __WALL) >= 0) {
          }
          return result;
        }
        spoilEntry(thread, fault);
        spoiled = thread;
      } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && thread == spoiled) {
        spoilExit(thread, fault);
        spoiled = 0;
      }
    }
    bool ours = signal == (SIGTRAP | 0x80) || signal == SIGTRAP || signal == SIGSTOP;
    ::ptrace(PTRACE_SYSCALL, thread, nullptr, ours ? 0 : signal);
  }
}

FaultResult faultAtCall(int n, Fault fault, bool (*counts)(long),
                        const std::function<void()> &body) {
  return faultAtCall(n, fault, counts, std::function<int()>([&body] {
                       body();
                       return 0;
                     }));
}

} // namespace recast::exec::test
