#include "compiler/Bind/AssignTensors.h"

#include "compiler/Bind/Glob.h"
#include "compiler/Bind/SourceText.h"
#include "compiler/Schedule/Assign.h"
#include "runtime/base/Checked.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace recast::compiler {
namespace {

using namespace recast::ir;

/// A name that rules may speak of: of a tensor, or tied to one.
struct Subject {
  Name shown, stored, canonical;
  std::optional<uint32_t> decl; ///< With a model.
  std::vector<int64_t> indices;

  /// The layer it is of, if any: its number, and what stands before that in the name.
  struct Layer {
    int64_t number = 0;
    std::string_view stack;
  };
  std::optional<Layer> layer() const {
    if (!indices.empty())
      return Layer{indices.front(), std::string_view(shown).substr(0, shown.str().find('['))};
    std::string_view rest = stored;
    while (!rest.empty()) {
      std::string_view part = rest.substr(0, rest.find('.'));
      int64_t number = 0;
      auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
      if (error == std::errc() && end == part.data() + part.size() && number >= 0)
        return Layer{number, std::string_view(stored).substr(0, stored.str().size() - rest.size())};
      rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    }
    return std::nullopt;
  }
};

std::vector<Subject> subjectsOf(const Ends &ends) {
  std::vector<Subject> out;
  std::unordered_set<Name> seen;
  for (size_t i = 0; i < ends.source.tensors.size(); ++i) {
    Name name = ends.source.tensors[i].name;
    if (!seen.insert(name).second)
      continue;
    Subject subject{name, ends.storedNames[i], name, {}, {}};
    if (ends.model) {
      const LogicalTensor &logical = ends.model->tensors[ends.model->byName.at(name)];
      subject.decl = logical.decl;
      subject.indices = logical.indices;
    }
    out.push_back(std::move(subject));
  }
  for (const auto &[alias, canonical] : ends.source.aliases)
    if (seen.contains(canonical))
      out.push_back({alias, alias, canonical, {}, {}});
  if (ends.model)
    for (const LogicalTensor &logical : ends.model->tensors)
      if (logical.tiedTo && seen.contains(ends.model->tensors[*logical.tiedTo].name))
        out.push_back({logical.name, logical.name, ends.model->tensors[*logical.tiedTo].name,
                       logical.decl, logical.indices});
  return out;
}

class Assigner {
public:
  Assigner(pipe::ScheduleOp op, const Ends &ends, int32_t stages)
      : op_(op), name_(op.getSymName().str()), ends_(ends), subjects_(subjectsOf(ends)),
        stages_(stages), owner_(subjects_.size(), -1) {
    for (const format::Tensor &tensor : ends.source.tensors)
      elements_.try_emplace(tensor.name,
                            static_cast<double>(elementCount(tensor.shape).value_or(0)));
  }

  Result<std::vector<std::vector<int32_t>>> run() {
    if (!op_.getAssign())
      return fail(bad("says no `assign { .. }`: which stage has which tensors?"));
    for (auto rule : op_.getAssign()->getAsRange<pipe::AssignAttr>())
      RECAST_TRY(apply(rule));
    RECAST_TRY(placeLayers());
    std::unordered_map<Name, std::set<int32_t>> owners;
    for (size_t s = 0; s < subjects_.size(); ++s) {
      if (owner_[s] >= 0)
        owners[subjects_[s].canonical].insert(owner_[s]);
      else if (subjects_[s].shown == subjects_[s].canonical)
        return fail(Error(bad("gives no stage to a tensor"))
                        .tensor(subjects_[s].shown)
                        .hint("Name it in `assign { .. }`."));
    }
    RECAST_TRY(checkEmpty());
    std::vector<std::vector<int32_t>> out;
    for (const format::Tensor &tensor : ends_.source.tensors) {
      const std::set<int32_t> &of = owners.at(tensor.name);
      out.emplace_back(of.begin(), of.end());
    }
    return out;
  }

private:
  Error bad(std::string_view what) {
    return specError(op_.getLoc(), fmt::format("pipeline `{}` {}", name_, what));
  }

  /// A stage that holds nothing is a rule that was forgotten, or one stage too many.
  Status checkEmpty() {
    for (int32_t stage = 0; stage < stages_; ++stage)
      if (std::find(owner_.begin(), owner_.end(), stage) == owner_.end())
        return fail(
            bad(fmt::format("leaves stage {} of {} without a tensor", stage, stages_))
                .hint("Give it some in `assign { .. }`, or take fewer stages (ranks x chunks)."));
    return {};
  }

  Status give(size_t subject, int32_t stage) {
    if (owner_[subject] >= 0 || layers_.contains(subject))
      return fail(
          Error(bad("gives a tensor to two rules of `assign`")).tensor(subjects_[subject].shown));
    owner_[subject] = stage;
    return {};
  }

  Status apply(pipe::AssignAttr rule) {
    std::vector<ckpt::PathAttr> paths;
    for (auto path : rule.getPaths().getAsRange<ckpt::PathAttr>())
      paths.push_back(path);
    if (!paths.empty() && !ends_.model)
      return fail(bad("assigns paths of a model, and the source is `as same`: use names"));
    for (ckpt::PathAttr path : paths) {
      std::vector<char> named = ends_.model->named(path);
      if (std::find(named.begin(), named.end(), 1) == named.end())
        return fail(bad(fmt::format("assigns `{}`, of which the model '{}' has no tensor",
                                    pathText(path), ends_.model->name)));
    }
    std::vector<char> decls = paths.empty() ? std::vector<char>() : ends_.model->named(paths);
    std::set<std::string> absent;
    for (auto glob : rule.getNames().getAsRange<mlir::StringAttr>())
      absent.insert(glob.str());
    for (size_t s = 0; s < subjects_.size(); ++s) {
      const Subject &subject = subjects_[s];
      bool means = !decls.empty() && subject.decl && decls[*subject.decl];
      for (auto glob : rule.getNames().getAsRange<mlir::StringAttr>())
        if (globMatches({glob.data(), glob.size()}, subject.stored)) {
          means = true;
          absent.erase(glob.str());
        }
      if (means)
        RECAST_TRY(place(s, rule.getHow()));
    }
    if (!absent.empty())
      return fail(bad(fmt::format("assigns \"{}\", which is no tensor of '{}'", *absent.begin(),
                                  ends_.source.root)));
    return {};
  }

  Status place(size_t subject, mlir::Attribute how) {
    auto word = llvm::dyn_cast<ckpt::WordAttr>(how);
    if (word && word.getText() == "first")
      return give(subject, 0);
    if (word && word.getText() == "last")
      return give(subject, stages_ - 1);
    if (auto call = llvm::dyn_cast<ckpt::CallAttr>(how); call && call.getCallee() == "stage") {
      int64_t stage = llvm::cast<mlir::IntegerAttr>(call.getArgs()[0]).getInt();
      if (stage >= stages_)
        return fail(bad(fmt::format("assigns to stage {}; it has {}", stage, stages_)));
      return give(subject, static_cast<int32_t>(stage));
    }
    auto layer = subjects_[subject].layer();
    if (!layer)
      return fail(Error(bad("assigns by layers a tensor that is of none"))
                      .tensor(subjects_[subject].shown)
                      .hint("Give it to `first`, `last` or `stage(n)`."));
    if (layers_.empty())
      stack_ = layer->stack;
    if (layer->stack != stack_)
      return fail(
          Error(bad(fmt::format("deals out layers of two stacks, `{}` and `{}`: their numbers "
                                "do not say which comes first",
                                stack_, layer->stack)))
              .tensor(subjects_[subject].shown)
              .hint("Give one of them to `first`, `last` or `stage(n)`."));
    bool uniform = bool(word);
    if (!layers_.empty() && uniform != uniform_)
      return fail(bad("assigns some layers by number and some by cost"));
    uniform_ = uniform;
    if (owner_[subject] >= 0 || !layers_.emplace(subject, layer->number).second)
      return fail(
          Error(bad("gives a tensor to two rules of `assign`")).tensor(subjects_[subject].shown));
    return {};
  }

  /// Deals the layers out; what is pinned to an end counts there.
  Status placeLayers() {
    if (layers_.empty())
      return {};
    std::map<int64_t, double> costOf;
    for (auto [subject, layer] : layers_)
      costOf[layer] += elements_.at(subjects_[subject].canonical);
    std::vector<double> costs;
    std::map<int64_t, int32_t> position;
    for (auto [layer, cost] : costOf) {
      position[layer] = static_cast<int32_t>(costs.size());
      costs.push_back(cost);
    }
    schedule::AssignInput input;
    input.layers = costs;
    input.stages = stages_;
    for (size_t s = 0; s < subjects_.size(); ++s)
      if (owner_[s] == 0)
        input.first += elements_.at(subjects_[s].canonical);
      else if (owner_[s] == stages_ - 1)
        input.last += elements_.at(subjects_[s].canonical);
    auto assignment = uniform_ ? schedule::assignUniformly(input) : schedule::assignByCost(input);
    if (!assignment)
      return fail(bad(fmt::format("cannot be dealt out: {}", assignment.error().message())));
    for (auto [subject, layer] : layers_)
      owner_[subject] = assignment->stageOf(position.at(layer));
    return {};
  }

  pipe::ScheduleOp op_;
  std::string name_;
  const Ends &ends_;
  std::vector<Subject> subjects_;
  int32_t stages_;
  std::vector<int32_t> owner_;       ///< By subject; -1: none yet.
  std::map<size_t, int64_t> layers_; ///< Subjects that are dealt out by layer.
  bool uniform_ = false;
  std::string_view stack_; ///< What stands before the number in names of layers that are dealt out.
  std::unordered_map<Name, double> elements_; ///< By canonical name.
};

} // namespace

Result<std::vector<std::vector<int32_t>>> assignTensors(pipe::ScheduleOp op, const Ends &ends,
                                                        int32_t stages) {
  return Assigner(op, ends, stages).run();
}

} // namespace recast::compiler
