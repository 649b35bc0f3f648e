// PyTorch's CSV: its own files, there and back, and what is refused with its place.
#include "compiler/Schedule/Csv.h"
#include "compiler/Schedule/ActionText.h"
#include "test/unit/schedule/Fixtures.h"

#include <gtest/gtest.h>

namespace recast::schedule {
namespace {

/// By rank and action, the column of its cell in a file.
Columns columnsOf(const std::string &text, const Schedule &schedule) {
  Columns out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    out.emplace_back();
    std::erase(line, '\r');
    std::stringstream cells(line);
    std::string cell;
    for (int32_t column = 0; std::getline(cells, cell, ','); ++column)
      if (!cell.empty())
        out.back().insert(out.back().end(), cell.starts_with('(') ? 2 : 1, column);
  }
  EXPECT_EQ(out.size(), schedule.actions.size());
  return out;
}

TEST(ScheduleCsv, ReadsPyTorchsFiles) {
  auto files = samples(".compute_only.csv");
  EXPECT_EQ(files.size(), 19u);
  for (const Sample &sample : files) {
    SCOPED_TRACE(sample.file);
    auto read = fromCsv(fixture(sample.file));
    ASSERT_TRUE(read) << read.error().str();
    Schedule expected = *generate(sample.kind, sample.shape);
    expected.kind = "explicit";
    EXPECT_EQ(*read, expected);
  }
}

TEST(ScheduleCsv, WritesPyTorchsFilesByteForByte) {
  for (const Sample &sample : samples(".compute_only.csv")) {
    SCOPED_TRACE(sample.file);
    // A small ZB-V batch ends in blanks, for the microbatches that it lacks.
    std::string text = std::regex_replace(fixture(sample.file), std::regex(",+\r"), "\r");
    Schedule schedule = *generate(sample.kind, sample.shape);
    Columns columns = columnsOf(text, schedule);
    auto written = toCsv(schedule, &columns);
    ASSERT_TRUE(written) << written.error().str();
    EXPECT_EQ(*written, text);
  }
  size_t withComms = 0;
  for (const std::string ending : {".compute_comms.csv", ".compute_comms_defer.csv"})
    for (const Sample &sample : samples(ending)) {
      std::string text = fixture(sample.file);
      auto read = fromCsv(text);
      ASSERT_TRUE(read) << read.error().str();
      EXPECT_EQ(*toCsv(*read), text) << sample.file;
      ++withComms;
    }
  EXPECT_EQ(withComms, 26u);
}

TEST(ScheduleCsv, TakesAnyPlacementOfStages) {
  auto read = fromCsv("1F0,1B0,,\n 0F0,2F0\t,2B0,0B0\r\n");
  ASSERT_TRUE(read) << read.error().str();
  EXPECT_EQ(read->rankOf, (std::vector<int32_t>{1, 0, 1}));
  EXPECT_EQ(read->chunks, 2);
  EXPECT_EQ(read->microbatches, 1);
  EXPECT_EQ(cellTexts(read->actions[0]), (std::vector<std::string>{"1F0", "1B0"}));
}

TEST(ScheduleCsv, ChecksWhatIsStated) {
  std::string text = "0F0,0B0\r\n1F0,1B0\r\n";
  EXPECT_TRUE(fromCsv(text, {2, 1, 1}));
  auto refused = [&](StatedShape stated, std::string_view reason) {
    auto read = fromCsv(text, stated);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), Code::Usage);
    EXPECT_EQ(read.error().message(), reason);
  };
  refused({3, 0, 0}, "the schedule has 2 ranks, not 3");
  refused({0, 2, 0}, "the schedule has 1 chunks on a rank, not 2");
  refused({0, 0, 4}, "the schedule has 1 microbatches, not 4");
}

void refused(std::string_view text, std::string_view reason, ByteRange bytes) {
  auto read = fromCsv(text);
  ASSERT_FALSE(read) << text;
  EXPECT_EQ(read.error().code(), Code::BadInput);
  EXPECT_EQ(read.error().message().substr(0, reason.size()), reason);
  ASSERT_TRUE(read.error().byteRange()) << text;
  EXPECT_EQ(read.error().byteRange()->begin, bytes.begin) << text;
  EXPECT_EQ(read.error().byteRange()->end, bytes.end) << text;
}

TEST(ScheduleCsv, RefusesWhatPyTorchReadsAsSomethingElse) {
  refused("0F0,0F1x,0B0\r\n", "line 1, cell 2: '0F1x' is no action: 'x' is left over", {4, 8});
  refused("0F0\r\n1F0,1BW0\r\n", "line 2, cell 2: '1BW0' is no action: it is of PyTorch's notation",
          {9, 13});
  refused("(0F7,7B3)OVERLAP_F_B\r\n", "line 1, cell 1: '(0F7' is no action: a pair ends in",
          {0, 4});
  refused("0F1;0B1\r\n", "line 1, cell 1: '0F1;0B1' is no action: ';0B1' is left over", {0, 7});
  refused("()OVERLAP_F_B\r\n", "line 1, cell 1: '()OVERLAP_F_B' is no action: a pair is two",
          {0, 13});
  refused("0F0,0B\r\n", "line 1, cell 2: '0B' is no action: B needs a microbatch", {4, 6});
  refused("0F0,0B00\r\n", "line 1, cell 2: '0B00' is no action: '00' is not a number", {4, 8});
  refused("0F0,\"0B0\"\r\n", "line 1: a quotation mark", {4, 5});
  refused("0F0\r0B0\r\n", "line 1: a carriage return that no line feed follows", {3, 4});
  refused("0F0\r\n\r\n1F0\r\n", "line 2 is blank: to PyTorch that is rank 1", {5, 5});
  refused("0F0,0B0\r\n\r\n", "line 2 is blank", {9, 9});
  refused("0F0,0B0\r\n, ,\r\n", "line 2 has only blanks: rank 1 does nothing", {9, 12});
  refused(std::string_view("0F0,\0", 5), "line 1: byte 0x00", {4, 5});
  refused("0F0\n0\xc3\x9f\n", "line 2: byte 0xc3", {5, 6});
}

TEST(ScheduleCsv, RefusesWhatIsNoSchedule) {
  refused("0F0,0F2147483647\r\n",
          "line 1, cell 2: '0F2147483647' is no action: stages and microbatches are below",
          {4, 16});
  refused("0F0,0B0\r\n1F0,1B0,0F1\r\n",
          "line 2, cell 3: stage 0 is on rank 1 here and on rank 0 in line 1, cell 1", {17, 20});
  refused("0F0,0OPT\r\n", "line 1, cell 2: PyTorch has no '0OPT'", {4, 8});
  refused("0F0,0F2000000000\r\n", "line 1, cell 2: 2000000001 microbatches through 1 stages",
          {4, 16});
  refused("0F0,1RECV_B0,,0B0\r\n1F0\r\n", "line 2, cell 1: stage 1 is on rank 1", {19, 22});
  refused("0F0,0SEND_F0,,0B0\r\n1F0\r\n", "line 1, cell 3: a blank in a file with", {13, 13});
  auto message = [](std::string_view text) { return fromCsv(text).error().message(); };
  EXPECT_EQ(message(""), "no rows: a schedule has a row for every rank");
  EXPECT_EQ(message("0F0,0B0\r\n2F0,2B0"),
            "line 2, cell 1 is of stage 2, but no cell is of stage 1");
  EXPECT_EQ(message("0UNSHARD\n"), "no cell runs a microbatch");
}

TEST(ScheduleCsv, IsRefusedForWhatItHasNoTextFor) {
  Schedule schedule = *generate("1f1b", {2, 1, 2});
  schedule.updateEvery = 1;
  auto written = toCsv(schedule);
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().str().find("Write it as json"), std::string::npos);
  schedule.updateEvery = 0;
  schedule.actions[1].push_back({ActionKind::OptimizerStep, false, 1});
  written = toCsv(schedule);
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message().find("has no '1OPT'"), std::string::npos);
  schedule.actions[1].pop_back();
  Columns falling = {{0, 1, 2, 3}, {0, 2, 1, 3}};
  EXPECT_EQ(toCsv(schedule, &falling).error().message(),
            "rank 1: '1F1' in column 1, after column 2");
}

} // namespace
} // namespace recast::schedule
