#include "lang/ast/Builder.h"
#include "lang/ast/Words.h"

namespace recast::lang {
namespace {

void addGlobs(std::vector<Glob> &to, std::vector<std::string> &from) {
  for (std::string &glob : from)
    to.push_back({std::move(glob), {}});
}
void addPaths(std::vector<Path> &to, const std::vector<std::string> &from) {
  for (const std::string &text : from)
    to.push_back(path(text));
}

} // namespace

// ---- endpoints

EndpointRef SpecBuilder::add(bool isTarget, std::string_view name, Format format) {
  Endpoint endpoint;
  endpoint.isTarget = isTarget;
  endpoint.name = name;
  endpoint.format = std::move(format.name);
  endpoint.args = std::move(format.args);
  spec_.endpoints.push_back(std::move(endpoint));
  return EndpointRef(*this, spec_.endpoints.size() - 1);
}

Value SpecBuilder::let(std::string_view name, Value value) {
  spec_.lets.emplace_back(name, value.expr());
  return lang::name(name);
}
SpecBuilder &SpecBuilder::use(std::string_view path) {
  spec_.uses.push_back({{}, std::string(path)});
  return *this;
}
EndpointRef SpecBuilder::source(std::string_view name, Format format) {
  return add(false, name, std::move(format));
}
EndpointRef SpecBuilder::target(std::string_view name, Format format) {
  return add(true, name, std::move(format));
}

EndpointRef &EndpointRef::on(std::vector<std::pair<std::string, int64_t>> mesh) {
  builder_->spec_.endpoints[index_].mesh = std::move(mesh);
  return *this;
}
EndpointRef &EndpointRef::replicated(std::vector<std::string> axes) {
  builder_->spec_.endpoints[index_].replicated = std::move(axes);
  return *this;
}
EndpointRef &EndpointRef::same(std::string_view glob, std::vector<LayoutStep> steps) {
  builder_->spec_.endpoints[index_].same.push_back({Glob{std::string(glob), {}}, std::move(steps)});
  return *this;
}
EndpointRef &EndpointRef::as(std::string_view view, const Value &model) {
  builder_->spec_.endpoints[index_].view = view;
  builder_->spec_.endpoints[index_].model = model.expr();
  return *this;
}
EndpointRef &EndpointRef::stages(std::string_view pipeline) {
  builder_->spec_.endpoints[index_].stages = pipeline;
  return *this;
}
const std::string &EndpointRef::name() const { return builder_->spec_.endpoints[index_].name; }
Value EndpointRef::operator[](std::string_view property) const {
  return lang::name(name())[property];
}

// ---- jobs

JobRef SpecBuilder::convert(const EndpointRef &source, const std::vector<EndpointRef> &targets) {
  return job("convert", source, targets);
}
JobRef SpecBuilder::restore(const EndpointRef &source, const std::vector<EndpointRef> &targets) {
  return job("restore", source, targets);
}
JobRef SpecBuilder::job(std::string_view verb, const EndpointRef &source,
                        const std::vector<EndpointRef> &targets) {
  Job job;
  job.verb = verb;
  job.source = source.name();
  for (const EndpointRef &target : targets)
    job.targets.push_back(target.name());
  spec_.jobs.push_back(std::move(job));
  return JobRef(*this, spec_.jobs.size() - 1);
}

PipelineRef SpecBuilder::pipeline(std::string_view name) {
  spec_.pipelines.push_back({{}, std::string(name), {}, {}});
  return PipelineRef(*this, spec_.pipelines.size() - 1);
}
PipelineRef &PipelineRef::set(std::string_view attribute, Value value) {
  builder_->spec_.pipelines[index_].attributes.push_back(arg(attribute, std::move(value)));
  return *this;
}
PipelineRef &PipelineRef::assign(const Chain &how, std::vector<std::string> globs,
                                 std::vector<std::string> paths) {
  AssignRule rule;
  addGlobs(rule.names, globs);
  addPaths(rule.paths, paths);
  if (!how.operations.empty())
    rule.how = how.operations.front();
  builder_->spec_.pipelines[index_].assign.push_back(std::move(rule));
  return *this;
}
Value PipelineRef::operator[](std::string_view property) const {
  return lang::name(builder_->spec_.pipelines[index_].name)[property];
}

// Handles hold statement numbers, not addresses: bodies grow and move.
std::vector<Statement> &SpecBuilder::body(size_t job, std::span<const size_t> path) {
  std::vector<Statement> *body = &spec_.jobs[job].body;
  for (size_t index : path)
    body = &std::get<ForStatement>((*body)[index].node).body;
  return *body;
}

std::vector<Statement> &Scope::body() { return builder_->body(job_, path_); }

void Scope::add(decltype(Statement::node) node) { body().push_back({{}, std::move(node)}); }

Scope::Assignment Scope::role(std::string_view name) { return roles({std::string(name)}); }
Scope::Assignment Scope::roles(std::vector<std::string> names) {
  Selection selection;
  selection.roles = std::move(names);
  return Assignment(*this, std::move(selection));
}
Scope::Assignment Scope::elseRoles() {
  Selection selection;
  selection.isElse = true;
  return Assignment(*this, std::move(selection));
}

Scope::Assignment &&Scope::Assignment::in(std::vector<std::string> globs) && {
  addGlobs(selection_.in, globs);
  return std::move(*this);
}
Scope::Assignment &&Scope::Assignment::at(std::vector<std::string> paths) && {
  addPaths(selection_.paths, paths);
  return std::move(*this);
}
void Scope::Assignment::operator=(const Chain &chain) && {
  scope_.add(RoleStatement{std::move(selection_), chain.operations});
}

Scope &Scope::keep(std::vector<std::string> names) {
  roles(std::move(names)) = lang::keep();
  return *this;
}
Scope &Scope::keepElse() {
  elseRoles() = lang::keep();
  return *this;
}
Scope &Scope::drop(std::vector<std::string> roles, std::vector<std::string> in,
                   std::vector<std::string> paths) {
  DropStatement drop;
  drop.selection.roles = std::move(roles);
  addGlobs(drop.selection.in, in);
  addPaths(drop.selection.paths, paths);
  add(std::move(drop));
  return *this;
}
Scope &Scope::only(std::vector<std::string> globs, std::vector<std::string> paths) {
  OnlyStatement only;
  addGlobs(only.in, globs);
  addPaths(only.paths, paths);
  add(std::move(only));
  return *this;
}
Scope &Scope::init(std::vector<std::string> roles, const Chain &value, std::vector<std::string> in,
                   std::vector<std::string> paths) {
  InitStatement init;
  init.selection.roles = std::move(roles);
  addGlobs(init.selection.in, in);
  addPaths(init.selection.paths, paths);
  if (!value.operations.empty())
    init.value = value.operations.front();
  add(std::move(init));
  return *this;
}
Scope &Scope::dropElse() {
  DropStatement drop;
  drop.selection.isElse = true;
  add(std::move(drop));
  return *this;
}

Scope &Scope::files(std::vector<std::string> globs, Value from) {
  FilesStatement files;
  addGlobs(files.names, globs);
  files.from = from.expr();
  add(std::move(files));
  return *this;
}
Scope &Scope::expect(const Value &condition) {
  add(ExpectStatement{condition.expr()});
  return *this;
}
Scope &Scope::check(const Value &condition, std::string_view otherwise) {
  add(CheckStatement{condition.expr(), std::string(otherwise)});
  return *this;
}

Scope JobRef::forTarget(const EndpointRef &target) { return forTargets({target.name()}); }
Scope JobRef::forTargets(std::vector<std::string> names) {
  ForStatement block;
  block.targets = std::move(names);
  add(std::move(block));
  std::vector<size_t> path = path_;
  path.push_back(body().size() - 1);
  return Scope(*builder_, job_, std::move(path));
}
JobRef &JobRef::budget(uint64_t bytes) {
  add(BudgetStatement{bytes, spellSize(bytes)});
  return *this;
}

JobRef &JobRef::deadline(std::string_view pipeline) {
  add(DeadlineStatement{std::string(pipeline)});
  return *this;
}

// ---- objects

Objects Scope::objects() {
  add(ObjectsStatement{});
  std::vector<size_t> path = path_;
  path.push_back(body().size() - 1);
  return Objects(*builder_, job_, std::move(path));
}

ObjectsStatement &Objects::node() {
  std::span<const size_t> path(path_);
  auto &body = builder_->body(job_, path.first(path.size() - 1));
  return std::get<ObjectsStatement>(body[path.back()].node);
}

Objects &Objects::rule(std::vector<std::string> keys, const Chain &policy) {
  ObjectRule rule;
  for (const std::string &key : keys) {
    Ref ref;
    for (size_t begin = 0; begin <= key.size();) {
      size_t end = std::min(key.find('.', begin), key.size());
      ref.parts.push_back(key.substr(begin, end - begin));
      begin = end + 1;
    }
    rule.keys.push_back(std::move(ref));
  }
  if (!policy.operations.empty())
    rule.policy = policy.operations.front();
  node().rules.push_back(std::move(rule));
  return *this;
}
Objects &Objects::keep(std::vector<std::string> keys) {
  return rule(std::move(keys), operation("keep"));
}
Objects &Objects::drop(std::vector<std::string> keys) {
  return rule(std::move(keys), operation("drop"));
}
Objects &Objects::merge(std::vector<std::string> keys) {
  return rule(std::move(keys), operation("merge"));
}
Objects &Objects::perRank(std::vector<std::string> keys) {
  return rule(std::move(keys), operation("per_rank"));
}
Objects &Objects::byName(std::vector<std::string> keys) {
  return rule(std::move(keys), operation("by_name"));
}
Objects &Objects::set(std::string_view key, Value value) {
  return rule({std::string(key)}, operation("set", {arg(std::move(value))}));
}
Objects &Objects::elseRule(const Chain &policy) {
  rule({}, policy);
  node().rules.back().isElse = true;
  return *this;
}
Objects &Objects::keepElse() { return elseRule(operation("keep")); }
Objects &Objects::dropElse() { return elseRule(operation("drop")); }

} // namespace recast::lang
