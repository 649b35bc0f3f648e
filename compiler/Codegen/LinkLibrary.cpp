#include "compiler/Codegen/LinkLibrary.h"

#include "runtime/io/File.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <fmt/format.h>
#include <vector>

namespace recast::codegen {
namespace {

constexpr uint64_t kLargestLibrary = uint64_t{64} << 20;

Result<std::string> findLinker() {
  for (const char *name : {"ld.lld-22", "ld.lld"})
    if (auto found = llvm::sys::findProgramByName(name))
      return *found;
  if (auto found = llvm::sys::findProgramByName("ld.lld", {RECAST_LLVM_TOOLS}))
    return *found;
  return fail(Error(Code::Usage, "kernels cannot be linked: there is no ld.lld")
                  .hint("Install lld-22, or go on without: the interpreter computes the same."));
}

} // namespace

Result<std::string> linkLibrary(const std::string &object) {
  RECAST_ASSIGN(std::string linker, findLinker());
  llvm::SmallString<128> folder;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("recast-kernels", folder))
    return ioError("cannot create a temporary folder", error.value(), folder.str().str());
  auto cleanUp = llvm::scope_exit([&] { llvm::sys::fs::remove_directories(folder); });
  const std::string input = (folder + "/kernels.o").str(), output = (folder + "/kernels.so").str(),
                    log = (folder + "/log").str();
  {
    std::error_code error;
    llvm::raw_fd_ostream file(input, error);
    file << object;
    file.close();
    if (error || file.has_error())
      return ioError("cannot write", (error ? error : file.error()).value(), input);
  }
  std::vector<llvm::StringRef> words = {linker,
                                        "-shared",
                                        "-z",
                                        "defs",
                                        "-z",
                                        "now",
                                        "-z",
                                        "noexecstack",
                                        "--build-id=none",
                                        "--gc-sections",
                                        "-o",
                                        output,
                                        input};
  std::string error;
  int code = llvm::sys::ExecuteAndWait(
      linker, words, std::nullopt, {llvm::StringRef(), llvm::StringRef(log), llvm::StringRef(log)},
      /*SecondsToWait=*/60, /*MemoryLimit=*/0, &error);
  if (code != 0) {
    auto said = io::readWhole(log, 4096);
    return internal(fmt::format("linking kernels failed: {}{}", error, said ? *said : ""));
  }
  return io::readWhole(output, kLargestLibrary);
}

} // namespace recast::codegen
