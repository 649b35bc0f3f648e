// A declared job as bind works on it: the statements of `ckpt.job`, resolved to indices, before any
// source was looked at. Read from IR by ReadJob.cpp.
#pragma once

#include "dialect/Ckpt/CkptDialect.h"
#include "runtime/base/DType.h"
#include "runtime/layout/Layout.h"
#include "runtime/plan/Plan.h"
#include "runtime/recipe/Recipe.h"

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace recast::compiler {

/// The axis of a mesh along which the ranks of a pipeline lie.
inline constexpr const char *kPipelineAxis = "pp";

/// `"**.running_mean" varying dp`
struct RankRule {
  std::string glob;
  std::vector<layout::Step> steps; ///< `varying` and `stage` only.
};

/// `source x = format(path, key = value)` and the target form.
struct EndpointDecl {
  std::string name, format, path;
  std::map<std::string, std::string> options;
  mlir::Location loc;
  std::string view;      ///< Symbol of a `ckpt.view`; empty: `as same`.
  mlir::Attribute model; ///< What its model is applied to.
  layout::Mesh mesh;     ///< Of the view; no axes where nothing is written.
  /// Of a source `as same`: what its files do not say of how tensors lie on its ranks.
  std::vector<RankRule> ranks;
  std::vector<std::string> replicated; ///< Axes of the mesh over which nothing is cut.
  /// Of a target with a mesh or `stages p`: the rank whose share this is. There is a declaration
  /// for each rank, all of one name.
  uint32_t rank = plan::kNone;
  std::string stages;               ///< Of a target with `stages p`: p,
  uint32_t stageRank = plan::kNone; ///< and the rank of p whose stages it has.

  /// Whether its tensors may be cut: each rank of the mesh is a target.
  bool hasRanks() const { return rank != plan::kNone && !mesh.axes.empty(); }

  /// Of the target in the plan: "live", "live[2]".
  std::string planName() const {
    return rank == plan::kNone ? name : name + "[" + std::to_string(rank) + "]";
  }
};

/// One step of a chain after the leading role, lossy or exact.
struct CastStep {
  DType type = DType::F32;
  recipe::Overflow overflow = recipe::Overflow::Ieee;
  bool operator==(const CastStep &) const = default;
};
struct SelectStep { ///< The version of one coordinate.
  std::string axis;
  int64_t coordinate = 0;
  bool operator==(const SelectStep &) const = default;
};
struct AverageStep { ///< The mean of all versions.
  bool operator==(const AverageStep &) const = default;
};
using ChainStep = std::variant<CastStep, SelectStep, AverageStep>;

/// What a chain makes of `type`.
inline DType typeAfter(DType type, const std::vector<ChainStep> &chain) {
  for (const ChainStep &step : chain)
    if (const auto *cast = std::get_if<CastStep>(&step))
      type = cast->type;
  return type;
}

/// `predict(..)`, the first operation of a chain; the weights are the rule's `from`.
struct PredictRule {
  std::vector<std::string> states; ///< Roles.
  std::map<std::string, mlir::Attribute> args;
  /// The argument of a name; null where it is not said.
  mlir::Attribute given(std::string_view name) const {
    auto found = args.find(std::string(name));
    return found == args.end() ? mlir::Attribute() : found->second;
  }
  /// The pipeline of `s = p.lag`; empty where `s` is a number.
  std::string lagOf() const;
};

/// Which members a statement means.
struct Selection {
  std::vector<std::string> roles; ///< Empty with isElse.
  bool isElse = false;
  std::vector<std::string> globs; ///< With `paths`, empty: all names.
  std::vector<ir::ckpt::PathAttr> paths;
  bool isAll() const { return globs.empty() && paths.empty(); }
};

/// `only "layers.*", layer[l].q`
struct OnlyRule {
  std::vector<std::string> globs;
  std::vector<ir::ckpt::PathAttr> paths;
  mlir::Location loc;
};

/// `init weight in embed : zeros`
struct InitRule {
  Selection selection;
  mlir::Attribute value; ///< An i64 or an f64.
  std::vector<uint32_t> targets;
  mlir::Location loc;
};

/// `weight : master | cast(bf16)`
struct RoleRule {
  Selection selection;
  std::string from; ///< Source role; empty: the same role.
  std::optional<PredictRule> predict;
  std::vector<ChainStep> chain;
  std::vector<uint32_t> targets;
  mlir::Location loc;
};

struct DropRule {
  Selection selection;
  std::vector<uint32_t> targets;
  mlir::Location loc;
};

struct ObjectRule {
  std::vector<std::string> keys;
  bool isElse = false;
  std::string policy;
  mlir::Attribute value; ///< Of `set`; null otherwise.
  std::vector<uint32_t> targets;
  mlir::Location loc;
};

struct FilesRule {
  std::vector<std::string> globs;
  std::string from;
  std::vector<uint32_t> targets;
  mlir::Location loc;
};

/// `expect` and `check` conditions, as the IR holds them.
struct Condition {
  mlir::Attribute expression;
  mlir::Location loc;
};

/// `check p.cut == drained`, or !=.
struct CutCheck {
  std::string pipeline;
  bool wantsDrained = true;
  mlir::Location loc;
};

/// `deadline p`
struct DeadlineRule {
  std::string pipeline;
  std::vector<uint32_t> targets;
  mlir::Location loc;
};

struct Job {
  std::string name;
  EndpointDecl source;
  std::vector<EndpointDecl> targets;
  std::vector<RoleRule> rules;
  std::vector<DropRule> drops;
  std::vector<ObjectRule> objects;
  std::vector<FilesRule> files;
  std::vector<OnlyRule> only;
  std::vector<InitRule> inits;
  std::vector<Condition> expects, checks;
  uint64_t budget = 0;
  mlir::Location loc;
  std::vector<CutCheck> cuts;
  std::optional<DeadlineRule> deadline;
};

} // namespace recast::compiler
