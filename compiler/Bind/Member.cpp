#include "compiler/Bind/Member.h"

#include <algorithm>
#include <bit>

namespace recast::compiler {

void addTargetColumns(std::vector<int64_t> &row, const Destination &to, Name role,
                      Strings &strings) {
  const int64_t name = strings.id(to.name), roleId = strings.id(role);
  row.insert(row.end(), {name, roleId, to.part});
}

std::span<const Cell *const> Member::cellsOf(uint32_t tensor) const {
  uint32_t begin = firstCell_[tensor];
  if (begin == kNobody)
    return {};
  size_t end = begin;
  while (end < share_->size() && (*share_)[end]->tensor == tensor)
    ++end;
  return std::span(*share_).subspan(begin, end - begin);
}

/// A weight that a check reads belongs to its master's family, a state that a prediction reads to
/// that of the weights. So each byte is read once.
void Member::enter(const Share &share, const std::vector<uint32_t> &checked) {
  share_ = &share;
  for (uint32_t k = static_cast<uint32_t>(share.size()); k-- > 0;)
    firstCell_[share[k]->tensor] = k;
  auto own = [&](uint32_t tensor, uint32_t owner) {
    ownerOf_[tensor] = owner;
    owned_.push_back(tensor);
  };
  for (uint32_t master : checked)
    own(static_cast<uint32_t>(armed_[master]), master);
  if (resolution_.predictions.empty())
    return;
  auto predicts = [&](uint32_t tensor) {
    return std::ranges::any_of(cellsOf(tensor),
                               [&](const Cell *cell) { return predictionOf(*cell) != nullptr; });
  };
  for (const Cell *cell : share)
    if (const Prediction *prediction = predictionOf(*cell))
      for (uint32_t state : prediction->states)
        // One whose own family has others in it stays where it is.
        if (ownerOf_[state] == kNobody && !predicts(state) && armed_[state] < 0)
          own(state, ownerOf_[cell->tensor] == kNobody ? cell->tensor : ownerOf_[cell->tensor]);
}

void Member::leave() {
  for (const Cell *cell : *share_)
    firstCell_[cell->tensor] = kNobody;
  for (uint32_t tensor : owned_)
    ownerOf_[tensor] = kNobody;
  owned_.clear();
}

std::vector<uint32_t> Member::heads(const std::vector<uint32_t> &checked) const {
  std::vector<uint32_t> written, out;
  for (const Cell *cell : *share_)
    if (ownerOf_[cell->tensor] == kNobody && (written.empty() || written.back() != cell->tensor))
      written.push_back(cell->tensor);
  std::ranges::set_union(written, checked, std::back_inserter(out));
  return out;
}

void Member::make(uint32_t head) {
  head_ = head;
  weight_ = kNobody;
  inputs_.clear();
  outputs_.clear();
  predictions_.clear();
  columns_.clear();
  add(head);
  if (armed_[head] >= 0)
    weight_ = add(static_cast<uint32_t>(armed_[head]));
}

/// Index of the input that a tensor is; its outputs are added with it if it belongs here.
uint32_t Member::add(uint32_t index) {
  auto known = std::ranges::find(inputs_, index, &Input::tensor);
  if (known != inputs_.end())
    return static_cast<uint32_t>(known - inputs_.begin());
  const format::Tensor &tensor = source_.tensors[index];
  auto input = static_cast<uint32_t>(inputs_.size());
  inputs_.push_back(
      {index, {tensor.role, tensor.dtype, tensor.scalar ? plan::kNone : tensor.layout}});
  if (tensor.scalar)
    columns_.insert(columns_.end(), {-1, static_cast<int64_t>(*tensor.scalar), 0, 0});
  else
    columns_.insert(columns_.end(), {tensor.store, tensor.start, tensor.groupTotal, tensor.part});
  if (index == head_ || ownerOf_[index] == head_)
    for (const Cell *cell : cellsOf(index)) {
      const Prediction *prediction = predictionOf(*cell);
      uint32_t ahead = prediction ? addPrediction(index, *prediction) : kNobody;
      outputs_.push_back({input, ahead, cell});
    }
  return input;
}

uint32_t Member::addPrediction(uint32_t weights, const Prediction &prediction) {
  for (uint32_t known = 0; known < predictions_.size(); ++known)
    if (predictions_[known].weights == weights && *predictions_[known].prediction == prediction)
      return known;
  DraftPrediction out{prediction.direction, {}, {}};
  for (uint32_t state : prediction.states)
    out.states.push_back(add(state));
  for (double scalar : prediction.scalars) {
    out.scalars.push_back(static_cast<uint32_t>(inputs_.size()));
    inputs_.push_back({kNobody, {"scalar", DType::F64, plan::kNone, true}});
    columns_.insert(columns_.end(), {-1, std::bit_cast<int64_t>(scalar), 0, 0});
  }
  predictions_.push_back({weights, &prediction, std::move(out)});
  return static_cast<uint32_t>(predictions_.size() - 1);
}

const Member::Key &Member::key() {
  const std::vector<int64_t> &shape = source_.tensors[head_].shape;
  key_.clear();
  key_.push_back(shape.size());
  key_.insert(key_.end(), shape.begin(), shape.end());
  key_.push_back(uint64_t{weight_} << 32 | inputs_.size());
  for (const Input &input : inputs_) {
    key_.push_back(uint64_t{input.draft.role.number()} << 32 |
                   static_cast<uint64_t>(input.draft.dtype) << 1 | input.draft.isScalar);
    key_.push_back(input.draft.layout);
  }
  key_.push_back(outputs_.size());
  for (const Output &output : outputs_) {
    key_.push_back(uint64_t{output.input} << 32 | output.cell->target);
    key_.push_back(output.prediction);
    key_.push_back(std::bit_cast<uint64_t>(output.cell->chain));
    key_.push_back(std::bit_cast<uint64_t>(output.cell->to.layout));
  }
  for (const Predicted &predicted : predictions_) {
    key_.push_back(static_cast<uint64_t>(predicted.draft.direction));
    for (const std::vector<uint32_t> *list : {&predicted.draft.states, &predicted.draft.scalars}) {
      key_.push_back(list->size());
      key_.insert(key_.end(), list->begin(), list->end());
    }
  }
  return key_;
}

FamilyDraft Member::draft() const {
  FamilyDraft out;
  out.shape = source_.tensors[head_].shape;
  for (const Input &input : inputs_)
    out.inputs.push_back(input.draft);
  for (const Output &output : outputs_) {
    std::optional<DraftPrediction> prediction;
    if (output.prediction != kNobody)
      prediction = predictions_[output.prediction].draft;
    out.outputs.push_back({output.input, output.cell->target, std::move(prediction),
                           *output.cell->chain, *output.cell->to.layout});
  }
  if (weight_ != kNobody) {
    out.checked = true;
    out.weight = weight_;
  }
  return out;
}

void Member::addRow(std::vector<int64_t> &rows, Strings &strings) const {
  rows.push_back(strings.id(source_.tensors[head_].name));
  rows.insert(rows.end(), columns_.begin(), columns_.end());
  for (const Output &output : outputs_)
    addTargetColumns(rows, output.cell->to, output.cell->role, strings);
}

} // namespace recast::compiler
