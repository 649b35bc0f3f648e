// How a logical tensor lies over a mesh: a list of steps over named axes, applied left to right to
// the local tensor (docs/design.md, D2). No step is a special case of a framework.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/layout/AxisMap.h"
#include "runtime/layout/Mesh.h"
#include "runtime/layout/Piece.h"

#include <string>
#include <variant>
#include <vector>

namespace recast::layout {

/// Stored extent of a named axis is rounded up; the slots beyond the logical extent hold nothing.
struct Pad {
  std::string axis;
  int64_t multiple = 1;
  bool operator==(const Pad &) const = default;
};

/// How an extent that does not divide is cut (6 over 4: ceil 2,2,2,0; balanced 2,2,1,1).
enum class SplitRule : uint8_t { Even, Ceil, Balanced, Widths };

/// Cuts named axes in every part that has them; a part without them is replicated. With several
/// axes, `g r by tp`: tp = tp_g * tp_r with tp_g = gcd(g, tp), tp_g major; g is cut tp_g ways and
/// r tp_r ways (by the rule), and a part without r is replicated over tp_r.
struct Split {
  std::vector<std::string> axes;
  std::vector<std::string> by; ///< Mesh axes, major to minor.
  SplitRule rule = SplitRule::Even;
  std::vector<int64_t> widths; ///< For Widths: one per share of the last axis.
  bool operator==(const Split &) const = default;
};

/// Cuts a dimension of the local tensor as it is after the steps before, by the ceil rule.
struct Chunk {
  int64_t dim = 0;
  std::string by;
  bool operator==(const Chunk &) const = default;
};

/// Ravels the local tensor and cuts the buffer into equal intervals over a mesh axis of W ranks.
/// Per param: each rank holds a slot of ceil(n / W) elements. Per group: the tensor lies at
/// `FlatPosition.start` of a group buffer of `FlatPosition.total` elements (a multiple of W).
enum class FlatScope : uint8_t { PerParam, PerGroup };
struct Flat {
  std::string by;
  FlatScope scope = FlatScope::PerParam;
  bool operator==(const Flat &) const = default;
};

/// Coordinates of a mesh axis that own the tensor; ranks elsewhere hold nothing. A specification
/// leaves `at` empty: binding fills it in, member by member, and `verify` wants it.
struct Stage {
  std::string by;
  std::vector<int64_t> at; ///< Rising.
  bool operator==(const Stage &) const = default;
};

/// Values differ along a mesh axis, on which each coordinate has its own version of every element.
/// `average` or `select` leave this; nothing else may move such a tensor.
struct Varying {
  std::string by;
  bool operator==(const Varying &) const = default;
};

/// What each rank of the mesh holds of the stored tensor, listed: logical offsets and strides of
/// the pieces (all of part 0) count in the stored tensor after map and pads. For chunk tables and
/// strided views (PieceList.h builds them). Takes the place of all steps but pads.
struct PieceList {
  std::vector<std::vector<Piece>> ranks;
  bool operator==(const PieceList &) const = default;
};

using Step = std::variant<Pad, Split, Chunk, Flat, Stage, Varying, PieceList>;

struct Layout {
  Mesh mesh;
  AxisMap axes; ///< Empty `stored`: identity over the logical shape.
  std::vector<Step> steps;

  /// Canonical text, e.g. `on (dp = 2) map "d0 d1" {d0 = 4, d1 = 6} split d0 by dp`; `parse` reads
  /// it back. A layout without mesh axes, map and steps prints as "whole". Grammar (NAME: a letter
  /// or `_`, then letters, digits, `_`; an axis cannot be called `by`; blanks only separate):
  ///   layout = "whole" | [ "on" mesh ] [ "map" '"' MAP '"' [ "{" [ sizes ] "}" ] ] { step } .
  ///   mesh   = "(" [ sizes ] ")" .          sizes = NAME "=" INT { "," NAME "=" INT } .
  ///   step   = "pad" NAME "to" "multiple" "of" INT
  ///          | "split" NAME { NAME } "by" NAME { "," NAME }
  ///            [ "(" ( "even" | "ceil" | "balanced" | "widths" INT { INT } ) ")" ]
  ///          | "chunk" INT "by" NAME | "flat" NAME "per" ( "param" | "group" )
  ///          | "stage" NAME [ "at" INT { INT } ] | "varying" NAME
  ///          | "pieces" "{" [ boxes ] { "|" [ boxes ] } "}" .     (one list per rank)
  ///   boxes  = box { "," box } .    box = INT "->" INT [ "[" dim { dim } "]" ] .
  ///   dim    = INT ":" INT ":" INT .
  /// A box is the offset of its first element in the stored tensor, that in the rank's buffer, then
  /// extent, stride in the tensor and stride in the buffer of each dimension, outer first.
  /// MAP is the text of an AxisMap. Whether names and numbers fit together, `verify` says.
  std::string str() const;
  static Result<Layout> parse(std::string_view text);
  bool isWhole() const { return steps.empty() && axes.stored.empty() && mesh.axes.empty(); }
  bool operator==(const Layout &) const = default;
};

/// Characters of text that `parse` accepts.
inline constexpr size_t kMaxLayoutText = size_t{1} << 20;

/// Pieces that one step may list, and ranks that it may list them for.
inline constexpr size_t kMaxListedPieces = size_t{1} << 16;

/// The step `flat ... per group` of a layout, or null: its members lie inside a shared buffer, so
/// their places depend on FlatPosition and not on an offset of their own.
const Flat *groupStep(const Layout &layout);

/// The mesh axes that a step names.
std::vector<std::string> meshAxesOf(const Step &step);

/// The first mesh axis along which values vary, or null.
const Varying *varyingStep(const Layout &layout);

std::string str(const Step &step);
/// Names, divisibility and step order are right for these logical shapes (one per part); the error
/// says which step is wrong and why.
Status verify(const Layout &layout, const std::vector<std::vector<int64_t>> &shapes);

/// Where a member lies inside a group buffer; both in elements. Unused by other layouts.
struct FlatPosition {
  int64_t start = 0; ///< First element of the member in the group's buffer.
  int64_t total = 0; ///< Elements of the whole group buffer, padding included.
};

} // namespace recast::layout
