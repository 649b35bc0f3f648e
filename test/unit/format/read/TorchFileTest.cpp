#include "runtime/format/torch/read/TorchFile.h"
#include "runtime/format/read/Values.h"
#include "test/unit/format/read/Samples.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>

namespace recast::format::torch {
namespace {
using namespace std::string_literals;
using plan::Object;
using Kind = Object::Kind;
using test::dataPath;
using test::TempFolder;

Result<TorchFile> open(const std::string &path) {
  PickleBudget budget;
  return TorchFile::open(path, budget);
}

/// The object at a dotted path of keys and indices.
const Object *at(const Object *object, const std::string &path) {
  size_t dot = path.find('.');
  std::string step = path.substr(0, dot);
  const Object *next = object->find(step);
  if (!next && object->isSequence())
    next = object->items.at(std::stoul(step)).get();
  if (!next)
    for (const auto &[key, value] : object->entries)
      if (key->kind == Kind::Int && std::to_string(key->integer) == step)
        next = value.get();
  return !next || dot == std::string::npos ? next : at(next, path.substr(dot + 1));
}

std::string fromHex(const std::string &hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

TEST(TorchFile, ReadsEveryTensorThatTorchWrote) {
  auto truth = nlohmann::json::parse(test::slurp(dataPath("torch/odd.json")));
  for (const char *name : {"odd", "odd_protocol3", "odd_protocol4", "odd_protocol5"}) {
    auto file = open(dataPath(fmt::format("torch/{}.pt", name)));
    ASSERT_TRUE(file) << name << ": " << file.error().str();
    for (const auto &[path, expected] : truth.items()) {
      SCOPED_TRACE(fmt::format("{}: {}", name, path));
      const Object *object = at(file->root().get(), path);
      ASSERT_NE(object, nullptr);
      ASSERT_EQ(object->kind, Kind::Tensor);
      EXPECT_EQ(info(object->tensor->dtype).torch, expected["dtype"].get<std::string>());
      EXPECT_EQ(object->tensor->shape, expected["shape"].get<std::vector<int64_t>>());
      EXPECT_EQ(isContiguous(*object->tensor), expected["whole"].get<bool>());
      auto bytes = file->elements(*object->tensor, 1 << 16);
      ASSERT_TRUE(bytes) << bytes.error().str();
      EXPECT_EQ(*bytes, fromHex(expected["bytes"]));
    }
    EXPECT_TRUE(at(file->root().get(), "parameter")->tensor->parameter);
    EXPECT_TRUE(file->foreignGlobals().empty());
  }
}

TEST(TorchFile, ReadsEveryKindOfObject) {
  for (const char *name : {"objects", "objects_protocol4", "objects_protocol5"}) {
    SCOPED_TRACE(name);
    auto file = open(dataPath(fmt::format("torch/{}.pt", name)));
    ASSERT_TRUE(file) << file.error().str();
    const Object &root = *file->root();
    EXPECT_TRUE(file->foreignGlobals().empty());
    EXPECT_TRUE(root.find("none")->isNone());
    EXPECT_EQ(intOf(root.find("wide")), -(int64_t{1} << 31));
    EXPECT_EQ(intOf(root.find("widest")), INT64_MAX);
    EXPECT_EQ(intOf(root.find("lowest")), INT64_MIN);
    EXPECT_EQ(root.find("big")->text, "9223372036854775808");
    EXPECT_EQ(root.find("big_negative")->text,
              "-1606938044258990275541962092341162602522202993782792835301376");
    EXPECT_EQ(root.find("pi")->real, 3.141592653589793);
    EXPECT_TRUE(std::signbit(root.find("minus_zero")->real));
    EXPECT_EQ(root.find("text")->text, "n\xc3\xa4me \xe2\x80\xa8");
    EXPECT_EQ(root.find("data")->kind, Kind::Bytes);
    EXPECT_EQ(root.find("data")->text, "\0\xff"s);
    EXPECT_EQ(root.find("names")->kind, Kind::Set);
    EXPECT_EQ(root.find("names")->items.size(), 2u);
    EXPECT_EQ(shapeOf(root.find("size")), (std::vector<int64_t>{2, 3}));
    EXPECT_TRUE(root.find("dtype")->isGlobal("torch", "bfloat16"));
    EXPECT_EQ(root.find("ordered")->kind, Kind::Ordered);
    EXPECT_EQ(root.find("default")->entries.size(), 1u);
    EXPECT_EQ(root.find("shared")->items[0], root.find("shared")->items[2]);
    auto json = plan::fromJson(plan::toJson(root));
    ASSERT_TRUE(json) << json.error().str();
    EXPECT_TRUE(plan::equal(root, **json));
  }
}

TEST(TorchFile, DetachedTreesCarryTheirBytes) {
  auto file = open(dataPath("torch/odd.pt"));
  ASSERT_TRUE(file);
  uint64_t budget = 1 << 16;
  auto detached = file->detached(file->root(), budget);
  ASSERT_TRUE(detached) << detached.error().str();
  const plan::TensorRef &scalar = *(*detached)->find("scalar")->tensor;
  double value = 0;
  ASSERT_EQ(scalar.literal.size(), sizeof value);
  std::memcpy(&value, scalar.literal.data(), sizeof value);
  EXPECT_EQ(value, 3.5);
  EXPECT_TRUE(scalar.storage.empty());
  const plan::TensorRef &transposed = *(*detached)->find("transposed")->tensor;
  EXPECT_EQ(transposed.strides, (std::vector<int64_t>{4, 1}));
  EXPECT_EQ(transposed.literal.size(), 96u);
  budget = 10;
  auto short_ = file->detached(file->root(), budget);
  ASSERT_TRUE(short_);
  EXPECT_TRUE((*short_)->find("transposed")->tensor->literal.empty());
}

TEST(TorchFile, FilesWithoutChecksumsAreRead) {
  auto file = open(dataPath("torch/without_crc.pt"));
  ASSERT_TRUE(file) << file.error().str();
}

TEST(TorchFile, ReadsTheOldStream) {
  auto file = open(dataPath("torch/legacy.pt"));
  ASSERT_TRUE(file) << file.error().str();
  const plan::TensorRef &ref = *file->root()->find("a")->tensor;
  auto bytes = file->elements(ref, 64);
  ASSERT_TRUE(bytes) << bytes.error().str();
  EXPECT_EQ(*bytes, "\0\0\x80\x3f\0\0\0\x40"s);
}

TEST(TorchFile, EveryTruncationOfTheOldStreamIsAnError) {
  TempFolder folder;
  std::string whole = test::slurp(dataPath("torch/legacy.pt"));
  for (size_t size = 0; size < whole.size(); ++size) {
    auto file = open(folder.write("cut.pt", whole.substr(0, size)));
    ASSERT_FALSE(file) << size;
    EXPECT_EQ(file.error().fileName(), folder.path("cut.pt")) << size;
  }
  auto longer = open(folder.write("long.pt", whole + '\0'));
  ASSERT_FALSE(longer);
  EXPECT_NE(longer.error().str().find("follow its last storage"), std::string::npos);
}

TEST(TorchFile, FlippedBitsOfTheOldStreamNeverReachBeyondTheFile) {
  TempFolder folder;
  std::string whole = test::slurp(dataPath("torch/legacy.pt"));
  for (size_t at = 0; at < whole.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string broken = whole;
      broken[at] = static_cast<char>(broken[at] ^ (1 << bit));
      auto file = open(folder.write("bit.pt", broken));
      const Object *a = file ? file->root()->find("a") : nullptr;
      if (!a || a->kind != Kind::Tensor)
        continue;
      const ZipMember *member = file->storage(a->tensor->storage);
      ASSERT_NE(member, nullptr);
      EXPECT_LE(member->offset + member->size, broken.size()) << at;
    }
}

TEST(TorchFile, RefusesWhatItCannotReadWithTheReason) {
  TempFolder folder;
  auto refusal = [&](const std::string &content) {
    auto file = open(folder.write("x.pt", content));
    EXPECT_FALSE(file);
    return file ? "" : file.error().str();
  };
  auto member = [](std::string name, std::string payload) {
    return test::SampleMember{std::move(name), std::move(payload), {}, {}, 0, 0, ""};
  };
  EXPECT_NE(refusal("garbage").find("no zip header"), std::string::npos);
  EXPECT_NE(refusal(test::zipOf({member("a/version", "3\n")})).find("without data.pkl"),
            std::string::npos);
  EXPECT_NE(refusal(test::zipOf({member("a/constants.pkl", "")})).find("TorchScript"),
            std::string::npos);
  EXPECT_NE(refusal(std::string(257, '\0') + "ustar" + std::string(300, '\0')).find("tar archive"),
            std::string::npos);
  std::string pickle = "\x80\x02N.";
  EXPECT_NE(refusal(test::zipOf({member("a/data.pkl", pickle), member("b/data.pkl", pickle)}))
                .find("two data.pkl"),
            std::string::npos);
  EXPECT_NE(refusal(test::zipOf({member("a/data.pkl", pickle), member("a/byteorder", "big")}))
                .find("byte order 'big'"),
            std::string::npos);
  test::SampleMember wrong = member("a/data.pkl", pickle);
  wrong.crc = 1;
  EXPECT_NE(refusal(test::zipOf({wrong})).find("checksum"), std::string::npos);
}

TEST(TorchFile, RefusesMissingAndWrongStorages) {
  auto text = [](const std::string &s) {
    return "X"s + static_cast<char>(s.size()) + "\0\0\0"s + s;
  };
  std::string pickle = "\x80\x02"s + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
                       "ctorch\nFloatStorage\n" + text("0") + text("cpu") +
                       "K\x02tQK\0K\2\x85K\1"s + "\x85\x89NtR.";
  TempFolder folder;
  auto missing = open(folder.write("x.pt", test::torchFileOf(pickle)));
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().str().find("data/0"), std::string::npos);
  auto member = [](std::string name, std::string payload) {
    return test::SampleMember{std::move(name), std::move(payload), {}, {}, 0, 0, ""};
  };
  auto small = open(folder.write(
      "x.pt", test::zipOf({member("a/data.pkl", pickle), member("a/data/0", "1234")})));
  ASSERT_FALSE(small);
  EXPECT_NE(small.error().str().find("holds 4 bytes, its tensors say 8"), std::string::npos);
  EXPECT_TRUE(open(folder.write(
      "x.pt", test::zipOf({member("a/data.pkl", pickle), member("a/data/0", "12345678")}))));
}

TEST(TorchFile, RandomDamageNeverCrashes) {
  TempFolder folder;
  std::mt19937 random(7);
  for (const char *name : {"odd", "objects_protocol5", "odd_protocol4"}) {
    std::string whole = test::slurp(dataPath(fmt::format("torch/{}.pt", name)));
    for (int i = 0; i < 1500; ++i) {
      std::string broken = whole;
      broken[random() % broken.size()] ^= static_cast<char>(1u << random() % 8);
      auto file = open(folder.write("x.pt", broken));
      if (!file) {
        EXPECT_EQ(file.error().code(), Code::BadInput);
      }
    }
  }
}

TEST(TorchFile, DamagedPicklesNeverCrash) {
  // Behind the checksum: what a hostile writer could put there.
  auto original = io::File::open(dataPath("torch/objects.pt"));
  ASSERT_TRUE(original);
  auto directory = ZipDirectory::read(*original);
  ASSERT_TRUE(directory);
  for (const ZipMember &member : directory->members()) {
    if (!member.name.ends_with("data.pkl"))
      continue;
    std::string pickle = *original->read(member.offset, member.size);
    for (size_t at = 0; at < pickle.size(); ++at)
      for (int value = 0; value < 256; value += 5) {
        std::string broken = pickle;
        broken[at] = static_cast<char>(broken[at] + value);
        PickleBudget budget;
        auto tree = readPickle(broken, budget);
        if (tree) {
          EXPECT_FALSE(plan::toJson(*tree->root).empty());
        }
      }
  }
}

} // namespace
} // namespace recast::format::torch
