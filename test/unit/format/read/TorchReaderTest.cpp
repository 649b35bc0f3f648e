// State dicts of torch.save as inventories.
#include "runtime/format/torch/read/TorchReader.h"
#include "runtime/format/torch/read/StateDict.h"
#include "runtime/format/torch/read/ViewLayout.h"
#include "runtime/layout/Pieces.h"
#include "test/unit/format/read/Samples.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace recast::format {
namespace {
using plan::Object;
using plan::ObjectPtr;
using test::dataPath;

/// Row-major element numbers of a view, by the formula of torch.
std::vector<int64_t> slotsOf(const std::vector<int64_t> &shape,
                             const std::vector<int64_t> &strides) {
  std::vector<int64_t> out = {0};
  for (size_t d = 0; d < shape.size(); ++d) {
    std::vector<int64_t> next;
    for (int64_t base : out)
      for (int64_t i = 0; i < shape[d]; ++i)
        next.push_back(base + i * strides[d]);
    out = std::move(next);
  }
  return out;
}

/// The same from the fragments of a layout; -1 where an element lies nowhere.
std::vector<int64_t> slotsOf(const layout::Layout &layout, const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  std::vector<int64_t> out(static_cast<size_t>(count), -1);
  auto fragments = layout::fragments(layout, {shape}, {});
  EXPECT_TRUE(fragments) << fragments.error().str();
  for (const layout::Fragment &fragment : *fragments)
    for (const layout::Piece &piece : fragment.pieces) {
      std::vector<std::pair<int64_t, int64_t>> places = {{piece.logicalOffset, piece.storedOffset}};
      for (const layout::BoxDim &dim : piece.dims) {
        std::vector<std::pair<int64_t, int64_t>> next;
        for (auto [logical, stored] : places)
          for (int64_t i = 0; i < dim.extent; ++i)
            next.emplace_back(logical + i * dim.logicalStride, stored + i * dim.storedStride);
        places = std::move(next);
      }
      for (auto [logical, stored] : places)
        out[static_cast<size_t>(logical)] = stored;
    }
  return out;
}

TEST(ViewLayout, EveryElementLiesWhereTorchReadsIt) {
  // All views of up to three dimensions with small extents and strides: transposed, narrowed,
  // broadcast, overlapping.
  for (int64_t a = 1; a <= 3; ++a)
    for (int64_t b = 1; b <= 3; ++b)
      for (int64_t c = 1; c <= 2; ++c)
        for (int64_t s = 0; s <= 4; ++s)
          for (int64_t t = 0; t <= 4; ++t)
            for (int64_t u = 0; u <= 4; ++u) {
              std::vector<int64_t> shape = {a, b, c}, strides = {s, t, u};
              auto layout = torch::viewLayout(shape, strides);
              ASSERT_TRUE(layout) << layout.error().str();
              ASSERT_EQ(slotsOf(*layout, shape), slotsOf(shape, strides)) << layout->str();
            }
}

TEST(ViewLayout, ABroadcastBeyondTheLimitIsRefused) {
  EXPECT_TRUE(torch::viewLayout({torch::kMaxViewRanks, 2}, {0, 1}));
  auto refused = torch::viewLayout({torch::kMaxViewRanks + 1, 2}, {0, 1});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("same elements"), std::string::npos);
  EXPECT_FALSE(torch::viewLayout({int64_t{1} << 40, int64_t{1} << 40}, {0, 0}));
}

TEST(TorchReader, ListsTensorsTiesAndObjects) {
  auto truth = nlohmann::json::parse(test::slurp(dataPath("torch/odd.json")));
  auto inventory = readTorch(dataPath("torch/odd.pt"), {});
  ASSERT_TRUE(inventory) << inventory.error().str();
  EXPECT_TRUE(inventory->problems.empty()) << test::problemText(*inventory);
  EXPECT_EQ(inventory->aliases,
            (std::vector<std::pair<std::string, std::string>>{{"alias", "parameter"}}));
  EXPECT_TRUE(inventory->objects.count("nested"));
  for (const auto &[name, expected] : truth.items()) {
    if (name == "alias" || name.starts_with("nested"))
      continue;
    const Tensor *tensor = test::findTensor(*inventory, name, "weight");
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->shape, expected["shape"].get<std::vector<int64_t>>()) << name;
    EXPECT_EQ(info(tensor->dtype).torch, expected["dtype"].get<std::string>()) << name;
    // Every slot lies inside the storage.
    auto slots = slotsOf(inventory->layouts[tensor->layout], tensor->shape);
    for (int64_t slot : slots) {
      ASSERT_GE(slot, 0) << name;
      ASSERT_LT(tensor->start + slot, inventory->stores[tensor->store].extents[0].elements) << name;
    }
  }
}

ObjectPtr tensorObject() {
  plan::TensorRef ref;
  ref.shape = {1};
  ref.strides = {1};
  return plan::tensor(std::move(ref));
}
ObjectPtr stateOf(const std::string &name) {
  return plan::dict({plan::entry(name, tensorObject())});
}

TEST(StateDict, TheModelIsFoundOrAskedFor) {
  using torch::findStateDict;
  auto flat = stateOf("w");
  EXPECT_EQ(findStateDict(*flat, "")->key, torch::kTopLevel);
  auto training = plan::dict({plan::entry("ema", stateOf("w")), plan::entry("model", stateOf("w")),
                              plan::entry("loss", tensorObject())});
  auto found = findStateDict(*training, "");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->key, "model");
  EXPECT_EQ(found->others, (std::vector<std::string>{torch::kTopLevel, "ema"}));
  EXPECT_EQ(findStateDict(*training, torch::kTopLevel)->dict, training.get());
  EXPECT_EQ(findStateDict(*training, "ema")->key, "ema");
  EXPECT_EQ(findStateDict(*training, "emma").error().code(), Code::Usage);
  auto deep = plan::dict({plan::entry("a", plan::dict({plan::entry("b", stateOf("w"))}))});
  EXPECT_EQ(findStateDict(*deep, "")->key, "a.b");
  auto both = plan::dict({plan::entry("x", stateOf("w")), plan::entry("y", stateOf("w"))});
  auto ambiguous = findStateDict(*both, "");
  ASSERT_FALSE(ambiguous);
  EXPECT_NE(ambiguous.error().message().find("x, y"), std::string::npos);
  EXPECT_FALSE(findStateDict(*tensorObject(), ""));
  EXPECT_FALSE(findStateDict(*plan::dict({}), ""));
}

TEST(TorchReader, AnIndexMustTellTheTruth) {
  test::TempFolder folder;
  std::string tiny = test::slurp(dataPath("torch/tiny.pt"));
  folder.write("pytorch_model-00001-of-00001.bin", tiny);
  auto problems = [&](const std::string &map) {
    folder.write("pytorch_model.bin.index.json", R"({"weight_map": )" + map + "}");
    auto inventory = readTorch(folder.path(), {});
    return inventory ? test::problemText(*inventory) : inventory.error().str();
  };
  EXPECT_EQ(problems(R"({"a": "pytorch_model-00001-of-00001.bin"})"), "");
  EXPECT_NE(problems(R"({"a": "pytorch_model-00001-of-00001.bin",
                         "b": "pytorch_model-00001-of-00001.bin"})")
                .find("does not hold"),
            std::string::npos);
  EXPECT_NE(problems(R"({"a": "pytorch_model-00001-of-00002.bin"})").find("incomplete model"),
            std::string::npos);
  EXPECT_NE(problems(R"({"a": "../x.bin"})").find("does not stay inside"), std::string::npos);
}

TEST(TorchReader, EveryTruncationIsAnError) {
  test::TempFolder folder;
  std::string tiny = test::slurp(dataPath("torch/tiny.pt"));
  for (size_t size = 0; size < tiny.size(); ++size)
    ASSERT_FALSE(readTorch(folder.write("cut.pt", tiny.substr(0, size)), {})) << size;
}

} // namespace
} // namespace recast::format
