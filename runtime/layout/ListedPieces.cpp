// The rules of explicit lists, and their fragments: a list cuts the stored tensor that map and pads
// make, so its boxes meet the parts' pieces in the index of that tensor.
#include "runtime/layout/ListedPieces.h"

#include "runtime/base/Checked.h"
#include "runtime/layout/Place.h"
#include "runtime/layout/RangeTree.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::layout {

namespace {

constexpr int64_t kMaxListedElements = int64_t{1} << 61;

/// One past the last slot of the piece.
int64_t storedEnd(const Piece &piece) {
  int64_t end = piece.storedOffset + 1;
  for (const BoxDim &dim : piece.dims)
    end += (dim.extent - 1) * dim.storedStride;
  return end;
}

// The piece with tensor and buffer exchanged.
Piece inverse(const Piece &piece) {
  Piece out{piece.part, piece.storedOffset, piece.logicalOffset, {}};
  for (const BoxDim &dim : piece.dims)
    out.dims.push_back({dim.extent, dim.storedStride, dim.logicalStride});
  std::erase_if(out.dims, [](const BoxDim &dim) { return dim.extent == 1; });
  std::ranges::sort(out.dims, std::ranges::greater{}, &BoxDim::logicalStride);
  return out;
}

int64_t logicalEnd(const Piece &piece) { return storedEnd(inverse(piece)); }

/// Nested in the tensor and in the buffer; so neither overflows nor meets itself.
Status checkOne(const Piece &piece, int64_t elements) {
  if (piece.part != 0)
    return badInput("a listed piece is of the stored tensor, not of a part");
  if (piece.dims.size() > kMaxAxesPerPart)
    return badInput(fmt::format("a piece has more than {} dimensions", kMaxAxesPerPart));
  if (!checkPiece(piece))
    return badInput(fmt::format("the piece at {}: extents are positive, and each stride is at "
                                "least what the dimensions after it span",
                                piece.logicalOffset));
  if (logicalEnd(piece) > elements)
    return badInput(fmt::format("the piece at {} reaches to {}, but the tensor has {} elements",
                                piece.logicalOffset, logicalEnd(piece), elements));
  // As in the tensor, but in whatever order.
  if (!checkPiece(inverse(piece)) || storedEnd(piece) > kMaxListedElements)
    return badInput(fmt::format("the piece at {} puts several elements into one slot, or may do so",
                                piece.logicalOffset));
  return {};
}

// Whether two of the pieces share an element.
Result<bool> overlap(std::vector<Piece> pieces) {
  std::ranges::sort(pieces, {}, &Piece::logicalOffset);
  int64_t end = 0;
  bool apart = true;
  std::vector<int64_t> strides;
  for (const Piece &piece : pieces) {
    apart &= piece.logicalOffset >= end;
    end = std::max(end, logicalEnd(piece));
    for (const BoxDim &dim : piece.dims)
      if (dim.extent > 1)
        strides.push_back(dim.logicalStride);
  }
  if (apart)
    return false;
  DigitStrides digits = digitsFor(std::move(strides), end);
  DigitBoxes boxes;
  boxes.ranges.levels = digits.size();
  for (size_t i = 0; i < pieces.size(); ++i)
    RECAST_TRY(appendDigits(digits, pieces[i], static_cast<int64_t>(i), boxes));
  RangeTree tree(boxes.ranges);
  bool shared = false;
  // The error only ends the join: what it found is the answer.
  Status stopped = joinTrees(tree, tree, [&](uint32_t a, uint32_t b, auto, auto) -> Status {
    shared = boxes.ranks[a] != boxes.ranks[b];
    return shared ? Status(internal("found")) : Status();
  });
  (void)stopped;
  return shared;
}

/// The stored tensor whole on one rank, as map and pads make it.
LocalBuffer wholeBuffer(const ResolvedLayout &layout) {
  std::vector<LocalAxis> axes;
  for (int64_t size : layout.axisSizes)
    axes.push_back({0, size, size});
  for (const AxisStep &step : layout.axisSteps) {
    const auto &pad = std::get<AxisPad>(step); // the only step that may stand before a list
    padAxis(axes[pad.axis], pad.multiple);
  }
  return ravel(placeParts(layout, axes));
}

bool isIdentity(const LocalBuffer &buffer) {
  if (buffer.pieces.size() != 1)
    return false;
  const Piece &piece = buffer.pieces.front();
  return piece.part == 0 && piece.logicalOffset == 0 && piece.storedOffset == 0 &&
         piece.elementCount() == buffer.elements &&
         (piece.dims.empty() || (piece.dims.size() == 1 && piece.dims[0].logicalStride == 1));
}

/// The listed boxes of one rank, each for every part, against the parts' pieces in the stored
/// tensor. Rank by rank: what one holds is not cut at the borders of another.
Status meet(const LocalBuffer &buffer, Fragment &fragment) {
  Fragment whole, listed;
  for (const Piece &piece : buffer.pieces) {
    whole.pieces.push_back(inverse(piece));
    for (Piece box : fragment.pieces) {
      box.part = piece.part; // each part has one piece in a tensor that nothing has cut
      listed.pieces.push_back(std::move(box));
    }
  }
  fragment.pieces.clear();
  Operand operands[] = {{{&whole, 1}, Holders::Every}, {{&listed, 1}, Holders::Every}};
  RECAST_ASSIGN(std::vector<Cell> cells, overlay(operands));
  for (const Cell &cell : cells) {
    Piece piece{cell.part, cell.at[0].offset, cell.at[1].offset, {}};
    for (size_t i = 0; i < cell.extents.size(); ++i)
      piece.dims.push_back({cell.extents[i], cell.at[0].strides[i], cell.at[1].strides[i]});
    fragment.pieces.push_back(std::move(piece));
  }
  return {};
}

} // namespace

Status checkPieces(const PieceList &list, int64_t elements) {
  size_t count = 0;
  for (size_t rank = 0; rank < list.ranks.size(); ++rank) {
    const auto &pieces = list.ranks[rank];
    count += pieces.size();
    if (count > kMaxListedPieces)
      return badInput(fmt::format("more than {} pieces", kMaxListedPieces));
    std::vector<Piece> stored;
    for (const Piece &piece : pieces) {
      if (auto ok = checkOne(piece, elements); !ok)
        return badInput(fmt::format("rank {}: {}", rank, ok.error().message()));
      stored.push_back(inverse(piece));
    }
    RECAST_ASSIGN(bool twice, overlap(pieces));
    if (twice)
      return badInput(fmt::format("rank {}: two pieces hold the same element", rank));
    RECAST_ASSIGN(bool shared, overlap(std::move(stored)));
    if (shared)
      return badInput(fmt::format("rank {}: two pieces lie in the same slot", rank));
  }
  return {};
}

Result<std::vector<Fragment>> listedFragments(const ResolvedLayout &layout,
                                              std::optional<int64_t> rank) {
  const auto &ranks = layout.pieces->ranks;
  std::vector<Fragment> out;
  for (int64_t at = rank.value_or(0); at < static_cast<int64_t>(ranks.size()); ++at) {
    Fragment fragment{at, 0, ranks[static_cast<size_t>(at)]};
    for (const Piece &piece : fragment.pieces)
      fragment.storedElements = std::max(fragment.storedElements, storedEnd(piece));
    out.push_back(std::move(fragment));
    if (rank)
      break;
  }
  LocalBuffer buffer = wholeBuffer(layout);
  bool direct = isIdentity(buffer);
  for (Fragment &fragment : out) {
    if (!direct)
      RECAST_TRY(meet(buffer, fragment));
    canonicalise(fragment.pieces);
  }
  if (!rank)
    std::erase_if(out, [](const Fragment &fragment) { return fragment.pieces.empty(); });
  return out;
}

Status addPieces(const PieceList &list, ResolvedLayout &layout) {
  if (static_cast<int64_t>(list.ranks.size()) != layout.rankCount())
    return badInput(
        fmt::format("pieces are listed for {} ranks of {}", list.ranks.size(), layout.rankCount()));
  RECAST_TRY(checkPieces(list, wholeBuffer(layout).elements));
  layout.pieces = &list;
  return {};
}

} // namespace recast::layout
