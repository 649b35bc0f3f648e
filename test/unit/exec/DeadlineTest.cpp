// What is due first is done first, each tensor is reported once, when all of it is there, and a run
// that shall leave bandwidth to others does.
#include "Sandbox.h"

#include "runtime/exec/Schedule.h"
#include "runtime/exec/Stop.h"

#include <chrono>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <thread>

namespace recast::exec {
namespace {
using namespace test;

/// Tensors of several sizes in two files, due in an order that is neither theirs nor the files'.
struct Model : Sandbox {
  static constexpr uint32_t kCount = 24;
  std::vector<uint32_t> priorities;

  explicit Model(bool due = true, uint64_t unit = 300'000) {
    uint32_t copy = slice("load 0 u8; store %0 0"), to = root();
    std::vector<uint64_t> sizes;
    for (uint64_t i = 0; i < kCount; ++i)
      sizes.push_back(i == 7 ? 30 * unit : unit + 17 * i); // One of several units.
    uint64_t half[2] = {0, 0};
    for (uint32_t i = 0; i < kCount; ++i)
      half[i % 2] += sizes[i];
    std::string bytes[2] = {noise(half[0], 1), noise(half[1], 2)};
    uint32_t files[2] = {source("a", bytes[0]), source("b", bytes[1])};
    uint32_t outputs[2] = {target(to, "a", half[0]), target(to, "b", half[1])};
    uint64_t at[2] = {0, 0};
    for (uint32_t i = 0; i < kCount; ++i) {
      uint32_t f = i % 2;
      Task &added = task(static_cast<int64_t>(sizes[i]), {{files[f], at[f], DType::U8}});
      added.outputs = {{copy, outputs[f], at[f], {0}, tensor(outputs[f], at[f], sizes[i])}};
      // Three tensors a deadline; the last ones have none.
      uint32_t priority = i * 7 % kCount / 3;
      added.priority = due && priority < 7 ? priority : Task::kNoDeadline;
      priorities.push_back(added.priority);
      at[f] += sizes[i];
    }
  }
};

TEST(Deadlines, UnitsAreInTheirOrder) {
  Model model;
  auto schedule = makeSchedule(model.program);
  ASSERT_TRUE(schedule) << schedule.error().str();
  uint32_t last = 0;
  for (const Unit &unit : schedule->units) {
    std::set<uint32_t> within;
    for (uint32_t i = unit.begin; i < unit.end; ++i)
      within.insert(model.program.tasks[schedule->order[i]].priority);
    ASSERT_EQ(within.size(), 1u);
    EXPECT_GE(*within.begin(), last);
    last = *within.begin();
  }
  EXPECT_EQ(last, Task::kNoDeadline);
  // Without deadlines: by file and offset, several in a unit.
  Model plain(false);
  auto files = makeSchedule(plain.program);
  ASSERT_TRUE(files) << files.error().str();
  EXPECT_LT(files->units.size(), schedule->units.size());
  for (size_t i = 1; i < files->order.size(); ++i) {
    const TaskInput &a = plain.program.tasks[files->order[i - 1]].inputs[0],
                    &b = plain.program.tasks[files->order[i]].inputs[0];
    EXPECT_TRUE(a.file != b.file || a.offset < b.offset);
  }
}

/// Names against the order of files, deadlines and tasks; two tensors of each name.
std::string nameOf(uint32_t tensor) {
  return std::string(1, static_cast<char>('a' + tensor * 5 % 12)) + (tensor % 5 ? "" : "x");
}

/// The tensors that a run of one thread reports, in its order.
std::vector<uint32_t> readyIn(Order order, Model &model, Report &report) {
  std::vector<uint32_t> out;
  Options options{.threads = 1, .order = order, .sync = false};
  options.ready = [&](const ReadyTensor &tensor) { out.push_back(tensor.tensor); };
  auto done = execute(model.program, options);
  EXPECT_TRUE(done) << done.error().str();
  report = done.value_or(Report{});
  return out;
}

TEST(Orders, NamesAndFilesComeBeforeDeadlinesWhereTheyAreWanted) {
  std::map<std::string, std::string> trees[3];
  for (Order order : {Order::Names, Order::Files, Order::Deadlines}) {
    Model model;
    auto label = model.program.label;
    model.program.label = [label](uint32_t tensor) {
      TensorLabel out = label(tensor);
      out.name = nameOf(tensor);
      return out;
    };
    Report report;
    std::vector<uint32_t> ready = readyIn(order, model, report);
    ASSERT_EQ(ready.size(), Model::kCount);
    size_t named = 0, due = 0, changes = 0; // Neighbours in each order; from file to file.
    for (size_t i = 1; i < ready.size(); ++i) {
      uint32_t a = ready[i - 1], b = ready[i];
      named += nameOf(a) <= nameOf(b);
      changes += model.program.tensors[a].file != model.program.tensors[b].file;
      due += model.priorities[a] <= model.priorities[b];
    }
    EXPECT_EQ(named == ready.size() - 1, order == Order::Names);
    EXPECT_EQ(due == ready.size() - 1, order == Order::Deadlines);
    EXPECT_EQ(changes == 1, order == Order::Files) << changes;
    uint64_t bytes = 0;
    for (const SourceFile &file : model.program.sources)
      bytes += file.size;
    EXPECT_EQ(report.bytesRead, bytes);
    for (const char *name : {"a", "b"})
      trees[static_cast<size_t>(order)][name] = readAll(model.out(name));
  }
  EXPECT_EQ(trees[0], trees[1]);
  EXPECT_EQ(trees[0], trees[2]);
}

TEST(Orders, ATaskCountsByTheFirstOfItsNamesAndOneWithoutTensorsComesLast) {
  Model model;
  model.program.label = [](uint32_t tensor) {
    return TensorLabel{tensor == 5 ? "a" : "m" + std::to_string(tensor), "weight", DType::U8, {1}};
  };
  // A task may write to two.
  model.program.targets[0].size += static_cast<uint64_t>(model.program.tasks[9].count);
  model.program.tasks[9].outputs.push_back({0, 0, 0, {0}, 5});
  model.program.tasks[2].outputs.clear();
  auto schedule = makeSchedule(model.program, Order::Names);
  ASSERT_TRUE(schedule) << schedule.error().str();
  EXPECT_EQ(std::set<uint32_t>(schedule->order.begin(), schedule->order.begin() + 2),
            (std::set<uint32_t>{5, 9}));
  EXPECT_EQ(schedule->order.back(), 2u);
  // What is of several names is in several units.
  for (const Unit &unit : schedule->units)
    if (unit.end - unit.begin > 1)
      EXPECT_TRUE(schedule->order[unit.begin] == 5 || schedule->order[unit.begin] == 9);
}

TEST(Deadlines, TensorsAreReadyInTheirOrder) {
  Model model;
  std::vector<ReadyTensor> ready;
  Options options{.threads = 1, .sync = false};
  options.ready = [&](const ReadyTensor &tensor) { ready.push_back(tensor); };
  auto report = execute(model.program, options);
  ASSERT_TRUE(report) << report.error().str();
  ASSERT_EQ(ready.size(), Model::kCount);
  for (size_t i = 1; i < ready.size(); ++i) {
    EXPECT_LE(model.priorities[ready[i - 1].tensor], model.priorities[ready[i].tensor]);
    EXPECT_LE(ready[i - 1].seconds, ready[i].seconds);
  }
  EXPECT_LE(ready.back().seconds, report->seconds);
  for (const ReadyTensor &tensor : ready) {
    const TargetTensor &place = model.program.tensors[tensor.tensor];
    std::string file = readAll(model.path("out/" + model.program.targets[place.file].path));
    codec::Digest digest;
    digest.add(0, file.data() + place.offset, place.bytes);
    EXPECT_EQ(tensor.digest, digest);
  }
}

TEST(Deadlines, TheBytesDoNotDependOnThem) {
  Model due, plain(false);
  ASSERT_TRUE(execute(due.program, {.threads = 3, .sync = false}));
  ASSERT_TRUE(execute(plain.program, {.threads = 2, .sync = false}));
  for (const char *name : {"a", "b"})
    EXPECT_TRUE(readAll(due.out(name)) == readAll(plain.out(name))) << name;
}

TEST(Ready, OncePerTensorOfAnyKindWithAndWithoutDigests) {
  for (bool digests : {true, false})
    for (unsigned threads : {1u, 4u}) {
      Model model;
      model.tensor(0, 5, 0); // Without elements.
      std::multiset<uint32_t> ready;
      Options options{.threads = threads, .sync = false, .digests = digests};
      options.ready = [&](const ReadyTensor &tensor) {
        ready.insert(tensor.tensor);
        EXPECT_EQ(tensor.digest.has_value(), digests);
      };
      auto report = execute(model.program, options);
      ASSERT_TRUE(report) << report.error().str();
      EXPECT_EQ(ready.size(), model.program.tensors.size());
      EXPECT_EQ(std::set<uint32_t>(ready.begin(), ready.end()).size(), ready.size());
    }
}

// What an earlier run finished is ready at once; a tensor that it wrote in part is ready once.
TEST(Ready, AfterAResume) {
  for (bool digests : {true, false}) {
    Model model;
    std::multiset<uint32_t> ready;
    Options options{.threads = 1, .sync = false, .digests = digests};
    options.ready = [&](const ReadyTensor &) { requestStop(); };
    auto report = execute(model.program, options);
    clearStop();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code(), Code::Interrupted);
    options.ready = [&](const ReadyTensor &tensor) { ready.insert(tensor.tensor); };
    report = execute(model.program, options);
    ASSERT_TRUE(report) << report.error().str();
    EXPECT_GT(report->bytesKept, 0u);
    EXPECT_EQ(ready.size(), Model::kCount);
    EXPECT_EQ(std::set<uint32_t>(ready.begin(), ready.end()).size(), ready.size());
  }
}

double secondsOf(const Program &program, const Options &options) {
  auto start = std::chrono::steady_clock::now();
  auto report = execute(program, options);
  EXPECT_TRUE(report) << report.error().str();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(ReadRate, IsKeptOverAllThreads) {
  for (unsigned threads : {1u, 3u}) {
    Model model(true, 100'000); // 5.3 MB
    uint64_t bytes = 0;
    for (const SourceFile &file : model.program.sources)
      bytes += file.size;
    double seconds =
        secondsOf(model.program, {.threads = threads, .sync = false, .readRate = 10 * bytes});
    EXPECT_GE(seconds, 0.1);
    EXPECT_LT(seconds, 1.5); // A busy machine.
  }
}

TEST(ReadRate, AStopDoesNotWaitForIt) {
  Model model(true, 100'000);
  std::thread stop([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    requestStop();
  });
  auto start = std::chrono::steady_clock::now();
  auto report = execute(model.program, {.threads = 2, .sync = false, .readRate = 1000});
  stop.join();
  clearStop();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), Code::Interrupted);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10)); // Not an hour.
}

} // namespace
} // namespace recast::exec
