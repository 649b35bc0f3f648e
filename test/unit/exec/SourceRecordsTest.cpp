// Checksummed ranges, verified from pieces in any order.
#include "runtime/exec/SourceRecords.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include <string>
#include <zlib.h>

namespace recast::exec {
namespace {

constexpr uint64_t kRows = 400, kRowBytes = 24;

struct SourceRecordsTest : ::testing::Test {
  SourceRecordsTest() {
    std::mt19937 random(5);
    bytes.resize(3 * kRows * kRowBytes);
    for (char &c : bytes)
      c = static_cast<char>(random());
    program.sources.push_back({"weights.pt", bytes.size(), 0});
    // Two records with a gap between them, and one of no bytes.
    program.records = {{0, 0, kRows * kRowBytes, 0},
                       {0, kRows * kRowBytes + 7, 0, 0},
                       {0, 2 * kRows * kRowBytes, kRows * kRowBytes, 0}};
    for (RecordCheck &record : program.records)
      record.crc32 = crc(record.offset, record.offset + record.length);
  }

  uint32_t crc(uint64_t begin, uint64_t end) const {
    return static_cast<uint32_t>(
        ::crc32_z(0, reinterpret_cast<const Bytef *>(bytes.data()) + begin, end - begin));
  }
  RecordPiece piece(uint32_t record, uint64_t begin, uint64_t end) const {
    uint64_t at = program.records[record].offset;
    return {record, at + begin, at + end, crc(at + begin, at + end)};
  }
  /// A record in pieces of any size.
  void cut(uint32_t record, std::mt19937 &random, std::vector<RecordPiece> &pieces) const {
    for (uint64_t at = 0; at < kRows * kRowBytes;) {
      uint64_t size = std::min<uint64_t>(1 + random() % 97, kRows * kRowBytes - at);
      pieces.push_back(piece(record, at, at + size));
      at += size;
    }
  }

  std::string bytes;
  Program program;
};

TEST_F(SourceRecordsTest, PiecesInAnyOrder) {
  std::mt19937 random(11);
  for (int round = 0; round < 30; ++round) {
    std::vector<RecordPiece> pieces;
    cut(0, random, pieces);
    cut(2, random, pieces);
    if (round % 3 == 2)
      std::shuffle(pieces.begin(), pieces.end(), random);
    if (round % 3 == 1)
      std::ranges::sort(pieces, std::greater(), &RecordPiece::begin);
    SourceRecords records(program);
    ASSERT_EQ(records.verified(), 1u);
    for (size_t i = 0; i < pieces.size(); ++i) {
      ASSERT_TRUE(records.add({&pieces[i], 1}));
      ASSERT_TRUE(records.add({&pieces[i], 1})); // Again, by another view: counts once.
    }
    ASSERT_EQ(records.verified(), 3u) << round;
  }
}

TEST_F(SourceRecordsTest, ColumnAfterColumn) {
  for (std::vector<uint64_t> cuts : {std::vector<uint64_t>{0, 8, 16, 24}, {0, 1, 24}, {0, 24}}) {
    std::vector<size_t> columns(cuts.size() - 1);
    std::iota(columns.begin(), columns.end(), size_t{0});
    do {
      SourceRecords records(program);
      for (size_t column : columns)
        for (uint64_t row = 0; row < kRows; ++row) {
          RecordPiece one =
              piece(2, row * kRowBytes + cuts[column], row * kRowBytes + cuts[column + 1]);
          ASSERT_TRUE(records.add({&one, 1}));
        }
      ASSERT_EQ(records.verified(), 2u);
      ASSERT_EQ(records.skipped(), 1u); // The first was not read.
    } while (std::ranges::next_permutation(columns).found);
  }
}

TEST_F(SourceRecordsTest, OneWrongByteIsAnErrorThatNamesTheRange) {
  std::mt19937 random(3);
  for (int round = 0; round < 20; ++round) {
    std::vector<RecordPiece> pieces;
    cut(2, random, pieces);
    std::shuffle(pieces.begin(), pieces.end(), random);
    pieces[random() % pieces.size()].crc ^= 1u << random() % 32;
    SourceRecords records(program);
    Status status = records.add(pieces);
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().str().find("weights.pt"), std::string::npos);
    EXPECT_NE(status.error().str().find("19200"), std::string::npos) << status.error().str();
  }
}

TEST_F(SourceRecordsTest, WhatOverlapsLeavesAGap) {
  SourceRecords records(program);
  for (RecordPiece one :
       {piece(0, 0, 100), piece(0, 50, 200), piece(0, 200, kRows * kRowBytes), piece(0, 90, 110)})
    ASSERT_TRUE(records.add({&one, 1}));
  EXPECT_EQ(records.verified(), 1u);
  RecordPiece rest = piece(0, 100, 200);
  ASSERT_TRUE(records.add({&rest, 1}));
  EXPECT_EQ(records.verified(), 2u);
}

} // namespace
} // namespace recast::exec
