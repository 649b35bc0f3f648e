// What a fuzzer does with an input: hand it to a parser, and hold the parser to its promises. The
// same functions run under libFuzzer (FuzzMain.cpp) and, over the corpus and damages of it, in the
// unit tests (ReplayTest.cpp).
#pragma once

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace recast::fuzz {

/// A promise was broken: ends the process, as a crash would.
[[noreturn]] inline void broken(const char *promise, const char *file, int line) {
  std::fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, promise);
  std::abort();
}

struct Target {
  const char *name;                    ///< Also of its folder below corpus/.
  bool (*run)(std::string_view input); ///< Whether the parser accepted the input.
};

std::span<const Target> targets();
/// Null if there is none of that name.
const Target *findTarget(std::string_view name);

bool runPickle(std::string_view input);
bool runTorchFile(std::string_view input);
bool runZipDirectory(std::string_view input);
bool runTorchFolder(std::string_view input);
bool runSafetensors(std::string_view input);
bool runSafetensorsFolder(std::string_view input);
bool runShardIndex(std::string_view input);
bool runConfig(std::string_view input);
bool runDeepSpeed(std::string_view input);
bool runUniversal(std::string_view input);
bool runUcl(std::string_view input);
bool runModels(std::string_view input);
bool runDefine(std::string_view input);
bool runLayout(std::string_view input);
bool runMap(std::string_view input);
bool runRecipe(std::string_view input);
bool runArtifact(std::string_view input);
bool runObjectJson(std::string_view input);
bool runMarker(std::string_view input);
bool runManifest(std::string_view input);
bool runJournal(std::string_view input);
bool runKernelPack(std::string_view input);
bool runScheduleCsv(std::string_view input);
bool runScheduleJson(std::string_view input);

} // namespace recast::fuzz

#define RECAST_PROMISE(condition)                                                                  \
  do {                                                                                             \
    if (!(condition))                                                                              \
      ::recast::fuzz::broken(#condition, __FILE__, __LINE__);                                      \
  } while (false)
