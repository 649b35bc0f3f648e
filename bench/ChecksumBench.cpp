// What checking bytes costs beside copying them; see kHelp.
#include "bench/Lap.h"
#include "runtime/codec/Crc32.h"
#include "runtime/codec/Digest.h"
#include "runtime/codec/Xxh3.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <vector>
#include <zlib.h>
// Compiled into this file, for what the compiler may assume.
#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace recast;

namespace {

constexpr char kHelp[] = R"(bench_checksums

Checksums of the executor on one thread, GB/s of bytes checked, the best of nine rounds in turn: from the first-level
cache (16 KiB), as workers meet what they have just read (256 KiB), and from memory (64 MiB). Beside them what zlib and
XXH3 without wide vectors take, and memcpy.
)";

struct Contestant {
  const char *name;
  std::function<void(const char *, size_t)> check;
  double seconds = 0;
};

/// Keeps the compiler from leaving out what nobody reads.
volatile uint64_t sink;

} // namespace

int main(int argc, char **) {
  if (argc > 1) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  codec::Xxh3Stream stream;
  XXH3_state_t *inlined = XXH3_createState();
  XXH3_64bits_reset(inlined);
  codec::Digest digest;
  std::vector<char> to(size_t{64} << 20);
  std::vector<Contestant> contestants = {
      {"CRC-32", [](const char *data, size_t size) { sink = codec::crc32(0, data, size); }},
      {"CRC-32 of zlib",
       [](const char *data, size_t size) {
         sink = ::crc32_z(0, reinterpret_cast<const Bytef *>(data), size);
       }},
      {"XXH3", [&](const char *data, size_t size) { stream.update(data, size); }},
      {"XXH3 as compiled here",
       [&](const char *data, size_t size) { XXH3_64bits_update(inlined, data, size); }},
      {"digest of a tensor", [&](const char *data, size_t size) { digest.add(0, data, size); }},
      {"memcpy", [&](const char *data, size_t size) { std::memcpy(to.data(), data, size); }},
  };
  constexpr size_t kBytes = size_t{256} << 20;
  std::vector<char> from(size_t{64} << 20);
  for (size_t i = 0; i < from.size(); ++i)
    from[i] = static_cast<char>(i * 2654435761u >> 13);
  std::printf("%-24s %10s %10s %10s  GB/s\n", "", "16 KiB", "256 KiB", "64 MiB");
  std::vector<std::vector<double>> rates(contestants.size());
  for (size_t size : {size_t{16} << 10, size_t{256} << 10, size_t{64} << 20}) {
    for (Contestant &one : contestants)
      one.seconds = 1e9;
    for (int round = 0; round < 9; ++round)
      for (Contestant &one : contestants) {
        bench::lap();
        for (size_t done = 0; done < kBytes; done += size)
          one.check(from.data(), size);
        one.seconds = std::min(one.seconds, bench::lap());
      }
    for (size_t i = 0; i < contestants.size(); ++i)
      rates[i].push_back(kBytes / contestants[i].seconds / 1e9);
  }
  sink = stream.digest() + XXH3_64bits_digest(inlined) + digest.lanes[0];
  XXH3_freeState(inlined);
  for (size_t i = 0; i < contestants.size(); ++i)
    std::printf("%-24s %10.1f %10.1f %10.1f\n", contestants[i].name, rates[i][0], rates[i][1],
                rates[i][2]);
}
