#include "PlanSamples.h"

#include <cmath>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recast::plan::test {
namespace {

using testing::HasSubstr;

std::string verifyError(const Plan &plan) {
  Status status = verify(plan);
  return status ? std::string("no error") : status.error().str();
}

/// The error after `change` of the golden plan.
std::string errorAfter(const std::function<void(Plan &)> &change) {
  Plan plan = goldenPlan();
  plan.schemaFingerprint = plan.instanceFingerprint = 0;
  change(plan);
  return verifyError(plan);
}

TEST(Verify, GoldenPlanIsSound) { EXPECT_EQ(verifyError(goldenPlan()), "no error"); }

TEST(Verify, Fingerprints) {
  EXPECT_THAT(errorAfter([](Plan &p) { p.schemaFingerprint = 5; }),
              HasSubstr("schema fingerprint is 0000000000000005"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.instanceFingerprint = 5; }),
              HasSubstr("instance fingerprint"));
}

TEST(Verify, Tables) {
  EXPECT_THAT(errorAfter([](Plan &p) { p.files[0].endpoint = 2; }), HasSubstr("file 0 belongs"));
  for (const char *path : {"", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "."})
    EXPECT_THAT(errorAfter([&](Plan &p) { p.files[0].path = path; }),
                HasSubstr("not a path inside"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.files[0].path = std::string("a\0b", 3); }),
              HasSubstr("not a path inside"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.leftOut.back().role->tensors = kNone; }),
              HasSubstr("2^32 tensors"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.leftOut.back().object.emplace(); }),
              HasSubstr("as an object and a role"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.records[0].file = 3; }), HasSubstr("record 0 lies in"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.records[0].length = UINT64_MAX; }),
              HasSubstr("reach beyond file"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.records[1].offset = 1000; }),
              HasSubstr("before the end of record 0"));
  EXPECT_THAT(errorAfter([](Plan &p) { std::swap(p.records[0], p.records[2]); }),
              HasSubstr("before the end"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.extents[0].file = kNone; }), HasSubstr("extent 0 lies"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.extents[0].elements = -1; }), HasSubstr("extent 0"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.extents[0].elements = INT64_MAX; }),
              HasSubstr("reach beyond"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.extents[0].offset = UINT64_MAX - 10; }),
              HasSubstr("reach beyond"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.stores[0].extentCount = UINT32_MAX; }),
              HasSubstr("store 0"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.stores[0].firstExtent = 2; }), HasSubstr("store 0"));
}

TEST(Verify, Deadlines) {
  EXPECT_THAT(errorAfter([](Plan &p) { p.deadlines[1].target = 2; }),
              HasSubstr("deadline 1 is of target 2, there are 2"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.deadlines[0].name = 99; }),
              HasSubstr("deadline 0 is of strings 99"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.deadlines[0].role = kNone; }),
              HasSubstr("deadline 0 is of strings"));
  for (double time : {-1.0, double(INFINITY), double(NAN)}) {
    EXPECT_THAT(errorAfter([&](Plan &p) { p.deadlines[0].time = time; }),
                HasSubstr("deadline 0 is at time"));
    EXPECT_THAT(errorAfter([&](Plan &p) { p.pipelineTime = time; }),
                HasSubstr("its pipeline takes"));
  }
  EXPECT_THAT(errorAfter([](Plan &p) { std::swap(p.deadlines[0], p.deadlines[1]); }),
              HasSubstr("deadline 1 does not come after deadline 0"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.deadlines[1] = p.deadlines[0]; }),
              HasSubstr("does not come after"));
  // A tensor of another target, and a role that it has not.
  EXPECT_THAT(errorAfter([](Plan &p) {
                p.deadlines = {{0, p.families[2].memberNames[0], p.deadlines[0].role, 1}};
              }),
              HasSubstr("that target 0 does not get"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.deadlines[1].role = p.deadlines[1].name; }),
              HasSubstr("that target 1 does not get"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.targets[0].rank = 1u << 30; }), HasSubstr("its rank is"));
}

TEST(Verify, SharedExtentsAreBounded) {
  Plan plan;
  plan.sources.push_back({});
  plan.files.push_back({0, "f", 100, 0});
  plan.extents.resize(100000);
  plan.stores.assign(100000, {0, 100000});
  EXPECT_THAT(verifyError(plan), HasSubstr("its stores have more than"));
}

TEST(Verify, MeshesAreBoundedByExtents) {
  // A short text may name very many ranks: refused before anything is made for each of them.
  EXPECT_THAT(errorAfter([](Plan &p) {
                p.layouts[2] = parseLayout("on (dp = 1048576) flat dp per param");
                p.families[1].shape = {int64_t{1} << 20};
              }),
              HasSubstr("2 extents for 1048576 ranks"));
  EXPECT_THAT(errorAfter([](Plan &p) {
                p.layouts[2] = parseLayout("on (dp = 16777216, tp = 16777216) flat dp per param");
              }),
              HasSubstr("between 1 and"));
}

TEST(Verify, Targets) {
  auto target = [](auto change) { return errorAfter([&](Plan &p) { change(p.targets[1]); }); };
  EXPECT_THAT(target([](TargetEndpoint &t) { t.aliases = {{0, 99}}; }), HasSubstr("alias"));
  EXPECT_THAT(target([](TargetEndpoint &t) { t.groups[0].names[1] = kNone; }),
              HasSubstr("group 0 has string"));
  EXPECT_THAT(target([](TargetEndpoint &t) { t.groups[0].hyper = "{"; }), HasSubstr("group 0"));
  EXPECT_THAT(target([](TargetEndpoint &t) { t.groups[0].hyper = toJson(*integer(1)); }),
              HasSubstr("not a dict"));
  EXPECT_THAT(target([](TargetEndpoint &t) { t.objects["args"] = "]"; }),
              HasSubstr("object `args`"));
  EXPECT_THAT(target([](TargetEndpoint &t) { t.options[""] = "x"; }), HasSubstr("without a name"));
  EXPECT_THAT(target([](TargetEndpoint &t) { t.keptFiles[0].file = 3; }), HasSubstr("keeps file"));
  EXPECT_THAT(target([](TargetEndpoint &t) { t.sideFiles = {{"/a", "../b", 0, 0}}; }),
              HasSubstr("leave the target's folder"));
  EXPECT_THAT(target([](TargetEndpoint &t) { t.path = std::string("a\0", 2); }),
              HasSubstr("zero byte"));
}

TEST(Verify, FamilyHeaders) {
  auto family = [](auto change) { return errorAfter([&](Plan &p) { change(p.families[0]); }); };
  EXPECT_THAT(family([](Family &f) { f.shape = {4, -6}; }), HasSubstr("too large or negative"));
  EXPECT_THAT(family([](Family &f) { f.shape = {INT64_MAX, 2}; }), HasSubstr("too large"));
  EXPECT_THAT(family([](Family &f) { f.shape.assign(65, 1); }), HasSubstr("too large"));
  EXPECT_THAT(family([](Family &f) { f.recipe.nodes.clear(); }), HasSubstr("family 0"));
  EXPECT_THAT(family([](Family &f) { f.recipe.nodes[1].a = 99; }), HasSubstr("family 0"));
  EXPECT_THAT(family([](Family &f) { f.inputs.push_back({DType::F32, 0}); }),
              HasSubstr("for 2 and 2"));
  EXPECT_THAT(family([](Family &f) { f.outputs.pop_back(); }), HasSubstr("for 1 and 1"));
  EXPECT_THAT(family([](Family &f) { f.inputs[0].dtype = DType::F16; }),
              HasSubstr("input 0 is f16, its recipe has f32"));
  EXPECT_THAT(family([](Family &f) { f.outputs[0].dtype = DType::F16; }),
              HasSubstr("output 0 is f16"));
  EXPECT_THAT(family([](Family &f) {
                f.recipe =
                    *recipe::Recipe::parse("load 0 f4e2m1; load 1 f32; store %0 0; store %1 1");
                f.inputs = {{DType::F4E2M1, 0}, {DType::F32, 0}};
              }),
              HasSubstr("packed elements are only copied"));
  EXPECT_THAT(family([](Family &f) { f.inputs[0].layout = 5; }), HasSubstr("layout 5"));
  EXPECT_THAT(family([](Family &f) { f.outputs[1].target = 2; }), HasSubstr("target 2"));
  EXPECT_THAT(family([](Family &f) { f.outputs[0].layout = 2; }), HasSubstr("holds tensors whole"));
  EXPECT_THAT(family([](Family &f) { f.outputs[1].layout = 2; }), HasSubstr("which is rank 3"));
}

TEST(Verify, Members) {
  auto family = [](auto change) { return errorAfter([&](Plan &p) { change(p.families[0]); }); };
  EXPECT_THAT(family([](Family &f) { f.memberNames[0] = 99; }), HasSubstr("member 0 is named"));
  EXPECT_THAT(family([](Family &f) { f.memberNames.pop_back(); }), HasSubstr("input and"));
  EXPECT_THAT(family([](Family &f) { f.memberInputs[0].store = 9; }),
              HasSubstr("store 9 does not exist"));
  EXPECT_THAT(family([](Family &f) { f.memberInputs[0].store = 1; }),
              HasSubstr("store 1 has 1 extents for 2 ranks"));
  EXPECT_THAT(family([](Family &f) { f.memberInputs[0].part = 1; }), HasSubstr("no such part"));
  EXPECT_THAT(family([](Family &f) { f.memberOutputs[0].part = 1; }), HasSubstr("no such part"));
  EXPECT_THAT(family([](Family &f) { f.memberInputs[0].start = -1; }), HasSubstr("negative"));
  EXPECT_THAT(family([](Family &f) { f.memberInputs[0].start = INT64_MAX; }),
              HasSubstr("do not fit a group"));
  EXPECT_THAT(family([](Family &f) { f.memberInputs[0].start = 377; }),
              HasSubstr("do not fit a group"));
  EXPECT_THAT(family([](Family &f) { f.memberInputs[0].groupTotal = 401; }),
              HasSubstr("do not fit a group"));
  // Rank 1's extent has 200 elements of its share of 210: what lies before may be read.
  EXPECT_EQ(family([](Family &f) { f.memberInputs[1] = {0, 380, 420}; }), "no error");
  EXPECT_THAT(family([](Family &f) { f.memberInputs[1] = {0, 390, 420}; }),
              HasSubstr("rank 1 would read beyond the 200 elements"));
  EXPECT_THAT(family([](Family &f) { f.memberOutputs[0].role = 99; }), HasSubstr("an output"));
  EXPECT_THAT(family([](Family &f) { f.memberOutputs[2] = f.memberOutputs[0]; }),
              HasSubstr("twice"));

  auto checked = [](auto change) { return errorAfter([&](Plan &p) { change(p.families[1]); }); };
  EXPECT_THAT(checked([](Family &f) { f.memberInputs[0].groupTotal = 24; }),
              HasSubstr("its layout has no group"));
  // 12 elements per rank: 188 + 12 is the last that fits rank 1's 200.
  EXPECT_EQ(checked([](Family &f) { f.memberInputs[0].start = 188; }), "no error");
  EXPECT_THAT(checked([](Family &f) { f.memberInputs[0].start = 189; }),
              HasSubstr("rank 1 would read beyond"));
  EXPECT_THAT(errorAfter([](Plan &p) {
                p.extents[2].offset = 990;
                p.extents[2].elements = 10;
              }),
              HasSubstr("reaches beyond its file if its elements are bf16"));
}

TEST(Verify, SharesOfAMesh) {
  auto layout = [](const std::string &text) {
    return errorAfter([&](Plan &p) { p.layouts[4] = parseLayout(text); });
  };
  EXPECT_EQ(layout("on (x = 4) map \"(f + f) h\" {f = 2, h = 6} split f by x (ceil)"), "no error");
  EXPECT_THAT(layout("on (x = 3) map \"(f + f) h\" {f = 2, h = 6} split h by x"),
              HasSubstr("which is rank 3"));
  EXPECT_THAT(layout("on (x = 4) map \"(f + f) h\" {f = 2, h = 6} flat x per param"),
              HasSubstr("no tensor with dimensions"));
  EXPECT_THAT(layout("on (x = 4) map \"(f + f) h\" {f = 2, h = 6} stage x at 3"),
              HasSubstr("no tensor with dimensions"));
  EXPECT_THAT(
      layout("on (x = 4) map \"(f + f) h\" {f = 2, h = 6} pad h to multiple of 8 split h by x"),
      HasSubstr("padding that nothing fills"));
  EXPECT_THAT(errorAfter([](Plan &p) { p.targets[1].rank = kNone; }),
              HasSubstr("holds tensors whole"));
}

TEST(Verify, Scalars) {
  auto steps = [](auto change) { return errorAfter([&](Plan &p) { change(p.families[2]); }); };
  EXPECT_THAT(steps([](Family &f) { f.memberInputs[0].start = int64_t{1} << 32; }),
              HasSubstr("do not fit f32"));
  EXPECT_THAT(steps([](Family &f) { f.memberInputs[0].groupTotal = 1; }),
              HasSubstr("do not fit f32"));
  EXPECT_THAT(errorAfter([](Plan &p) {
                Family &f = p.families[1];
                f.shape = {};
                f.memberInputs[0] = {kNone, 0, 0};
              }),
              HasSubstr("mixes known values"));
}

TEST(Fingerprint, SchemaSeesWhatIsMeantAndInstanceWhereItLies) {
  Plan base = goldenPlan();
  Fingerprints before = computeFingerprints(base);
  auto expectChange = [&](bool schemaChanges, const std::function<void(Plan &)> &change) {
    Plan plan = base;
    change(plan);
    Fingerprints after = computeFingerprints(plan);
    EXPECT_EQ(after.schema != before.schema, schemaChanges);
    EXPECT_NE(after.instance, before.instance);
  };
  expectChange(true, [](Plan &p) { p.spec += ' '; });
  expectChange(true, [](Plan &p) { p.strings[2] = "model.c"; });
  expectChange(true, [](Plan &p) { p.families[0].shape = {6, 4}; });
  expectChange(true, [](Plan &p) { p.families[0].inputs[0].layout = 2; });
  expectChange(true, [](Plan &p) { p.families[2].outputs[0].target = 0; });
  expectChange(true, [](Plan &p) { p.targets[0].options["max_shard_size"] = "1GB"; });
  expectChange(true, [](Plan &p) { p.targets[1].groups[0].names.pop_back(); });
  expectChange(true, [](Plan &p) { p.leftOut.clear(); });
  expectChange(false, [](Plan &p) { p.files[0].mtimeNs++; });
  expectChange(false, [](Plan &p) { p.sources[0].tag = "global_step4"; });
  expectChange(false, [](Plan &p) { p.extents[0].offset++; });
  expectChange(false, [](Plan &p) { p.families[2].memberInputs[0].start = 0x40800000; });
  expectChange(false, [](Plan &p) { p.targets[1].objects["args"] = toJson(*integer(3)); });
  expectChange(false, [](Plan &p) { p.targets[1].groups[0].hyper = toJson(*dict({})); });

  // Names count, not their numbers.
  Plan renumbered = base;
  renumbered.strings.push_back("model.a");
  auto id = static_cast<uint32_t>(renumbered.strings.size() - 1);
  renumbered.families[0].memberNames[0] = id;
  EXPECT_EQ(computeFingerprints(renumbered).schema, before.schema);
  EXPECT_EQ(computeFingerprints(renumbered).instance, before.instance);
  // How much memory may be used changes nothing about the result.
  renumbered.budget = 1;
  EXPECT_EQ(computeFingerprints(renumbered).instance, before.instance);
}

} // namespace
} // namespace recast::plan::test
