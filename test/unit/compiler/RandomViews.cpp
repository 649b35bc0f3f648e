#include "test/unit/compiler/RandomViews.h"

#include "test/unit/compiler/RandomModel.h"
#include "test/unit/compiler/RandomValues.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace recast::fixtures {
namespace {

namespace rl = recast::lang;

/// A random model's conversion in the words of the language.
class Speaker {
public:
  Speaker(const RandomModel &model, const std::string &from, const std::string &to)
      : model_(model) {
    say(from, to);
  }
  rl::Spec spec() { return builder_.spec(); }
  size_t grown() const { return grown_; } ///< Tensors that do.

private:
  std::string groups(size_t depth) const {
    return depth == 0 ? "" : depth == 1 ? "layer[l]." : "layer[l].expert[e].";
  }

  static std::string text(const Product &product, bool asDimension) {
    std::vector<std::string> words;
    for (const Node &node : product) {
      if (node.alternatives.empty()) {
        words.push_back(node.axis);
        continue;
      }
      std::vector<std::string> alternatives;
      for (const Product &alternative : node.alternatives)
        alternatives.push_back(text(alternative, false));
      words.push_back(fmt::format("({})", fmt::join(alternatives, " + ")));
    }
    std::string out = fmt::format("{}", fmt::join(words, " "));
    return asDimension && product.size() > 1 ? "(" + out + ")" : out;
  }

  void sayModel(const char *name, const Sizes &sizes, bool isTarget) {
    auto model = builder_.model(name);
    for (const auto &[axis, size] : sizes)
      model.dim(axis[0] == 'l' || axis[0] == 'e' ? axis + "s" : axis, size);
    auto layer = model.group("layer", "l", rl::name("ls"));
    auto expert = layer.group("expert", "e", rl::name("es"));
    rl::ModelScope *scopes[] = {&model, &layer, &expert};
    for (const Decl &decl : model_.decls) {
      if (decl.absent && !isTarget)
        continue;
      std::vector<std::string> dims;
      for (const auto &dim : decl.dims)
        dims.push_back(fmt::format("{}", fmt::join(dim, " ")));
      scopes[decl.depth]->tensor(decl.name, dims);
    }
  }

  void sayView(const char *name, const char *model, const std::vector<Rule> &rules) {
    auto view = builder_.view(name, model);
    for (const Rule &rule : rules) {
      size_t depth = model_.decls[rule.members[0]].depth;
      std::vector<std::string> names;
      for (size_t member : rule.members)
        names.push_back(model_.decls[member].name);
      std::string path = groups(depth), stored = rule.stored;
      path += rule.choice        ? fmt::format("{{n: {}}}", fmt::join(names, " "))
              : names.size() > 1 ? fmt::format("[{}]", fmt::join(names, ", "))
                                 : names[0];
      for (size_t g = 0; g < depth; ++g)
        if (!rule.stacked.count(kIndices[g]))
          stored += fmt::format(".{{{}}}", kIndices[g]);
      auto made = view.rule(path, rule.choice ? stored + ".{n}" : stored);
      if (rule.mapped) {
        std::vector<std::string> dims;
        for (const Product &dim : rule.dims)
          dims.push_back(text(dim, true));
        made.map(fmt::format("{}", fmt::join(dims, " ")));
      }
      for (const auto &[axis, multiple] : rule.padTo)
        made.step(rl::pad(axis, multiple));
    }
  }

  void say(const std::string &from, const std::string &to) {
    sayModel("before", model_.sizes, false);
    sayModel("after", model_.grown, true);
    sayView("old", "before", model_.source);
    sayView("new", "after", model_.target);
    auto in = builder_.source("in", rl::safetensors(from));
    in.as("old", rl::callOf("before", {}));
    auto out = builder_.target("out", rl::safetensors(to));
    out.as("new", rl::callOf("after", {}));
    auto job = builder_.convert(in, {out});
    job.objects().dropElse();
    for (const Decl &decl : model_.decls) {
      std::string path = groups(decl.depth) + decl.name;
      std::vector<std::string> axes = decl.axes();
      bool grows = model_.sizes.at("v") != model_.grown.at("v") &&
                   std::find(axes.begin(), axes.end(), "v") != axes.end();
      grown_ += grows;
      if (grows || decl.absent)
        job.init({"weight"}, rl::operation("constant", {rl::arg(decl.fill)}), {}, {path});
      if (decl.absent)
        continue;
      rl::Chain chain = rl::keep();
      for (DType type : decl.casts) {
        std::string_view word = name(type);
        chain = chain | (overflowOf(type) == recipe::Overflow::Saturate
                             ? rl::cast(rl::name(word), rl::saturate)
                             : rl::cast(rl::name(word)));
      }
      job.role("weight").at({path}) = chain;
    }
  }

  const RandomModel &model_;
  rl::SpecBuilder builder_;
  size_t grown_ = 0;
};

std::string_view safetensorsName(DType type) {
  switch (type) {
  case DType::F64:
    return "F64";
  case DType::F32:
    return "F32";
  case DType::BF16:
    return "BF16";
  case DType::F16:
    return "F16";
  case DType::I32:
    return "I32";
  case DType::U8:
    return "U8";
  case DType::F8E5M2:
    return "F8_E5M2";
  default:
    return "F8_E4M3";
  }
}

} // namespace

RandomConversion randomConversion(uint64_t seed, const std::string &sourcePath,
                                  const std::string &targetPath) {
  Dice dice(seed);
  RandomModel model(dice);
  RandomValues values(model, dice);
  Speaker speaker(model, sourcePath, targetPath);
  RandomConversion out;
  out.spec = speaker.spec();
  out.source = std::move(values.source);
  out.expected = std::move(values.expected);
  out.packs = model.packs;
  out.stacks = model.stacks;
  out.pads = model.pads;
  out.grown = speaker.grown();
  out.absent = model.absent;
  return out;
}

std::string safetensorsOf(const std::map<std::string, RandomTensor> &tensors) {
  std::string header = "{", data;
  for (const auto &[name, tensor] : tensors) {
    header +=
        fmt::format("{}\"{}\":{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                    header.size() > 1 ? "," : "", name, safetensorsName(tensor.dtype),
                    fmt::join(tensor.shape, ","), data.size(), data.size() + tensor.bytes.size());
    data += tensor.bytes;
  }
  header += "}";
  while (header.size() % 8)
    header += ' ';
  std::string out;
  for (int b = 0; b < 8; ++b)
    out += static_cast<char>(header.size() >> (8 * b));
  return out + header + data;
}

} // namespace recast::fixtures
