// Places and expressions of the language.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace recast::lang {

/// Line and column, both from 1; 0: made by a program.
struct Location {
  uint32_t line = 0, column = 0;
  bool operator==(const Location &) const { return true; } // Positions never distinguish meaning.
};

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

/// A call argument or a tuple element, with or without a name.
struct Arg {
  std::string name; ///< Empty: positional.
  ExprPtr value;
  bool operator==(const Arg &) const;
};

struct Expr {
  enum class Kind : uint8_t {
    Int,    ///< integer
    Float,  ///< real; `text` keeps the spelling
    Size,   ///< integer bytes; `text` keeps the spelling ("512MiB")
    String, ///< text
    Bool,   ///< integer 0 / 1
    Name,   ///< text: a bare identifier (a call without arguments)
    Call,   ///< text(args)
    Member, ///< operands[0] . text
    Tuple,  ///< args
    Binary, ///< operands[0] op operands[1]; text is the operator: ?? + - * / == != < <= > >= and
  };
  Kind kind = Kind::Int;
  Location loc;
  int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<Arg> args;
  std::vector<ExprPtr> operands;
  bool operator==(const Expr &) const;
};

/// Deep comparison of shared expressions; null equals null.
bool equal(const ExprPtr &a, const ExprPtr &b);
inline bool Arg::operator==(const Arg &o) const { return name == o.name && equal(value, o.value); }

} // namespace recast::lang
