// Forms by name, by content, and their options.
#include "compiler/Schedule/Exchange.h"
#include "compiler/Schedule/Comms.h"
#include "test/unit/schedule/Fixtures.h"

#include <gtest/gtest.h>

namespace recast::schedule {
namespace {

TEST(Exchange, KnowsFormsByContent) {
  size_t known = 0;
  for (const auto &entry : std::filesystem::directory_iterator(RECAST_TEST_DATA "/schedules")) {
    std::string file = entry.path().filename().string();
    if (file.ends_with(".md") || entry.is_directory())
      continue;
    std::string text = fixture(file);
    Form expected = file.ends_with(".csv")           ? Form::TorchCsv
                    : file.starts_with("deepspeed_") ? Form::DeepSpeed
                                                     : Form::Megatron;
    EXPECT_EQ(formOf(text), expected) << file;
    auto read = importSchedule(text, file);
    EXPECT_TRUE(read) << read.error().str();
    ++known;
  }
  EXPECT_EQ(known, 53u);
  EXPECT_EQ(formOf(*exportSchedule(Form::Json, *generate("1f1b", {2, 1, 2}))), Form::Json);
}

TEST(Exchange, RoundTripsEveryFormOfEveryKind) {
  size_t done = 0;
  for (const std::string &kind : kinds())
    for (Form form : {Form::Json, Form::TorchCsv, Form::DeepSpeed, Form::Megatron}) {
      Shape shape{
          4, kind == "zb-v" || kind == "dualpipe-v" || kind.starts_with("interleaved") ? 2 : 1, 8};
      Schedule schedule = *generate(kind, shape);
      auto text = exportSchedule(form, schedule);
      if (!text)
        continue; // Refusals are the forms' own tests.
      auto read = importSchedule(*text, "x", form, {4, shape.chunks, 8});
      ASSERT_TRUE(read) << kind << " " << name(form) << ": " << read.error().str();
      auto again = exportSchedule(form, *read);
      if (form != Form::DeepSpeed) // Its backwards are whole.
        EXPECT_EQ(read->actions, schedule.actions) << kind << " " << name(form);
      ASSERT_TRUE(again);
      EXPECT_EQ(importSchedule(*again, "x")->actions, read->actions);
      ++done;
    }
  EXPECT_EQ(done, kinds().size() + 8u + 2u + 2u); // JSON says all, the rest synchronous kinds.
}

TEST(Exchange, HasOptionsOfCommunication) {
  Schedule schedule = *generate("dualpipe-v", {4, 2, 8});
  EXPECT_EQ(*exportSchedule(Form::TorchCsv, schedule, {.comms = true}),
            fixture("torch_DualPipeV_p4_v2_m8.compute_comms.csv"));
  EXPECT_EQ(*exportSchedule(Form::TorchCsv, *generate("looped-bfs", {4, 4, 6}), {.defer = true}),
            fixture("torch_LoopedBFS_p4_v4_m6.compute_comms_defer.csv"));
  auto put = exportSchedule(Form::TorchCsv, schedule, {.defer = true});
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().message().find("put off, receives are out of the order of sends: number "),
            0u);
  auto lowered = importSchedule(fixture("torch_DualPipeV_p4_v2_m8.compute_comms.csv"), "x");
  ASSERT_TRUE(lowered);
  EXPECT_EQ(*exportSchedule(Form::TorchCsv, *lowered), *exportSchedule(Form::TorchCsv, schedule));
  EXPECT_EQ(*importSchedule(*exportSchedule(Form::Json, *lowered), "x"), *lowered);
  EXPECT_EQ(exportSchedule(Form::DeepSpeed, schedule, {.comms = true}).error().code(), Code::Usage);
  EXPECT_EQ(exportSchedule(Form::Megatron, schedule, {.defer = true}).error().code(), Code::Usage);
}

TEST(Exchange, AlignsCells) {
  EXPECT_EQ(*exportSchedule(Form::TorchCsv, *generate("1f1b", {2, 1, 3}), {.align = true}),
            "0F0,0F1,,0B0,0F2,0B1,,0B2\r\n,1F0,1B0,1F1,1B1,1F2,1B2\r\n");
  EXPECT_EQ(
      exportSchedule(Form::TorchCsv, *generate("1f1b", {2, 1, 3}), {.comms = true, .align = true})
          .error()
          .code(),
      Code::Usage);
  EXPECT_EQ(exportSchedule(Form::TorchCsv, *generate("dualpipe-v", {2, 2, 4}), {.align = true})
                .error()
                .message()
                .find("PyTorch runs pairs like that of "),
            0u);
}

TEST(Exchange, NamesFormsAndFiles) {
  EXPECT_EQ(*formNamed("torch_csv"), Form::TorchCsv);
  EXPECT_EQ(formNamed("csv").error().hintText(), "Known: json, torch-csv, deepspeed, megatron.");
  auto read = importSchedule("0F0,0F\r\n", "a.csv");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().fileName(), "a.csv");
  EXPECT_EQ(importSchedule("{", "a.json").error().message(), "not JSON at byte 1");
  EXPECT_EQ(importSchedule("{}", "a.json").error().message(), "the key 'format' is missing");
}

} // namespace
} // namespace recast::schedule
