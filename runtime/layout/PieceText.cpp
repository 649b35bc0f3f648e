// Text of the step `pieces`.
#include "runtime/layout/ListedPieces.h"

#include <fmt/format.h>

namespace recast::layout {

namespace {

std::string print(const Piece &piece) {
  std::string out = fmt::format("{} -> {}", piece.logicalOffset, piece.storedOffset);
  if (piece.dims.empty())
    return out;
  std::vector<std::string> dims;
  for (const BoxDim &dim : piece.dims)
    dims.push_back(fmt::format("{}:{}:{}", dim.extent, dim.logicalStride, dim.storedStride));
  return out + fmt::format(" [{}]", fmt::join(dims, " "));
}

Result<Piece> parsePiece(TextScanner &scan) {
  Piece piece;
  RECAST_ASSIGN(piece.logicalOffset, scan.number("an offset in the tensor"));
  RECAST_TRY(scan.expect("->"));
  RECAST_ASSIGN(piece.storedOffset, scan.number("an offset in the buffer"));
  if (!scan.accept("["))
    return piece;
  do {
    BoxDim dim;
    RECAST_ASSIGN(dim.extent, scan.number("an extent"));
    RECAST_TRY(scan.expect(":"));
    RECAST_ASSIGN(dim.logicalStride, scan.number("a stride in the tensor"));
    RECAST_TRY(scan.expect(":"));
    RECAST_ASSIGN(dim.storedStride, scan.number("a stride in the buffer"));
    if (piece.dims.size() == kMaxAxesPerPart)
      return fail(scan.error(fmt::format("more than {} dimensions", kMaxAxesPerPart)));
    piece.dims.push_back(dim);
  } while (!scan.accept("]"));
  return piece;
}

} // namespace

std::string printPieces(const PieceList &list) {
  std::string out = "pieces {";
  for (size_t rank = 0; rank < list.ranks.size(); ++rank) {
    if (rank > 0)
      out += out.back() == '{' ? "|" : " |";
    std::vector<std::string> words;
    for (const Piece &piece : list.ranks[rank])
      words.push_back(print(piece));
    if (!words.empty())
      out += fmt::format("{}{}", rank > 0 ? " " : "", fmt::join(words, ", "));
  }
  return out + "}";
}

Result<PieceList> parsePieces(TextScanner &scan) {
  PieceList list;
  size_t count = 0;
  RECAST_TRY(scan.expect("{"));
  for (bool more = true; more;) {
    auto &rank = list.ranks.emplace_back();
    if (list.ranks.size() > kMaxListedPieces)
      return fail(scan.error(fmt::format("more than {} ranks", kMaxListedPieces)));
    if (scan.peek() != '|' && scan.peek() != '}') {
      do {
        RECAST_ASSIGN(Piece piece, parsePiece(scan));
        if (++count > kMaxListedPieces)
          return fail(scan.error(fmt::format("more than {} pieces", kMaxListedPieces)));
        rank.push_back(std::move(piece));
      } while (scan.accept(","));
    }
    more = scan.accept("|");
  }
  RECAST_TRY(scan.expect("}"));
  return list;
}

} // namespace recast::layout
