// recast-fuzz TARGET [libFuzzer's arguments]
#include "test/fuzz/Target.h"

#include <cstdint>

namespace {
const recast::fuzz::Target *chosen = nullptr;
}

extern "C" int LLVMFuzzerInitialize(int *argc, char ***argv) {
  if (*argc > 1)
    chosen = recast::fuzz::findTarget((*argv)[1]);
  if (!chosen) {
    std::fprintf(stderr, "recast-fuzz TARGET [libFuzzer's arguments]; the targets are");
    for (const recast::fuzz::Target &target : recast::fuzz::targets())
      std::fprintf(stderr, " %s", target.name);
    std::fprintf(stderr, "\n");
    std::exit(2);
  }
  // libFuzzer would take the name for a corpus.
  for (int i = 1; i + 1 < *argc; ++i)
    (*argv)[i] = (*argv)[i + 1];
  --*argc;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  chosen->run({reinterpret_cast<const char *>(data), size});
  return 0;
}
