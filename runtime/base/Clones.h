// Loops for the processor that the program meets: the compiler may assume SSE2 only, so wider
// vectors are chosen when the program starts.
#pragma once

// A function that is compiled for several levels. Not with address sanitizers, which do not know
// the mechanism.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer)
#define RECAST_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
// Before each of several definitions of one function, which differ by the level: "default",
// "avx2" and so on. All but that for "default" stand inside `#if RECAST_HAS_LEVELS`.
#define RECAST_FOR(level) __attribute__((target(level)))
#define RECAST_HAS_LEVELS 1
#else
#define RECAST_CLONES
#define RECAST_FOR(level)
#define RECAST_HAS_LEVELS 0
#endif
