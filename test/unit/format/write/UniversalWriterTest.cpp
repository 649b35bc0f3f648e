#include "runtime/format/Inventory.h"
#include "runtime/format/torch/read/TorchFile.h"
#include "test/unit/format/write/Materialize.h"

#include <filesystem>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace recast;
using namespace recast::format;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using Kind = plan::Object::Kind;

namespace {

/// For use within one expression, as long as `shape` is there.
TargetTensor tensor(std::string_view name, std::string_view role,
                    std::initializer_list<int64_t> shape, DType dtype = DType::F32) {
  return {name, role, dtype, {shape.begin(), shape.size()}};
}

TargetTensor step(std::string_view name, uint64_t bits, DType dtype = DType::F32) {
  return {name, "step", dtype, {}, true, bits};
}

constexpr uint32_t kThree = 0x40400000; ///< 3.0f
constexpr uint32_t kFour = 0x40800000;

plan::ObjectPtr hyper(double lr) {
  return plan::dict({plan::entry("lr", plan::real(lr)),
                     plan::entry("betas", plan::tuple({plan::real(0.9), plan::real(0.999)}))});
}

void setGroups(WriteRequest &r, const std::vector<std::vector<std::string_view>> &groups) {
  r.groups.clear();
  for (const auto &names : groups) {
    r.groups.push_back({{}, hyper(0.1)});
    for (std::string_view name : names)
      r.groups.back().names.push_back(r.tensors.addName(name));
  }
}

/// Two parameters in two groups, as a ZeRO-1 run gives them, with the steps of both.
WriteRequest request(TargetTensors steps = {step("a.weight", kThree), step("b.bias", kThree)}) {
  WriteRequest r;
  r.tag = "global_step3";
  for (const char *name : {"a.weight", "b.bias"})
    for (const char *role : {"master", "exp_avg", "exp_avg_sq"})
      r.tensors.push_back(name[0] == 'a' ? tensor(name, role, {2, 3}) : tensor(name, role, {5}));
  for (size_t i = 0; i < steps.size(); ++i)
    r.tensors.push_back(steps[i]);
  setGroups(r, {{"a.weight"}, {"b.bias"}});
  r.objects["optimizer"] = plan::dict(
      {plan::entry("overflow", plan::boolean(false)), plan::entry("clip_grad", plan::real(1.0)),
       plan::entry("ds_version", plan::string("0.19.8")),
       plan::entry("group_paddings", plan::list({plan::integer(3), plan::integer(1)})),
       plan::entry("param_alignment_paddings",
                   plan::list({plan::list({plan::integer(2)}), plan::list({})}))});
  r.keptFiles = {{"global_step3/mp_rank_00_model_states.pt", 11}};
  return r;
}

uint64_t bytesOf(const TargetTensor &t) {
  uint64_t count = byteWidth(t.dtype);
  for (int64_t extent : t.shape)
    count *= static_cast<uint64_t>(extent);
  return count;
}

format::testing::Materialized write(const WriteRequest &r,
                                    std::vector<std::string> *notes = nullptr) {
  auto writer = createWriter("deepspeed_universal", r);
  if (!writer) {
    ADD_FAILURE() << writer.error().str();
    return {};
  }
  if (notes)
    *notes = (*writer)->notes();
  auto output = format::testing::materialize(
      **writer, [&](uint32_t i) { return format::testing::patternBytes(i, bytesOf(r.tensors[i])); },
      [&](uint32_t i) { return std::string(r.keptFiles[i].size, static_cast<char>('A' + i)); });
  EXPECT_EQ(output.complaint, "");
  return output;
}

Error refused(WriteRequest r) {
  auto writer = createWriter("deepspeed_universal", std::move(r));
  EXPECT_FALSE(writer);
  return writer ? Error(Code::Internal, "accepted") : writer.error();
}

/// A folder of this test only, removed at the end.
class Scratch {
public:
  Scratch()
      : path_(fmt::format("{}/recast-universal-{}-{}", ::testing::TempDir(), ::getpid(),
                          counter_++)) {}
  ~Scratch() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::string &path() const { return path_; }

private:
  static inline int counter_ = 0;
  std::string path_;
};

/// The object tree in one written file.
plan::ObjectPtr rootOf(const format::testing::Materialized &output, const std::string &file) {
  Scratch scratch;
  EXPECT_TRUE(writeFolder(output, scratch.path()));
  torch::PickleBudget budget;
  auto opened = torch::TorchFile::open(scratch.path() + "/" + file, budget);
  if (!opened) {
    ADD_FAILURE() << opened.error().str();
    return plan::none();
  }
  uint64_t detached = 1 << 20;
  auto root = opened->detached(opened->root(), detached);
  return root ? *root : plan::none();
}

constexpr char kState[] = "global_step3_universal/zero/optimizer_state.pt";

} // namespace

TEST(UniversalWriter, FolderAndCommit) {
  std::vector<std::string> notes;
  auto output = write(request(), &notes);
  EXPECT_TRUE(notes.empty()) << notes[0];
  std::vector<std::string> names;
  for (const auto &[name, bytes] : output.files)
    names.push_back(name);
  std::string in = "global_step3_universal/";
  EXPECT_THAT(names,
              ElementsAre(in + "mp_rank_00_model_states.pt", in + "zero/a.weight/exp_avg.pt",
                          in + "zero/a.weight/exp_avg_sq.pt", in + "zero/a.weight/fp32.pt",
                          in + "zero/a.weight/step.pt", in + "zero/b.bias/exp_avg.pt",
                          in + "zero/b.bias/exp_avg_sq.pt", in + "zero/b.bias/fp32.pt",
                          in + "zero/b.bias/step.pt", in + "zero/optimizer_state.pt",
                          in + "zero_pp_rank_0_mp_rank_00_model_states.pt", "latest_universal"));
  EXPECT_EQ(output.files["latest_universal"], "global_step3_universal");
  EXPECT_EQ(output.files[in + "mp_rank_00_model_states.pt"], std::string(11, 'A'));
  auto writer = createWriter("deepspeed_universal", request());
  EXPECT_THAT((*writer)->commit().renames, ElementsAre("global_step3_universal"));
  EXPECT_THAT((*writer)->commit().pointers,
              ElementsAre(Pair("latest_universal", "global_step3_universal")));
  EXPECT_EQ((*writer)->commit().manifestDir, "global_step3_universal");
  EXPECT_EQ(write(request()).files, output.files) << "two calls, two outputs";
}

TEST(UniversalWriter, AtomsAreDictsWithTheWholeTensor) {
  auto output = write(request());
  auto root = rootOf(output, "global_step3_universal/zero/a.weight/exp_avg.pt");
  const plan::Object *param = root->find("param");
  ASSERT_NE(param, nullptr);
  ASSERT_EQ(param->kind, Kind::Tensor);
  EXPECT_THAT(param->tensor->shape, ElementsAre(2, 3));
  EXPECT_EQ(param->tensor->literal, format::testing::patternBytes(1, 24));
  auto stepRoot = rootOf(output, "global_step3_universal/zero/a.weight/step.pt");
  ASSERT_EQ(stepRoot->kind, Kind::Tensor);
  EXPECT_TRUE(stepRoot->tensor->shape.empty());
  EXPECT_EQ(stepRoot->tensor->literal, std::string("\0\0\x40\x40", 4));
}

TEST(UniversalWriter, FlatAtomsAreBareAndOneDimensional) {
  WriteRequest r = request();
  r.options["atoms"] = "flat";
  std::vector<std::string> notes;
  auto root = rootOf(write(r, &notes), "global_step3_universal/zero/a.weight/fp32.pt");
  ASSERT_EQ(root->kind, Kind::Tensor);
  EXPECT_THAT(root->tensor->shape, ElementsAre(6));
  EXPECT_THAT(notes, Contains(HasSubstr("only ZeRO-3")));
}

TEST(UniversalWriter, IntegerStepsStayIntegers) {
  WriteRequest r = request({step("a.weight", 1200, DType::I64), step("b.bias", 1200, DType::I64)});
  auto root = rootOf(write(r), "global_step3_universal/zero/b.bias/step.pt");
  EXPECT_EQ(root->kind, Kind::Int);
  EXPECT_EQ(root->integer, 1200);
}

TEST(UniversalWriter, OptimizerStateServesEveryStage) {
  auto root = rootOf(write(request()), kState);
  ASSERT_TRUE(root->isDict());
  // ZeRO-1 and 2.
  EXPECT_EQ(root->find("ds_version")->text, "0.19.8");
  EXPECT_EQ(root->find("clip_grad")->real, 1.0);
  ASSERT_EQ(root->find("param_groups")->items.size(), 2u);
  const plan::Object &second = *root->find("param_groups")->items[1];
  EXPECT_EQ(second.find("params")->items[0]->integer, 1);
  EXPECT_EQ(second.find("lr")->real, 0.1);
  EXPECT_EQ(second.find("betas")->kind, Kind::Tuple);
  // ZeRO-3.
  const plan::Object *inner = root->find("optimizer_state_dict");
  ASSERT_NE(inner, nullptr);
  ASSERT_EQ(inner->find("state")->entries.size(), 1u);
  EXPECT_EQ(inner->find("state")->entries[0].first->integer, 0);
  EXPECT_EQ(inner->find("state")->entries[0].second->find("step")->tensor->literal,
            std::string("\0\0\x40\x40", 4));
  EXPECT_EQ(inner->find("param_groups")->items.size(), 2u);
  // Paddings belong to the source's partitioning.
  for (const plan::ObjectPtr &padding : root->find("group_paddings")->items)
    EXPECT_EQ(padding->integer, 0);
  EXPECT_EQ(root->find("param_alignment_paddings")->items[0]->items[0]->integer, 0);
}

TEST(UniversalWriter, Stage3SourceGivesBothKeySets) {
  WriteRequest r = request();
  plan::TensorRef flat;
  flat.storage = "17";
  flat.shape = {1000};
  r.objects["optimizer"] =
      plan::dict({plan::entry("dynamic_loss_scale", plan::boolean(true)),
                  plan::entry("partition_count", plan::integer(4)),
                  plan::entry("fp32_flat_groups", plan::list({plan::tensor(flat)})),
                  plan::entry("optimizer_state_dict",
                              plan::dict({plan::entry("state", plan::tensor(flat))}))});
  auto root = rootOf(write(r), kState);
  ASSERT_TRUE(root->isDict());
  EXPECT_EQ(root->find("fp32_flat_groups"), nullptr);
  EXPECT_NE(root->find("ds_version"), nullptr);
  EXPECT_EQ(root->find("clip_grad"), nullptr) << "a made-up value would switch clipping off";
  EXPECT_EQ(root->find("group_paddings")->items.size(), 2u);
  EXPECT_EQ(root->find("partition_count")->items.size(), 2u);
  EXPECT_EQ(root->find("param_groups")->items.size(), 2u);
  EXPECT_TRUE(root->find("optimizer_state_dict")->find("state")->isDict());
}

TEST(UniversalWriter, Stage3FilesGetTheOtherName) {
  WriteRequest r = request();
  r.keptFiles = {{"t/zero_pp_rank_0_mp_rank_00_model_states.pt", 3},
                 {"t/zero_pp_rank_1_mp_rank_00_model_states.pt", 4},
                 {"t/zero_pp_rank_0_mp_rank_01_model_states.pt", 5}};
  auto files = write(r).files;
  EXPECT_EQ(files["global_step3_universal/mp_rank_00_model_states.pt"], "AAA");
  EXPECT_EQ(files["global_step3_universal/mp_rank_01_model_states.pt"], "CCCCC");
  EXPECT_EQ(files["global_step3_universal/zero_pp_rank_1_mp_rank_00_model_states.pt"], "BBBB");
}

TEST(UniversalWriter, SaysWhatTheLoaderWillIgnore) {
  WriteRequest r = request({step("a.weight", kThree), step("b.bias", kFour)});
  r.tensors.push_back(tensor("f", "frozen", {2}));
  r.tensors.push_back(tensor("odd", "master", {2}));
  r.groups[1].hyper = hyper(0.2);
  std::vector<std::string> notes;
  auto output = write(r, &notes);
  EXPECT_THAT(notes, Contains(HasSubstr("frozen parameters and buffers at their initial")));
  EXPECT_THAT(notes, Contains(HasSubstr("hyper-parameters of group 0")));
  EXPECT_THAT(notes, Contains(HasSubstr("different steps")));
  EXPECT_THAT(notes, Contains(HasSubstr("exp_avg_sq")));
  EXPECT_TRUE(output.files.contains("global_step3_universal/zero/f/fp32.pt"));
}

TEST(UniversalWriter, UnequalStepsInAGroupAreRefused) {
  auto inOneGroup = [](TargetTensors steps) {
    WriteRequest r = request(std::move(steps));
    setGroups(r, {{"a.weight", "b.bias"}});
    return r;
  };
  EXPECT_TRUE(createWriter("deepspeed_universal",
                           inOneGroup({step("a.weight", kThree), step("b.bias", kThree)})));
  Error error = refused(inOneGroup({step("a.weight", kThree), step("b.bias", kFour)}));
  EXPECT_EQ(error.tensorName(), "b.bias");
  EXPECT_THAT(error.message(), HasSubstr("one step per group"));
  EXPECT_EQ(refused(inOneGroup({step("a.weight", kThree)})).tensorName(), "b.bias")
      << "a missing step differs from one that is there";
}

TEST(UniversalWriter, NamesThatCannotBeFolders) {
  for (const std::string &name :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("../x"),
        std::string("a\0b", 3), std::string(256, 'n'), std::string("\xff"),
        std::string("optimizer_state.pt"), std::string("Optimizer_State.pt")}) {
    WriteRequest r = request();
    r.tensors.push_back(tensor(name, "master", {1}));
    EXPECT_EQ(refused(r).code(), Code::BadInput) << name;
    WriteRequest role = request();
    role.tensors.push_back(tensor("c", name, {1}));
    if (name.size() != 18)
      EXPECT_EQ(refused(role).code(), Code::BadInput) << name;
  }
  WriteRequest folded = request();
  folded.tensors.push_back(tensor("A.Weight", "master", {1}));
  EXPECT_THAT(refused(folded).message(), HasSubstr("differ only in case"));
  WriteRequest longest = request();
  longest.tensors.push_back(tensor(std::string(255, 'n'), "master", {1}));
  EXPECT_TRUE(createWriter("deepspeed_universal", longest));
}

TEST(UniversalWriter, TagsAndOptions) {
  WriteRequest r = request();
  r.tag = "step7_universal";
  EXPECT_EQ(write(r).files["latest_universal"], "step7_universal");
  r.options["tag"] = "mine";
  EXPECT_EQ(write(r).files["latest_universal"], "mine_universal");
  r.options["tag"] = "../evil";
  EXPECT_EQ(refused(r).code(), Code::BadInput);
  r.options["tag"] = "";
  EXPECT_EQ(refused(r).code(), Code::Usage);
  r = request();
  r.options["atoms"] = "round";
  EXPECT_EQ(refused(r).code(), Code::Usage);
  r = request();
  r.options["allow_foreign_objects"] = "maybe";
  EXPECT_EQ(refused(r).code(), Code::Usage);
}

TEST(UniversalWriter, RefusesWhatWouldNotLoad) {
  auto changed = [](auto change) {
    WriteRequest r = request();
    change(r);
    return refused(std::move(r)).message();
  };
  EXPECT_THAT(changed([](auto &r) { r.tensors.push_back(tensor("w", "weight", {1})); }),
              HasSubstr("'weight'"));
  EXPECT_THAT(changed([](auto &r) { r.tensors.push_back(tensor("a.weight", "frozen", {1})); }),
              HasSubstr("fp32.pt"));
  EXPECT_THAT(changed([](auto &r) { r.tensors.push_back(tensor("w", "fp32", {1})); }),
              HasSubstr("role"));
  EXPECT_THAT(changed([](auto &r) { r.tensors.push_back(tensor("w", "Exp_avg", {1})); }),
              HasSubstr("case"));
  EXPECT_THAT(changed([](auto &r) { r.tensors.push_back(tensor("a", "step", {1})); }),
              HasSubstr("step"));
  EXPECT_THAT(changed([](auto &r) { r.tensors.push_back({"a", "mu", DType::F32, {}, true, 0}); }),
              HasSubstr("'mu'"));
  EXPECT_THAT(
      changed([](auto &r) { r.tensors.push_back(tensor("w", "master", {1}, DType::F4E2M1)); }),
      HasSubstr("f4e2m1"));
  EXPECT_THAT(changed([](auto &r) { r.tensors.push_back(tensor("w", "master", {-1})); }),
              HasSubstr("64 bits"));
  EXPECT_THAT(changed([](auto &r) { r.groups.clear(); }), HasSubstr("parameter groups"));
  EXPECT_THAT(changed([](auto &r) { r.keptFiles.clear(); }), HasSubstr("model_states"));
  EXPECT_THAT(changed([](auto &r) { r.keptFiles.push_back({"x/mp_rank_00_model_states.pt", 1}); }),
              HasSubstr("two files"));
  EXPECT_THAT(changed([](auto &r) { r.keptFiles.push_back({"x/zero", 1}); }), HasSubstr("zero"));
  EXPECT_THAT(changed([](auto &r) { r.tensors = {step("a", kThree)}; }), HasSubstr("master"));
  EXPECT_THAT(changed([](auto &r) { r.objects["optimizer"] = plan::integer(1); }),
              HasSubstr("optimizer"));
}

TEST(UniversalWriter, ForeignObjectsNeedPermission) {
  WriteRequest r = request();
  auto evil = std::make_shared<plan::Object>();
  evil->kind = Kind::Call;
  evil->items = {plan::global("os", "system"), plan::tuple({plan::string("id")})};
  r.objects["optimizer"] = plan::dict({plan::entry("loss_scaler", evil)});
  Error error = refused(r);
  EXPECT_THAT(error.message(), HasSubstr("os.system"));
  EXPECT_EQ(error.fileName(), kState);
  r.options["allow_foreign_objects"] = "true";
  EXPECT_TRUE(createWriter("deepspeed_universal", r));
}
