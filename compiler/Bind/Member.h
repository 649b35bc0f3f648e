// A member of a family while it is drafted: what it reads and writes, and the key by which it finds
// its family.
#pragma once

#include "compiler/Bind/Families.h"
#include "compiler/Bind/Shares.h"

#include <span>

namespace recast::compiler {

/// Columns of an output in a family's rows.
void addTargetColumns(std::vector<int64_t> &row, const Destination &to, Name role,
                      Strings &strings);

/// One member after the other, in the same vectors: there are as many as tensors. `enter` a share,
/// `make` the members of its `heads`, `leave`.
class Member {
public:
  /// Members of equal keys are of one family; those of one family may differ, as keys tell chains
  /// and layouts by their places.
  using Key = std::vector<uint64_t>;

  Member(const format::Inventory &source, const Resolution &resolution,
         const std::vector<int32_t> &armed)
      : source_(source), resolution_(resolution), armed_(armed),
        firstCell_(source.tensors.size(), kNobody), ownerOf_(source.tensors.size(), kNobody) {}

  /// `checked`: see checkedIn.
  void enter(const Share &share, const std::vector<uint32_t> &checked);
  /// Tensors that have a member of their own, ascending.
  std::vector<uint32_t> heads(const std::vector<uint32_t> &checked) const;
  /// Inputs and outputs in the order in which they are added.
  void make(uint32_t head);
  void leave();

  const Key &key();
  FamilyDraft draft() const;
  void addRow(std::vector<int64_t> &rows, Strings &strings) const;

private:
  static constexpr uint32_t kNobody = UINT32_MAX;

  struct Input {
    uint32_t tensor = kNobody; ///< kNobody for scalars.
    DraftInput draft;
  };
  struct Output {
    uint32_t input = 0;
    uint32_t prediction = kNobody; ///< Index into predictions_.
    const Cell *cell = nullptr;
  };
  struct Predicted {
    uint32_t weights = 0;
    const Prediction *prediction = nullptr;
    DraftPrediction draft;
  };

  std::span<const Cell *const> cellsOf(uint32_t tensor) const;
  const Prediction *predictionOf(const Cell &cell) const {
    return cell.prediction == plan::kNone ? nullptr : &resolution_.predictions[cell.prediction];
  }
  uint32_t add(uint32_t tensor);
  uint32_t addPrediction(uint32_t weights, const Prediction &prediction);

  const format::Inventory &source_;
  const Resolution &resolution_;
  const std::vector<int32_t> &armed_;

  // Of the share.
  const Share *share_ = nullptr;
  std::vector<uint32_t> firstCell_; ///< Of each tensor, in the share; kNobody: it has none.
  /// Which tensor's family reads a tensor besides its own; kNobody: none.
  std::vector<uint32_t> ownerOf_;
  std::vector<uint32_t> owned_; ///< Tensors that have an owner.

  // Of the member.
  uint32_t head_ = 0;
  uint32_t weight_ = kNobody; ///< Input that the first one is checked against.
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  std::vector<Predicted> predictions_;
  std::vector<int64_t> columns_;
  Key key_;
};

} // namespace recast::compiler
