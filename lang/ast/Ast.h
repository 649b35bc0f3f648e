// The abstract syntax of the universal checkpoint language: plain structs, made by the `.ucl`
// parser and by the C++ builder alike. Nothing can be said in one and not in the other.
//
// Equality ignores source positions, so that two ways of saying the same thing compare equal.
#pragma once

#include "lang/ast/Expr.h"
#include "lang/ast/Model.h"

#include <string_view>

namespace recast::lang {

/// `a.b.c`
struct Ref {
  std::vector<std::string> parts;
  Location loc;
  std::string str() const;
  bool operator==(const Ref &) const = default;
};

// ---- endpoints
/// `{ "glob" step step ... }` of `as same`.
struct SameRule {
  Glob names;
  std::vector<LayoutStep> steps;
  bool operator==(const SameRule &) const = default;
};

/// `source NAME = FORMAT(args) as same {...} on (..) replicated a, b`, or `as VIEW(MODEL)`
struct Endpoint {
  Location loc;
  bool isTarget = false;
  std::string name;
  std::string format; ///< With '_', also when written with '-'.
  std::vector<Arg> args;
  std::vector<SameRule> same; ///< Rules of `as same { }`; empty: whole tensors.
  std::vector<std::pair<std::string, int64_t>> mesh;
  std::vector<std::string> replicated;
  std::string view;   ///< `as VIEW(model)`; empty: `as same`.
  ExprPtr model;      ///< The model of the view, as `llama(config("..."))` or a let's name.
  std::string stages; ///< `stages p`: the pipeline whose ranks hold it; empty: none.
  bool operator==(const Endpoint &o) const {
    return isTarget == o.isTarget && name == o.name && format == o.format && args == o.args &&
           same == o.same && view == o.view && equal(model, o.model) && mesh == o.mesh &&
           replicated == o.replicated && stages == o.stages;
  }
};

// ---- pipelines
/// One operation of a chain: `keep`, `cast(bf16)`, or a role's name at the start (`master`), also
/// `role(cast)` for a role called like an operation.
struct Operation {
  Location loc;
  std::string name;
  std::vector<Arg> args;
  bool operator==(const Operation &) const = default;
};

/// `layer[l] : by_cost(params)`: which stage owns what.
struct AssignRule {
  Location loc;
  std::vector<Glob> names; ///< Of either kind, as in a selection.
  std::vector<Path> paths;
  Operation how; ///< uniform, by_cost(params), first, last, stage(n)
  bool operator==(const AssignRule &) const = default;
};

/// `pipeline p { ranks = 4  schedule = pipeoptim_paper ... assign { .. } }`
struct Pipeline {
  Location loc;
  std::string name;
  std::vector<Arg> attributes; ///< Each with a name, as written.
  std::vector<AssignRule> assign;
  bool operator==(const Pipeline &) const = default;
};

// ---- jobs
/// Which members: roles (empty with isElse: all not mentioned) and, after `in`, names of either
/// kind.
struct Selection {
  Location loc;
  std::vector<std::string> roles;
  bool isElse = false;
  std::vector<Glob> in;    ///< Patterns over names.
  std::vector<Path> paths; ///< Tensors of the model.
  bool operator==(const Selection &) const = default;
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
struct OnlyStatement { ///< "only" paths: the job speaks of these tensors and of no other
  std::vector<Glob> in;
  std::vector<Path> paths;
  bool operator==(const OnlyStatement &) const = default;
};
struct InitStatement { ///< "init" sel ":" value: fills elements that have no source
  Selection selection;
  Operation value; ///< zeros, ones, constant(v)
  bool operator==(const InitStatement &) const = default;
};
struct DeadlineStatement { ///< "deadline" ID: read first what a pipeline needs first
  std::string pipeline;
  bool operator==(const DeadlineStatement &) const = default;
};
struct BudgetStatement {
  uint64_t bytes = 0;
  std::string text; ///< Spelling, for the formatter.
  bool operator==(const BudgetStatement &other) const { return bytes == other.bytes; }
};

struct Statement {
  Location loc;
  std::variant<RoleStatement, ForStatement, ObjectsStatement, FilesStatement, DropStatement,
               ExpectStatement, CheckStatement, BudgetStatement, OnlyStatement, InitStatement,
               DeadlineStatement>
      node;
  bool operator==(const Statement &) const = default;
};

/// `convert SOURCE -> a, b { ... }`
struct Job {
  Location loc;
  std::string verb; ///< "convert", "restore"
  std::string source;
  std::vector<std::string> targets;
  std::vector<Statement> body;
  bool operator==(const Job &) const = default;
};

struct Spec {
  std::string file; ///< Where the text came from, for messages; empty: made by a program.
  std::vector<Use> uses;
  std::vector<std::pair<std::string, ExprPtr>> lets;
  std::vector<Model> models;
  std::vector<View> views;
  std::vector<Pipeline> pipelines;
  std::vector<Endpoint> endpoints;
  std::vector<Job> jobs;

  /// The value bound to `name`, or null.
  const ExprPtr *let(std::string_view name) const;
  /// The source or target called `name`, or null.
  const Endpoint *endpoint(std::string_view name) const;
  const Model *model(std::string_view name) const;
  const Pipeline *pipeline(std::string_view name) const;
  const View *view(std::string_view name) const;
};

bool operator==(const Spec &a, const Spec &b);

// ---- comparison of nodes that share expressions
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
