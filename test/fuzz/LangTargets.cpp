// `.ucl` texts, also with the models and views that they use, and values given to them from
// outside.
#include "lang/ucl/Check.h"
#include "lang/ucl/Format.h"
#include "lang/ucl/Link.h"
#include "lang/ucl/Parser.h"
#include "test/fuzz/Target.h"

namespace recast::fuzz {

bool runUcl(std::string_view input) {
  auto spec = lang::parse(input, "x");
  auto laidOut = lang::formatText(input, "x");
  RECAST_PROMISE(spec.has_value() == laidOut.has_value());
  if (!spec) {
    RECAST_PROMISE(spec.error().code() == Code::Usage);
    // What is printed to a terminal must not command it.
    for (char c : spec.error().message())
      RECAST_PROMISE(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t');
    return false;
  }
  auto again = lang::parse(*laidOut, "x");
  RECAST_PROMISE(again && *again == *spec);
  auto twice = lang::formatText(*laidOut, "x");
  RECAST_PROMISE(twice && *twice == *laidOut);
  // Only what `check` accepts is promised to have a text.
  if (!lang::check(*spec, input))
    return false;
  auto printed = lang::parse(lang::format(*spec));
  RECAST_PROMISE(printed && *printed == *spec);
  return true;
}

/// What `recast check` does before it looks at files, with a text that uses the standard library;
/// or, if it has no job, with one that uses the text as its library.
bool runModels(std::string_view input) {
  auto spec = lang::parse(input, "x");
  if (!spec)
    return false;
  bool isLibrary = spec->jobs.empty();
  if (isLibrary)
    spec = lang::parse("use \"library.ucl\"", "x");
  auto read = [&](const std::string &path) -> Result<std::optional<std::string>> {
    if (isLibrary && path == "library.ucl")
      return std::string(input);
    return std::nullopt;
  };
  auto linked = lang::link(*spec, read);
  if (!linked) {
    RECAST_PROMISE(linked.error().code() == Code::Usage);
    return false;
  }
  RECAST_PROMISE(linked->uses.empty());
  if (!isLibrary && !lang::check(*linked, input))
    return false;
  // A linked spec can be written down: it is one text, without `use`.
  std::string text = lang::format(*linked);
  auto printed = lang::parse(text, "x");
  RECAST_PROMISE(printed && lang::format(*printed) == text);
  RECAST_PROMISE(isLibrary || lang::check(*printed).has_value());
  return true;
}

/// `-D name=value` on the first line, the text after it.
bool runDefine(std::string_view input) {
  size_t end = std::min(input.find('\n'), input.size()), equals = input.substr(0, end).find('=');
  if (equals == input.npos)
    return false;
  auto spec = lang::parse(input.substr(std::min(end + 1, input.size())), "x");
  if (!spec)
    return false;
  std::string_view name = input.substr(0, equals),
                   value = input.substr(equals + 1, end - equals - 1);
  if (!lang::define(*spec, name, value) || !lang::check(*spec))
    return false;
  auto printed = lang::parse(lang::format(*spec), "x");
  RECAST_PROMISE(printed && *printed == *spec);
  return true;
}

} // namespace recast::fuzz
