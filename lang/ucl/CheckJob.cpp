#include "lang/ucl/CheckImpl.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::lang {
void Checker::checkJob(const Job &job) {
  if (job.verb != "convert" && job.verb != "restore")
    return report(job.loc, fmt::format("`{}` jobs are not part of this version", job.verb));
  checkEnds(job);
  JobState state;
  state.job = &job;
  checkBody(state, job.body, nullptr);
}

void Checker::checkEnds(const Job &job) {
  const Endpoint *source = spec_.endpoint(job.source);
  if (!source)
    reportWord(job.loc, job.source,
               fmt::format("there is no source `{}`{}", job.source,
                           didYouMean(job.source, endpointNames(false))));
  else if (source->isTarget)
    reportWord(job.loc, job.source,
               fmt::format("`{}` is a target; a job reads from a source", job.source));
  if (job.targets.empty())
    report(job.loc, "a job needs a target");
  checkTwice(job.loc, job.targets, "among the targets");
  for (const std::string &name : std::set<std::string>(job.targets.begin(), job.targets.end())) {
    const Endpoint *target = spec_.endpoint(name);
    // The name of the source may stand before the arrow as well.
    size_t nth = name == job.source ? 2 : 1;
    if (!target)
      reportWord(
          job.loc, name,
          fmt::format("there is no target `{}`{}", name, didYouMean(name, endpointNames(true))),
          nth);
    else if (!target->isTarget)
      reportWord(job.loc, name, fmt::format("`{}` is a source; a job writes to targets", name),
                 nth);
    else if (!written_.insert(name).second)
      reportWord(job.loc, name, fmt::format("another job writes `{}` already", name));
  }
}

void Checker::checkBody(JobState &state, const std::vector<Statement> &body,
                        const std::vector<std::string> *forTargets) {
  for (const Statement &statement : body) {
    Location loc = statement.loc;
    if (auto *role = std::get_if<RoleStatement>(&statement.node)) {
      checkSelection(state, role->selection, forTargets);
      checkChain(role->chain, loc);
    } else if (auto *block = std::get_if<ForStatement>(&statement.node)) {
      checkFor(state, *block, loc, forTargets != nullptr);
    } else if (auto *objects = std::get_if<ObjectsStatement>(&statement.node)) {
      checkObjects(state, *objects, forTargets);
    } else if (auto *files = std::get_if<FilesStatement>(&statement.node)) {
      checkFiles(state, *files, loc, forTargets);
    } else if (auto *drop = std::get_if<DropStatement>(&statement.node)) {
      checkSelection(state, drop->selection, forTargets);
    } else if (auto *expect = std::get_if<ExpectStatement>(&statement.node)) {
      checkCondition(expect->condition, loc, *state.job);
    } else if (auto *check = std::get_if<CheckStatement>(&statement.node)) {
      checkCondition(check->condition, loc, *state.job);
      if (!check->otherwise.empty())
        checkName(loc, check->otherwise, "what to do otherwise");
    } else if (auto *only = std::get_if<OnlyStatement>(&statement.node)) {
      checkOnly(state, *only, loc, forTargets);
    } else if (auto *init = std::get_if<InitStatement>(&statement.node)) {
      checkInit(state, *init, loc);
    } else if (auto *deadline = std::get_if<DeadlineStatement>(&statement.node)) {
      checkPipelineName(deadline->pipeline, loc);
      if (state.job->verb != "restore")
        report(loc, "deadlines are for `restore`: who waits for a conversion waits for all of it");
      else if (forTargets)
        report(loc, "`deadline` holds for the whole job, not for one target");
      else if (state.hasDeadline)
        report(loc, "a job has one deadline");
      state.hasDeadline = true;
    } else if (auto *budget = std::get_if<BudgetStatement>(&statement.node)) {
      if (forTargets)
        report(loc, "a budget holds for the whole job, not for one target");
      else if (state.hasBudget)
        report(loc, "a job has one budget");
      state.hasBudget = true;
      if (budget->bytes == 0 || budget->bytes > static_cast<uint64_t>(INT64_MAX))
        report(loc, "a budget is more than nothing and at most 2^63 - 1 bytes");
    }
  }
}

std::vector<Checker::Claims *> Checker::claimsOf(JobState &state,
                                                 const std::vector<std::string> *forTargets) {
  std::vector<Claims *> out;
  if (!forTargets)
    return {&state.claims[""]};
  for (const std::string &target : *forTargets)
    out.push_back(&state.claims[target]);
  return out;
}

void Checker::checkFor(JobState &state, const ForStatement &block, Location loc, bool isNested) {
  if (isNested)
    return report(loc, "`for` cannot stand inside `for`; name all targets of a block at its head");
  if (block.targets.empty())
    report(loc, "`for` needs a target");
  if (block.targets.size() > state.job->targets.size())
    return report(loc, "`for` names more targets than this job has");
  checkTwice(loc, block.targets, "behind `for`");
  const std::vector<std::string> &known = state.job->targets;
  std::set<std::string> unique(block.targets.begin(), block.targets.end());
  for (const std::string &name : unique)
    if (std::find(known.begin(), known.end(), name) == known.end())
      reportWord(loc, name,
                 fmt::format("`{}` is no target of this job{}", name, didYouMean(name, known)));
  std::vector<std::string> targets(unique.begin(), unique.end());
  checkBody(state, block.body, &targets);
}

// Every member is laid hold of by one statement. A statement for all targets and one for a single
// target meet there, so both are looked at, whichever comes first in the text.
void Checker::checkSelection(JobState &state, const Selection &selection,
                             const std::vector<std::string> *forTargets) {
  Location loc = selection.loc;
  for (const std::string &role : selection.roles)
    if (checkName(loc, role, "a role") && role == "else")
      report(loc, "`else` cannot name a role");
  checkTwice(loc, selection.roles, "in this statement");
  if (selection.roles.size() == 1 && selection.in.empty() && !selection.paths.empty() &&
      isStatementWord(selection.roles[0]))
    report(loc, fmt::format("the role `{}` is called like a statement: name its tensors by a "
                            "pattern in quotes",
                            selection.roles[0]));
  for (const Glob &glob : selection.in)
    checkGlob(glob, loc);
  checkPaths(*state.job, selection.paths, loc);
  if (selection.isElse &&
      (!selection.roles.empty() || !selection.in.empty() || !selection.paths.empty()))
    report(loc, "`else` stands alone");
  if (!selection.isElse && selection.roles.empty())
    report(loc, "a statement needs a role");

  std::set<std::string> globs;
  for (const Glob &glob : selection.in)
    globs.insert(glob.text);
  for (const Path &path : selection.paths)
    globs.insert(path.str());
  if (globs.empty())
    globs.insert("");
  /// True if `claims` already has a member that this selection names as well, for certain.
  auto meets = [&](const Claims &claims, const std::string &role) {
    auto found = claims.roles.find(role);
    if (found == claims.roles.end() || found->second.empty())
      return false;
    const std::set<std::string> &known = found->second;
    return known.contains("") || globs.contains("") ||
           std::any_of(globs.begin(), globs.end(),
                       [&](const std::string &glob) { return known.contains(glob); });
  };
  forEachMeeting(state, forTargets, [&](const Claims &claims, std::string_view where) {
    bool found = selection.isElse && claims.elseRoles;
    if (found)
      report(loc, fmt::format("`else` stands twice {}", where));
    for (const std::string &role :
         std::set<std::string>(selection.roles.begin(), selection.roles.end()))
      if (meets(claims, role)) {
        reportWord(loc, role, fmt::format("a statement for `{}` stands twice {}", role, where));
        found = true;
      }
    return found;
  });
  for (Claims *claims : claimsOf(state, forTargets)) {
    claims->elseRoles |= selection.isElse;
    for (const std::string &role : selection.roles)
      claims->roles[role].insert(globs.begin(), globs.end());
  }
}

void Checker::checkOnly(JobState &state, const OnlyStatement &only, Location loc,
                        const std::vector<std::string> *forTargets) {
  if (forTargets)
    report(loc, "`only` holds for the whole job: what it leaves out is read for no target");
  if (only.in.empty() && only.paths.empty())
    report(loc, "`only` needs a name pattern or a path");
  for (const Glob &glob : only.in)
    checkGlob(glob, loc);
  checkPaths(*state.job, only.paths, loc);
}

void Checker::checkInit(JobState &state, const InitStatement &init, Location loc) {
  const Selection &selection = init.selection;
  for (const std::string &role : selection.roles)
    checkName(selection.loc, role, "a role");
  checkTwice(selection.loc, selection.roles, "in this statement");
  for (const Glob &glob : selection.in)
    checkGlob(glob, selection.loc);
  checkPaths(*state.job, selection.paths, selection.loc);
  if (selection.isElse)
    report(loc, "`init` names the roles that it fills");
  const Operation &value = init.value;
  if (!findWord(initWords(), value.name))
    return report(value.loc,
                  fmt::format("`{}` is nothing to fill tensors with{}; there are {}", value.name,
                              didYouMean(value.name, initWords()), listOf(initWords())));
  if (value.name != "constant")
    return checkNoArgs(value);
  if (value.args.size() != 1 || !value.args[0].name.empty())
    return report(value.loc, "`constant` takes one number, as in `constant(0.5)`");
  ExprPtr number = constant(value.args[0].value, value.loc);
  if (number && number->kind != Expr::Kind::Int && number->kind != Expr::Kind::Float)
    report(value.loc, "`constant` takes a number");
}

void Checker::checkObjects(JobState &state, const ObjectsStatement &objects,
                           const std::vector<std::string> *forTargets) {
  for (const ObjectRule &rule : objects.rules) {
    if (rule.isElse ? !rule.keys.empty() : rule.keys.empty())
      report(rule.loc, rule.isElse ? "`else` stands alone" : "a rule for objects needs a key");
    std::vector<std::string> keys;
    for (const Ref &key : rule.keys) {
      for (const std::string &part : key.parts)
        checkName(key.loc.line ? key.loc : rule.loc, part, "an object");
      if (key.parts.empty() || key.parts[0] == "else")
        report(rule.loc, "this is no key of an object");
      keys.push_back(key.str());
    }
    forEachMeeting(state, forTargets, [&](const Claims &claims, std::string_view where) {
      bool found = rule.isElse && claims.elseObjects;
      if (found)
        report(rule.loc, fmt::format("`else` stands twice among the objects {}", where));
      for (size_t i = 0; i < keys.size(); ++i)
        if (claims.objects.contains(keys[i])) {
          report(rule.keys[i].loc.line ? rule.keys[i].loc : rule.loc,
                 fmt::format("a rule for the object `{}` stands twice {}", keys[i], where));
          found = true;
        }
      return found;
    });
    std::set<std::string> unique;
    for (size_t i = 0; i < keys.size(); ++i)
      if (!unique.insert(keys[i]).second)
        report(rule.keys[i].loc.line ? rule.keys[i].loc : rule.loc,
               fmt::format("the object `{}` stands twice in this rule", keys[i]));
    for (Claims *claims : claimsOf(state, forTargets)) {
      claims->elseObjects |= rule.isElse;
      claims->objects.insert(keys.begin(), keys.end());
    }
    checkPolicy(rule.policy);
  }
}

void Checker::checkPolicy(const Operation &policy) {
  if (!findWord(objectPolicyWords(), policy.name))
    return report(policy.loc, fmt::format("`{}` is nothing to do with an object{}; there are {}",
                                          policy.name, didYouMean(policy.name, objectPolicyWords()),
                                          listOf(objectPolicyWords())));
  if (policy.name != "set")
    return checkNoArgs(policy);
  if (policy.args.size() != 1 || !policy.args[0].name.empty())
    return report(policy.loc, "`set` takes one value, as in `set(4)`");
  constant(policy.args[0].value, policy.loc);
}

void Checker::checkFiles(JobState &state, const FilesStatement &files, Location loc,
                         const std::vector<std::string> *forTargets) {
  if (files.names.empty())
    report(loc, "`files` needs a name");
  std::set<std::string> unique;
  for (const Glob &glob : files.names) {
    Location at = glob.loc.line ? glob.loc : loc;
    checkGlob(glob, loc);
    bool climbs = glob.text.starts_with('/') || glob.text == ".." || glob.text.starts_with("../") ||
                  glob.text.ends_with("/..") || glob.text.find("/../") != std::string::npos;
    if (climbs)
      report(at, "a file to copy lies inside the folder after `from`: no `..`, no leading `/`");
    if (!unique.insert(glob.text).second)
      report(at, fmt::format("\"{}\" stands twice in this statement", glob.text));
  }
  forEachMeeting(state, forTargets, [&](const Claims &claims, std::string_view where) {
    bool found = false;
    for (const Glob &glob : files.names)
      if (claims.files.contains(glob.text)) {
        report(glob.loc.line ? glob.loc : loc,
               fmt::format("\"{}\" is copied twice {}", glob.text, where));
        found = true;
      }
    return found;
  });
  for (Claims *claims : claimsOf(state, forTargets))
    claims->files.insert(unique.begin(), unique.end());
  textOf(files.from, loc, "the folder after `from`");
}

} // namespace recast::lang
