#include "lang/ast/ModelBuilder.h"

#include "lang/ast/Builder.h"
#include "lang/ast/Words.h"

namespace recast::lang {
namespace {

std::vector<std::string> words(std::string_view text, std::string_view separators) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find_first_of(separators, at), text.size());
    if (end > at)
      out.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

/// One segment, taken off the front of `text`; false if there is none.
bool takeSegment(std::string_view &text, PathSegment &out) {
  auto close = [&](char c) { return text.find(c); };
  if (text.starts_with('{') || text.starts_with('[')) {
    bool isChoice = text[0] == '{';
    size_t end = close(isChoice ? '}' : ']'), colon = text.find(':');
    if (end == text.npos || (isChoice && (colon == text.npos || colon > end)))
      return false;
    size_t first = isChoice ? colon + 1 : 1;
    if (isChoice) {
      std::vector<std::string> variable = words(text.substr(1, colon - 1), " ");
      if (variable.size() != 1)
        return false;
      out.index = variable[0];
    }
    out.members = words(text.substr(first, end - first), isChoice ? " " : " ,");
    text.remove_prefix(end + 1);
    return !out.members.empty();
  }
  size_t end = std::min(text.find_first_of(".["), text.size());
  out.name = text.substr(0, end);
  text.remove_prefix(end);
  if (text.starts_with('[')) {
    size_t bracket = close(']');
    if (bracket == text.npos)
      return false;
    out.index = text.substr(1, bracket - 1);
    text.remove_prefix(bracket + 1);
  }
  return isIdentifier(out.name);
}

} // namespace

Path path(std::string_view text) {
  Path out;
  do {
    if (!takeSegment(text, out.segments.emplace_back()))
      return {};
    if (text.empty())
      return out;
    if (text[0] != '.')
      return {};
    text.remove_prefix(1);
  } while (true);
}

// ---- models

Model &ModelScope::model() { return builder_->models()[model_]; }

std::vector<ModelItem> &ModelScope::items() {
  std::vector<ModelItem> *items = &model().items;
  for (size_t index : path_)
    items = &std::get<GroupDecl>((*items)[index].node).items;
  return *items;
}

ModelScope::TensorRef ModelScope::tensor(std::string_view name, std::vector<std::string> axes) {
  TensorDecl decl;
  decl.name = name;
  for (const std::string &axis : axes)
    decl.axes.push_back(words(axis, " "));
  items().push_back({std::move(decl)});
  return TensorRef(*this, items().size() - 1);
}

ModelScope ModelScope::group(std::string_view name, std::string_view index, const Value &below) {
  GroupDecl group;
  group.name = name;
  group.index = index;
  group.below = below.expr();
  items().push_back({std::move(group)});
  std::vector<size_t> path = path_;
  path.push_back(items().size() - 1);
  return ModelScope(*builder_, model_, std::move(path));
}

TensorDecl &ModelScope::TensorRef::decl() {
  return std::get<TensorDecl>(scope_->items()[index_].node);
}
ModelScope::TensorRef &ModelScope::TensorRef::tied(std::string_view path) {
  decl().tied = lang::path(path);
  return *this;
}
ModelScope::TensorRef &ModelScope::TensorRef::tiedWhen(std::string_view path,
                                                       const Value &condition) {
  tied(path).decl().when = condition.expr();
  return *this;
}
ModelScope::TensorRef &ModelScope::TensorRef::onlyIf(const Value &condition) {
  decl().condition = condition.expr();
  return *this;
}

ModelRef &ModelRef::dim(std::string_view name, const Value &size) {
  model().dims.push_back({std::string(name), size.expr()});
  return *this;
}
Value ModelRef::operator()(std::vector<Value> arguments) const {
  std::vector<Arg> args;
  for (Value &value : arguments)
    args.push_back(arg(std::move(value)));
  return callOf(builder_->models()[model_].name, std::move(args));
}

ModelRef SpecBuilder::model(std::string_view name, std::vector<std::string> params) {
  Model model;
  model.name = name;
  model.params = std::move(params);
  spec_.models.push_back(std::move(model));
  return ModelRef(*this, spec_.models.size() - 1, {});
}

// ---- views

ViewRef SpecBuilder::view(std::string_view name, std::string_view model) {
  View view;
  view.name = name;
  view.model = model;
  spec_.views.push_back(std::move(view));
  return ViewRef(*this, spec_.views.size() - 1);
}

ViewRef &ViewRef::over(std::vector<std::string> axes) {
  builder_->views()[view_].over = std::move(axes);
  return *this;
}
RuleRef ViewRef::rule(std::string_view path, std::string_view stored) {
  ViewRule rule;
  rule.path = lang::path(path);
  rule.stored = stored;
  std::vector<ViewRule> &rules = builder_->views()[view_].rules;
  rules.push_back(std::move(rule));
  return RuleRef(*builder_, view_, rules.size() - 1);
}
ViewRef &ViewRef::ignore(std::string_view glob) {
  builder_->views()[view_].ignores.push_back({std::string(glob), {}});
  return *this;
}
const std::string &ViewRef::name() const { return builder_->views()[view_].name; }

ViewRule &RuleRef::node() { return builder_->views()[view_].rules[rule_]; }
RuleRef &RuleRef::map(std::string_view text) {
  node().map = text;
  return *this;
}
RuleRef &RuleRef::step(LayoutStep step) {
  node().steps.push_back(std::move(step));
  return *this;
}
RuleRef &RuleRef::onlyIf(const Value &condition) {
  node().condition = condition.expr();
  return *this;
}

} // namespace recast::lang
