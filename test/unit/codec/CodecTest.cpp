#include "runtime/codec/Crc32.h"
#include "runtime/codec/Digest.h"
#include "runtime/codec/Xxh3.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
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

/// The definition of docs/artifact.md, word by word.
Digest definition(std::string data) {
  auto mix = [](uint64_t x) {
    x = (x + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  };
  data.resize((data.size() + 3) / 4 * 4);
  Digest digest;
  for (uint64_t i = 0; 4 * i < data.size(); ++i) {
    uint32_t word = 0;
    std::memcpy(&word, data.data() + 4 * i, 4);
    for (uint64_t lane = 0; lane < 2; ++lane)
      digest.lanes[lane] += (mix((uint64_t{1} << 32) + 2 * (i / 1024) + lane) | 1) *
                            (mix(2 * (i % 1024) + lane) >> 32) * word;
  }
  return digest;
}

/// A page of noise before one that nobody may touch: libraries pick wide vectors by the processor.
class PageEnd : public ::testing::Test {
protected:
  void SetUp() override {
    void *made =
        mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(made, MAP_FAILED);
    pages = static_cast<char *>(made);
    ASSERT_EQ(mprotect(pages + page, page, PROT_NONE), 0);
    std::string data = noise(page, 4);
    std::memcpy(pages, data.data(), page);
  }
  void TearDown() override { munmap(pages, 2 * page); }
  std::string_view last(size_t size) const { return {pages + page - size, size}; }
  std::string_view first(size_t size) const { return {pages, size}; }

  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  char *pages = nullptr;
};

TEST_F(PageEnd, Crc32OfEverySize) {
  for (size_t size = 0; size <= page; ++size)
    for (std::string_view data : {last(size), first(size)}) {
      ASSERT_EQ(crc32(0, data.data(), size), zlibCrc(data)) << size;
      uint32_t head = zlibCrc("recast");
      ASSERT_EQ(crc32(head, data.data(), size), crc32Combine(head, zlibCrc(data), size)) << size;
    }
}

TEST_F(PageEnd, Xxh3OfEverySizeAsTheHeaderComputesIt) {
  for (size_t size = 0; size <= page; ++size)
    ASSERT_EQ(xxh3(last(size).data(), size), XXH3_64bits(last(size).data(), size)) << size;
}

TEST_F(PageEnd, DigestOfEverySize) {
  for (size_t size = 0; size <= page; size += size < 300 ? 1 : 37) {
    Digest digest;
    digest.add(0, last(size).data(), size);
    ASSERT_EQ(digest, definition(std::string(last(size)))) << size;
  }
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

TEST(Digest, AnyPartsInAnyOrderMakeTheWhole) {
  for (size_t size : {0u, 1u, 2u, 3u, 4u, 7u, 4095u, 4096u, 4097u, 100003u}) {
    std::string data = noise(size, static_cast<unsigned>(size) + 9);
    Digest whole;
    whole.add(0, data.data(), size);
    EXPECT_EQ(whole, definition(data)) << size;
    std::mt19937 random(3);
    std::vector<std::pair<size_t, size_t>> parts;
    for (size_t at = 0; at < size;) {
      size_t n = std::min<size_t>(1 + random() % (random() % 4 ? 9 : 9000), size - at);
      parts.emplace_back(at, n);
      at += n;
    }
    std::shuffle(parts.begin(), parts.end(), random);
    Digest sums[2];
    for (size_t i = 0; i < parts.size(); ++i)
      sums[i % 2].add(parts[i].first, data.data() + parts[i].first, parts[i].second);
    EXPECT_EQ(sums[0] += sums[1], whole) << size;
  }
}

TEST(Digest, SeesEveryBitAndEverySwap) {
  std::string data = noise(3 * 4096 + 6, 5);
  Digest whole = definition(data);
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    std::string other = data;
    if (i % 2)
      other[random() % data.size()] ^= static_cast<char>(1 << random() % 8);
    else
      std::swap_ranges(other.begin(), other.begin() + 2, other.begin() + 2 * (1 + random() % 6000));
    if (other == data)
      continue;
    Digest digest;
    digest.add(0, other.data(), other.size());
    ASSERT_NE(digest.lanes[0], whole.lanes[0]);
    ASSERT_NE(digest.lanes[1], whole.lanes[1]);
  }
}

TEST(Digest, AsText) {
  Digest digest = definition("recast");
  EXPECT_EQ(Digest::parse(digest.str()), digest);
  EXPECT_EQ(digest.str(), "6a576a73e4ee719238bddef50b0b0764");
  for (const char *bad :
       {"", "0", "0123456789abcdef0123456789abcdeg", "+123456789abcdef0123456789abcdef"})
    EXPECT_FALSE(Digest::parse(bad)) << bad;
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
