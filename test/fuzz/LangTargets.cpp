// `.ucl` texts.
#include "lang/ucl/Check.h"
#include "lang/ucl/Format.h"
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

} // namespace recast::fuzz
