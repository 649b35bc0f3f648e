// The text form of a layout, as it stands in the artifact and in the dialect.
#include "runtime/layout/ListedPieces.h"
#include "runtime/layout/TextScanner.h"

#include <fmt/format.h>

namespace recast::layout {

namespace {

std::string_view ruleName(SplitRule rule) {
  switch (rule) {
  case SplitRule::Even:
    return "even";
  case SplitRule::Ceil:
    return "ceil";
  case SplitRule::Balanced:
    return "balanced";
  case SplitRule::Widths:
    return "widths";
  }
  return "?";
}

std::string print(const Pad &pad) {
  return fmt::format("pad {} to multiple of {}", pad.axis, pad.multiple);
}

std::string print(const Split &split) {
  std::string out =
      fmt::format("split {} by {}", fmt::join(split.axes, " "), fmt::join(split.by, ", "));
  if (split.rule == SplitRule::Widths)
    return out + fmt::format(" (widths {})", fmt::join(split.widths, " "));
  if (split.rule != SplitRule::Even)
    out += fmt::format(" ({})", ruleName(split.rule));
  return out;
}

std::string print(const Chunk &chunk) { return fmt::format("chunk {} by {}", chunk.dim, chunk.by); }

std::string print(const Flat &flat) {
  return fmt::format("flat {} per {}", flat.by,
                     flat.scope == FlatScope::PerParam ? "param" : "group");
}

std::string print(const Stage &stage) {
  std::string out = fmt::format("stage {}", stage.by);
  return stage.at.empty() ? out : out + fmt::format(" at {}", fmt::join(stage.at, " "));
}

std::string print(const Varying &varying) { return fmt::format("varying {}", varying.by); }

std::string print(const PieceList &list) { return printPieces(list); }

class LayoutParser {
public:
  explicit LayoutParser(std::string_view text) : scan_(text) {}

  Result<Layout> parse() {
    Layout out;
    if (scan_.acceptWord("whole")) {
      if (!scan_.atEnd())
        return fail(scan_.error("nothing follows 'whole'"));
      return out;
    }
    if (scan_.atEnd())
      return fail(scan_.error("expected a layout (a whole tensor is written 'whole')"));
    if (scan_.acceptWord("on"))
      RECAST_TRY(mesh(out.mesh));
    if (scan_.acceptWord("map"))
      RECAST_TRY(map(out.axes));
    while (!scan_.atEnd()) {
      if (out.steps.size() == kMaxSteps)
        return fail(scan_.error(fmt::format("more than {} steps", kMaxSteps)));
      RECAST_ASSIGN(Step one, step());
      out.steps.push_back(std::move(one));
    }
    return out;
  }

private:
  Status mesh(Mesh &out) {
    RECAST_TRY(scan_.expect("("));
    for (bool first = true; !scan_.accept(")"); first = false) {
      if (!first)
        RECAST_TRY(scan_.expect(","));
      RECAST_ASSIGN(std::string name, scan_.name("a mesh axis"));
      RECAST_TRY(scan_.expect("="));
      RECAST_ASSIGN(int64_t size, scan_.number("the size of a mesh axis"));
      out.axes.push_back(std::move(name));
      out.sizes.push_back(size);
    }
    return {};
  }

  Status map(AxisMap &out) {
    RECAST_ASSIGN(std::string text, scan_.quoted("a map"));
    RECAST_ASSIGN(out, AxisMap::parse(text, {}));
    if (out.stored.empty()) // it would print as no map at all
      return fail(scan_.error("the map before this is empty"));
    if (!scan_.accept("{"))
      return {};
    for (bool first = true; !scan_.accept("}"); first = false) {
      if (!first)
        RECAST_TRY(scan_.expect(","));
      RECAST_ASSIGN(std::string name, scan_.name("an axis"));
      RECAST_TRY(scan_.expect("="));
      RECAST_ASSIGN(int64_t size, scan_.number("the extent of an axis"));
      if (!out.sizes.emplace(std::move(name), size).second)
        return fail(scan_.error("an axis has two extents before this"));
    }
    return {};
  }

  Result<Step> step() {
    if (scan_.acceptWord("pad"))
      return pad();
    if (scan_.acceptWord("split"))
      return split();
    if (scan_.acceptWord("chunk"))
      return chunk();
    if (scan_.acceptWord("flat"))
      return flat();
    if (scan_.acceptWord("stage"))
      return stage();
    if (scan_.acceptWord("varying")) {
      RECAST_ASSIGN(std::string by, scan_.name("a mesh axis"));
      return Varying{std::move(by)};
    }
    if (scan_.acceptWord("pieces")) {
      RECAST_ASSIGN(PieceList list, parsePieces(scan_));
      return list;
    }
    return fail(scan_.error("expected a step (pad, split, chunk, flat, stage, varying or pieces)"));
  }

  Result<Step> pad() {
    Pad out;
    RECAST_ASSIGN(out.axis, scan_.name("an axis"));
    RECAST_TRY(scan_.expectWord("to"));
    RECAST_TRY(scan_.expectWord("multiple"));
    RECAST_TRY(scan_.expectWord("of"));
    RECAST_ASSIGN(out.multiple, scan_.number("a multiple"));
    return out;
  }

  Result<Step> split() {
    Split out;
    do {
      RECAST_ASSIGN(std::string axis, scan_.name("an axis"));
      out.axes.push_back(std::move(axis));
    } while (!scan_.acceptWord("by"));
    do {
      RECAST_ASSIGN(std::string axis, scan_.name("a mesh axis"));
      out.by.push_back(std::move(axis));
    } while (scan_.accept(","));
    if (!scan_.accept("("))
      return out;
    if (scan_.acceptWord("ceil")) {
      out.rule = SplitRule::Ceil;
    } else if (scan_.acceptWord("balanced")) {
      out.rule = SplitRule::Balanced;
    } else if (scan_.acceptWord("widths")) {
      out.rule = SplitRule::Widths;
      while (scan_.peek() != ')') {
        RECAST_ASSIGN(int64_t width, scan_.number("a width"));
        out.widths.push_back(width);
      }
    } else {
      RECAST_TRY(scan_.expectWord("even"));
    }
    RECAST_TRY(scan_.expect(")"));
    return out;
  }

  Result<Step> chunk() {
    Chunk out;
    RECAST_ASSIGN(out.dim, scan_.number("a dimension"));
    RECAST_TRY(scan_.expectWord("by"));
    RECAST_ASSIGN(out.by, scan_.name("a mesh axis"));
    return out;
  }

  Result<Step> flat() {
    Flat out;
    RECAST_ASSIGN(out.by, scan_.name("a mesh axis"));
    RECAST_TRY(scan_.expectWord("per"));
    if (scan_.acceptWord("group")) {
      out.scope = FlatScope::PerGroup;
      return out;
    }
    RECAST_TRY(scan_.expectWord("param"));
    return out;
  }

  Result<Step> stage() {
    Stage out;
    RECAST_ASSIGN(out.by, scan_.name("a mesh axis"));
    if (!scan_.acceptWord("at"))
      return out;
    do {
      RECAST_ASSIGN(int64_t at, scan_.number("a coordinate"));
      out.at.push_back(at);
    } while (scan_.peek() >= '0' && scan_.peek() <= '9');
    return out;
  }

  TextScanner scan_;
};

} // namespace

std::string str(const Step &step) {
  return std::visit([](const auto &one) { return print(one); }, step);
}

std::string Layout::str() const {
  if (isWhole())
    return "whole";
  std::vector<std::string> words;
  if (!mesh.axes.empty())
    words.push_back("on " + mesh.str());
  if (!axes.stored.empty()) {
    std::vector<std::string> sizes;
    for (const auto &[name, size] : axes.sizes)
      sizes.push_back(fmt::format("{} = {}", name, size));
    words.push_back(fmt::format("map \"{}\" {{{}}}", axes.str(), fmt::join(sizes, ", ")));
  }
  for (const Step &step : steps)
    words.push_back(layout::str(step));
  return fmt::format("{}", fmt::join(words, " "));
}

Result<Layout> Layout::parse(std::string_view text) {
  if (text.size() > kMaxLayoutText)
    return badInput(fmt::format("a layout of {} characters is too long (at most {})", text.size(),
                                kMaxLayoutText));
  auto parsed = LayoutParser(text).parse();
  if (!parsed)
    return badInput(fmt::format("layout text: {}", parsed.error().message()));
  return parsed;
}

const Flat *groupStep(const Layout &layout) {
  for (const Step &step : layout.steps)
    if (const auto *flat = std::get_if<Flat>(&step))
      if (flat->scope == FlatScope::PerGroup)
        return flat;
  return nullptr;
}

std::vector<std::string> meshAxesOf(const Step &step) {
  struct Visitor {
    std::vector<std::string> operator()(const Pad &) { return {}; }
    std::vector<std::string> operator()(const Split &split) { return split.by; }
    std::vector<std::string> operator()(const Chunk &chunk) { return {chunk.by}; }
    std::vector<std::string> operator()(const Flat &flat) { return {flat.by}; }
    std::vector<std::string> operator()(const Stage &stage) { return {stage.by}; }
    std::vector<std::string> operator()(const Varying &varying) { return {varying.by}; }
    std::vector<std::string> operator()(const PieceList &) { return {}; }
  };
  return std::visit(Visitor(), step);
}

const Varying *varyingStep(const Layout &layout) {
  for (const Step &step : layout.steps)
    if (const auto *varying = std::get_if<Varying>(&step))
      return varying;
  return nullptr;
}

} // namespace recast::layout
