// The checker behind Check.h: walks a spec once and collects findings.
#pragma once

#include "lang/ast/Evaluate.h"
#include "lang/ast/ModelTensors.h"
#include "lang/ucl/Lexer.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace recast::lang {

class Checker {
public:
  Checker(const Spec &spec, std::string_view text);
  Status run();
  /// Models and views only.
  Status runLibrary();

private:
  Status checkCounts();
  Status findings() const;

  // ---- findings
  /// More findings than are shown: looking for their places would only cost time.
  bool isFull() const;
  /// A finding at `loc`; the caret underlines the token there.
  void report(Location loc, std::string message);
  /// A finding at the `nth` occurrence of `word` at or behind `loc`: positions are kept per
  /// statement, names inside are found again.
  void reportWord(Location loc, std::string_view word, std::string message, size_t nth = 1);
  bool checkName(Location loc, std::string_view name, std::string_view what);
  /// Reports names that stand twice; `what` completes "stands twice ...".
  void checkTwice(Location loc, const std::vector<std::string> &names, std::string_view what);
  void checkGlob(const Glob &glob, Location at);

  // ---- expressions (CheckExpr.cpp)
  /// What the text form could not say: null, negative numbers, conditions inside values, ...
  bool expressible(const ExprPtr &expr, Location at, bool isCondition, unsigned depth = 0);
  bool expressibleArgs(const std::vector<Arg> &args, Location at, unsigned depth);
  /// The folded value, or null after a report.
  ExprPtr constant(const ExprPtr &expr, Location at);
  /// A text, or nothing after a report.
  std::optional<std::string> textOf(const ExprPtr &expr, Location at, std::string_view what);
  void checkCondition(const ExprPtr &condition, Location at, const Job &job);
  void checkConditionNames(const Expr &expr, const Job &job);

  // ---- declarations (Check.cpp)
  void checkLets();
  void checkEndpoint(const Endpoint &endpoint);
  void checkArgs(const Endpoint &endpoint);
  void checkMesh(const Endpoint &endpoint);
  void checkSameRule(const Endpoint &endpoint, const SameRule &rule);
  /// All but pads; `use` is called for every mesh axis.
  void checkStep(const LayoutStep &step,
                 const std::function<void(const std::string &, Location)> &use);
  void checkHow(const Endpoint &endpoint);
  /// A model applied to its arguments, through `let`s; null after a report.
  const Model *modelOf(const ExprPtr &expr, Location at, unsigned depth = 0);
  /// A value that is known when a job is bound: calls of `config` and of models are let through.
  void checkDeferred(const ExprPtr &expr, Location at, unsigned depth = 0);
  /// Whether it calls something, itself or through the `let` that it names.
  bool isDeferred(const Expr &expr, unsigned depth = 0) const;
  void checkPad(const Endpoint &endpoint, const PadStep &pad, Location loc);
  std::vector<std::string> letNames() const;
  std::vector<std::string> endpointNames(bool targets) const;

  // ---- models (CheckModel.cpp)
  void checkModels();
  void checkModel(const Model &model);
  void checkModelItems(const std::vector<ModelTensor> &tensors, const std::vector<ModelItem> &items,
                       std::vector<std::string> &known, const std::vector<std::string> &dims);
  void checkModelExpr(const ExprPtr &expr, Location at, bool isCondition,
                      const std::vector<std::string> &known);
  void checkModelNames(const Expr &expr, const std::vector<std::string> &known);

  // ---- views (CheckView.cpp)
  /// The rules that a tensor of the model has.
  struct Claim {
    size_t count = 0;
    bool conditional = true;
  };
  /// What the rules of one view are held against.
  struct ViewState {
    std::vector<ModelTensor> tensors;
    std::vector<std::string> known;       ///< Their names, for "did you mean".
    std::map<std::string, size_t> byName; ///< Names of groups and tensor joined by '.'.
    std::vector<Claim> claims;            ///< Parallel to tensors.
    size_t paths = 0;                     ///< That the rules so far stand for.
  };
  void checkView(const View &view);
  void checkViewRule(const View &view, const ViewRule &rule, ViewState &state);
  void checkClaim(const View &view, const ViewRule &rule, const Path &path, ViewState &state);
  /// Reports a path that stands for more tensors than may be.
  bool checkPathCount(const Path &path, Location at);
  void checkStoredName(const ViewRule &rule, Location loc);
  /// Paths of a selection, against the models of the endpoints.
  void checkPaths(const Job &job, const std::vector<Path> &paths, Location at);

  // ---- pipelines (CheckPipeline.cpp)
  void checkPipelines();
  void checkPipeline(const Pipeline &pipeline);
  void checkPipelineAttribute(const Arg &attribute, Location at);
  void checkUpdate(const Expr &value, Location at);
  void checkWeights(const Expr &value, Location at);
  void checkAssign(const AssignRule &rule);
  /// Reports a name that no pipeline has.
  void checkPipelineName(const std::string &name, Location at);

  // ---- jobs (CheckJob.cpp)
  /// What the statements for one target, or for all, have laid hold of.
  struct Claims {
    std::map<std::string, std::set<std::string>> roles; ///< Role -> globs; "": all members.
    std::set<std::string> objects, files;
    bool elseRoles = false, elseObjects = false;
  };
  struct JobState {
    const Job *job = nullptr;
    std::map<std::string, Claims> claims; ///< Per target; "": for all.
    bool hasBudget = false, hasDeadline = false;
  };
  /// What a statement for `forTargets` (null: for all targets) adds to.
  static std::vector<Claims *> claimsOf(JobState &state,
                                        const std::vector<std::string> *forTargets);
  /// Calls `look(claims, "for `hub`")` for every set of claims that a statement for `forTargets`
  /// can contradict, until it says that it has found something.
  template <typename Look>
  static void forEachMeeting(JobState &state, const std::vector<std::string> *forTargets,
                             Look look) {
    for (const auto &[target, claims] : state.claims) {
      bool isMet = target.empty() || !forTargets ||
                   std::find(forTargets->begin(), forTargets->end(), target) != forTargets->end();
      if (isMet &&
          look(claims, target.empty() ? forTargets ? "(it is given for all targets)" : "here"
                                      : "for `" + target + "`"))
        return;
    }
  }
  void checkJob(const Job &job);
  void checkEnds(const Job &job);
  void checkBody(JobState &state, const std::vector<Statement> &body,
                 const std::vector<std::string> *forTargets);
  void checkFor(JobState &state, const ForStatement &block, Location loc, bool isNested);
  void checkSelection(JobState &state, const Selection &selection,
                      const std::vector<std::string> *forTargets);
  void checkOnly(JobState &state, const OnlyStatement &only, Location loc,
                 const std::vector<std::string> *forTargets);
  void checkInit(JobState &state, const InitStatement &init, Location loc);
  void checkObjects(JobState &state, const ObjectsStatement &objects,
                    const std::vector<std::string> *forTargets);
  void checkPolicy(const Operation &policy);
  void checkFiles(JobState &state, const FilesStatement &files, Location loc,
                  const std::vector<std::string> *forTargets);

  // ---- chains (CheckChain.cpp)
  void checkChain(const std::vector<Operation> &chain, Location loc);
  void checkOperation(const Operation &operation, bool isFirst);
  void checkCast(const Operation &cast);
  void checkSelect(const Operation &select);
  void checkPredict(const Operation &predict);
  void checkPredictValue(const Arg &arg, Location at);
  /// The value of `arg` must be one of the words.
  void checkChoice(const Arg &arg, const std::vector<std::string> &choices, Location at);
  void checkNoArgs(const Operation &operation);

  const Spec &spec_;
  SourceText source_;
  TokenList list_; ///< Of the text, to underline words.
  std::vector<std::string> findings_;
  std::set<std::string> written_;              ///< Targets of the jobs so far.
  std::map<std::string, std::string> folders_; ///< Target folder -> target.
};

} // namespace recast::lang
