// Text -> AxisMap. Parses to the canonical structure: groups that are no dimension and no
// concatenation are spliced into the product around them, sums of sums into one sum.
#include "runtime/base/NearestName.h"
#include "runtime/layout/AxisMap.h"
#include "runtime/layout/TextScanner.h"

#include <fmt/format.h>
#include <iterator>
#include <set>

namespace recast::layout {

namespace {

using Product = std::vector<Factor>;

class MapParser {
public:
  explicit MapParser(std::string_view text) : scan_(text) {}

  Result<AxisMap> parse(const std::map<std::string, int64_t> &given);

private:
  Result<std::vector<Product>> dimensions();
  Result<Product> product(int depth);
  /// What stands in parentheses, the opening one already taken: one summand or several.
  Result<std::vector<Product>> group(int depth);
  Result<Factor> axis();
  Status logicalFrom(std::vector<Product> dims, AxisMap &map);
  Status sizes(const std::map<std::string, int64_t> &given, AxisMap &map);

  TextScanner scan_;
  size_t factors_ = 0;
  std::set<std::string> names_;
};

Result<Factor> MapParser::axis() {
  RECAST_ASSIGN(std::string name, scan_.name("an axis name or '('"));
  if (name == "by")
    return fail(scan_.error("'by' is a word of layouts and cannot name an axis"));
  if (++factors_ > kMaxMapFactors)
    return fail(scan_.error(fmt::format("more than {} factors", kMaxMapFactors)));
  names_.insert(name);
  return Factor{std::move(name), {}};
}

Result<std::vector<Product>> MapParser::group(int depth) {
  if (depth > kMaxMapDepth)
    return fail(scan_.error(fmt::format("more than {} nested parentheses", kMaxMapDepth)));
  std::vector<Product> summands;
  do {
    RECAST_ASSIGN(Product one, product(depth));
    if (one.size() == 1 && one.front().axis.empty())
      std::ranges::move(one.front().alternatives, std::back_inserter(summands));
    else
      summands.push_back(std::move(one));
  } while (scan_.accept("+"));
  RECAST_TRY(scan_.expect(")"));
  return summands;
}

Result<Product> MapParser::product(int depth) {
  Product out;
  do {
    if (!scan_.accept("(")) {
      RECAST_ASSIGN(Factor one, axis());
      out.push_back(std::move(one));
      continue;
    }
    RECAST_ASSIGN(std::vector<Product> summands, group(depth + 1));
    if (summands.size() == 1) {
      std::ranges::move(summands.front(), std::back_inserter(out));
      continue;
    }
    if (++factors_ > kMaxMapFactors)
      return fail(scan_.error(fmt::format("more than {} factors", kMaxMapFactors)));
    out.push_back(Factor{"", std::move(summands)});
  } while (scan_.peek() != ')' && scan_.peek() != '+');
  return out;
}

Result<std::vector<Product>> MapParser::dimensions() {
  std::vector<Product> dims;
  do {
    if (!scan_.accept("(")) {
      RECAST_ASSIGN(Factor one, axis());
      dims.push_back({std::move(one)});
      continue;
    }
    RECAST_ASSIGN(std::vector<Product> summands, group(1));
    if (summands.size() == 1)
      dims.push_back(std::move(summands.front()));
    else
      dims.push_back({Factor{"", std::move(summands)}});
  } while (!scan_.atEnd() && scan_.peek() != '-' && scan_.peek() != ',' && scan_.peek() != '+');
  return dims;
}

Status MapParser::logicalFrom(std::vector<Product> dims, AxisMap &map) {
  AxisMap::Dims &part = map.logical.emplace_back();
  for (Product &dim : dims) {
    std::vector<std::string> names;
    for (Factor &factor : dim) {
      if (factor.axis.empty())
        return badInput("a concatenation may stand only after '->', on the stored side");
      names.push_back(std::move(factor.axis));
    }
    part.push_back(std::move(names));
  }
  return {};
}

Status MapParser::sizes(const std::map<std::string, int64_t> &given, AxisMap &map) {
  for (const std::string &name : names_)
    if (auto found = given.find(name); found != given.end())
      map.sizes.insert(*found);
  while (scan_.accept(",")) {
    RECAST_ASSIGN(std::string name, scan_.name("the name of an axis"));
    RECAST_TRY(scan_.expect("="));
    RECAST_ASSIGN(int64_t size, scan_.number("the extent of an axis"));
    if (!names_.contains(name)) {
      std::vector<std::string> known(names_.begin(), names_.end());
      Error error(Code::BadInput, fmt::format("the map has no axis {}", name));
      if (std::string nearest = nearestName(name, known); !nearest.empty())
        return fail(std::move(error).hint(fmt::format("Did you mean {}?", nearest)));
      return fail(std::move(error));
    }
    auto [entry, added] = map.sizes.emplace(name, size);
    if (!added && entry->second != size)
      return badInput(fmt::format("axis {} is given as {} and as {}", name, entry->second, size));
  }
  return {};
}

Result<AxisMap> MapParser::parse(const std::map<std::string, int64_t> &given) {
  AxisMap map;
  if (!scan_.atEnd()) {
    std::vector<std::vector<Product>> patterns;
    do {
      RECAST_ASSIGN(std::vector<Product> dims, dimensions());
      patterns.push_back(std::move(dims));
    } while (patterns.size() < kMaxParts && scan_.accept("+"));
    if (scan_.accept("->")) {
      for (std::vector<Product> &part : patterns)
        RECAST_TRY(logicalFrom(std::move(part), map));
      patterns.clear();
      RECAST_ASSIGN(std::vector<Product> dims, dimensions());
      patterns.push_back(std::move(dims));
    }
    if (patterns.size() != 1 || scan_.peek() == '+')
      return fail(scan_.error("a concatenation stands in parentheses, as in '(f + f) h'"));
    map.stored = std::move(patterns.front());
    if (map.partCount() > kMaxParts)
      return badInput(fmt::format("a map has at most {} parts", kMaxParts));
    RECAST_TRY(map.checkLogical());
    RECAST_TRY(sizes(given, map));
  }
  if (!scan_.atEnd())
    return fail(scan_.error("expected the end of the map"));
  return map;
}

} // namespace

Result<AxisMap> AxisMap::parse(std::string_view text, std::map<std::string, int64_t> sizes) {
  if (text.size() > kMaxMapText)
    return badInput(
        fmt::format("a map of {} characters is too long (at most {})", text.size(), kMaxMapText));
  return MapParser(text).parse(sizes);
}

} // namespace recast::layout
