#include "runtime/format/torch/read/ZipDirectory.h"
#include "test/unit/format/read/Samples.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace recast::format::torch {
namespace {
using test::SampleMember;
using test::TempFolder;

Result<ZipDirectory> readZip(const TempFolder &folder, const std::string &content) {
  auto file = io::File::open(folder.write("zip", content));
  if (!file)
    return fail(std::move(file).error());
  return ZipDirectory::read(*file);
}

std::string refusal(const std::string &content) {
  TempFolder folder;
  auto directory = readZip(folder, content);
  EXPECT_FALSE(directory) << "was accepted";
  return directory ? "" : directory.error().str();
}

SampleMember member(std::string name, std::string payload) {
  SampleMember out;
  out.name = std::move(name);
  out.payload = std::move(payload);
  return out;
}

TEST(ZipDirectory, FindsPayloads) {
  TempFolder folder;
  std::string zip = test::zipOf({member("a/data.pkl", "hello"), member("a/data/0", "")});
  auto directory = readZip(folder, zip);
  ASSERT_TRUE(directory) << directory.error().str();
  const ZipMember *found = directory->find("a/data.pkl");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(zip.substr(found->offset, found->size), "hello");
  EXPECT_EQ(directory->find("a/data/0")->size, 0u);
  EXPECT_EQ(directory->find("a/data"), nullptr);
}

TEST(ZipDirectory, EveryTruncationIsReportedAsSuch) {
  std::string zip = test::slurp(test::dataPath("torch/tiny.pt"));
  TempFolder folder;
  for (size_t size = 0; size < zip.size(); ++size) {
    auto directory = readZip(folder, zip.substr(0, size));
    ASSERT_FALSE(directory) << size;
    std::string text = directory.error().str();
    EXPECT_TRUE(text.find("truncated") != std::string::npos ||
                (size == 0 && text.find("empty") != std::string::npos))
        << size << ": " << text;
    if (size >= 2) {
      EXPECT_NE(text.find(fmt::format("byte {}", size)), std::string::npos) << text;
    }
  }
}

TEST(ZipDirectory, RefusesWhatTwoReadersReadDifferently) {
  EXPECT_NE(refusal(test::zipOf({member("a", "x"), member("a", "y")})).find("two members"),
            std::string::npos);

  SampleMember inside = member("b", "y");
  inside.offset = 0; // The bytes of member a under another name.
  EXPECT_NE(refusal(test::zipOf({member("a", "x"), inside})).find("another name"),
            std::string::npos);

  SampleMember same = member("a2", "x");
  same.localName = "a1";
  EXPECT_NE(refusal(test::zipOf({same})).find("another name"), std::string::npos);

  std::string zip = test::zipOf({member("a", "x")});
  EXPECT_NE(refusal(zip + "trailing").find("truncated"), std::string::npos);
  std::string commented = zip;
  commented[zip.size() - 2] = 4;
  EXPECT_NE(refusal(commented).find("comment"), std::string::npos);
  EXPECT_NE(refusal("PK\3\4" + zip).find("does not end where"), std::string::npos);
}

TEST(ZipDirectory, RefusesOverlappingMembers) {
  // Member b's header and name are spelled inside the payload of member a.
  std::string inner = test::zipOf({member("b", "yyyyyyyy")});
  std::string local = inner.substr(0, 30 + 1 + 8);
  SampleMember outer = member("a", local + "rest");
  SampleMember hidden = member("b", "yyyyyyyy");
  hidden.offset = 30 + 1;
  EXPECT_NE(refusal(test::zipOf({outer, hidden})).find("overlap"), std::string::npos);
}

TEST(ZipDirectory, RefusesCompressionWithTheReason) {
  SampleMember packed = member("a/data.pkl", "x");
  packed.method = 8;
  EXPECT_NE(refusal(test::zipOf({packed})).find("DEFLATE"), std::string::npos);
  packed.method = 0;
  packed.flags = 1;
  EXPECT_NE(refusal(test::zipOf({packed})).find("encrypted"), std::string::npos);
}

TEST(ZipDirectory, RefusesMembersOutsideTheFile) {
  SampleMember outside = member("a", "x");
  outside.offset = 1u << 30;
  EXPECT_NE(refusal(test::zipOf({outside})).find("outside"), std::string::npos);
}

TEST(ZipDirectory, SingleByteChangesNeverCrash) {
  std::string zip = test::slurp(test::dataPath("torch/tiny.pt"));
  TempFolder folder;
  for (size_t at = 0; at < zip.size(); ++at)
    for (unsigned char flip : {0x01, 0x80, 0xff}) {
      std::string broken = zip;
      broken[at] = static_cast<char>(broken[at] ^ flip);
      auto directory = readZip(folder, broken);
      if (!directory) {
        EXPECT_EQ(directory.error().code(), Code::BadInput) << at;
        continue;
      }
      for (const ZipMember &m : directory->members())
        EXPECT_LE(m.offset + m.size, zip.size());
    }
}

} // namespace
} // namespace recast::format::torch
