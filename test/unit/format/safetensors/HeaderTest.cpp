// The header parser against the list of hostile inputs in docs of the format: every case has an
// expected error, none may crash, hang or be accepted silently.
#include "runtime/format/safetensors/read/SafetensorsHeader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace recast;
using namespace recast::format::safetensors;
using ::testing::HasSubstr;

namespace {

std::string little(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i)
    bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

/// One tensor entry.
std::string entry(std::string_view name, std::string_view dtype, std::string_view shape,
                  uint64_t begin, uint64_t end) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", name, dtype,
                     shape, begin, end);
}

std::string refusal(std::string_view json, uint64_t dataBytes = 0) {
  auto header = parseHeader(json, dataBytes);
  if (header)
    return "accepted";
  EXPECT_EQ(header.error().code(), Code::BadInput);
  return header.error().str();
}

} // namespace

TEST(SafetensorsHeader, LengthField) {
  for (uint64_t size = 0; size < 8; ++size)
    EXPECT_THAT(headerLength(std::string(size, '\0'), size).error().message(),
                HasSubstr("too few"));
  EXPECT_EQ(*headerLength(little(2), 10), 2u);
  EXPECT_THAT(headerLength(little(2), 9).error().message(), HasSubstr("ends inside"));
  for (uint64_t length : {uint64_t{100'000'001}, uint64_t{1} << 63, UINT64_MAX, UINT64_MAX - 7})
    EXPECT_THAT(headerLength(little(length), UINT64_MAX).error().message(),
                HasSubstr("not a safetensors file"));
  EXPECT_TRUE(headerLength(little(100'000'000), UINT64_MAX));
  // A big-endian writer.
  EXPECT_FALSE(headerLength(std::string("\0\0\0\0\0\0\0\x40", 8), 1 << 20));
}

TEST(SafetensorsHeader, ReadsWhatIsRight) {
  auto header = parseHeader(
      "  {\"__metadata__\":{\"format\":\"pt\"}," + entry("b", "BF16", "2,3", 8, 20) + "," +
          entry("a", "I64", "", 0, 8) + "," + entry("e", "F32", "0,7", 8, 8) + "," +
          entry("l", "F4", "4", 20, 22) + "," + entry("nul\\u0000", "F32", "0", 22, 22) + "}\n ",
      22);
  ASSERT_TRUE(header) << header.error().str();
  EXPECT_EQ(header->metadata.at("format"), "pt");
  ASSERT_EQ(header->tensors.size(), 5u);
  EXPECT_EQ(header->tensors[0].name, "a");
  EXPECT_TRUE(header->tensors[0].shape.empty());
  EXPECT_EQ(header->tensors[1].name, "e") << "zero bytes come before what begins there";
  EXPECT_EQ(header->tensors[2].dtype, DType::BF16);
  EXPECT_EQ(header->tensors[2].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(header->tensors[4].name, std::string("nul\0", 4));
  EXPECT_TRUE(parseHeader("{}", 0));
}

TEST(SafetensorsHeader, EveryDtypeOfTheFormat) {
  for (const DTypeInfo &type : allDTypes()) {
    if (type.safetensors.empty())
      continue;
    auto header =
        parseHeader("{" + entry("t", type.safetensors, "8", 0, type.bits) + "}", type.bits);
    ASSERT_TRUE(header) << type.name;
    EXPECT_EQ(header->tensors[0].dtype, type.type);
  }
}

TEST(SafetensorsHeader, NotJson) {
  std::string good = "{" + entry("a", "F32", "1", 0, 4) + "}";
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(refusal(good.substr(0, size), 4), "accepted") << "cut after " << size;
  for (const char *bad :
       {"{\"a\xff\":1}", "{\"\xc0\x80\":1}", "{\"\xed\xa0\x80\":1}", "{\"\\ud800\":1}", "{,}",
        "{\"a\":}", "{} {}", "{}x", "NaN", "{\"a\":NaN}", "\xff\xfe{}", "// c\n{}"})
    EXPECT_NE(refusal(bad), "accepted") << bad;
  EXPECT_THAT(refusal("\xEF\xBB\xBF{}"), HasSubstr("byte order mark"));
  EXPECT_THAT(refusal(std::string("{}\0\0", 4)), HasSubstr("byte 2"));
  EXPECT_THAT(refusal(std::string("{\"a\0\":1}", 8)), HasSubstr("byte 3"));
  EXPECT_NE(refusal("{" + entry("a", "F32", "1,", 0, 4) + "}", 4), "accepted") << "trailing comma";
}

TEST(SafetensorsHeader, WrongKindsOfValues) {
  for (const char *bad : {"[]",
                          "null",
                          "\"x\"",
                          "5",
                          "true",
                          R"({"a":[]})",
                          R"({"a":null})",
                          R"({"a":"F32"})",
                          R"({"a":{"dtype":5,"shape":[],"data_offsets":[0,4]}})",
                          R"({"a":{"dtype":"F32","shape":"","data_offsets":[0,4]}})",
                          R"({"a":{"dtype":"F32","shape":{},"data_offsets":[0,4]}})",
                          R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})",
                          R"({"a":{"dtype":"F32","shape":[],"data_offsets":[[0,4]]}})",
                          R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,[4]]}})",
                          R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})",
                          R"({"a":{"dtype":"F32","shape":[null],"data_offsets":[0,4]}})",
                          R"({"a":{"dtype":"F32","shape":[],"data_offsets":4}})",
                          R"({"a":{"dtype":"F32","shape":[],"data_offsets":[4]}})",
                          R"({"a":{"dtype":"F32","shape":[],"data_offsets":[]}})",
                          R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4,4]}})",
                          R"({"a":{"dtype":["F32"],"shape":[],"data_offsets":[0,4]}})",
                          R"({"__metadata__":{"a":1}})",
                          R"({"__metadata__":{"a":{}}})",
                          R"({"__metadata__":[]})",
                          R"({"__metadata__":{"a":["b"]}})",
                          R"({"__metadata__":"x"})",
                          R"({"__metadata__":null})"})
    EXPECT_NE(refusal(bad, 4), "accepted") << bad;
}

TEST(SafetensorsHeader, DuplicatesAndFields) {
  std::string a = entry("a", "F32", "", 0, 4);
  EXPECT_THAT(refusal("{" + a + "," + a + "}", 4), HasSubstr("twice"));
  EXPECT_THAT(refusal("{" + a + "," + entry("\\u0061", "F32", "", 0, 4) + "}", 4),
              HasSubstr("twice"));
  EXPECT_THAT(refusal(R"({"__metadata__":{},"__metadata__":{}})"), HasSubstr("twice"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":"1","k":"2"}})"), HasSubstr("twice"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4),
              HasSubstr("two fields"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}})", 4),
              HasSubstr("unknown field"));
  EXPECT_THAT(refusal(R"({"a":{"shape":[],"data_offsets":[0,4]}})", 4), HasSubstr("lacks dtype"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4),
              HasSubstr("lacks shape"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[]}})", 4), HasSubstr("lacks data_offsets"));
}

TEST(SafetensorsHeader, DtypesAndShapes) {
  for (const char *dtype : {"f32", "FLOAT", "", "F128", "bfloat16"})
    EXPECT_THAT(refusal("{" + entry("a", dtype, "1", 0, 4) + "}", 4), HasSubstr("unknown dtype"));
  EXPECT_THAT(refusal("{" + entry("a", "F4", "3", 0, 2) + "}", 2), HasSubstr("whole bytes"));
  EXPECT_THAT(refusal("{" + entry("a", "F6_E2M3", "3", 0, 3) + "}", 3), HasSubstr("whole bytes"));
  for (const char *shape : {"2,9223372036854775807", "9223372036854775807",
                            "0,9223372036854775807,2", "4294967296,4294967296"})
    EXPECT_THAT(refusal("{" + entry("a", "F32", shape, 0, 4) + "}", 4), HasSubstr("64 bits"))
        << shape;
  EXPECT_THAT(refusal("{" + entry("a", "F32", "2,18446744073709551614", 0, 4) + "}", 4),
              HasSubstr("dimension"));
  EXPECT_THAT(refusal("{" + entry("a", "F32", "18446744073709551616", 0, 4) + "}", 4),
              HasSubstr("64 bits"));
  std::string ones = "1";
  for (int i = 1; i < 1'000'000; ++i)
    ones += ",1";
  EXPECT_THAT(refusal("{" + entry("a", "F32", ones, 0, 4) + "}", 4), HasSubstr("64 dimensions"));
}

TEST(SafetensorsHeader, Numbers) {
  for (const char *number : {"1.0", "1e3", "-0", "-1", "01", "0x1", "+1", "1_0", "Infinity"}) {
    EXPECT_NE(refusal("{" + entry("a", "F32", number, 0, 4) + "}", 4), "accepted") << number;
    EXPECT_NE(refusal(fmt::format(R"({{"a":{{"dtype":"F32","shape":[],"data_offsets":[0,{}]}}}})",
                                  number),
                      4),
              "accepted")
        << number;
  }
}

TEST(SafetensorsHeader, Offsets) {
  std::string a = entry("a", "F32", "1", 0, 4);
  auto with = [&](const std::string &second, uint64_t bytes) {
    return refusal("{" + second + "," + a + "}", bytes);
  };
  EXPECT_EQ(with(entry("b", "F32", "1", 4, 8), 8), "accepted");
  EXPECT_THAT(with(entry("b", "F32", "1", 2, 6), 6), HasSubstr("overlap")) << "overlap";
  EXPECT_THAT(with(entry("b", "F32", "1", 0, 4), 4), HasSubstr("overlap")) << "the same bytes";
  EXPECT_THAT(with(entry("b", "F32", "1", 5, 9), 9), HasSubstr("holes"));
  EXPECT_THAT(with(entry("b", "F32", "1", 8, 4), 8), HasSubstr("backwards"));
  EXPECT_THAT(with(entry("b", "F32", "0", 2, 2), 4), HasSubstr("overlap")) << "empty, but inside";
  EXPECT_EQ(with(entry("b", "F32", "0", 4, 4), 4), "accepted") << "empty, at the end";
  EXPECT_THAT(with(entry("b", "F32", "0", 5, 5), 4), HasSubstr("holes"));
  EXPECT_THAT(refusal("{" + entry("a", "F32", "1", 4, 8) + "}", 8), HasSubstr("expected"));
  EXPECT_THAT(refusal("{" + a + "}", 3), HasSubstr("the file holds 3"));
  EXPECT_THAT(refusal("{" + a + "}", 5), HasSubstr("the file holds 5"));
  EXPECT_THAT(refusal("{}", 1), HasSubstr("the file holds 1"));
  EXPECT_THAT(refusal("{" + entry("a", "F32", "2", 0, 4) + "}", 4), HasSubstr("needs 8 bytes"));
  EXPECT_THAT(refusal("{" + entry("a", "F32", "1", 0, UINT64_MAX) + "}", 4), HasSubstr("needs 4"));
}

TEST(SafetensorsHeader, SizesAround32Bits) {
  for (int64_t delta : {-1, 0, 1}) {
    uint64_t size = (uint64_t{1} << 32) + static_cast<uint64_t>(delta);
    EXPECT_EQ(refusal("{" + entry("a", "U8", std::to_string(size), 0, size) + "}", size),
              "accepted");
    EXPECT_NE(refusal("{" + entry("a", "U8", std::to_string(size), 0, size) + "}", size - 1),
              "accepted");
  }
  uint64_t beyondDoubles = (uint64_t{1} << 53) + 1;
  EXPECT_EQ(refusal("{" + entry("a", "U8", std::to_string(beyondDoubles), 0, beyondDoubles) + "}",
                    beyondDoubles),
            "accepted");
}

TEST(SafetensorsHeader, DeepNestingEndsAtOnce) {
  EXPECT_NE(refusal(std::string(1'000'000, '[')), "accepted");
  std::string objects;
  for (int i = 0; i < 100'000; ++i)
    objects += "{\"a\":";
  EXPECT_NE(refusal(objects), "accepted");
}

TEST(SafetensorsHeader, NamesAreData) {
  for (const std::string &name :
       {std::string(), std::string("../../etc/passwd"), std::string(1 << 20, 'n'),
        std::string("\xe2\x80\xae"), std::string("e\xcc\x81")})
    EXPECT_EQ(refusal("{" + entry(name, "F32", "1", 0, 4) + "}", 4), "accepted");
  // Equal after normalisation, but not the same name.
  EXPECT_EQ(refusal("{" + entry("e\xcc\x81", "F32", "", 0, 4) + "," +
                        entry("\xc3\xa9", "F32", "", 4, 8) + "}",
                    8),
            "accepted");
  EXPECT_EQ(refusal(R"({"__metadata__":{"dtype":"F32"}})"), "accepted");
  EXPECT_THAT(refusal(R"({"__metadata__":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4),
              HasSubstr("strings to strings"));
}

TEST(SafetensorsHeader, ManyTensors) {
  std::string json = "{";
  for (int i = 0; i < 50'000; ++i)
    json += (i ? "," : "") + entry(std::to_string(i), "U8", "0", 0, 0);
  auto header = parseHeader(json + "}", 0);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->tensors.size(), 50'000u);
}
