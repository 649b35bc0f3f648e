// The abstract syntax of the universal checkpoint language: plain structs, made by the `.ucl`
// parser and by the C++ builder alike. Nothing can be said in one and not in the other.
//
// Equality ignores source positions, so that two ways of saying the same thing compare equal.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
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

/// `a.b.c`
struct Ref {
  std::vector<std::string> parts;
  Location loc;
  std::string str() const;
  bool operator==(const Ref &) const = default;
};

/// A pattern over stored or logical names: '*' any run of characters without '.', '**' any run,
/// '?' one character.
struct Glob {
  std::string text;
  Location loc;
  bool operator==(const Glob &) const = default;
};

// ---- layout steps as written; extents are still expressions
struct PadStep {
  std::string axis;
  ExprPtr multiple;
  bool operator==(const PadStep &) const;
};
struct SplitStep {
  std::vector<std::string> axes, by;
  std::string rule; ///< "", "even", "ceil", "balanced", "widths"
  std::vector<int64_t> widths;
  bool operator==(const SplitStep &) const = default;
};
struct ChunkStep {
  int64_t dim = 0;
  std::string by;
  bool operator==(const ChunkStep &) const = default;
};
struct FlatStep {
  std::string by, per; ///< per: "param" or "group"
  bool operator==(const FlatStep &) const = default;
};
struct LayoutStep {
  Location loc;
  std::variant<PadStep, SplitStep, ChunkStep, FlatStep> step;
  bool operator==(const LayoutStep &) const = default;
};

// ---- endpoints
/// `{ "glob" step step ... }` of `as same`.
struct SameRule {
  Glob names;
  std::vector<LayoutStep> steps;
  bool operator==(const SameRule &) const = default;
};

/// `source NAME = FORMAT(args) as same {...} on (..) replicated a, b`
struct Endpoint {
  Location loc;
  bool isTarget = false;
  std::string name;
  std::string format; ///< With '_', also when written with '-'.
  std::vector<Arg> args;
  std::vector<SameRule> same; ///< Rules of `as same { }`; empty: whole tensors.
  std::vector<std::pair<std::string, int64_t>> mesh;
  std::vector<std::string> replicated;
  bool operator==(const Endpoint &) const = default;
};

// ---- jobs
/// Which members: roles (empty with isElse: all not mentioned) and, after `in`, names.
struct Selection {
  Location loc;
  std::vector<std::string> roles;
  bool isElse = false;
  std::vector<Glob> in;
  bool operator==(const Selection &) const = default;
};

/// One operation of a chain: `keep`, `cast(bf16)`, or a role's name at the start (`master`), also
/// `role(cast)` for a role called like an operation.
struct Operation {
  Location loc;
  std::string name;
  std::vector<Arg> args;
  bool operator==(const Operation &) const = default;
};

struct Statement;

struct RoleStatement { ///< sel ":" chain
  Selection selection;
  std::vector<Operation> chain;
  bool operator==(const RoleStatement &) const = default;
};
struct ForStatement { ///< "for" ids "{" ... "}"
  std::vector<std::string> targets;
  std::vector<Statement> body;
  bool operator==(const ForStatement &) const;
};
struct ObjectRule { ///< keys ":" policy
  Location loc;
  std::vector<Ref> keys;
  bool isElse = false;
  Operation policy; ///< keep, drop, set(v), merge, per_rank, by_name
  bool operator==(const ObjectRule &) const = default;
};
struct ObjectsStatement {
  std::vector<ObjectRule> rules;
  bool operator==(const ObjectsStatement &) const = default;
};
struct FilesStatement { ///< "files" "{" globs ":" "copy" "from" expr "}"
  std::vector<Glob> names;
  ExprPtr from;
  bool operator==(const FilesStatement &) const;
};
struct DropStatement { ///< "drop" sel
  Selection selection;
  bool operator==(const DropStatement &) const = default;
};
struct ExpectStatement { ///< "expect" cond: refused before anything is read in bulk
  ExprPtr condition;
  bool operator==(const ExpectStatement &) const;
};
struct CheckStatement { ///< "check" cond: armed, verified while bytes stream by
  ExprPtr condition;
  std::string otherwise;
  bool operator==(const CheckStatement &) const;
};
struct BudgetStatement {
  uint64_t bytes = 0;
  std::string text; ///< Spelling, for the formatter.
  bool operator==(const BudgetStatement &other) const { return bytes == other.bytes; }
};

struct Statement {
  Location loc;
  std::variant<RoleStatement, ForStatement, ObjectsStatement, FilesStatement, DropStatement,
               ExpectStatement, CheckStatement, BudgetStatement>
      node;
  bool operator==(const Statement &) const = default;
};

/// `convert SOURCE -> a, b { ... }`
struct Job {
  Location loc;
  std::string verb; ///< "convert"
  std::string source;
  std::vector<std::string> targets;
  std::vector<Statement> body;
  bool operator==(const Job &) const = default;
};

struct Spec {
  std::string file; ///< Where the text came from, for messages; empty: made by a program.
  std::vector<std::pair<std::string, ExprPtr>> lets;
  std::vector<Endpoint> endpoints;
  std::vector<Job> jobs;

  /// The value bound to `name`, or null.
  const ExprPtr *let(std::string_view name) const;
  /// The source or target called `name`, or null.
  const Endpoint *endpoint(std::string_view name) const;
};

bool operator==(const Spec &a, const Spec &b);

// ---- deep comparison of shared expressions
bool equal(const ExprPtr &a, const ExprPtr &b);
inline bool Arg::operator==(const Arg &o) const { return name == o.name && equal(value, o.value); }
inline bool PadStep::operator==(const PadStep &o) const {
  return axis == o.axis && equal(multiple, o.multiple);
}
inline bool FilesStatement::operator==(const FilesStatement &o) const {
  return names == o.names && equal(from, o.from);
}
inline bool ExpectStatement::operator==(const ExpectStatement &o) const {
  return equal(condition, o.condition);
}
inline bool CheckStatement::operator==(const CheckStatement &o) const {
  return equal(condition, o.condition) && otherwise == o.otherwise;
}
inline bool ForStatement::operator==(const ForStatement &o) const {
  return targets == o.targets && body == o.body;
}

} // namespace recast::lang
