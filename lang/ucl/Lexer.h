// Text to tokens. Total: any bytes give tokens or one error, in time and memory linear in the text.
#pragma once

#include "lang/ucl/Diagnostic.h"
#include "lang/ucl/Literals.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace recast::lang {

/// A spec is some ten lines; longer texts than this are refused before they cost memory.
inline constexpr size_t kMaxTextBytes = size_t{4} << 20;

struct Token {
  enum class Kind : uint8_t { End, Id, Int, Float, Size, String, Punct };
  /// What the parser knows about a token and the formatter needs.
  enum Flag : uint8_t {
    BeginsItem = 1, ///< First of an item of the file, a statement, or a rule of a block.
    OpensCall = 2,  ///< '(' right behind a name.
    Joins = 4,      ///< '-' of a format name written with dashes.
    OpensBody = 8,  ///< '{' of a job or a `for`: never on one line.
    BeforeHow = 16, ///< The `as` of an endpoint.
    Tight = 32,     ///< '[' right behind a name.
    InPath = 64,    ///< '{' and '}' of a choice, which are no block.
  };
  Kind kind = Kind::End;
  uint8_t flags = 0;
  uint32_t begin = 0, end = 0; ///< Bytes of the text.
  Location loc;
};

struct Comment {
  uint32_t begin = 0, end = 0; ///< From '#' to the last non-blank byte.
  uint32_t before = 0;         ///< Number of the next token.
  Location loc;
};

struct TokenList {
  std::vector<Token> tokens; ///< Ends with an End token.
  std::vector<Comment> comments;
};

/// Numbers are in range, strings well-formed, the text is UTF-8 without control characters.
Result<TokenList> lex(const SourceText &source);

} // namespace recast::lang
