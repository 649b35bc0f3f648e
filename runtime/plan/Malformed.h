// The error of an artifact that no writer could have made.
#pragma once

#include "runtime/base/Status.h"

#include <fmt/format.h>

namespace recast::plan {

template <typename... Args>
tl::unexpected<Error> malformed(fmt::format_string<Args...> text, Args &&...args) {
  return fail(
      Error(Code::BadInput, "malformed plan: " + fmt::format(text, std::forward<Args>(args)...))
          .hint("Write the plan again with `recast plan`."));
}

} // namespace recast::plan
