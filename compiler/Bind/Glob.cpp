#include "compiler/Bind/Glob.h"

#include <vector>

namespace recast::compiler {

bool isLiteral(std::string_view pattern) {
  return pattern.find_first_of("*?") == std::string_view::npos;
}

bool globMatches(std::string_view pattern, std::string_view text) {
  // Row by row over the pattern: reach[i] says whether the pattern so far matches text[0, i).
  // Quadratic at worst, where backtracking would be exponential on hostile patterns.
  std::vector<char> reach(text.size() + 1, 0);
  reach[0] = 1;
  for (size_t p = 0; p < pattern.size(); ++p) {
    if (pattern[p] == '*') {
      bool crossesDots = p + 1 < pattern.size() && pattern[p + 1] == '*';
      p += crossesDots;
      for (size_t i = 1; i <= text.size(); ++i)
        if (reach[i - 1] && (crossesDots || text[i - 1] != '.'))
          reach[i] = 1;
      continue;
    }
    for (size_t i = text.size(); i >= 1; --i)
      reach[i] = reach[i - 1] && (pattern[p] == '?' || pattern[p] == text[i - 1]);
    reach[0] = 0;
  }
  return reach[text.size()];
}

} // namespace recast::compiler
