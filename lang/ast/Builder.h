// Specs said in C++: everything that a `.ucl` text can say, as calls. Nothing throws and nothing is
// checked here; `check` (lang/ucl/Check.h) judges a built spec like a parsed one.
//
//   namespace rl = recast::lang;
//   rl::SpecBuilder s;
//   auto run = s.source("run", rl::deepspeed("runs/z3"));
//   auto hub = s.target("hub", rl::safetensors("export"));
//   auto job = s.convert(run, {hub});
//   job.role("weight") = rl::role("master") | rl::cast(rl::bf16);
//   job.drop({"master", "exp_avg", "exp_avg_sq", "step"});
//   job.budget(512 * rl::MiB);
//   rl::Spec spec = s.spec();
#pragma once

#include "lang/ast/Ast.h"
#include "lang/ast/ModelBuilder.h"

#include <concepts>
#include <span>
#include <string_view>

namespace recast::lang {

// ---- values

/// A bare word of the language, such as `bf16` or `saturate`.
struct Word {
  std::string_view text;
};
inline constexpr Word bf16{"bf16"}, f16{"f16"}, f32{"f32"}, f64{"f64"}, f8e4m3fn{"f8e4m3fn"},
    f8e5m2{"f8e5m2"}, saturate{"saturate"}, nan{"nan"}, ieee{"ieee"};

inline constexpr uint64_t KiB = uint64_t{1} << 10, MiB = uint64_t{1} << 20, GiB = uint64_t{1} << 30,
                          TiB = uint64_t{1} << 40;

/// An expression. Numbers, texts and words convert; operators build the tree and compute nothing.
class Value {
public:
  Value(ExprPtr expr) : expr_(std::move(expr)) {}
  Value(bool value);
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Value(T value) : expr_(integer(static_cast<int64_t>(value))) {}
  Value(double value);
  Value(const char *text) : Value(std::string_view(text)) {}
  Value(const std::string &text) : Value(std::string_view(text)) {}
  Value(std::string_view text);
  Value(Word word);

  const ExprPtr &expr() const { return expr_; }
  /// `value.member`
  Value operator[](std::string_view member) const;
  /// `value ?? other`
  Value orElse(const Value &other) const;

private:
  static ExprPtr integer(int64_t value);
  ExprPtr expr_;
};

/// The value of a `let`, or a word: a bare name.
Value name(std::string_view text);
/// `name(args)`
Value callOf(std::string_view name, std::vector<Arg> args);
/// `config("runs/z3/config.json")`: a JSON file, read when the job is bound.
Value config(Value path);
/// An amount of memory: `bytes(512 * MiB)`.
Value bytes(uint64_t count);
/// One argument or tuple element, with or without a name.
Arg arg(Value value);
Arg arg(std::string_view name, Value value);
/// `(a, b)`, `(dp = 8)`. One element without a name is that element.
Value tuple(std::vector<Arg> elements);

Value operator+(const Value &a, const Value &b);
Value operator-(const Value &a, const Value &b);
Value operator*(const Value &a, const Value &b);
Value operator/(const Value &a, const Value &b);
Value operator==(const Value &a, const Value &b);
Value operator!=(const Value &a, const Value &b);
Value operator<(const Value &a, const Value &b);
Value operator<=(const Value &a, const Value &b);
Value operator>(const Value &a, const Value &b);
Value operator>=(const Value &a, const Value &b);
/// `a and b`. Both sides are always built.
Value operator&&(const Value &a, const Value &b);

// ---- endpoints

/// `deepspeed("runs/z3", tag = "global_step3")`
struct Format {
  std::string name;
  std::vector<Arg> args;
  // By value: `f = std::move(f).arg(...)` would move a reference onto itself.
  Format arg(std::string_view argument, Value value) &&;
  Format tag(std::string_view text) && { return std::move(*this).arg("tag", text); }
};
/// Any format by name; '-' counts as '_'.
Format format(std::string_view name, Value path);
Format deepspeed(Value path);
Format deepspeed_universal(Value path);
Format safetensors(Value path);
/// `memory()`: a target that is the memory of the ranks; it has no path.
Format memory();

/// One step of a target layout.
LayoutStep pad(std::string_view axis, Value multiple);
LayoutStep split(std::vector<std::string> axes, std::vector<std::string> by,
                 std::string_view rule = "");
LayoutStep splitWidths(std::vector<std::string> axes, std::vector<std::string> by,
                       std::vector<int64_t> widths);
LayoutStep chunk(int64_t dimension, std::string_view by);
LayoutStep flat(std::string_view by, std::string_view per);
/// `stage pp at 0 3`
LayoutStep stage(std::string_view by, std::vector<int64_t> at = {});
LayoutStep varying(std::string_view by);

class SpecBuilder;

/// A source or a target of the builder it came from, which must outlive it.
class EndpointRef {
public:
  /// `on (dp = 2, tp = 4)`, major to minor.
  EndpointRef &on(std::vector<std::pair<std::string, int64_t>> mesh);
  EndpointRef &replicated(std::vector<std::string> axes);
  /// One rule of `as same { GLOB step step }`.
  EndpointRef &same(std::string_view glob, std::vector<LayoutStep> steps);
  /// `stages p`: the pipeline whose ranks hold it.
  EndpointRef &stages(std::string_view pipeline);
  /// `as VIEW(MODEL)`: a view of the spec or of a used file, and its model applied to arguments.
  EndpointRef &as(std::string_view view, const Value &model);
  const std::string &name() const;
  /// A property in a condition: `run["zero"] == 3`.
  Value operator[](std::string_view property) const;

private:
  friend class SpecBuilder;
  EndpointRef(SpecBuilder &builder, size_t index) : builder_(&builder), index_(index) {}
  SpecBuilder *builder_;
  size_t index_;
};

// ---- jobs

/// Operations joined by `|`.
struct Chain {
  std::vector<Operation> operations;
};
Chain operator|(Chain left, const Chain &right);
Chain keep();
/// `cast(dtype)`, `cast(dtype, overflow = saturate)`; a dtype may also be a let's `name(..)`.
Chain cast(Value dtype);
Chain cast(Value dtype, Word overflow);
/// The mean of the versions of a value that differs between ranks.
Chain average();
/// `select(dp = 0)`: the version of one coordinate.
Chain select(std::string_view axis, int64_t coordinate);
/// `predict(master, exp_avg, exp_avg_sq, s = 3, rule = adamw)`: the first role holds the weights,
/// the others the optimizer's states; `args` are named.
Chain predict(const std::vector<std::string> &roles, std::vector<Arg> args);
/// What another role holds. `role(cast)` is written for a role that is called like an operation.
Chain role(std::string_view name);
/// Any operation by name.
Chain operation(std::string_view name, std::vector<Arg> args = {});

/// Rules for what is not a tensor. Keys are dotted: "args.lr".
class Objects {
public:
  Objects &rule(std::vector<std::string> keys, const Chain &policy);
  Objects &keep(std::vector<std::string> keys);
  Objects &drop(std::vector<std::string> keys);
  Objects &merge(std::vector<std::string> keys);
  Objects &perRank(std::vector<std::string> keys);
  Objects &byName(std::vector<std::string> keys);
  Objects &set(std::string_view key, Value value);
  /// `else: keep`, `else: drop`
  Objects &elseRule(const Chain &policy);
  Objects &keepElse();
  Objects &dropElse();

private:
  friend class Scope;
  Objects(SpecBuilder &builder, size_t job, std::vector<size_t> path)
      : builder_(&builder), job_(job), path_(std::move(path)) {}
  ObjectsStatement &node();
  SpecBuilder *builder_;
  size_t job_;
  std::vector<size_t> path_;
};

/// Statements for all targets of a job, or for those of one `for`. Valid while its builder lives.
class Scope {
public:
  /// The left side of `role("weight") = ...`; the statement stands once something is assigned.
  class Assignment {
  public:
    /// Only members whose names match.
    Assignment &&in(std::vector<std::string> globs) &&;
    /// Only these tensors of the model: "layer[l].{n: q k v}".
    Assignment &&at(std::vector<std::string> paths) &&;
    void operator=(const Chain &chain) &&;

  private:
    friend class Scope;
    Assignment(Scope &scope, Selection selection)
        : scope_(scope), selection_(std::move(selection)) {}
    Scope &scope_;
    Selection selection_;
  };

  Assignment role(std::string_view name);
  Assignment roles(std::vector<std::string> names);
  Assignment elseRoles();

  Scope &keep(std::vector<std::string> roles);
  Scope &keepElse();
  Scope &drop(std::vector<std::string> roles, std::vector<std::string> in = {},
              std::vector<std::string> paths = {});
  /// `only "globs", paths`
  Scope &only(std::vector<std::string> globs, std::vector<std::string> paths = {});
  /// `init roles in "globs", paths: zeros`; `value` is an operation: zeros, ones, constant(v).
  Scope &init(std::vector<std::string> roles, const Chain &value, std::vector<std::string> in = {},
              std::vector<std::string> paths = {});
  Scope &dropElse();
  /// Opens an `objects { }` statement.
  Objects objects();
  /// `files { globs: copy from SOURCE }`
  Scope &files(std::vector<std::string> globs, Value from);
  Scope &expect(const Value &condition);
  Scope &check(const Value &condition, std::string_view otherwise = "");

protected:
  Scope(SpecBuilder &builder, size_t job, std::vector<size_t> path)
      : builder_(&builder), job_(job), path_(std::move(path)) {}
  friend class JobRef;
  std::vector<Statement> &body();
  void add(decltype(Statement::node) node);

  SpecBuilder *builder_;
  size_t job_;
  std::vector<size_t> path_; ///< Statement numbers from the job's body down to this scope.
};

class JobRef : public Scope {
public:
  /// Opens a `for targets { }`.
  Scope forTarget(const EndpointRef &target);
  Scope forTargets(std::vector<std::string> names);
  JobRef &budget(uint64_t bytes);
  /// `deadline p`
  JobRef &deadline(std::string_view pipeline);

private:
  friend class SpecBuilder;
  JobRef(SpecBuilder &builder, size_t job) : Scope(builder, job, {}) {}
};

/// A pipeline of the builder it came from, which must outlive it.
class PipelineRef {
public:
  /// `ranks = 4`, `schedule = pipeoptim_paper`, ...
  PipelineRef &set(std::string_view attribute, Value value);
  /// One rule of `assign { "globs", paths : how }`.
  PipelineRef &assign(const Chain &how, std::vector<std::string> globs,
                      std::vector<std::string> paths = {});
  /// A property in a condition or an argument: `p["lag"]`.
  Value operator[](std::string_view property) const;

private:
  friend class SpecBuilder;
  PipelineRef(SpecBuilder &builder, size_t index) : builder_(&builder), index_(index) {}
  SpecBuilder *builder_;
  size_t index_;
};

class SpecBuilder {
public:
  SpecBuilder() = default;
  /// Handles point to their builder, so it stays where it is.
  SpecBuilder(const SpecBuilder &) = delete;
  SpecBuilder &operator=(const SpecBuilder &) = delete;

  /// `use "std/llama.ucl"`; `link` (lang/ucl/Link.h) brings the file in.
  SpecBuilder &use(std::string_view path);
  ModelRef model(std::string_view name, std::vector<std::string> params = {});
  ViewRef view(std::string_view name, std::string_view model);
  /// `let name = value`; returns the name, for use in other values.
  Value let(std::string_view name, Value value);
  EndpointRef source(std::string_view name, Format format);
  EndpointRef target(std::string_view name, Format format);
  PipelineRef pipeline(std::string_view name);
  JobRef convert(const EndpointRef &source, const std::vector<EndpointRef> &targets);
  JobRef restore(const EndpointRef &source, const std::vector<EndpointRef> &targets);

  const Spec &spec() const { return spec_; }

private:
  friend class EndpointRef;
  friend class ModelRef;
  friend class ModelScope;
  friend class Objects;
  friend class PipelineRef;
  friend class RuleRef;
  friend class Scope;
  friend class ViewRef;
  JobRef job(std::string_view verb, const EndpointRef &source,
             const std::vector<EndpointRef> &targets);
  std::vector<Model> &models() { return spec_.models; }
  std::vector<View> &views() { return spec_.views; }
  EndpointRef add(bool isTarget, std::string_view name, Format format);
  std::vector<Statement> &body(size_t job, std::span<const size_t> path);
  Spec spec_;
};

} // namespace recast::lang
