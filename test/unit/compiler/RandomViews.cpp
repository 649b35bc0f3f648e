#include "test/unit/compiler/RandomViews.h"

#include "runtime/recipe/Recipe.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <optional>
#include <random>
#include <set>

namespace recast::fixtures {
namespace {

namespace rl = recast::lang;
using Bits = std::vector<uint64_t>;
using Index = std::map<std::string, int64_t>;

constexpr DType kTypes[] = {DType::F32, DType::BF16, DType::F16,    DType::F64,
                            DType::I32, DType::U8,   DType::F8E5M2, DType::F8E4M3FN};

/// A factor of a map: an axis, or alternatives, of which member i of a pack takes the i-th.
struct Node {
  std::string axis;
  std::vector<std::vector<Node>> alternatives;
};
using Product = std::vector<Node>;

/// A tensor of the model, in 0, 1 (layer[l]) or 2 (layer[l].expert[e]) groups.
struct Decl {
  std::string name;
  size_t depth = 0;
  std::vector<std::vector<std::string>> dims;
  DType from = DType::F32;
  std::vector<DType> casts;
  DType to = DType::F32;
  bool absent = false; ///< Only in the target.
  int64_t fill = 0;

  std::vector<std::string> axes() const {
    std::vector<std::string> out;
    for (const auto &dim : dims)
      out.insert(out.end(), dim.begin(), dim.end());
    return out;
  }
};

/// One rule of a view.
struct Rule {
  std::vector<size_t> members; ///< One, those of a pack, or those of a choice.
  bool choice = false, mapped = false;
  std::vector<Product> dims;
  std::set<std::string> stacked; ///< Of "l" and "e".
  std::map<std::string, int64_t> padTo;
  std::string stored;
};

constexpr const char *kIndices[] = {"l", "e"};

class Generator {
public:
  Generator(uint64_t seed, const std::string &from, const std::string &to) : random_(seed) {
    for (const char *axis : {"a", "b", "c", "d", "f", "l", "e"})
      sizes_[axis] = 1 + below(axis[0] == 'l' || axis[0] == 'e' ? 3 : 4);
    sizes_["v"] = grown_["v"] = 1 + below(4);
    if (below(2))
      grown_["v"] += 1 + below(3);
    declare();
    std::vector<Rule> target = rules("t", /*withAbsent=*/true);
    choose(target);
    std::vector<Rule> source = rules("s", /*withAbsent=*/false);
    for (const Rule &rule : source) {
      DType dtype = kTypes[below(std::size(kTypes))];
      for (size_t member : rule.members)
        decls_[member].from = dtype;
    }
    for (const Rule &rule : target)
      cast(rule);
    fillValues();
    store(source, sizes_, /*isTarget=*/false, out_.source);
    auto grown = sizes_;
    grown["v"] = grown_["v"];
    store(target, grown, /*isTarget=*/true, out_.expected);
    say(source, target, from, to);
    out_.spec = builder_.spec();
  }

  RandomConversion take() { return std::move(out_); }

private:
  int64_t below(int64_t limit) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(limit));
  }

  // ---- the model
  void declare() {
    for (size_t depth = 0; depth < 3; ++depth)
      for (int64_t n = 1 + below(4); n > 0; --n) {
        Decl decl;
        decl.name = fmt::format("w{}", decls_.size());
        decl.depth = depth;
        // Like the one before, so that packs are met often; or of its own.
        if (!decls_.empty() && decls_.back().depth == depth && below(2)) {
          decl.dims = decls_.back().dims;
        } else {
          std::vector<std::string> axes{"a", "b", "c", "d", "f"};
          std::shuffle(axes.begin(), axes.end(), random_);
          for (int64_t d = below(4); d > 0; --d) {
            std::vector<std::string> &dim = decl.dims.emplace_back();
            for (int64_t k = below(4) ? 1 : 2; k > 0 && !axes.empty(); --k) {
              dim.push_back(axes.back());
              axes.pop_back();
            }
          }
          std::erase_if(decl.dims, [](const auto &dim) { return dim.empty(); });
          if (!decl.dims.empty() && below(3) == 0) { // The axis that grows is an outer one.
            auto &dim =
                decl.dims[static_cast<size_t>(below(static_cast<int64_t>(decl.dims.size())))];
            dim.insert(dim.begin(), "v");
          }
        }
        decl.fill = below(4);
        decls_.push_back(std::move(decl));
      }
  }

  // ---- views
  std::vector<Rule> rules(const std::string &prefix, bool withAbsent) {
    std::vector<Rule> out;
    for (size_t depth = 0; depth < 3; ++depth) {
      std::vector<size_t> left;
      for (size_t i = 0; i < decls_.size(); ++i)
        if (decls_[i].depth == depth && (withAbsent || !decls_[i].absent))
          left.push_back(i);
      std::shuffle(left.begin(), left.end(), random_);
      while (!left.empty()) {
        Rule rule;
        for (int64_t n = below(2) ? 1 : 2 + below(2); n > 0 && !left.empty(); --n) {
          rule.members.push_back(left.back());
          left.pop_back();
        }
        rule.stored = fmt::format("{}{}", prefix, out.size());
        shape(rule, depth);
        out.push_back(std::move(rule));
      }
    }
    return out;
  }

  void shape(Rule &rule, size_t depth) {
    bool scalar = std::any_of(rule.members.begin(), rule.members.end(),
                              [&](size_t m) { return decls_[m].dims.empty(); });
    rule.choice = rule.members.size() > 1 && (scalar || below(3) == 0);
    rule.mapped = !scalar && !rule.choice && (rule.members.size() > 1 || below(3) > 0);
    if (rule.mapped) {
      for (size_t g = 0; g < depth; ++g)
        if (below(2))
          rule.stacked.insert(kIndices[g]);
      arrange(rule);
    } else if (!rule.choice) {
      for (const auto &dim : decls_[rule.members[0]].dims) {
        Product &product = rule.dims.emplace_back();
        for (const std::string &axis : dim)
          product.push_back({axis, {}});
      }
    }
    if (rule.choice || scalar || below(3))
      return;
    std::vector<std::string> axes = decls_[rule.members[0]].axes();
    rule.padTo[axes[static_cast<size_t>(below(static_cast<int64_t>(axes.size())))]] = 2 + below(4);
    ++out_.pads;
  }

  /// Common axes, one concatenation of what differs, and stacked indices, in any order.
  void arrange(Rule &rule) {
    std::vector<std::string> common = decls_[rule.members[0]].axes();
    for (size_t member : rule.members) {
      std::vector<std::string> axes = decls_[member].axes();
      std::erase_if(common, [&](const std::string &axis) {
        return std::find(axes.begin(), axes.end(), axis) == axes.end();
      });
    }
    Product items;
    if (rule.members.size() > 1) {
      bool needs = std::any_of(rule.members.begin(), rule.members.end(), [&](size_t member) {
        return decls_[member].axes().size() == common.size();
      });
      std::shuffle(common.begin(), common.end(), random_);
      std::vector<std::string> inside;
      for (int64_t n = (needs ? 1 : 0) + below(2); n > 0 && !common.empty(); --n) {
        inside.push_back(common.back());
        common.pop_back();
      }
      for (const std::string &index : rule.stacked)
        if (below(3) == 0)
          inside.push_back(index);
      Node concatenation;
      for (size_t member : rule.members) {
        std::vector<std::string> axes = decls_[member].axes(), own = inside;
        for (const std::string &axis : axes)
          if (std::find(common.begin(), common.end(), axis) == common.end() &&
              std::find(inside.begin(), inside.end(), axis) == inside.end())
            own.push_back(axis);
        std::shuffle(own.begin(), own.end(), random_);
        Product &alternative = concatenation.alternatives.emplace_back();
        for (const std::string &axis : own)
          alternative.push_back({axis, {}});
      }
      items.push_back(std::move(concatenation));
      for (const std::string &index : rule.stacked)
        if (std::find(inside.begin(), inside.end(), index) == inside.end())
          items.push_back({index, {}});
      ++out_.packs;
    } else {
      for (const std::string &index : rule.stacked)
        items.push_back({index, {}});
    }
    out_.stacks += !rule.stacked.empty();
    for (const std::string &axis : common)
      items.push_back({axis, {}});
    std::shuffle(items.begin(), items.end(), random_);
    while (!items.empty()) {
      Product &dim = rule.dims.emplace_back();
      for (int64_t n = 1 + below(3); n > 0 && !items.empty(); --n) {
        dim.push_back(std::move(items.back()));
        items.pop_back();
      }
    }
  }

  /// Members of packs that the source does not have: never all of one.
  void choose(const std::vector<Rule> &target) {
    for (const Rule &rule : target)
      if (rule.members.size() > 1 && !rule.choice && below(3) == 0) {
        decls_[rule.members.back()].absent = true;
        ++out_.absent;
      }
  }

  /// What becomes of each member: packs agree on a dtype, so do all tensors of an `init`.
  void cast(const Rule &rule) {
    std::vector<DType> present;
    for (size_t member : rule.members)
      if (!decls_[member].absent)
        present.push_back(decls_[member].from);
    bool agree = std::all_of(present.begin(), present.end(),
                             [&](DType type) { return type == present.front(); });
    DType common = agree && below(2) ? present.front() : kTypes[below(4)];
    for (size_t member : rule.members) {
      Decl &decl = decls_[member];
      decl.to = rule.choice ? (below(2) ? decl.from : kTypes[below(4)]) : common;
      if (decl.absent)
        continue;
      if (info(decl.from).isFloat && info(decl.to).isFloat && below(3) == 0)
        decl.casts.push_back(kTypes[below(4)]);
      if (decl.casts.empty() ? decl.to != decl.from : decl.to != decl.casts.back())
        decl.casts.push_back(decl.to);
    }
  }

  // ---- values
  int64_t count(const Decl &decl, const std::map<std::string, int64_t> &sizes) const {
    int64_t n = 1;
    for (const std::string &axis : decl.axes())
      n *= sizes.at(axis);
    return n;
  }

  /// Calls `visit(index)` for every element of every instance of a tensor.
  template <typename Visit>
  void each(const Decl &decl, const std::map<std::string, int64_t> &sizes, Visit visit) const {
    std::vector<std::string> axes(kIndices, kIndices + decl.depth);
    for (const std::string &axis : decl.axes())
      axes.push_back(axis);
    Index index;
    auto run = [&](auto &&self, size_t at) -> void {
      if (at == axes.size())
        return visit(index);
      for (int64_t i = 0; i < sizes.at(axes[at]); ++i) {
        index[axes[at]] = i;
        self(self, at + 1);
      }
    };
    run(run, 0);
  }

  uint64_t noise(DType type) {
    unsigned width = bitWidth(type);
    uint64_t bits = random_();
    return width == 64 ? bits : bits & ((uint64_t{1} << width) - 1);
  }

  void fillValues() {
    values_.resize(decls_.size());
    for (size_t i = 0; i < decls_.size(); ++i)
      if (!decls_[i].absent)
        each(decls_[i], sizes_,
             [&](const Index &index) { values_[i][index] = noise(decls_[i].from); });
  }

  /// An element of the target; what the source does not have is the constant.
  uint64_t result(size_t member, const Index &index) const {
    const Decl &decl = decls_[member];
    auto found = values_[member].find(index);
    if (found == values_[member].end()) {
      if (!info(decl.to).isFloat)
        return static_cast<uint64_t>(decl.fill);
      auto real = std::bit_cast<uint64_t>(static_cast<double>(decl.fill));
      return decl.to == DType::F64 ? real
                                   : recipe::castBits(real, DType::F64, decl.to, overflow(decl.to));
    }
    uint64_t bits = found->second;
    DType type = decl.from;
    for (DType next : decl.casts) {
      if (next != type)
        bits = recipe::castBits(bits, type, next, overflow(next));
      type = next;
    }
    return bits;
  }
  static recipe::Overflow overflow(DType type) {
    return type == DType::F8E4M3FN || type == DType::F8E5M2 ? recipe::Overflow::Saturate
                                                            : recipe::Overflow::Ieee;
  }

  // ---- where elements lie
  int64_t extent(const Node &node, const std::map<std::string, int64_t> &sizes) const {
    if (node.alternatives.empty())
      return sizes.at(node.axis);
    int64_t sum = 0;
    for (const Product &alternative : node.alternatives)
      sum += extent(alternative, sizes);
    return sum;
  }
  int64_t extent(const Product &product, const std::map<std::string, int64_t> &sizes) const {
    int64_t n = 1;
    for (const Node &node : product)
      n *= extent(node, sizes);
    return n;
  }
  int64_t position(const Product &product, size_t member, const Index &index,
                   const std::map<std::string, int64_t> &sizes) const {
    int64_t at = 0;
    for (const Node &node : product) {
      int64_t inner = 0;
      if (node.alternatives.empty()) {
        inner = index.at(node.axis);
      } else {
        for (size_t i = 0; i < member; ++i)
          inner += extent(node.alternatives[i], sizes);
        inner += position(node.alternatives[member], member, index, sizes);
      }
      at = at * extent(node, sizes) + inner;
    }
    return at;
  }

  void store(const std::vector<Rule> &rules, const std::map<std::string, int64_t> &sizes,
             bool isTarget, std::map<std::string, RandomTensor> &out) {
    for (const Rule &rule : rules) {
      auto padded = sizes;
      for (const auto &[axis, multiple] : rule.padTo)
        padded[axis] = (sizes.at(axis) + multiple - 1) / multiple * multiple;
      for (size_t m = 0; m < rule.members.size(); ++m) {
        const Decl &decl = decls_[rule.members[m]];
        std::vector<Product> dims = rule.dims;
        if (rule.choice)
          for (const auto &dim : decl.dims) {
            Product &product = dims.emplace_back();
            for (const std::string &axis : dim)
              product.push_back({axis, {}});
          }
        each(decl, sizes, [&](const Index &index) {
          RandomTensor &tensor = out[storedName(rule, decl, index)];
          if (tensor.bytes.empty()) {
            tensor.dtype = isTarget ? decl.to : decl.from;
            size_t total = 1;
            for (const Product &dim : dims) {
              tensor.shape.push_back(extent(dim, padded));
              total *= static_cast<size_t>(tensor.shape.back());
            }
            tensor.bytes.resize(total * byteWidth(tensor.dtype));
            for (char &byte : tensor.bytes)
              byte = isTarget ? '\0' : static_cast<char>(random_());
          }
          int64_t at = 0;
          for (const Product &dim : dims)
            at = at * extent(dim, padded) + position(dim, m, index, padded);
          uint64_t bits =
              isTarget ? result(rule.members[m], index) : values_[rule.members[m]].at(index);
          unsigned width = byteWidth(tensor.dtype);
          for (unsigned b = 0; b < width; ++b)
            tensor.bytes[static_cast<size_t>(at) * width + b] = static_cast<char>(bits >> (8 * b));
        });
      }
    }
  }

  std::string storedName(const Rule &rule, const Decl &decl, const Index &index) const {
    std::string out = rule.stored;
    for (size_t g = 0; g < decl.depth; ++g)
      if (!rule.stacked.count(kIndices[g]))
        out += fmt::format(".{}", index.at(kIndices[g]));
    return rule.choice ? out + "." + decl.name : out;
  }

  // ---- the specification
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

  void sayModel(const char *name, const std::map<std::string, int64_t> &sizes, bool isTarget) {
    auto model = builder_.model(name);
    for (const auto &[axis, size] : sizes)
      model.dim(axis[0] == 'l' || axis[0] == 'e' ? axis + "s" : axis, size);
    auto layer = model.group("layer", "l", rl::name("ls"));
    auto expert = layer.group("expert", "e", rl::name("es"));
    rl::ModelScope *scopes[] = {&model, &layer, &expert};
    for (const Decl &decl : decls_) {
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
      size_t depth = decls_[rule.members[0]].depth;
      std::vector<std::string> names;
      for (size_t member : rule.members)
        names.push_back(decls_[member].name);
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

  void say(const std::vector<Rule> &source, const std::vector<Rule> &target,
           const std::string &from, const std::string &to) {
    sayModel("before", sizes_, false);
    auto sizes = sizes_;
    sizes["v"] = grown_["v"];
    sayModel("after", sizes, true);
    sayView("old", "before", source);
    sayView("new", "after", target);
    auto in = builder_.source("in", rl::safetensors(from));
    in.as("old", rl::callOf("before", {}));
    auto out = builder_.target("out", rl::safetensors(to));
    out.as("new", rl::callOf("after", {}));
    auto job = builder_.convert(in, {out});
    job.objects().dropElse();
    for (const Decl &decl : decls_) {
      std::string path = groups(decl.depth) + decl.name;
      std::vector<std::string> axes = decl.axes();
      bool grows =
          sizes_["v"] != grown_["v"] && std::find(axes.begin(), axes.end(), "v") != axes.end();
      out_.grown += grows;
      if (grows || decl.absent)
        job.init({"weight"}, rl::operation("constant", {rl::arg(decl.fill)}), {}, {path});
      if (decl.absent)
        continue;
      rl::Chain chain = rl::keep();
      for (DType type : decl.casts) {
        std::string_view word = name(type);
        chain = chain | (overflow(type) == recipe::Overflow::Saturate
                             ? rl::cast(rl::name(word), rl::saturate)
                             : rl::cast(rl::name(word)));
      }
      job.role("weight").at({path}) = chain;
    }
  }

  std::mt19937_64 random_;
  std::map<std::string, int64_t> sizes_, grown_;
  std::vector<Decl> decls_;
  std::vector<std::map<Index, uint64_t>> values_; ///< Per declaration, of all its instances.
  rl::SpecBuilder builder_;
  RandomConversion out_;
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
  return Generator(seed, sourcePath, targetPath).take();
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
