// What an expression is worth once the `let`s are put in: constants are folded, words stay words.
#pragma once

#include "lang/ast/Ast.h"

namespace recast::lang {

/// A folded expression, or what is wrong with it and where.
struct Evaluation {
  ExprPtr value;     ///< Int, Float, Size, String, Bool, Name (a word) or Tuple; null: failed.
  std::string error; ///< One sentence without position.
  Location where;
  explicit operator bool() const { return value != nullptr; }
};

/// Folds `expr` with the lets of `spec`. A name that is no `let` is a word (`bf16`, `saturate`) and
/// stays one. Numbers and sizes take + - * / (integers must divide), strings take + (they are
/// joined). Fails on calls and members (there is nothing to call or to look into in a constant), on
/// overflow, on a let that leads back to itself, and on conditions.
Evaluation evaluate(const Spec &spec, const ExprPtr &expr);

} // namespace recast::lang
