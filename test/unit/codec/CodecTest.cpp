#include "runtime/codec/Crc32.h"
#include "runtime/codec/Xxh3.h"

#include <gtest/gtest.h>
#include <random>
#include <string>
#include <zlib.h>

namespace {
using namespace recast::codec;

std::string noise(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string out(size, '\0');
  for (char &c : out)
    c = static_cast<char>(random());
  return out;
}

uint32_t zlibCrc(std::string_view data) {
  return static_cast<uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef *>(data.data()), data.size()));
}

TEST(Crc32, KnownAnswer) {
  EXPECT_EQ(crc32(0, "123456789", 9), 0xcbf43926u);
  EXPECT_EQ(crc32(0, "", 0), 0u);
}

TEST(Crc32, AgreesWithZlibInParts) {
  std::string data = noise(100003, 1);
  uint32_t parts = 0;
  for (size_t at = 0; at < data.size();) {
    size_t n = std::min<size_t>(1 + at % 977, data.size() - at);
    parts = crc32(parts, data.data() + at, n);
    at += n;
  }
  EXPECT_EQ(parts, zlibCrc(data));
}

TEST(Crc32, CombineAtEveryCut) {
  std::string data = noise(300, 2);
  uint32_t whole = zlibCrc(data);
  Crc32Combiner combiner;
  for (size_t cut = 0; cut <= data.size(); ++cut) {
    uint32_t a = crc32(0, data.data(), cut), b = crc32(0, data.data() + cut, data.size() - cut);
    EXPECT_EQ(crc32Combine(a, b, data.size() - cut), whole);
    EXPECT_EQ(combiner.combine(a, b, data.size() - cut), whole);
    EXPECT_EQ(combiner.combine(a, b, data.size() - cut), whole);
  }
}

TEST(Crc32, CombineBeyondFourGiB) {
  // CRC of 2^32 + 5 zero bytes by doubling, against one combine with that length.
  auto zeros = [](uint64_t n) {
    uint32_t crc = 0, unit = crc32(0, "\0", 1);
    uint64_t size = 1;
    bool any = false;
    uint32_t power = unit;
    for (uint64_t bits = n; bits; bits >>= 1) {
      if (bits & 1) {
        crc = any ? crc32Combine(crc, power, size) : power;
        any = true;
      }
      power = crc32Combine(power, power, size);
      size *= 2;
    }
    return crc;
  };
  uint64_t n = (uint64_t{1} << 32) + 5;
  uint32_t head = crc32(0, "recast", 6);
  EXPECT_EQ(crc32Combine(crc32Combine(head, zeros(n - 1), n - 1), crc32(0, "\0", 1), 1),
            crc32Combine(head, zeros(n), n));
}

TEST(Xxh3, StreamEqualsOneShot) {
  EXPECT_EQ(xxh3("", 0), 0x2d06800538d394c2ull); // XXH3_64bits of nothing, seed 0.
  Xxh3Stream stream;
  for (size_t size : {0u, 1u, 16u, 240u, 241u, 1024u, 65537u}) {
    std::string data = noise(size, static_cast<unsigned>(size));
    stream.reset();
    for (size_t at = 0; at < size;) {
      size_t n = std::min<size_t>(1 + at % 331, size - at);
      stream.update(data.data() + at, n);
      at += n;
    }
    EXPECT_EQ(stream.digest(), xxh3(data.data(), size)) << size;
  }
}

} // namespace
