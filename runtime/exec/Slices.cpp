#include "runtime/exec/Slices.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <set>

namespace recast::exec {
namespace {

constexpr std::string_view kInterpreter = "interpreter";
/// No recipe has more inputs than nodes; a tile's pointers live on the stack.
constexpr size_t kMaxInputs = recipe::kMaxNodes;

std::string hexOf(const std::byte *little, unsigned width) {
  std::string out = "0x";
  for (unsigned i = width; i-- > 0;)
    out += fmt::format("{:02x}", std::to_integer<unsigned>(little[i]));
  return out;
}

device::cpu::KernelFinder::Found kernelFor(const recipe::Recipe &recipe,
                                           device::cpu::KernelFinder *kernels) {
  if (!kernels)
    return {};
  return kernels->find(recipe.hash(), recipe.str());
}

} // namespace

OutputSlice::OutputSlice(const recipe::Recipe &recipe, device::cpu::KernelFinder *kernels)
    : recipe_(&recipe), finite_(recipe), copy_(recipe::isCopy(recipe)),
      width_(byteWidth(recipe.outputType(0))) {
  if (copy_) {
    // Bytes move: the type is one for its width.
    for (DType type : {DType::U8, DType::U16, DType::U32, DType::U64})
      if (byteWidth(type) == width_)
        kernel_ = kernelFor(recipe::copyRecipe(type), kernels).kernel;
    turningName_ = kernel_.run ? kernel_.name : kInterpreter;
    return;
  }
  auto [kernel, origin] = kernelFor(recipe, kernels);
  kernel_ = kernel;
  kernelName_ = !kernel.run            ? kInterpreter
                : origin == "built in" ? std::string(kernel.name)
                                       : fmt::format("{} ({})", kernel.name, origin);
}

std::string_view OutputSlice::kernelName() const { return kernelName_; }

void OutputSlice::compute(std::span<const std::byte *const> inputs, std::byte *out,
                          int64_t count) const {
  if (!kernel_.run) {
    recipe::interpret(*recipe_, inputs, {&out, 1}, count);
    return;
  }
  const void *in[kMaxInputs];
  for (size_t i = 0; i < inputs.size(); ++i)
    in[i] = inputs[i];
  void *results[1] = {out};
  kernel_.run(in, results, count);
}

/// What is looked at again is still in the cache.
std::optional<OutputSlice::Lost> OutputSlice::run(std::span<const std::byte *const> inputs,
                                                  std::byte *out, int64_t count) const {
  if (!finite_.isNeeded()) {
    compute(inputs, out, count);
    return std::nullopt;
  }
  constexpr int64_t kBlock = 8192;
  std::vector<const std::byte *> at(inputs.size());
  auto moveTo = [&](int64_t element) {
    for (size_t i = 0; i < at.size(); ++i)
      at[i] = inputs[i] +
              (recipe_->isScalarInput(i) ? 0 : element * int64_t{byteWidth(recipe_->inputType(i))});
  };
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t size = std::min(kBlock, count - begin);
    std::byte *results = out + begin * width_;
    moveTo(begin);
    compute(at, results, size);
    for (int64_t i = finite_.suspect(results, 0, size); i < size;
         i = finite_.suspect(results, i + 1, size)) {
      moveTo(begin + i);
      if (auto value = finite_.lost(at))
        return Lost{begin + i, *value};
    }
  }
  return std::nullopt;
}

std::optional<OutputSlice::Lost> OutputSlice::runBox(std::span<const std::byte *const> inputs,
                                                     const BoxAccess &access,
                                                     std::byte *out) const {
  computeBox(inputs, access, out);
  if (!finite_.isNeeded())
    return std::nullopt;
  int64_t count = 1;
  for (int64_t extent : access.extents)
    count *= extent;
  std::vector<const std::byte *> at(inputs.size());
  for (int64_t i = finite_.suspect(out, 0, count); i < count;
       i = finite_.suspect(out, i + 1, count)) {
    for (size_t k = 0; k < at.size(); ++k) {
      at[k] = inputs[k];
      for (size_t d = 0; d < access.extents.size(); ++d)
        at[k] += i / access.output[d] % access.extents[d] * access.inputs[k][d] *
                 byteWidth(recipe_->inputType(k));
    }
    if (auto value = finite_.lost(at))
      return Lost{i, *value};
  }
  return std::nullopt;
}

/// Two dims at a time: the one in which the output is contiguous, and the one in which the first
/// input is, or else any; the others are walked.
void OutputSlice::computeBox(std::span<const std::byte *const> inputs, const BoxAccess &access,
                             std::byte *out) const {
  const size_t rank = access.extents.size();
  size_t column = rank, row = rank;
  for (size_t d = 0; d < rank; ++d)
    if (access.extents[d] > 1 && access.output[d] == 1)
      column = d;
  for (size_t d = 0; d < rank; ++d)
    if (d != column && access.extents[d] > 1 &&
        (row == rank || access.inputs[0][d] < access.inputs[0][row]))
      row = d;
  auto extent = [&](size_t d) { return d == rank ? 1 : access.extents[d]; };
  auto stride = [&](const std::vector<int64_t> &strides, size_t d, unsigned width) {
    return d == rank ? 0 : strides[d] * width;
  };
  std::vector<int64_t> strides; // Bytes: row and column, of each input, then of the output.
  for (size_t i = 0; i < inputs.size(); ++i)
    for (size_t d : {row, column})
      strides.push_back(stride(access.inputs[i], d, byteWidth(recipe_->inputType(i))));
  for (size_t d : {row, column})
    strides.push_back(stride(access.output, d, width_));

  std::vector<int64_t> index(rank, 0);
  std::vector<const std::byte *> at(inputs.begin(), inputs.end());
  while (true) {
    runRows(at, strides, out, extent(row), extent(column));
    size_t d = rank;
    while (d-- > 0) {
      if (d == row || d == column)
        continue;
      bool carry = ++index[d] == access.extents[d];
      int64_t steps = carry ? 1 - access.extents[d] : 1;
      for (size_t i = 0; i < at.size(); ++i)
        at[i] += steps * access.inputs[i][d] * byteWidth(recipe_->inputType(i));
      out += steps * access.output[d] * width_;
      if (!carry)
        break;
      index[d] = 0;
    }
    if (d == SIZE_MAX)
      return;
  }
}

void OutputSlice::runRows(std::span<const std::byte *const> inputs,
                          std::span<const int64_t> strides, std::byte *out, int64_t rows,
                          int64_t columns) const {
  if (kernel_.runBox) {
    const void *in[kMaxInputs];
    for (size_t i = 0; i < inputs.size(); ++i)
      in[i] = inputs[i];
    void *results[1] = {out};
    kernel_.runBox(in, results, rows, columns, strides.data());
    return;
  }
  // Rows of the output one by one, what is not contiguous gathered before.
  constexpr int64_t kBlock = 256;
  std::vector<std::byte> scratch(inputs.size() * kBlock * 16);
  std::vector<const std::byte *> gathered(inputs.size());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t begin = 0; begin < columns; begin += kBlock) {
      const int64_t count = std::min(kBlock, columns - begin);
      for (size_t i = 0; i < inputs.size(); ++i) {
        const size_t width = byteWidth(recipe_->inputType(i));
        const std::byte *from = inputs[i] + r * strides[2 * i] + begin * strides[2 * i + 1];
        gathered[i] = from;
        if (strides[2 * i + 1] == static_cast<int64_t>(width))
          continue;
        std::byte *to = scratch.data() + i * kBlock * 16;
        gathered[i] = to;
        for (int64_t c = 0; c < count; ++c)
          std::memcpy(to + static_cast<size_t>(c) * width, from + c * strides[2 * i + 1], width);
      }
      compute(gathered, out + r * strides[2 * inputs.size()] + begin * width_, count);
    }
}

CheckSlice::Side CheckSlice::sideOf(const recipe::Recipe &check, uint16_t node) {
  recipe::Recipe value;
  for (const recipe::Node &n : check.nodes)
    if (n.op != recipe::Op::CheckEqual)
      value.nodes.push_back(n); // The check is the last node: indices stay.
  value.nodes.push_back({.op = recipe::Op::Store, .type = check.nodes[node].type, .a = node});
  Side side;
  side.recipe = recipe::sliceForOutput(value, 0, side.inputs);
  return side;
}

CheckSlice::CheckSlice(const recipe::Recipe &recipe, device::cpu::KernelFinder *kernels)
    : recipe_(&recipe) {
  const recipe::Node &check = recipe.nodes.back();
  a_ = sideOf(recipe, check.a);
  b_ = sideOf(recipe, check.b);
  DType type = recipe.nodes[check.a].type;
  width_ = byteWidth(type);
  using recipe::Op;
  compare_.nodes = {{.op = Op::Load, .type = type, .slot = 0},
                    {.op = Op::Load, .type = type, .slot = 1},
                    {.op = Op::CheckEqual, .type = check.type, .a = 0, .b = 1}};

  bool copyA = recipe::isCopy(a_.recipe), copyB = recipe::isCopy(b_.recipe);
  if (copyA && copyB) {
    stored_ = a_.inputs[0];
    castInput_ = b_.inputs[0];
    return;
  }
  const Side &computed = copyA ? b_ : a_, &stored = copyA ? a_ : b_;
  if (!recipe::isCopy(stored.recipe) || computed.inputs.size() != 1)
    return;
  if (!kernelFor(computed.recipe, kernels).kernel.run)
    return;
  cast_.emplace(computed.recipe, kernels);
  castInput_ = computed.inputs[0];
  stored_ = stored.inputs[0];
}

std::string_view CheckSlice::kernelName() const {
  if (cast_)
    return cast_->kernelName();
  return stored_ ? "" : kInterpreter;
}

int64_t CheckSlice::run(std::span<const std::byte *const> inputs, std::byte *scratch,
                        int64_t count) const {
  if (!stored_)
    return recipe::interpret(*recipe_, inputs, {}, count);
  const std::byte *other = inputs[castInput_];
  if (cast_) {
    cast_->run({&other, 1}, scratch, count);
    other = scratch;
  }
  const std::byte *stored = inputs[*stored_];
  if (std::memcmp(stored, other, static_cast<size_t>(count) * width_) == 0)
    return -1;
  const std::byte *sides[2] = {stored, other};
  return recipe::interpret(compare_, sides, {}, count);
}

CheckSlice::Difference CheckSlice::describe(std::span<const std::byte *const> inputs,
                                            int64_t element) const {
  auto valueOf = [&](const Side &side) {
    std::byte value[16]; // c128 is the widest.
    std::byte *out = value;
    const std::byte *in[kMaxInputs];
    for (size_t i = 0; i < side.inputs.size(); ++i)
      in[i] = inputs[side.inputs[i]] +
              (side.recipe.isScalarInput(i) ? 0 : element * byteWidth(side.recipe.inputType(i)));
    recipe::interpret(side.recipe, {in, side.inputs.size()}, {&out, 1}, 1);
    return hexOf(value, width_);
  };
  return {fmt::format("{} != {}", valueOf(a_), valueOf(b_)), a_.inputs[0], b_.inputs[0]};
}

Slices prepareSlices(const Program &program, device::cpu::KernelFinder *kernels) {
  Slices out;
  out.outputs.resize(program.slices.size());
  out.checks.resize(program.slices.size());
  for (size_t i = 0; i < program.slices.size(); ++i) {
    if (program.slices[i].outputCount())
      out.outputs[i].emplace(program.slices[i], kernels);
    else
      out.checks[i].emplace(program.slices[i], kernels);
  }
  return out;
}

std::vector<std::string> kernelsUsed(const Program &program, const Slices &slices) {
  std::set<std::string> names;
  for (const Task &task : program.tasks) {
    if (task.count == 0)
      continue;
    for (const TaskOutput &output : task.outputs)
      for (std::string_view name :
           {slices.outputs[output.slice]->kernelName(),
            task.dims.empty() ? "" : slices.outputs[output.slice]->turningName()})
        names.emplace(name);
    for (const TaskCheck &check : task.checks)
      names.emplace(slices.checks[check.slice]->kernelName());
  }
  names.erase("");
  return {names.begin(), names.end()};
}

} // namespace recast::exec
