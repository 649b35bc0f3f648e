// The standard library against what transformers stores: every name and shape of test/data/std,
// which test/real/std_models.py writes, is claimed by the view, and no other. The views are read
// here as docs/language.md says they are, so that this also judges the binder.
#include "RepositoryTexts.h"
#include "lang/ast/ModelTensors.h"
#include "lang/ucl/Check.h"
#include "lang/ucl/Parser.h"
#include "runtime/layout/AxisMap.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

namespace recast::lang {
namespace {

using nlohmann::json;
using Names = std::map<std::string, json>;

json valueOf(const Expr &expr, const Names &names) {
  auto operand = [&](size_t i) { return valueOf(*expr.operands[i], names); };
  switch (expr.kind) {
  case Expr::Kind::Int:
    return expr.integer;
  case Expr::Kind::Bool:
    return expr.integer != 0;
  case Expr::Kind::String:
    return expr.text;
  case Expr::Kind::Name:
    return names.at(expr.text);
  case Expr::Kind::Member: {
    json base = operand(0);
    return base.contains(expr.text) ? base[expr.text] : json();
  }
  case Expr::Kind::Binary:
    break;
  default:
    ADD_FAILURE() << "an expression that no model of the library has";
    return {};
  }
  if (expr.text == "??")
    return operand(0).is_null() ? operand(1) : operand(0);
  if (expr.text == "==" || expr.text == "!=")
    return (operand(0) == operand(1)) == (expr.text == "==");
  if (expr.text == "and")
    return operand(0).get<bool>() && operand(1).get<bool>();
  auto a = operand(0).get<int64_t>(), b = operand(1).get<int64_t>();
  if (expr.text == "+" || expr.text == "-" || expr.text == "*")
    return expr.text == "+" ? a + b : expr.text == "-" ? a - b : a * b;
  EXPECT_EQ(expr.text, "/");
  EXPECT_EQ(a % b, 0);
  return a / b;
}

int64_t sizeOf(const std::vector<layout::Factor> &factors,
               const std::map<std::string, int64_t> &sizes) {
  int64_t product = 1;
  for (const layout::Factor &factor : factors) {
    int64_t size = factor.alternatives.empty() ? sizes.at(factor.axis) : 0;
    for (const auto &summand : factor.alternatives)
      size += sizeOf(summand, sizes);
    product *= size;
  }
  return product;
}

/// A model with the sizes of a configuration, and what a view makes of it.
class Reading {
public:
  Reading(const Model &model, const json &config) : tensors_(tensorsOf(model)) {
    names_[model.params.at(0)] = config;
    for (const Dim &dim : model.dims) {
      names_[dim.name] = valueOf(*dim.size, names_);
      sizes_[dim.name] = names_[dim.name].get<int64_t>();
    }
    for (const ModelTensor &tensor : tensors_) {
      EXPECT_LE(tensor.groups.size(), 1u);
      if (tensor.decl->condition && !valueOf(*tensor.decl->condition, names_).get<bool>())
        continue;
      int64_t count =
          tensor.groups.empty() ? 1 : valueOf(*tensor.groups[0]->below, names_).get<int64_t>();
      for (int64_t i = 0; i < count; ++i)
        unclaimed_.emplace(&tensor, i);
    }
  }

  /// Shapes by stored name; aliases apart.
  std::map<std::string, std::vector<int64_t>> stored, aliases;

  void read(const View &view) {
    for (const ViewRule &rule : view.rules)
      if (!rule.condition || valueOf(*rule.condition, names_).get<bool>())
        read(rule);
    for (const auto &[tensor, index] : unclaimed_)
      ADD_FAILURE() << tensor->str() << " " << index << " is stored nowhere";
  }

private:
  void read(const ViewRule &rule) {
    auto alternatives = expand(rule.path);
    const PathSegment *choice = nullptr;
    for (const PathSegment &segment : rule.path.segments)
      if (segment.isChoice())
        choice = &segment;
    for (size_t k = 0; k < alternatives.size(); ++k)
      for (int64_t i = 0; claim(alternatives[k], i); ++i) {
        std::string name = rule.stored;
        if (choice)
          replace(name, choice->index, choice->members[k]);
        if (alternatives[k][0].segments.size() > 1)
          replace(name, alternatives[k][0].segments[0].index, std::to_string(i));
        auto &into = isAlias_ ? aliases : stored;
        EXPECT_TRUE(into.emplace(name, shape(rule)).second) << name << " is stored twice";
      }
  }

  static void replace(std::string &name, const std::string &capture, const std::string &value) {
    size_t at = name.find("{" + capture + "}");
    ASSERT_NE(at, std::string::npos) << name;
    name.replace(at, capture.size() + 2, value);
  }

  /// Takes member `i` of every tensor of a pack; false if there is none.
  bool claim(const std::vector<Path> &pack, int64_t i) {
    size_t found = 0;
    for (const Path &path : pack)
      for (const ModelTensor &tensor : tensors_)
        if (tensor.matches(path) && unclaimed_.erase({&tensor, i})) {
          ++found;
          last_ = &tensor;
        }
    EXPECT_TRUE(found == 0 || found == pack.size()) << "a part of " << pack[0].str();
    if (found == 0)
      return false;
    isAlias_ = last_->decl->tied &&
               (!last_->decl->when || valueOf(*last_->decl->when, names_).get<bool>());
    return true;
  }

  std::vector<int64_t> shape(const ViewRule &rule) {
    std::vector<int64_t> out;
    if (rule.map.empty()) {
      for (const auto &axis : last_->decl->axes) {
        out.push_back(1);
        for (const std::string &factor : axis)
          out.back() *= sizes_.at(factor);
      }
      return out;
    }
    auto map = layout::AxisMap::parse(rule.map, sizes_);
    EXPECT_TRUE(map) << rule.map;
    for (const auto &dimension : map->stored)
      out.push_back(sizeOf(dimension, map->sizes));
    return out;
  }

  std::vector<ModelTensor> tensors_;
  Names names_;
  std::map<std::string, int64_t> sizes_;
  std::set<std::pair<const ModelTensor *, int64_t>> unclaimed_;
  const ModelTensor *last_ = nullptr;
  bool isAlias_ = false;
};

class StdModel : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    std::ifstream file(RECAST_DATA "/std/" + GetParam() + ".json");
    ASSERT_TRUE(file);
    stored_ = json::parse(file);
    std::string name = "std/" + stored_["file"].get<std::string>() + ".ucl";
    auto text = test::repositoryText("lang/" + name);
    auto spec = parse(text, name);
    ASSERT_TRUE(spec) << spec.error().str();
    spec_ = std::move(*spec);
  }
  json stored_;
  Spec spec_;
};

std::vector<std::string> cases() {
  std::vector<std::string> out;
  for (const auto &entry : std::filesystem::directory_iterator(RECAST_DATA "/std"))
    out.push_back(entry.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}
INSTANTIATE_TEST_SUITE_P(Transformers, StdModel, testing::ValuesIn(cases()),
                         [](const auto &info) { return info.param; });

TEST_P(StdModel, StoresWhatTransformersStores) {
  Reading reading(spec_.models.at(0), stored_["config"]);
  reading.read(*spec_.view(stored_["view"].get<std::string>()));
  std::map<std::string, std::vector<int64_t>> real = stored_["tensors"];
  EXPECT_EQ(reading.stored, real);
  bool isTied = stored_["config"]["tie_word_embeddings"].get<bool>();
  EXPECT_EQ(reading.aliases.size(), isTied ? 1u : 0u);
}

TEST_P(StdModel, OtherViewsHoldEveryElement) {
  auto elements = [](const auto &shapes) {
    int64_t sum = 0;
    for (const auto &[name, shape] : shapes)
      sum += std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
    return sum;
  };
  Reading hf(spec_.models.at(0), stored_["config"]);
  hf.read(*spec_.view(stored_["view"].get<std::string>()));
  for (const View &view : spec_.views) {
    Reading reading(spec_.models.at(0), stored_["config"]);
    reading.read(view);
    EXPECT_EQ(elements(reading.stored), elements(hf.stored)) << view.name;
    EXPECT_EQ(elements(reading.aliases), elements(hf.aliases)) << view.name;
    // Fused views store less tensors.
    if (view.name == "fused")
      EXPECT_LE(reading.stored.size(), hf.stored.size());
  }
}

TEST(Std, EveryFileHasAModelAndTheUsualViews) {
  for (const std::string &name : test::standardTexts()) {
    auto spec = parse(test::repositoryText(name), name);
    ASSERT_TRUE(spec) << spec.error().str();
    EXPECT_EQ(spec->models.size(), 1u) << name;
    EXPECT_NE(spec->view("hf"), nullptr) << name;
    EXPECT_NE(spec->view("fused"), nullptr) << name;
    // And it works where it is used, from the compiled-in copy.
    std::string file = name.substr(name.find("std/"));
    auto used = parseAndCheck("use \"" + file + "\"\nsource a = safetensors(\"a\") as hf(" +
                                  spec->models[0].name +
                                  "(config(\"a/config.json\")))\n"
                                  "target b = safetensors(\"b\") as same\n"
                                  "convert a -> b { else: keep }\n",
                              "job.ucl");
    EXPECT_TRUE(used) << used.error().str();
  }
}

} // namespace
} // namespace recast::lang
