// Texts of layouts, maps and recipes, and what small layouts amount to.
#include "runtime/layout/ElementMap.h"
#include "runtime/layout/Pieces.h"
#include "runtime/recipe/Recipe.h"
#include "test/fuzz/Target.h"

#include <map>
#include <string>

namespace recast::fuzz {
namespace {
using Shapes = std::vector<std::vector<int64_t>>;

/// The first line of an input: shapes of the parts as digits and other separators, `4 6;4 6`.
Shapes parseShapes(std::string_view line) {
  Shapes shapes(1);
  int64_t value = -1;
  auto end = [&] {
    if (value >= 0)
      shapes.back().push_back(value);
    value = -1;
  };
  for (char c : line.substr(0, 200)) {
    if (c >= '0' && c <= '9')
      value = value > (int64_t{1} << 50) ? value : std::max<int64_t>(value, 0) * 10 + (c - '0');
    else
      end();
    if (c == ';')
      shapes.emplace_back();
  }
  end();
  return shapes;
}

/// `input` after its first line, which is left in `line`.
std::string_view cutLine(std::string_view input, std::string_view &line) {
  size_t end = std::min(input.find('\n'), input.size());
  line = input.substr(0, end);
  return input.substr(std::min(end + 1, input.size()));
}

/// Elements of all parts; 0 if there are too many to look at each.
int64_t fewElements(const Shapes &shapes) {
  constexpr int64_t kFew = 1000;
  int64_t total = 0;
  for (const auto &shape : shapes) {
    int64_t count = 1;
    for (int64_t extent : shape) {
      if (extent > kFew)
        return 0;
      count *= extent;
      if (count > kFew)
        return 0;
    }
    total += count;
    if (total > kFew)
      return 0;
  }
  return total;
}

/// The pieces of a fragment say what the naive definition says, slot by slot.
void checkFragment(const layout::Layout &layout, const Shapes &shapes, int64_t rank,
                   layout::FlatPosition position) {
  auto fragment = layout::fragment(layout, shapes, rank, position);
  auto slots = layout::elementMap(layout, shapes, rank, position);
  if (!slots)
    return;
  RECAST_PROMISE(fragment.has_value());
  RECAST_PROMISE(fragment->storedElements == static_cast<int64_t>(slots->size()));
  std::vector<layout::Slot> found(slots->size());
  for (const layout::Piece &piece : fragment->pieces) {
    std::vector<int64_t> index(piece.dims.size());
    for (bool more = true; more;) {
      int64_t from = piece.logicalOffset, at = piece.storedOffset;
      for (size_t d = 0; d < index.size(); ++d) {
        from += index[d] * piece.dims[d].logicalStride;
        at += index[d] * piece.dims[d].storedStride;
      }
      RECAST_PROMISE(at >= 0 && at < fragment->storedElements);
      layout::Slot &slot = found[static_cast<size_t>(at)];
      RECAST_PROMISE(slot.part == -1);
      slot = {static_cast<int32_t>(piece.part), from};
      more = false;
      for (size_t d = index.size(); d-- > 0;) {
        if (++index[d] < piece.dims[d].extent) {
          more = true;
          break;
        }
        index[d] = 0;
      }
    }
  }
  RECAST_PROMISE(found == *slots);
}
} // namespace

bool runLayout(std::string_view input) {
  std::string_view line;
  std::string_view text = cutLine(input, line);
  auto layout = layout::Layout::parse(text);
  if (!layout)
    return false;
  std::string printed = layout->str();
  auto again = layout::Layout::parse(printed);
  RECAST_PROMISE(again.has_value() && *again == *layout);
  Shapes shapes = parseShapes(line);
  if (!layout::verify(*layout, shapes))
    return false;
  int64_t elements = fewElements(shapes);
  layout::FlatPosition position;
  if (layout::groupStep(*layout))
    position = {1, (elements + 1 + 255) / 256 * 256};
  auto fragments = layout::fragments(*layout, shapes, position);
  if (!elements || layout->mesh.rankCount() > 64)
    return false;
  for (int64_t rank = 0; rank < layout->mesh.rankCount(); ++rank)
    checkFragment(*layout, shapes, rank, position);
  if (fragments)
    for (size_t i = 1; i < fragments->size(); ++i)
      RECAST_PROMISE((*fragments)[i - 1].rank < (*fragments)[i].rank);
  return true;
}

bool runMap(std::string_view input) {
  std::string_view line;
  std::string_view text = cutLine(input, line);
  auto map = layout::AxisMap::parse(text, {});
  if (!map)
    return false;
  auto again = layout::AxisMap::parse(map->str(), map->sizes);
  RECAST_PROMISE(again.has_value() && *again == *map);
  for (size_t part = 0; part < map->partCount(); ++part)
    map->partAxes(part);
  if (auto sized = map->inferSizes(parseShapes(line)))
    RECAST_PROMISE(sized->str() == map->str());
  return true;
}

bool runRecipe(std::string_view input) {
  auto recipe = recipe::Recipe::parse(input);
  if (!recipe)
    return false;
  RECAST_PROMISE(recipe::verify(*recipe).has_value());
  auto again = recipe::Recipe::parse(recipe->str());
  RECAST_PROMISE(again.has_value() && *again == *recipe);
  std::vector<uint16_t> inputs;
  for (size_t slot = 0; slot < recipe->outputCount(); ++slot)
    RECAST_PROMISE(recipe::verify(recipe::sliceForOutput(*recipe, slot, inputs)).has_value());
  for (size_t check = 0; check < recipe->checkCount(); ++check)
    RECAST_PROMISE(recipe::verify(recipe::sliceForCheck(*recipe, check, inputs)).has_value());
  return true;
}

} // namespace recast::fuzz
