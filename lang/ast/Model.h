// Models and views: which logical tensors exist, and how one framework names and lays them out.
#pragma once

#include "lang/ast/Expr.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace recast::lang {

/// One part of a path: a name (`layer`, with `index` as `layer[l]`), a choice of one each
/// (`{n: q k v}`), or a pack of several tensors into one (`[q, k, v]`).
struct PathSegment {
  std::string name;                 ///< Empty for a choice and a pack.
  std::string index;                ///< Capture of a group, or the variable of a choice.
  std::vector<std::string> members; ///< Of a choice or a pack.

  bool isChoice() const { return !members.empty() && !index.empty(); }
  bool isPack() const { return !members.empty() && index.empty(); }
  bool operator==(const PathSegment &) const = default;
};

/// `layer[l].{n: q k v}`
struct Path {
  Location loc;
  std::vector<PathSegment> segments;

  std::string str() const;
  bool operator==(const Path &) const = default;
};

// ---- layout steps as written; extents are still expressions
struct PadStep {
  std::string axis;
  ExprPtr multiple;
  bool operator==(const PadStep &o) const { return axis == o.axis && equal(multiple, o.multiple); }
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
/// `stage pp at 0 3`: the coordinates of a mesh axis that own the tensor; `at` empty: not said.
struct StageStep {
  std::string by;
  std::vector<int64_t> at;
  bool operator==(const StageStep &) const = default;
};
/// `varying dp`: values differ along a mesh axis.
struct VaryingStep {
  std::string by;
  bool operator==(const VaryingStep &) const = default;
};
struct LayoutStep {
  Location loc;
  std::variant<PadStep, SplitStep, ChunkStep, FlatStep, StageStep, VaryingStep> step;
  bool operator==(const LayoutStep &) const = default;
};

// ---- models
/// `q (g r d, h) tied PATH when COND if COND`: one logical tensor per index of its groups.
struct TensorDecl {
  Location loc;
  std::string name;
  std::vector<std::vector<std::string>> axes; ///< Per dimension the named axes it is made of.
  std::optional<Path> tied;                   ///< An alias of that tensor ..
  ExprPtr when;                               ///< .. where this holds; null: always.
  ExprPtr condition;                          ///< Exists where this holds; null: always.
  bool operator==(const TensorDecl &o) const {
    return name == o.name && axes == o.axes && tied == o.tied && equal(when, o.when) &&
           equal(condition, o.condition);
  }
};
struct ModelItem;
/// `layer[l < L] { .. }`
struct GroupDecl {
  Location loc;
  std::string name, index;
  ExprPtr below;
  std::vector<ModelItem> items;
  bool operator==(const GroupDecl &) const;
};
struct ModelItem {
  std::variant<TensorDecl, GroupDecl> node;
  bool operator==(const ModelItem &) const = default;
};
inline bool GroupDecl::operator==(const GroupDecl &o) const {
  return name == o.name && index == o.index && equal(below, o.below) && items == o.items;
}

struct Dim {
  std::string name;
  ExprPtr size;
  bool operator==(const Dim &o) const { return name == o.name && equal(size, o.size); }
};

/// `model NAME(params) { dims .. tensors and groups }`
struct Model {
  Location loc;
  std::string name;
  std::vector<std::string> params;
  std::vector<Dim> dims;
  std::vector<ModelItem> items;
  std::string file; ///< Of the library it came from, for messages; empty: the spec's own.
  bool operator==(const Model &o) const {
    return name == o.name && params == o.params && dims == o.dims && items == o.items;
  }
};

// ---- views
/// `PATH = "stored.{l}.name" : "map" step step if COND`
struct ViewRule {
  Location loc;
  Path path;
  std::string stored;
  std::string map; ///< Empty: the tensor as it is.
  std::vector<LayoutStep> steps;
  ExprPtr condition;
  bool operator==(const ViewRule &o) const {
    return path == o.path && stored == o.stored && map == o.map && steps == o.steps &&
           equal(condition, o.condition);
  }
};

/// A pattern over stored or logical names: '*' any run of characters without '.', '**' any run,
/// '?' one character.
struct Glob {
  std::string text;
  Location loc;
  bool operator==(const Glob &) const = default;
};

/// `view NAME of MODEL over (axes) { rules, ignore "pattern" }`
struct View {
  Location loc;
  std::string name, model;
  std::vector<std::string> over;
  std::vector<ViewRule> rules;
  std::vector<Glob> ignores; ///< Stored tensors that can be computed again.
  std::string file;          ///< As Model::file.
  bool operator==(const View &o) const {
    return name == o.name && model == o.model && over == o.over && rules == o.rules &&
           ignores == o.ignores;
  }
};

/// `use "std/llama.ucl"`
struct Use {
  Location loc;
  std::string path;
  bool operator==(const Use &) const = default;
};

} // namespace recast::lang
