// Models and views said in C++; part of Builder.h.
//
//   auto m = s.model("tiny", {"c"});
//   m.dim("L", rl::name("c")["num_layers"]).dim("h", rl::name("c")["hidden"]);
//   m.group("layer", "l", rl::name("L")).tensor("w", {"h", "h"});
//   s.view("hf", "tiny").rule("layer[l].w", "layers.{l}.weight");
#pragma once

#include "lang/ast/Model.h"

#include <string_view>

namespace recast::lang {

class SpecBuilder;
class Value;

/// `layer[l].{n: q k v}` from its spelling; no segments where the text is no path (`check` refuses
/// it then).
Path path(std::string_view text);

/// Tensors and groups of a model, or of a group of it. Valid while its builder lives.
class ModelScope {
public:
  /// `axes`: one text per dimension, "g r d" for a product.
  class TensorRef {
  public:
    TensorRef &tied(std::string_view path);
    TensorRef &tiedWhen(std::string_view path, const Value &condition);
    /// Exists where `condition` holds.
    TensorRef &onlyIf(const Value &condition);

  private:
    friend class ModelScope;
    TensorRef(ModelScope &scope, size_t index) : scope_(&scope), index_(index) {}
    TensorDecl &decl();
    ModelScope *scope_;
    size_t index_;
  };
  TensorRef tensor(std::string_view name, std::vector<std::string> axes);
  ModelScope group(std::string_view name, std::string_view index, const Value &below);

protected:
  friend class SpecBuilder;
  ModelScope(SpecBuilder &builder, size_t model, std::vector<size_t> path)
      : builder_(&builder), model_(model), path_(std::move(path)) {}
  Model &model();
  std::vector<ModelItem> &items();

  SpecBuilder *builder_;
  size_t model_;
  std::vector<size_t> path_; ///< Item numbers from the model down to this scope.
};

class ModelRef : public ModelScope {
public:
  ModelRef &dim(std::string_view name, const Value &size);
  /// The model applied to its arguments: what an endpoint's view stands on.
  Value operator()(std::vector<Value> arguments) const;

private:
  friend class SpecBuilder;
  using ModelScope::ModelScope;
};

/// A rule that further steps may be added to.
class RuleRef {
public:
  RuleRef &map(std::string_view text);
  RuleRef &step(LayoutStep step);
  RuleRef &onlyIf(const Value &condition);

private:
  friend class ViewRef;
  RuleRef(SpecBuilder &builder, size_t view, size_t rule)
      : builder_(&builder), view_(view), rule_(rule) {}
  ViewRule &node();
  SpecBuilder *builder_;
  size_t view_, rule_;
};

class ViewRef {
public:
  ViewRef &over(std::vector<std::string> axes);
  RuleRef rule(std::string_view path, std::string_view stored);
  ViewRef &ignore(std::string_view glob);
  const std::string &name() const;

private:
  friend class SpecBuilder;
  ViewRef(SpecBuilder &builder, size_t view) : builder_(&builder), view_(view) {}
  SpecBuilder *builder_;
  size_t view_;
};

} // namespace recast::lang
