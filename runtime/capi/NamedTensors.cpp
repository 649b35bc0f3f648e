#include "runtime/capi/NamedTensors.h"

#include "runtime/base/TextTable.h"

namespace recast::capi {

NamedTensors::NamedTensors(const std::vector<format::Tensor> &tensors,
                           const std::vector<std::string> &strings) {
  TextTable names;
  std::vector<uint32_t> numbers;
  numbers.reserve(tensors.size());
  for (const format::Tensor &tensor : tensors)
    numbers.push_back(names.add(tensor.name));

  // Counts, then where each name begins, then, tensor by tensor, where it ends.
  ends_.resize(names.size());
  for (uint32_t number : numbers)
    ++ends_[number];
  size_t begin = 0;
  for (size_t &end : ends_) {
    size_t count = end;
    end = begin;
    begin += count;
  }
  tensors_.resize(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i)
    tensors_[ends_[numbers[i]]++] = &tensors[i];

  nameOf_.reserve(strings.size());
  for (const std::string &string : strings)
    nameOf_.push_back(names.find(string).value_or(kNoName));
}

} // namespace recast::capi
