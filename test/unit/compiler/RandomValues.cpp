#include "test/unit/compiler/RandomValues.h"

#include <bit>
#include <fmt/format.h>

namespace recast::fixtures {
namespace {

using Index = std::map<std::string, int64_t>;

/// Calls `visit(index)` for every element of every instance of a tensor.
template <typename Visit> void each(const Decl &decl, const Sizes &sizes, Visit visit) {
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

int64_t extent(const Product &product, const Sizes &sizes);

int64_t extent(const Node &node, const Sizes &sizes) {
  if (node.alternatives.empty())
    return sizes.at(node.axis);
  int64_t sum = 0;
  for (const Product &alternative : node.alternatives)
    sum += extent(alternative, sizes);
  return sum;
}

int64_t extent(const Product &product, const Sizes &sizes) {
  int64_t n = 1;
  for (const Node &node : product)
    n *= extent(node, sizes);
  return n;
}

int64_t position(const Product &product, size_t member, const Index &index, const Sizes &sizes) {
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

/// Dimensions of what a rule stores of a member.
std::vector<Product> dimsOf(const Rule &rule, const Decl &decl) {
  if (!rule.choice)
    return rule.dims;
  std::vector<Product> dims;
  for (const auto &dim : decl.dims) {
    Product &product = dims.emplace_back();
    for (const std::string &axis : dim)
      product.push_back({axis, {}});
  }
  return dims;
}

std::string storedName(const Rule &rule, const Decl &decl, const Index &index) {
  std::string out = rule.stored;
  for (size_t g = 0; g < decl.depth; ++g)
    if (!rule.stacked.count(kIndices[g]))
      out += fmt::format(".{}", index.at(kIndices[g]));
  return rule.choice ? out + "." + decl.name : out;
}

} // namespace

recipe::Overflow overflowOf(DType type) {
  return type == DType::F8E4M3FN || type == DType::F8E5M2 ? recipe::Overflow::Saturate
                                                          : recipe::Overflow::Ieee;
}

RandomValues::RandomValues(const RandomModel &model, Dice &dice) : model_(model), dice_(dice) {
  fill();
  store(model.source, model.sizes, /*isTarget=*/false, source);
  store(model.target, model.grown, /*isTarget=*/true, expected);
}

void RandomValues::fill() {
  values_.resize(model_.decls.size());
  for (size_t i = 0; i < model_.decls.size(); ++i) {
    const Decl &decl = model_.decls[i];
    unsigned width = bitWidth(decl.from);
    uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
    if (!decl.absent)
      each(decl, model_.sizes,
           [&](const Index &index) { values_[i][index] = dice_.bits() & mask; });
  }
}

/// An element of the target; what the source does not have is the constant.
uint64_t RandomValues::result(size_t member, const Index &index) const {
  const Decl &decl = model_.decls[member];
  auto found = values_[member].find(index);
  if (found == values_[member].end()) {
    if (!info(decl.to).isFloat)
      return static_cast<uint64_t>(decl.fill);
    auto real = std::bit_cast<uint64_t>(static_cast<double>(decl.fill));
    return decl.to == DType::F64 ? real
                                 : recipe::castBits(real, DType::F64, decl.to, overflowOf(decl.to));
  }
  uint64_t bits = found->second;
  DType type = decl.from;
  for (DType next : decl.casts) {
    if (next != type)
      bits = recipe::castBits(bits, type, next, overflowOf(next));
    type = next;
  }
  return bits;
}

/// Padding of the source is noise, that of the target zeros.
RandomTensor RandomValues::emptyTensor(const Decl &decl, const std::vector<Product> &dims,
                                       const Sizes &padded, bool isTarget) {
  RandomTensor tensor;
  tensor.dtype = isTarget ? decl.to : decl.from;
  size_t total = 1;
  for (const Product &dim : dims) {
    tensor.shape.push_back(extent(dim, padded));
    total *= static_cast<size_t>(tensor.shape.back());
  }
  tensor.bytes.resize(total * byteWidth(tensor.dtype));
  for (char &byte : tensor.bytes)
    byte = isTarget ? '\0' : static_cast<char>(dice_.bits());
  return tensor;
}

void RandomValues::store(const std::vector<Rule> &rules, const Sizes &sizes, bool isTarget,
                         std::map<std::string, RandomTensor> &out) {
  for (const Rule &rule : rules) {
    Sizes padded = sizes;
    for (const auto &[axis, multiple] : rule.padTo)
      padded[axis] = (sizes.at(axis) + multiple - 1) / multiple * multiple;
    for (size_t m = 0; m < rule.members.size(); ++m) {
      const Decl &decl = model_.decls[rule.members[m]];
      std::vector<Product> dims = dimsOf(rule, decl);
      each(decl, sizes, [&](const Index &index) {
        RandomTensor &tensor = out[storedName(rule, decl, index)];
        if (tensor.bytes.empty())
          tensor = emptyTensor(decl, dims, padded, isTarget);
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

} // namespace recast::fixtures
