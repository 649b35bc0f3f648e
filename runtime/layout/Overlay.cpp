// The common refinement of several layouts: per part, all boxes go into one digit system and the
// operands are joined one after the other.
#include "runtime/layout/RangeTree.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace recast::layout {

namespace {

struct HeldPiece {
  const Piece *piece;
  int64_t rank;
};
/// Per operand, what its ranks hold of one part.
using PartPieces = std::vector<std::vector<HeldPiece>>;

class PartOverlay {
public:
  PartOverlay(uint32_t part, std::span<const Operand> operands, const PartPieces &pieces)
      : part_(part), operands_(operands), pieces_(pieces) {}

  Status run(std::vector<Cell> &cells) {
    chooseDigits();
    for (size_t i = 0; i < pieces_.size(); ++i)
      RECAST_TRY(addOperand(i));
    emit(cells);
    return {};
  }

private:
  void chooseDigits() {
    std::vector<int64_t> strides;
    int64_t end = 0;
    for (const auto &operand : pieces_) {
      for (const HeldPiece &held : operand) {
        int64_t last = held.piece->logicalOffset;
        for (const BoxDim &dim : held.piece->dims) {
          last += (dim.extent - 1) * dim.logicalStride;
          if (dim.extent > 1 && (strides.empty() || strides.back() != dim.logicalStride))
            strides.push_back(dim.logicalStride);
        }
        end = std::max(end, last + 1);
      }
      std::ranges::sort(strides);
      strides.erase(std::unique(strides.begin(), strides.end()), strides.end());
    }
    digits_ = digitsFor(std::move(strides), end);
  }

  Status addOperand(size_t index) {
    DigitBoxes boxes;
    boxes.ranges.levels = digits_.size();
    for (const HeldPiece &held : pieces_[index])
      RECAST_TRY(appendDigits(digits_, *held.piece, held.rank, boxes));
    if (operands_[index].holders == Holders::First)
      RECAST_TRY(keepLowestRank(boxes));
    if (index == 0) {
      shared_ = boxes.ranges;
      items_.resize(boxes.size());
      std::iota(items_.begin(), items_.end(), 0u);
    } else {
      RECAST_TRY(join(index, boxes.ranges));
    }
    boxes_.push_back(std::move(boxes));
    return {};
  }

  // Item i of shared_ comes from items_[i * k + operand] of the k operands joined so far.
  Status join(size_t width, const DigitRanges &ranges) {
    DigitRanges next;
    next.levels = digits_.size();
    std::vector<uint32_t> items;
    RECAST_TRY(
        joinTrees(RangeTree(shared_), RangeTree(ranges),
                  [&](uint32_t a, uint32_t b, const int64_t *lo, const int64_t *hi) -> Status {
                    if (next.size() == kMaxItems)
                      return badInput("the layouts meet in too many boxes to list");
                    next.append(lo, hi);
                    auto before = items_.begin() + a * width;
                    items.insert(items.end(), before, before + width);
                    items.push_back(b);
                    return {};
                  }));
    shared_ = std::move(next);
    items_ = std::move(items);
    return {};
  }

  void emit(std::vector<Cell> &cells) const {
    size_t width = operands_.size();
    std::vector<int64_t> offsets(shared_.size());
    for (size_t i = 0; i < offsets.size(); ++i)
      offsets[i] = std::inner_product(digits_.begin(), digits_.end(), shared_.loOf(i), int64_t{0});
    std::vector<uint32_t> order(shared_.size());
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::sort(order, [&](uint32_t a, uint32_t b) {
      if (offsets[a] != offsets[b])
        return offsets[a] < offsets[b];
      for (size_t k = 0; k < width; ++k)
        if (rankOf(a, k) != rankOf(b, k))
          return rankOf(a, k) < rankOf(b, k);
      return false;
    });
    cells.reserve(cells.size() + order.size());
    for (uint32_t i : order)
      cells.push_back(cellOf(i, offsets[i]));
  }

  int64_t rankOf(size_t i, size_t operand) const {
    return boxes_[operand].ranks[items_[i * operands_.size() + operand]];
  }

  Cell cellOf(size_t i, int64_t logicalOffset) const {
    size_t width = operands_.size(), levels = digits_.size();
    const int64_t *lo = shared_.loOf(i), *hi = shared_.hiOf(i);
    Cell cell;
    cell.part = part_;
    cell.logicalOffset = logicalOffset;
    cell.at.resize(width);
    std::vector<const int64_t *> steps(width);
    for (size_t k = 0; k < width; ++k) {
      uint32_t item = items_[i * width + k];
      const DigitBoxes &boxes = boxes_[k];
      steps[k] = boxes.steps.data() + item * levels;
      cell.at[k].rank = boxes.ranks[item];
      cell.at[k].offset = boxes.offsets[item];
      for (size_t level = 0; level < levels; ++level)
        cell.at[k].offset += (lo[level] - boxes.ranges.loOf(item)[level]) * steps[k][level];
    }
    for (size_t level = 0; level < levels; ++level) {
      int64_t extent = hi[level] - lo[level];
      if (extent == 1)
        continue;
      if (!cell.extents.empty() && continues(cell, steps, level, extent)) {
        cell.extents.back() *= extent;
        cell.logicalStrides.back() = digits_[level];
        for (size_t k = 0; k < width; ++k)
          cell.at[k].strides.back() = steps[k][level];
        continue;
      }
      cell.extents.push_back(extent);
      cell.logicalStrides.push_back(digits_[level]);
      for (size_t k = 0; k < width; ++k)
        cell.at[k].strides.push_back(steps[k][level]);
    }
    return cell;
  }

  // The cell's last dimension steps from end to end of this digit's range, in every operand.
  bool continues(const Cell &cell, const std::vector<const int64_t *> &steps, size_t level,
                 int64_t extent) const {
    if (cell.logicalStrides.back() != digits_[level] * extent)
      return false;
    for (size_t k = 0; k < steps.size(); ++k)
      if (cell.at[k].strides.back() != steps[k][level] * extent)
        return false;
    return true;
  }

  uint32_t part_;
  std::span<const Operand> operands_;
  const PartPieces &pieces_;
  DigitStrides digits_;
  std::vector<DigitBoxes> boxes_; // per operand
  DigitRanges shared_;            // the boxes that all operands so far hold
  std::vector<uint32_t> items_;
};

} // namespace

Result<std::vector<Cell>> overlay(std::span<const Operand> operands) {
  std::map<uint32_t, PartPieces> parts;
  for (size_t i = 0; i < operands.size(); ++i) {
    for (const Fragment &fragment : operands[i].fragments) {
      for (const Piece &piece : fragment.pieces) {
        RECAST_TRY(checkPiece(piece));
        PartPieces &part = parts[piece.part];
        part.resize(operands.size());
        part[i].push_back({&piece, fragment.rank});
      }
    }
  }
  std::vector<Cell> cells;
  for (const auto &[part, pieces] : parts)
    if (std::ranges::none_of(pieces, [](const auto &held) { return held.empty(); }))
      RECAST_TRY(PartOverlay(part, operands, pieces).run(cells));
  return cells;
}

} // namespace recast::layout
