// Random plans through the real executor: recipes with casts, checks and several outputs, layouts
// on both sides, compiled kernels and the interpreter, large and small budgets. Judged element by
// element by the definitions: layout::elementMap and recipe::castBits.
#include "compiler/Codegen/MakePack.h"
#include "runtime/base/Checked.h"
#include "runtime/capi/Instantiate.h"
#include "runtime/device/cpu/KernelFinder.h"
#include "runtime/exec/Manifest.h"
#include "runtime/io/File.h"
#include "runtime/layout/ElementMap.h"

#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <random>

namespace recast {
namespace {

constexpr DType kTypes[] = {DType::F64, DType::F32, DType::BF16,     DType::F16, DType::F8E5M2,
                            DType::I64, DType::I32, DType::F8E4M3FN, DType::U8,  DType::I8,
                            DType::F32, DType::U16, DType::BF16,     DType::Bool};

/// Patterns of one tensor, in logical order.
using Values = std::vector<uint64_t>;

layout::Layout layoutOf(const std::string &text) {
  auto layout = layout::Layout::parse(text);
  EXPECT_TRUE(layout) << text;
  return layout ? *layout : layout::Layout();
}

class RandomJob {
public:
  RandomJob(uint32_t seed, std::string folder) : random_(seed), folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_ + "/in");
    plan.sources.push_back({"in", "safetensors", folder_ + "/in", ""});
    plan::TargetEndpoint target;
    target.name = "out";
    target.format = "safetensors";
    target.path = folder_ + "/out";
    plan.targets.push_back(target);
    for (int family = 1 + below(2); family > 0; --family)
      addFamily();
    writeSource();
    plan::setFingerprints(plan);
  }

  plan::Plan plan;
  std::map<std::string, std::string> expected; ///< Stored bytes by name.
  bool hasFailingCheck = false;

private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<uint64_t>(limit)); }

  uint32_t string(const std::string &text) {
    plan.strings.push_back(text);
    return static_cast<uint32_t>(plan.strings.size() - 1);
  }

  /// A layout for a source (over some ranks) or a target (on one).
  std::string randomLayout(const std::vector<int64_t> &shape, bool source) {
    std::string mesh, tail, map;
    if (source && below(3) > 0) {
      mesh = fmt::format("on (dp = {}, tp = {}) ", 1 + below(3), 1 + below(3));
      if (!shape.empty() && below(2) == 0)
        tail += fmt::format(" chunk {} by tp", below(static_cast<int>(shape.size())));
      if (below(3) == 0)
        tail += " flat dp per param";
    }
    if (!shape.empty() && below(3) > 0) {
      std::vector<char> order;
      std::string axes, sizes;
      for (size_t d = 0; d < shape.size(); ++d) {
        order.push_back(static_cast<char>('a' + d));
        axes += fmt::format("{}{}", d ? " " : "", order.back());
        sizes += fmt::format("{}{} = {}", d ? ", " : "", order.back(), shape[d]);
      }
      std::shuffle(order.begin(), order.end(), random_);
      std::string stored;
      for (char axis : order)
        stored += fmt::format("{}{}", stored.empty() ? "" : " ", axis);
      map = fmt::format("map \"{} -> {}\" {{{}}}", axes, stored, sizes);
    }
    std::string text = mesh + map + tail;
    return text.find_first_not_of(' ') == text.npos ? "whole" : text;
  }

  uint32_t addLayout(const std::string &text) {
    plan.layouts.push_back(layoutOf(text));
    return static_cast<uint32_t>(plan.layouts.size() - 1);
  }

  /// A chain of casts behind node `from` in the family's recipe; returns the last node.
  uint16_t addCasts(recipe::Recipe &recipe, uint16_t from, int most) {
    for (int step = below(most + 1); step > 0; --step) {
      DType type = kTypes[below(std::size(kTypes))];
      auto rule = static_cast<recipe::Overflow>(below(3));
      if (type == recipe.nodes[from].type ||
          !recipe::castSupported(recipe.nodes[from].type, type) ||
          !recipe::overflowAllowed(type, rule))
        continue;
      recipe.nodes.push_back({.op = recipe::Op::Cast, .type = type, .overflow = rule, .a = from});
      from = static_cast<uint16_t>(recipe.nodes.size() - 1);
    }
    return from;
  }

  Values valuesOf(const recipe::Recipe &recipe, uint16_t node, const std::vector<Values> &inputs) {
    const recipe::Node &n = recipe.nodes[node];
    if (n.op == recipe::Op::Load)
      return inputs[n.slot];
    Values values = valuesOf(recipe, n.a, inputs);
    for (uint64_t &bits : values)
      bits = recipe::castBits(bits, recipe.nodes[n.a].type, n.type, n.overflow);
    return values;
  }

  void addFamily() {
    plan::Family family;
    const int rank = below(4);
    for (int d = 0; d < rank; ++d)
      family.shape.push_back(below(4) == 0 ? 20 + below(70) : 1 + below(9));
    const int64_t count = *elementCount(family.shape);

    recipe::Recipe &recipe = family.recipe;
    const int loads = 1 + below(2);
    for (int i = 0; i < loads; ++i) {
      DType type = kTypes[below(std::size(kTypes))];
      recipe.nodes.push_back(
          {.op = recipe::Op::Load, .type = type, .slot = static_cast<uint16_t>(i)});
      family.inputs.push_back({type, addLayout(randomLayout(family.shape, true))});
    }
    // A check compares what was computed with an input that holds the same.
    std::optional<uint16_t> computed;
    if (below(2) == 0) {
      computed = addCasts(recipe, 0, 2);
      DType type = recipe.nodes[*computed].type;
      auto slot = static_cast<uint16_t>(family.inputs.size());
      recipe.nodes.push_back({.op = recipe::Op::Load, .type = type, .slot = slot});
      recipe.nodes.push_back({.op = recipe::Op::CheckEqual,
                              .type = type,
                              .a = *computed,
                              .b = static_cast<uint16_t>(recipe.nodes.size() - 1)});
      family.inputs.push_back({type, addLayout(randomLayout(family.shape, true))});
    }
    std::vector<uint16_t> stored;
    for (int o = 0; o < std::max(loads, 1 + below(3)); ++o) {
      // The first outputs use every load: nothing in a recipe may be without use.
      stored.push_back(addCasts(recipe, static_cast<uint16_t>(o < loads ? o : below(loads)), 2));
      DType type = recipe.nodes[stored.back()].type;
      recipe.nodes.push_back({.op = recipe::Op::Store,
                              .type = type,
                              .a = stored.back(),
                              .slot = static_cast<uint16_t>(o)});
      family.outputs.push_back({0, type, addLayout(randomLayout(family.shape, false))});
    }

    for (int member = 1 + below(2); member > 0; --member) {
      std::string name = fmt::format("f{}.m{}", plan.families.size(), member);
      family.memberNames.push_back(string(name));
      std::vector<Values> inputs;
      for (size_t i = 0; i < family.inputs.size(); ++i) {
        Values values(static_cast<size_t>(count));
        const bool copy = computed && i + 1 == family.inputs.size();
        if (copy)
          values = valuesOf(recipe, *computed, inputs);
        else
          for (uint64_t &bits : values)
            bits = randomBits(family.inputs[i].dtype);
        inputs.push_back(values);
        if (copy && below(8) == 0)
          spoil(values, family.inputs[i].dtype);
        family.memberInputs.push_back({addStore(family, i, values), 0, 0});
      }
      for (size_t o = 0; o < family.outputs.size(); ++o) {
        std::string stored_name = fmt::format("{}.o{}", name, o);
        family.memberOutputs.push_back({string(stored_name), string("weight")});
        expected[stored_name] = storedBytes(family, o, valuesOf(recipe, stored[o], inputs));
      }
    }
    plan.families.push_back(std::move(family));
  }

  uint64_t randomBits(DType type) {
    uint64_t bits = random_();
    if (below(4) == 0)
      bits >>= random_() % 64; // Small integers, denormals.
    const unsigned width = bitWidth(type);
    if (type == DType::Bool)
      return bits & 1;
    return width == 64 ? bits : bits & ((uint64_t{1} << width) - 1);
  }

  /// One element becomes another value, neither of them a NaN.
  void spoil(Values &values, DType type) {
    uint64_t &bits = values[random_() % values.size()];
    if (bits & 1 || type == DType::Bool)
      return; // Zero below is then not always another value, or may be the sign of a NaN.
    const std::byte *sides[2] = {reinterpret_cast<const std::byte *>(&bits), nullptr};
    uint64_t changed = bits ^ (bits & 2 ? 2 : 4);
    sides[1] = reinterpret_cast<const std::byte *>(&changed);
    recipe::Recipe compare{{{.op = recipe::Op::Load, .type = type},
                            {.op = recipe::Op::Load, .type = type, .slot = 1},
                            {.op = recipe::Op::CheckEqual, .type = type, .a = 0, .b = 1}}};
    if (recipe::interpret(compare, sides, {}, 1) < 0)
      return;
    bits = changed;
    hasFailingCheck = true;
  }

  /// Lays values out over the ranks of an input, padding and noise around them.
  uint32_t addStore(const plan::Family &family, size_t input, const Values &values) {
    const layout::Layout &layout = plan.layouts[family.inputs[input].layout];
    const unsigned width = byteWidth(family.inputs[input].dtype);
    plan::Store store{static_cast<uint32_t>(plan.extents.size()),
                      static_cast<uint32_t>(layout.mesh.rankCount())};
    for (int64_t rank = 0; rank < layout.mesh.rankCount(); ++rank) {
      auto slots = layout::elementMap(layout, plan::partShapes(layout, family.shape), rank);
      EXPECT_TRUE(slots) << slots.error().str();
      for (int gap = below(5); gap > 0; --gap)
        source_.push_back(static_cast<char>(random_()));
      plan.extents.push_back({0, source_.size(), static_cast<int64_t>(slots->size())});
      for (const layout::Slot &slot : *slots) {
        uint64_t bits = slot.part < 0 ? random_() : values[static_cast<size_t>(slot.index)];
        source_.append(reinterpret_cast<const char *>(&bits), width);
      }
    }
    plan.stores.push_back(store);
    return static_cast<uint32_t>(plan.stores.size() - 1);
  }

  std::string storedBytes(const plan::Family &family, size_t output, const Values &values) {
    const layout::Layout &layout = plan.layouts[family.outputs[output].layout];
    auto slots = layout::elementMap(layout, plan::partShapes(layout, family.shape), 0);
    EXPECT_TRUE(slots) << slots.error().str();
    std::string bytes;
    for (const layout::Slot &slot : *slots)
      bytes.append(reinterpret_cast<const char *>(&values[static_cast<size_t>(slot.index)]),
                   byteWidth(family.outputs[output].dtype));
    return bytes;
  }

  void writeSource() {
    std::string path = folder_ + "/in/data";
    source_ += "end";
    std::ofstream(path, std::ios::binary) << source_;
    auto info = io::statFile(path);
    ASSERT_TRUE(info);
    plan.files.push_back({0, "data", info->size, info->mtimeNs});
  }

  std::mt19937_64 random_;
  std::string folder_, source_;
};

/// Bytes of every tensor in the output, from where the file image puts them.
std::map<std::string, std::string> writtenTensors(const plan::Plan &plan) {
  std::map<std::string, std::string> out;
  auto images = format::makeImages(plan, 0);
  EXPECT_TRUE(images) << images.error().str();
  for (const format::FileImage &image : images->writer->images()) {
    auto bytes = io::readWhole(plan.targets[0].path + "/" + image.path(), uint64_t{1} << 30);
    EXPECT_TRUE(bytes) << bytes.error().str();
    for (const format::TensorSlot &slot : images->writer->templateOf(image).tensors)
      out[std::string(images->writer->tensors()[image.firstTensor + slot.tensor].name)] =
          bytes->substr(slot.offset, slot.bytes);
  }
  return out;
}

TEST(PlanFuzz, CompiledInterpretedAndDefinedAgree) {
  char folder[] = "/tmp/recast-fuzz-XXXXXX";
  ASSERT_TRUE(mkdtemp(folder));
  const uint32_t kJobs = std::getenv("RECAST_EXHAUSTIVE") ? 1000 : 150;
  std::vector<RandomJob> jobs;
  std::vector<recipe::Recipe> kernels;
  for (uint32_t seed = 0; seed < kJobs; ++seed) {
    jobs.emplace_back(seed, fmt::format("{}/{}", folder, seed));
    Status sound = plan::verify(jobs.back().plan);
    ASSERT_TRUE(sound) << seed << ": " << sound.error().str();
    for (recipe::Recipe &kernel : codegen::kernelsOfPlan(jobs.back().plan))
      if (std::find(kernels.begin(), kernels.end(), kernel) == kernels.end())
        kernels.push_back(std::move(kernel));
  }
  auto bytes = codegen::makePack(kernels, device::cpu::bestCpuLevel());
  ASSERT_TRUE(bytes) << bytes.error().str();
  auto pack = device::cpu::KernelPack::load(*bytes, "fuzz.rpack");
  ASSERT_TRUE(pack) << pack.error().str();
  device::cpu::KernelFinder finder(device::cpu::KernelFinder::Cache::Ignore, *pack);

  size_t strided = 0, failing = 0, small = 0;
  for (uint32_t seed = 0; seed < kJobs; ++seed) {
    RandomJob &job = jobs[seed];
    SCOPED_TRACE(seed);
    failing += job.hasFailingCheck;
    for (bool compiled : {true, false})
      for (bool large : {true, false}) {
        job.plan.budget = 0;
        auto instance = capi::instantiate(job.plan);
        ASSERT_TRUE(instance) << instance.error().str();
        for (const exec::Task &task : instance->program.tasks)
          strided += !task.dims.empty();
        if (!large) { // Slots of a few KiB: tiles are cut in every direction.
          instance->program.budget = instance->forecast.memory.tables + (160 << 10);
          small += exec::forecastMemory(instance->program, 1).has_value();
        }
        exec::Options options;
        options.sync = false;
        options.overwrite = true;
        options.threads = large ? 2 : 1;
        options.useKernels = compiled;
        options.kernels = &finder;
        auto report = exec::execute(instance->program, options);
        if (job.hasFailingCheck) {
          ASSERT_FALSE(report);
          EXPECT_EQ(report.error().code(), Code::Negative) << report.error().str();
          continue;
        }
        ASSERT_TRUE(report) << report.error().str();
        EXPECT_EQ(report->bytesRead, instance->forecast.readBytes);
        EXPECT_EQ(report->bytesRead, report->bytesNeeded + report->bytesForChecks);
        EXPECT_TRUE(writtenTensors(job.plan) == job.expected)
            << (compiled ? "compiled" : "interpreted") << (large ? "" : ", small budget");
        EXPECT_TRUE(exec::verifyManifest(job.plan.targets[0].path));
      }
  }
  EXPECT_GT(strided, 200u);
  EXPECT_GT(failing, 2u);
  EXPECT_EQ(small, 2 * kJobs);
  std::filesystem::remove_all(folder);
}

} // namespace
} // namespace recast
