// A declared job as bind works on it: the statements of `ckpt.job`, resolved to indices, before any
// source was looked at. Read from IR by ReadJob.cpp.
#pragma once

#include "runtime/base/DType.h"
#include "runtime/recipe/Recipe.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"

#include <map>
#include <string>
#include <vector>

namespace recast::compiler {

/// `source x = format(path, key = value)` and the target form.
struct EndpointDecl {
  std::string name, format, path;
  std::map<std::string, std::string> options;
  mlir::Location loc;
};

/// One lossy or exact step of a chain after the leading role.
struct CastStep {
  DType type = DType::F32;
  recipe::Overflow overflow = recipe::Overflow::Ieee;
  bool operator==(const CastStep &) const = default;
};

/// Which members a statement means.
struct Selection {
  std::vector<std::string> roles; ///< Empty with isElse.
  bool isElse = false;
  std::vector<std::string> globs; ///< Empty: all names.
};

/// `weight : master | cast(bf16)`
struct RoleRule {
  Selection selection;
  std::string from; ///< Source role; empty: the same role.
  std::vector<CastStep> casts;
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

struct Job {
  std::string name;
  EndpointDecl source;
  std::vector<EndpointDecl> targets;
  std::vector<RoleRule> rules;
  std::vector<DropRule> drops;
  std::vector<ObjectRule> objects;
  std::vector<FilesRule> files;
  std::vector<Condition> expects, checks;
  uint64_t budget = 0;
  mlir::Location loc;
};

} // namespace recast::compiler
