#include "runtime/plan/Object.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace recast::plan {
namespace {
using namespace std::string_literals;
using Kind = Object::Kind;

ObjectPtr of(Kind kind, std::string text = "", std::vector<ObjectPtr> items = {}) {
  auto object = std::make_shared<Object>();
  object->kind = kind;
  object->text = std::move(text);
  object->items = std::move(items);
  return object;
}

/// One of everything.
ObjectPtr everything() {
  TensorRef ref;
  ref.dtype = DType::BF16;
  ref.storage = "\xff\x00odd"s;
  ref.location = "cuda:0";
  ref.storageElements = 12;
  ref.offset = 2;
  ref.shape = {2, 3};
  ref.strides = {1, 2};
  ref.requiresGrad = true;
  ref.literal = "\x00\x01\xfe"s;
  auto call = std::make_shared<Object>();
  call->kind = Kind::Call;
  call->items = {global("a.b", "C"), tuple({}), none()};
  call->entries = {{integer(3), boolean(true)}};
  auto ordered = std::make_shared<Object>();
  ordered->kind = Kind::Ordered;
  ordered->entries = {{tuple({integer(1)}), string("x")}, entry("y", list({}))};
  return dict({entry("none", none()), entry("bools", list({boolean(true), boolean(false)})),
               entry("ints", tuple({integer(INT64_MIN), integer(INT64_MAX), integer(0)})),
               entry("big", of(Kind::BigInt, "-123456789012345678901234567890")),
               entry("reals", list({real(0.1), real(-0.0), real(0.0), real(1.0), real(1e300),
                                    real(5e-324), real(INFINITY), real(-INFINITY),
                                    real(9007199254740993.0), real(3.4028234663852886e38)})),
               entry("text", string("quotes \" \\ \n \x01 n\xc3\xa4me")),
               entry("surrogate", string("\xed\xa0\x80")),
               entry("bytes", of(Kind::Bytes, "\x00\xff"s)),
               entry("set", of(Kind::Set, "", {string("a"), string("b")})), entry("call", call),
               entry("ordered", ordered),
               entry("instance", of(Kind::Instance, "", {global("\xff", ""), tuple({})})),
               entry("tensor", tensor(ref))});
}

TEST(Object, JsonKeepsEveryBit) {
  ObjectPtr object = everything();
  std::string json = toJson(*object);
  auto back = fromJson(json);
  ASSERT_TRUE(back) << back.error().str() << "\n" << json;
  EXPECT_TRUE(equal(*object, **back)) << json;
  EXPECT_EQ(toJson(**back), json);
}

TEST(Object, FloatsAreEqualByBits) {
  for (uint64_t bits : {uint64_t{0x7ff8000000000001}, uint64_t{0xfff8000000000000},
                        uint64_t{0x7ff0000000000001}, uint64_t{1} << 63, uint64_t{1}}) {
    ObjectPtr value = real(std::bit_cast<double>(bits));
    auto back = fromJson(toJson(*value));
    ASSERT_TRUE(back);
    EXPECT_EQ(std::bit_cast<uint64_t>((*back)->real), bits);
    EXPECT_TRUE(equal(*value, **back));
  }
  EXPECT_FALSE(equal(*real(0.0), *real(-0.0)));
  EXPECT_FALSE(equal(*real(1.0), *integer(1)));
  EXPECT_FALSE(equal(*boolean(true), *integer(1)));
}

TEST(Object, SetsHaveNoOrder) {
  ObjectPtr ab = of(Kind::Set, "", {string("a"), string("b")});
  ObjectPtr ba = of(Kind::Set, "", {string("b"), string("a")});
  EXPECT_TRUE(equal(*ab, *ba));
  EXPECT_FALSE(equal(*ab, *of(Kind::Set, "", {string("a"), string("c")})));
  EXPECT_FALSE(equal(*list({string("a"), string("b")}), *list({string("b"), string("a")})));
}

TEST(Object, FindsOnlyStringKeysOfDicts) {
  ObjectPtr object = everything();
  EXPECT_EQ(object->find("big")->kind, Kind::BigInt);
  EXPECT_EQ(object->find("absent"), nullptr);
  EXPECT_EQ(object->find("call")->find("x"), nullptr);
  EXPECT_TRUE(global("torch", "Size")->isGlobal("torch", "Size"));
  EXPECT_FALSE(string("Size")->isGlobal("torch", "Size"));
}

TEST(Object, RefusesHostileJson) {
  for (const std::string &text : {""s,
                                  "{"s,
                                  "nul"s,
                                  "[1]"s,
                                  "{}"s,
                                  R"({"list":1})"s,
                                  R"({"list":[],"dict":[]})"s,
                                  R"({"nonsense":[]})"s,
                                  R"({"dict":[[1]]})"s,
                                  R"({"dict":[1]})"s,
                                  R"({"float":"xx"})"s,
                                  R"({"float":null})"s,
                                  R"({"float":"7FF8000000000000"})"s,
                                  R"({"bigint":"12a"})"s,
                                  R"({"bigint":""})"s,
                                  R"({"bytes":"0"})"s,
                                  R"({"bytes":5})"s,
                                  R"({"global":["a"]})"s,
                                  R"({"call":[[],[]]})"s,
                                  R"({"call":[[null],[]]})"s,
                                  R"({"instance":null})"s,
                                  R"({"tensor":[]})"s,
                                  R"({"tensor":["f32","","",1,0,[1],["x"],false,false,""]})"s,
                                  R"({"tensor":["f33","","",1,0,[1],[1],false,false,""]})"s,
                                  "18446744073709551615"s,
                                  "1.5"s,
                                  "\"\xff\""s,
                                  "1e999"s})
    EXPECT_FALSE(fromJson(text)) << text;
}

TEST(Object, RefusesDepth) {
  auto nested = [](int depth) {
    std::string open, close;
    for (int i = 0; i < depth; ++i) {
      open += R"({"list":[)";
      close += "]}";
    }
    return open + "null" + close;
  };
  EXPECT_TRUE(fromJson(nested(kMaxObjectDepth)));
  EXPECT_FALSE(fromJson(nested(kMaxObjectDepth + 1)));
  EXPECT_FALSE(fromJson(nested(100'000)));
  EXPECT_FALSE(fromJson(std::string(1'000'000, '[')));
}

} // namespace
} // namespace recast::plan
