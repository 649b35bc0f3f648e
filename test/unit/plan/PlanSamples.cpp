#include "PlanSamples.h"

#include "runtime/base/Checked.h"

#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <tuple>

namespace recast::plan::test {

layout::Layout parseLayout(const std::string &text) {
  auto layout = layout::Layout::parse(text);
  EXPECT_TRUE(layout.has_value()) << text << ": " << (layout ? "" : layout.error().str());
  return layout ? *layout : layout::Layout();
}

recipe::Recipe parseRecipe(const std::string &text) {
  auto recipe = recipe::Recipe::parse(text);
  EXPECT_TRUE(recipe.has_value()) << text << ": " << (recipe ? "" : recipe.error().str());
  return recipe ? *recipe : recipe::Recipe();
}

uint32_t addString(Plan &plan, const std::string &text) {
  auto found = std::find(plan.strings.begin(), plan.strings.end(), text);
  if (found != plan.strings.end())
    return static_cast<uint32_t>(found - plan.strings.begin());
  plan.strings.push_back(text);
  return static_cast<uint32_t>(plan.strings.size() - 1);
}

uint32_t addStore(Plan &plan, int64_t ranks, int64_t elements, unsigned width) {
  auto first = static_cast<uint32_t>(plan.extents.size());
  for (int64_t rank = 0; rank < ranks; ++rank) {
    auto file = static_cast<uint32_t>(plan.files.size());
    // Odd offsets: nothing may assume alignment.
    uint64_t offset = 3 + static_cast<uint64_t>(rank);
    plan.files.push_back({0, fmt::format("data/{}.bin", file),
                          offset + static_cast<uint64_t>(elements) * width, 1000 + file});
    plan.extents.push_back({file, offset, elements});
  }
  plan.stores.push_back({first, static_cast<uint32_t>(ranks)});
  return static_cast<uint32_t>(plan.stores.size() - 1);
}

void sortDeadlines(Plan &plan) {
  std::sort(plan.deadlines.begin(), plan.deadlines.end(), [](const Deadline &a, const Deadline &b) {
    return std::tie(a.target, a.name, a.role) < std::tie(b.target, b.name, b.role);
  });
}

Plan goldenPlan() {
  Plan plan;
  plan.spec = "job resume {\n  from \"run\"\n}\n";
  plan.budget = uint64_t{1} << 30;
  plan.sources = {
      {"run", "deepspeed", "/runs/a", "global_step3", {{"tensors", "0123456789abcdef"}}},
      {"base", "safetensors", "/models/b", "", {{"config.json", "a"}, {"tensors", ""}}}};
  plan.files = {{0, "global_step3/zero_pp_rank_0.pt", 4096, 1700000000123456789},
                {0, "global_step3/zero_pp_rank_1.pt", 4096, -1},
                {1, "model.safetensors", 1000, 0}};
  plan.records = {{0, 64, 1024, 0xdeadbeefu}, {0, 2048, 512, 1}, {2, 0, 1000, 0xffffffffu}};
  plan.extents = {{0, 64, 256}, {1, 64, 200}, {2, 100, 24}};
  plan.stores = {{0, 2}, {2, 1}};
  plan.layouts = {
      parseLayout("whole"), parseLayout("on (dp = 2) flat dp per group"),
      parseLayout("on (dp = 2) flat dp per param"), parseLayout("map \"(f + f) h\" {f = 2, h = 6}"),
      parseLayout("on (dp = 2, tp = 2) map \"(f + f) h\" {f = 2, h = 6} split h by tp")};
  uint32_t weight = addString(plan, "weight"), step = addString(plan, "step");
  uint32_t a = addString(plan, "model.a"), b = addString(plan, "model.b");
  addString(plan, std::string("not \xff utf-8\0!", 13));
  uint32_t slice = addString(plan, "slice");

  TargetEndpoint hub;
  hub.name = "hub";
  hub.format = "safetensors";
  hub.path = "/out/hub";
  hub.options = {{"max_shard_size", "5GB"}, {"odd \"key\"", "line\nbreak"}};
  hub.aliases = {{b, a}};
  hub.sideFiles = {{"/models/b/config.json", "config.json", 731, 1600000000000000000}};
  TargetEndpoint universal;
  universal.name = "universal";
  universal.format = "deepspeed_universal";
  universal.path = "/out/universal";
  universal.tag = "global_step3_universal";
  universal.groups = {{{a, b}, toJson(*dict({entry("lr", real(0.1))}))}, {{}, toJson(*dict({}))}};
  universal.objects = {{"args", toJson(*list({integer(-1), string("x"), none()}))}};
  universal.keptFiles = {{0}, {1}};
  universal.rank = 3;
  plan.targets = {hub, universal};

  Family master;
  master.shape = {4, 6};
  master.inputs = {{DType::F32, 1}};
  master.outputs = {{0, DType::BF16, 0}, {1, DType::F32, 0}};
  master.recipe = parseRecipe("load 0 f32; cast %0 bf16; store %1 0; store %0 1");
  master.memberNames = {a, b};
  master.memberInputs = {{0, 40, 400}, {0, 190, 400}};
  master.memberOutputs = {{a, weight}, {a, weight}, {b, weight}, {b, weight}};
  Family checked;
  checked.shape = {24};
  checked.inputs = {{DType::F32, 2}, {DType::BF16, 0}};
  checked.recipe = parseRecipe("load 0 f32; load 1 bf16; cast %0 bf16; check %1 %2");
  checked.memberNames = {a};
  checked.memberInputs = {{0, 7, 0}, {1, 0, 0}};
  Family steps;
  steps.inputs = {{DType::F32, 0}};
  steps.outputs = {{1, DType::F32, 0}};
  steps.recipe = parseRecipe("load 0 f32; store %0 0");
  steps.memberNames = {a, b};
  steps.memberInputs = {{kNone, 0x40400000, 0}, {kNone, 0, 0}};
  steps.memberOutputs = {{a, step}, {b, step}};
  // Two logical tensors from one fused tensor, one of them over padding in the target.
  Family parts;
  parts.shape = {2, 6};
  parts.inputs = {{DType::F32, 3}};
  parts.outputs = {{0, DType::F32, 3}};
  parts.recipe = parseRecipe("load 0 f32; store %0 0");
  parts.memberNames = {a, b};
  parts.memberInputs = {{1, 0, 0, 1}, {kNone, 0, 0, 1}};
  parts.memberOutputs = {{b, step, 0}, {b, step, 1}};
  // Of each row the second half: target 1 is rank 3 of the mesh.
  Family slices = parts;
  slices.outputs = {{1, DType::F32, 4}};
  slices.memberOutputs = {{a, slice, 0}, {a, slice, 1}};
  // Layers of two tensors each, which the artifact says in runs.
  Family layers;
  layers.shape = {2};
  layers.inputs = {{DType::F32, 0}};
  layers.outputs = {{0, DType::F32, 0}};
  layers.recipe = steps.recipe;
  for (int64_t layer = 0; layer < 6; ++layer)
    for (int64_t half : {0, 1}) {
      uint32_t name = addString(plan, fmt::format("layers.{}.{}", layer, half ? "q" : "k"));
      layers.memberNames.push_back(name);
      layers.memberInputs.push_back({1, 12 * half + 2 * layer, 0});
      layers.memberOutputs.push_back({name, weight});
    }
  plan.families = {master, checked, steps, parts, slices, layers};
  plan.leftOut = {{"exp_avg", "dropped for `hub`"},
                  {"object 'args.lr'", "set to another value for 'universal'",
                   ObjectChange{"args.lr", "universal", ObjectChange::Kind::Set}},
                  {"weight of 3 tensors as stored",
                   "computed from another role for 'hub'",
                   {},
                   RoleChange{"weight", "hub", 3, RoleChange::Kind::Computed}}};
  plan.rebinding = Rebinding::ExpectsStep;
  plan.cut = Cut::Drained;
  plan.deadlines = {{0, b, step, 0}, {1, b, step, 4.5}};
  sortDeadlines(plan);
  plan.pipeline = "p";
  plan.pipelineTime = 117.25;
  setFingerprints(plan);
  return plan;
}

namespace {

class Generator {
public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  Plan run() {
    plan_.spec = text(40);
    plan_.budget = number(uint64_t{1} << 40);
    plan_.sources.push_back({text(5), "deepspeed", "/" + word(), word()});
    for (size_t i = number(3); i-- > 0;)
      plan_.strings.push_back(text(20));
    plan_.layouts.push_back(layout::Layout());
    for (size_t i = 1 + number(2); i-- > 0;)
      addTarget();
    for (size_t i = number(4); i-- > 0;)
      addFamily();
    for (size_t i = number(2); i-- > 0;) {
      plan_.leftOut.push_back({text(9), text(9)});
      if (number(1))
        plan_.leftOut.back().object = {text(9), text(5), ObjectChange::Kind(number(2))};
      else if (number(1))
        plan_.leftOut.back().role = {text(9), text(5), number(UINT32_MAX - 1),
                                     RoleChange::Kind(number(1))};
    }
    plan_.rebinding = static_cast<Rebinding>(number(static_cast<uint64_t>(kLastRebinding)));
    plan_.cut = static_cast<Cut>(number(static_cast<uint64_t>(kLastCut)));
    if (number(1))
      addDeadlines();
    if (!plan_.files.empty())
      plan_.records.push_back(
          {0, 1, number(plan_.files[0].size - 1), static_cast<uint32_t>(number(UINT32_MAX))});
    if (number(1)) {
      setFingerprints(plan_);
    }
    return std::move(plan_);
  }

private:
  /// Uniform in [0, max].
  uint64_t number(uint64_t max) { return std::uniform_int_distribution<uint64_t>(0, max)(random_); }
  std::string text(size_t max) {
    std::string out(number(max), '\0');
    for (char &c : out)
      c = static_cast<char>(number(255));
    return out;
  }
  std::string word() { return fmt::format("w{}", number(999)); }

  void addTarget() {
    TargetEndpoint target{word(), "safetensors", "/" + word(), word(), {}, {}, {}, {}, {}, {}};
    for (size_t i = number(2); i-- > 0;)
      target.options[word()] = text(8);
    for (size_t i = number(2); i-- > 0;)
      target.aliases.emplace_back(addString(plan_, word()), addString(plan_, word()));
    for (size_t i = number(2); i-- > 0;)
      target.groups.push_back(
          {{addString(plan_, word()), addString(plan_, word())},
           toJson(*dict({entry("lr", real(static_cast<double>(number(100)) / 7))}))});
    for (size_t i = number(1); i-- > 0;)
      target.objects[word()] = toJson(*integer(static_cast<int64_t>(number(99))));
    for (size_t i = number(2); i-- > 0;)
      target.sideFiles.push_back({"/" + word(), word(), number(UINT64_MAX), -5});
    plan_.targets.push_back(std::move(target));
  }

  /// Of some of what is written, at times that nobody would write down.
  void addDeadlines() {
    plan_.pipeline = text(6);
    plan_.pipelineTime = static_cast<double>(number(1000)) / 3;
    for (TargetEndpoint &target : plan_.targets)
      if (number(1))
        target.rank = static_cast<uint32_t>(number(9));
    for (const Family &family : plan_.families)
      for (size_t i = 0; i < family.memberOutputs.size(); ++i)
        if (number(2))
          plan_.deadlines.push_back({family.outputs[i % family.outputs.size()].target,
                                     family.memberOutputs[i].name, family.memberOutputs[i].role,
                                     static_cast<double>(number(1000)) / 7});
    sortDeadlines(plan_);
  }

  void addFamily() {
    if (number(4) == 0)
      return addScalars();
    Family family;
    int64_t ranks = 1 + static_cast<int64_t>(number(3));
    family.shape = {ranks * (1 + static_cast<int64_t>(number(3))), static_cast<int64_t>(number(5))};
    int64_t elements = *elementCount(family.shape);
    static constexpr const char *kSteps[] = {"flat x per param", "flat x per group", "chunk 0 by x",
                                             "chunk 1 by x"};
    size_t kind = number(4);
    bool grouped = kind == 1;
    std::string text =
        kind == 4 ? std::string("whole") : fmt::format("on (x = {}) {}", ranks, kSteps[kind]);
    if (kind == 4)
      ranks = 1;
    auto layout = static_cast<uint32_t>(plan_.layouts.size());
    plan_.layouts.push_back(parseLayout(text));
    family.inputs = {{DType::F32, layout}};
    family.recipe = parseRecipe("load 0 f32; cast %0 bf16; store %1 0");
    family.outputs = {{static_cast<uint32_t>(number(plan_.targets.size() - 1)), DType::BF16, 0}};
    int64_t total = ranks * (2 * elements + 1);
    uint32_t store = addStore(plan_, ranks, total, 4);
    for (size_t m = 1 + number(4); m-- > 0;) {
      uint32_t name = addString(plan_, fmt::format("t{}.{}", plan_.families.size(), m));
      family.memberNames.push_back(name);
      auto start = static_cast<int64_t>(number(static_cast<uint64_t>(elements)));
      family.memberInputs.push_back({store, start, grouped ? total : 0});
      family.memberOutputs.push_back({name, addString(plan_, "weight")});
    }
    plan_.families.push_back(std::move(family));
  }

  void addScalars() {
    Family family;
    family.inputs = {{DType::F32, 0}};
    family.outputs = {{0, DType::F32, 0}};
    family.recipe = parseRecipe("load 0 f32; store %0 0");
    uint32_t name = addString(plan_, fmt::format("s{}", plan_.families.size()));
    family.memberNames = {name};
    family.memberInputs = {{kNone, static_cast<int64_t>(number(UINT32_MAX)), 0}};
    family.memberOutputs = {{name, addString(plan_, "step")}};
    plan_.families.push_back(std::move(family));
  }

  std::mt19937 random_;
  Plan plan_;
};

} // namespace

Plan planOf(std::vector<int64_t> shape, const std::vector<std::string> &inputs,
            const std::string &output) {
  Plan plan;
  plan.sources.push_back({"s", "deepspeed", "/s", ""});
  TargetEndpoint target;
  target.name = "t";
  plan.targets.push_back(target);
  Family family;
  family.shape = std::move(shape);
  std::string recipe;
  for (size_t i = 0; i < inputs.size(); ++i) {
    plan.layouts.push_back(parseLayout(inputs[i]));
    family.inputs.push_back({DType::F32, static_cast<uint32_t>(i)});
    recipe += fmt::format("load {} f32; ", i);
  }
  size_t node = inputs.size();
  for (size_t i = 1; i < inputs.size(); ++i, ++node)
    recipe += fmt::format("check %0 %{}; ", i);
  recipe += fmt::format("cast %0 bf16; store %{} 0", node);
  plan.layouts.push_back(parseLayout(output));
  family.outputs = {{0, DType::BF16, static_cast<uint32_t>(inputs.size())}};
  family.recipe = parseRecipe(recipe);
  addString(plan, "weight");
  plan.families.push_back(std::move(family));
  return plan;
}

Plan randomPlan(uint32_t seed) { return Generator(seed).run(); }

} // namespace recast::plan::test
