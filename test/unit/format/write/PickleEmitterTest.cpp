#include "runtime/format/torch/write/PickleEmitter.h"
#include "runtime/format/torch/read/Pickle.h"
#include "runtime/format/torch/write/LongBytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace recast;
using namespace recast::format::torch;
using plan::Object;
using plan::ObjectPtr;
using Kind = Object::Kind;
using ::testing::HasSubstr;

namespace {

Result<std::string> emit(const Object &object, bool allowForeign = false) {
  return emitPickle(object,
                    [](const plan::TensorRef &) -> Result<std::string> { return std::string("0"); },
                    {.allowForeign = allowForeign});
}

std::shared_ptr<Object> make(Kind kind) {
  auto object = std::make_shared<Object>();
  object->kind = kind;
  return object;
}

ObjectPtr withText(Kind kind, std::string text) {
  auto object = make(kind);
  object->text = std::move(text);
  return object;
}

ObjectPtr withItems(Kind kind, std::vector<ObjectPtr> items) {
  auto object = make(kind);
  object->items = std::move(items);
  return object;
}

/// What the reader makes of what the emitter wrote.
ObjectPtr roundTrip(const Object &object) {
  auto bytes = emit(object);
  if (!bytes) {
    ADD_FAILURE() << bytes.error().str();
    return plan::none();
  }
  PickleBudget budget;
  auto pickle = readPickle(*bytes, budget);
  if (!pickle) {
    ADD_FAILURE() << pickle.error().str();
    return plan::none();
  }
  EXPECT_TRUE(pickle->foreignGlobals.empty());
  return pickle->root;
}

void expectSame(const ObjectPtr &object) {
  EXPECT_TRUE(plan::equal(*roundTrip(*object), *object)) << plan::toJson(*object);
}

} // namespace

TEST(PickleEmitter, ValuesComeBack) {
  for (int64_t value : {int64_t{0}, int64_t{255}, int64_t{256}, int64_t{65535}, int64_t{65536},
                        int64_t{-1}, int64_t{-129}, int64_t{INT32_MAX}, int64_t{INT32_MIN},
                        int64_t{INT32_MAX} + 1, INT64_MAX, INT64_MIN})
    expectSame(plan::integer(value));
  for (double value : {0.0, -0.0, 0.1, 1e308, -5e-324})
    expectSame(plan::real(value));
  expectSame(plan::none());
  expectSame(plan::boolean(true));
  expectSame(plan::boolean(false));
  expectSame(plan::string(""));
  expectSame(plan::string("gr\xc3\xb6\xc3\x9f"
                          "e"));
  expectSame(withText(Kind::BigInt, "9223372036854775808"));
  expectSame(withText(Kind::BigInt, "-170141183460469231731687303715884105728"));
  expectSame(withText(Kind::BigInt, "1" + std::string(700, '0')));
  for (size_t size = 0; size < 6; ++size)
    expectSame(plan::tuple(std::vector<ObjectPtr>(size, plan::integer(7))));
  expectSame(plan::list(std::vector<ObjectPtr>(2500, plan::integer(1))));
}

TEST(PickleEmitter, ContainersComeBack) {
  std::vector<std::pair<ObjectPtr, ObjectPtr>> entries;
  for (int i = 0; i < 1500; ++i)
    entries.push_back(plan::entry("k" + std::to_string(i), plan::integer(i)));
  expectSame(plan::dict(entries));
  auto ordered = make(Kind::Ordered);
  ordered->entries = {plan::entry("a", plan::list({})), plan::entry("b", plan::none())};
  expectSame(ordered);
  expectSame(plan::dict({{plan::integer(0), plan::tuple({plan::real(0.9), plan::real(0.999)})}}));
}

TEST(PickleEmitter, LossScalerComesBack) {
  auto scaler = withItems(Kind::Instance,
                          {plan::global("deepspeed.runtime.fp16.loss_scaler", "DynamicLossScaler"),
                           plan::tuple({}),
                           plan::dict({plan::entry("cur_scale", plan::real(65536)),
                                       plan::entry("dtype", plan::global("torch", "float16"))})});
  expectSame(scaler);
}

TEST(PickleEmitter, EnumsInBothSpellingsAreWritten) {
  ObjectPtr stage = plan::global("deepspeed.runtime.zero.config", "ZeroStageEnum");
  for (const ObjectPtr &call :
       {withItems(Kind::Call, {stage, plan::tuple({plan::integer(2)})}),
        withItems(Kind::Call, {plan::global("__builtin__", "getattr"),
                               plan::tuple({stage, plan::string("gradients")})})}) {
    auto bytes = emit(*call);
    ASSERT_TRUE(bytes);
    EXPECT_THAT(*bytes, HasSubstr("cdeepspeed.runtime.zero.config\nZeroStageEnum\n"));
  }
}

TEST(PickleEmitter, TensorsAreContiguousInTheirStorage) {
  plan::TensorRef ref;
  ref.dtype = DType::BF16;
  ref.shape = {2, 3, 4};
  ref.strides = {1, 2, 6};
  ref.offset = 5;
  ref.requiresGrad = true;
  for (bool parameter : {false, true}) {
    ref.parameter = parameter;
    ObjectPtr back = roundTrip(*plan::tensor(ref));
    ASSERT_EQ(back->kind, Kind::Tensor);
    EXPECT_EQ(back->tensor->dtype, DType::BF16);
    EXPECT_EQ(back->tensor->shape, ref.shape);
    EXPECT_EQ(back->tensor->strides, (std::vector<int64_t>{12, 4, 1}));
    EXPECT_EQ(back->tensor->offset, 0);
    EXPECT_EQ(back->tensor->storageElements, 24);
    EXPECT_TRUE(back->tensor->requiresGrad);
    EXPECT_EQ(back->tensor->parameter, parameter);
  }
}

TEST(PickleEmitter, EveryTorchDtypeComesBack) {
  for (const DTypeInfo &type : allDTypes()) {
    plan::TensorRef ref;
    ref.dtype = type.type;
    ref.shape = {0, 6};
    auto bytes = emit(*plan::tensor(ref));
    ASSERT_EQ(bytes.has_value(), !type.torch.empty()) << type.name;
    if (!bytes)
      continue;
    ref.shape = {6};
    ObjectPtr back = roundTrip(*plan::tensor(ref));
    ASSERT_EQ(back->kind, Kind::Tensor) << type.name;
    EXPECT_EQ(back->tensor->dtype, type.type);
    EXPECT_EQ(back->tensor->shape, ref.shape);
  }
}

TEST(PickleEmitter, ForeignGlobalsAreRefused) {
  std::vector<ObjectPtr> hostile = {
      plan::global("os", "system"),
      withItems(Kind::Call, {plan::global("posix", "system"), plan::tuple({plan::string("id")})}),
      withItems(Kind::Call, {plan::global("builtins", "eval"), plan::tuple({plan::string("1")})}),
      withItems(Kind::Instance, {plan::global("my.mod", "Config"), plan::tuple({})}),
      // Known names that may be values, but may not be called.
      withItems(Kind::Call, {plan::global("builtins", "bytes"),
                             plan::tuple({plan::integer(int64_t{1} << 40)})}),
      withItems(Kind::Call, {plan::global("torch", "float16"), plan::tuple({})}),
      // getattr of anything but an enum's member.
      withItems(Kind::Call, {plan::global("builtins", "getattr"),
                             plan::tuple({plan::global("torch", "Size"), plan::string("count")})}),
      withItems(Kind::Call,
                {plan::global("builtins", "getattr"),
                 plan::tuple({plan::global("deepspeed.runtime.zero.config", "ZeroStageEnum"),
                              plan::integer(1)})}),
  };
  for (const ObjectPtr &object : hostile) {
    auto bytes = emit(*plan::list({object}));
    ASSERT_FALSE(bytes) << plan::toJson(*object);
    EXPECT_EQ(bytes.error().code(), Code::BadInput);
    EXPECT_THAT(bytes.error().hintText(), HasSubstr("allow_foreign_objects"));
    EXPECT_TRUE(emit(*object, true)) << plan::toJson(*object);
  }
}

TEST(PickleEmitter, NothingSmugglesOpcodes) {
  EXPECT_FALSE(emit(*plan::global("os\nsystem\n(", "x"), true));
  EXPECT_FALSE(emit(*plan::global("a", "b\n."), true));
  EXPECT_FALSE(emit(*plan::global("", "b"), true));
  EXPECT_FALSE(emit(*withItems(Kind::Call, {plan::string("eval"), plan::tuple({})}), true));
  EXPECT_FALSE(emit(*withItems(Kind::Call, {plan::global("torch", "Size")}), true));
  EXPECT_FALSE(emit(*withText(Kind::BigInt, "12x"), true));
}

TEST(PickleEmitter, DepthIsBounded) {
  ObjectPtr object = plan::none();
  for (int i = 0; i < 199; ++i)
    object = plan::list({object});
  EXPECT_TRUE(emit(*object));
  EXPECT_FALSE(emit(*plan::list({object})));
}

TEST(LongBytes, MatchesTwosComplement) {
  EXPECT_EQ(longFromInt(0), "");
  EXPECT_EQ(longFromInt(127), "\x7f");
  EXPECT_EQ(longFromInt(128), std::string("\x80\0", 2));
  EXPECT_EQ(longFromInt(-128), "\x80");
  EXPECT_EQ(longFromInt(-129), "\x7f\xff");
  for (int64_t value : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{255}, int64_t{-256},
                        int64_t{32768}, INT64_MIN, INT64_MAX})
    EXPECT_EQ(longFromDecimal(std::to_string(value)), longFromInt(value)) << value;
  for (const char *bad : {"", "-", "+1", "1.0", " 1", "0x1"})
    EXPECT_FALSE(longFromDecimal(bad)) << bad;
  EXPECT_FALSE(longFromDecimal(std::string(kMaxDecimalDigits + 1, '1')));
}
