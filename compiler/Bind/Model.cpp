#include "compiler/Bind/Model.h"

#include "compiler/Bind/Evaluate.h"
#include "compiler/Bind/SourceText.h"
#include "runtime/base/Checked.h"
#include "runtime/base/NearestName.h"
#include "runtime/format/read/ConfigFile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace recast::compiler {
namespace {

using namespace recast::ir;
using plan::ObjectPtr;
using Kind = plan::Object::Kind;

/// Far above any model; a configuration may ask for anything.
constexpr size_t kMaxTensors = size_t{1} << 22;

class Binder {
public:
  Binder(ckpt::ModelOp op, std::map<std::string, ObjectPtr> params) : op_(op) {
    known_ = std::move(params);
    names_.word = [this](const std::string &word) { return lookUp(word); };
    out_.name = op.getSymName().str();
  }

  Result<BoundModel> run() {
    for (auto dim : op_.getBody().front().getOps<ckpt::DimOp>())
      dims_[dim.getName().str()] = dim;
    for (auto &[name, dim] : dims_) {
      RECAST_ASSIGN(ObjectPtr value, lookUp(name));
      if (value->kind == Kind::Int)
        out_.dims[name] = value->integer;
    }
    RECAST_TRY(items(op_.getBody().front(), {}, {}));
    for (size_t i = 0; i < out_.tensors.size(); ++i)
      out_.byName[out_.tensors[i].name] = static_cast<uint32_t>(i);
    for (auto &[tensor, tied] : ties_)
      RECAST_TRY(tie(tensor, tied));
    return std::move(out_);
  }

private:
  /// A parameter, index or dimension; dimensions are worked out when they are first asked for.
  Result<ObjectPtr> lookUp(const std::string &word) {
    if (auto found = known_.find(word); found != known_.end())
      return found->second;
    auto dim = dims_.find(word);
    if (dim == dims_.end())
      return ObjectPtr();
    if (!open_.insert(word).second)
      return fail(specError(dim->second.getLoc(),
                            fmt::format("dimension '{}' is defined by itself", word)));
    RECAST_ASSIGN(Evaluated result, evaluate(dim->second.getLoc(), dim->second.getSize(), names_));
    open_.erase(word);
    RECAST_TRY(isExtent(*result.value, fmt::format("dimension '{}'", word), dim->second.getLoc()));
    known_[word] = result.value;
    return result.value;
  }

  static Status isExtent(const plan::Object &value, const std::string &what, mlir::Location loc) {
    if (value.kind == Kind::Int && value.integer >= 0)
      return {};
    if (value.isNone())
      return fail(Error(Code::BadInput,
                        specError(loc, fmt::format("{} is missing: its configuration does not say "
                                                   "it",
                                                   what))
                            .message())
                      .hint("Is this the config.json of such a model?"));
    return fail(specError(
        loc, fmt::format("{} is {}, which is no whole number of at least 0", what, show(value))));
  }

  Result<bool> holds(std::optional<mlir::Attribute> condition, mlir::Location loc) {
    if (!condition)
      return true;
    RECAST_ASSIGN(Evaluated result, evaluate(loc, *condition, names_));
    if (result.value->kind != Kind::Bool)
      return fail(specError(
          loc, fmt::format("a condition must be true or false, not {}", show(*result.value))));
    return result.value->integer != 0;
  }

  Status items(mlir::Block &block, const std::vector<std::string> &groups,
               const std::vector<int64_t> &indices) {
    for (mlir::Operation &item : block) {
      if (auto tensor = llvm::dyn_cast<ckpt::TensorOp>(item))
        RECAST_TRY(add(tensor, groups, indices));
      if (auto group = llvm::dyn_cast<ckpt::GroupOp>(item))
        RECAST_TRY(each(group, groups, indices));
    }
    return {};
  }

  Status each(ckpt::GroupOp group, std::vector<std::string> groups, std::vector<int64_t> indices) {
    RECAST_ASSIGN(Evaluated below, evaluate(group.getLoc(), group.getBelow(), names_));
    RECAST_TRY(isExtent(*below.value,
                        fmt::format("the number of members of '{}'", group.getName().str()),
                        group.getLoc()));
    std::string index = group.getIndex().str();
    groups.push_back(group.getName().str());
    indices.push_back(0);
    // One member at least is walked for its declarations, which paths refer to.
    for (int64_t i = 0; i < below.value->integer; ++i) {
      indices.back() = i;
      known_[index] = plan::integer(i);
      RECAST_TRY(items(group.getBody().front(), groups, indices));
    }
    known_.erase(index);
    return {};
  }

  uint32_t declOf(ckpt::TensorOp op, const std::vector<std::string> &groups) {
    auto [entry, isNew] =
        decls_.try_emplace(op.getOperation(), static_cast<uint32_t>(out_.decls.size()));
    if (isNew) {
      TensorDecl decl{groups, op.getName().str(), {}};
      for (auto axis : op.getAxes().getAsRange<mlir::StringAttr>()) {
        llvm::SmallVector<llvm::StringRef> words;
        axis.getValue().split(words, ' ', -1, false);
        decl.axes.emplace_back(words.begin(), words.end());
      }
      out_.decls.push_back(std::move(decl));
    }
    return entry->second;
  }

  Status add(ckpt::TensorOp op, const std::vector<std::string> &groups,
             const std::vector<int64_t> &indices) {
    uint32_t decl = declOf(op, groups);
    RECAST_ASSIGN(bool exists, holds(op.getCondition(), op.getLoc()));
    if (!exists)
      return {};
    if (out_.tensors.size() >= kMaxTensors)
      return fail(specError(op.getLoc(), "the model has more tensors than are bound"));
    LogicalTensor tensor;
    std::string name;
    for (size_t i = 0; i < groups.size(); ++i)
      name += fmt::format("{}[{}].", groups[i], indices[i]);
    tensor.name = name + op.getName().str();
    tensor.decl = decl;
    tensor.indices = indices;
    for (const auto &axis : out_.decls[decl].axes) {
      int64_t extent = 1;
      for (const std::string &factor : axis) {
        auto dim = out_.dims.find(factor);
        auto next = dim == out_.dims.end() ? std::nullopt : checkedMul(extent, dim->second);
        if (!next)
          return fail(specError(op.getLoc(), fmt::format("axis '{}' of {} has no size that fits",
                                                         factor, tensor.name)));
        extent = *next;
      }
      tensor.shape.push_back(extent);
    }
    auto id = static_cast<uint32_t>(out_.tensors.size());
    if (op.getTied()) {
      RECAST_ASSIGN(bool tied, holds(op.getWhen(), op.getLoc()));
      if (tied)
        ties_.emplace_back(id, op);
    }
    out_.byIndex[{decl, indices}] = id;
    out_.tensors.push_back(std::move(tensor));
    return {};
  }

  Status tie(uint32_t id, ckpt::TensorOp op) {
    LogicalTensor &tensor = out_.tensors[id];
    RECAST_ASSIGN(PathMatch match, out_.match(*op.getTied(), op.getLoc()));
    size_t depth = out_.decls[match.packs[0][0]].groups.size();
    std::vector<int64_t> indices(
        tensor.indices.begin(),
        tensor.indices.begin() + static_cast<ptrdiff_t>(std::min(depth, tensor.indices.size())));
    auto other = out_.byIndex.find({match.packs[0][0], indices});
    if (other == out_.byIndex.end() || out_.tensors[other->second].shape != tensor.shape)
      return fail(specError(op.getLoc(), fmt::format("{} cannot be tied to {}: there is no such "
                                                     "tensor of its shape",
                                                     tensor.name, pathText(*op.getTied()))));
    tensor.tiedTo = other->second;
    return {};
  }

  ckpt::ModelOp op_;
  Names names_;
  std::map<std::string, ObjectPtr> known_;
  std::map<std::string, ckpt::DimOp> dims_;
  std::set<std::string> open_;
  llvm::DenseMap<mlir::Operation *, uint32_t> decls_;
  std::vector<std::pair<uint32_t, ckpt::TensorOp>> ties_;
  BoundModel out_;
};

} // namespace

std::string pathText(ckpt::PathAttr path) {
  std::string out;
  for (ckpt::SegmentAttr segment : path.getSegments()) {
    if (!out.empty())
      out += '.';
    std::vector<std::string> members;
    if (segment.getMembers())
      for (auto member : segment.getMembers().getAsRange<mlir::StringAttr>())
        members.push_back(member.str());
    if (segment.getName())
      out += segment.getName().str() +
             (segment.getIndex() ? fmt::format("[{}]", segment.getIndex().str()) : "");
    else if (segment.getIndex())
      out += fmt::format("{{{}: {}}}", segment.getIndex().str(), fmt::join(members, " "));
    else
      out += fmt::format("[{}]", fmt::join(members, ", "));
  }
  return out;
}

Result<PathMatch> BoundModel::match(ckpt::PathAttr path, mlir::Location loc) const {
  // Every way through the segments, as names; packs multiply inside, choices outside.
  struct Way {
    std::vector<std::vector<std::string>> names; ///< Per member of the pack.
    std::map<std::string, std::string> choice;
  };
  std::vector<Way> ways{{{{}}, {}}};
  PathMatch out;
  for (ckpt::SegmentAttr segment : path.getSegments()) {
    if (segment.getName()) {
      for (Way &way : ways)
        for (auto &names : way.names)
          names.push_back(segment.getName().str());
      out.indices.push_back(segment.getIndex() ? segment.getIndex().str() : "");
      continue;
    }
    std::vector<Way> next;
    for (const Way &way : ways) {
      Way pack{{}, way.choice};
      for (auto member : segment.getMembers().getAsRange<mlir::StringAttr>()) {
        Way one = way;
        for (auto &names : one.names)
          names.push_back(member.str());
        if (segment.getIndex()) {
          one.choice[segment.getIndex().str()] = member.str();
          next.push_back(std::move(one));
        } else {
          pack.names.insert(pack.names.end(), one.names.begin(), one.names.end());
        }
      }
      if (!segment.getIndex())
        next.push_back(std::move(pack));
    }
    ways = std::move(next);
    out.indices.push_back("");
  }
  out.indices.pop_back(); // The last segment is the tensor's own name.
  for (const Way &way : ways) {
    std::vector<uint32_t> pack;
    for (const auto &names : way.names) {
      auto found = std::find_if(decls.begin(), decls.end(), [&](const TensorDecl &decl) {
        return decl.groups.size() + 1 == names.size() && decl.name == names.back() &&
               std::equal(decl.groups.begin(), decl.groups.end(), names.begin());
      });
      if (found != decls.end())
        pack.push_back(static_cast<uint32_t>(found - decls.begin()));
      else if (way.names.size() > 1)
        pack.push_back(static_cast<uint32_t>(decls.size())); // Groups of no members declare none.
    }
    if (std::find(pack.begin(), pack.end(), decls.size()) != pack.end())
      pack.clear();
    out.packs.push_back(std::move(pack));
    out.choices.push_back(way.choice);
  }
  return out;
}

layout::AxisMap BoundModel::axesOf(uint32_t decl) const {
  layout::AxisMap map;
  for (const auto &axis : decls[decl].axes) {
    std::vector<layout::Factor> &dim = map.stored.emplace_back();
    for (const std::string &factor : axis) {
      dim.push_back({factor, {}});
      map.sizes[factor] = dims.at(factor);
    }
  }
  return map;
}

std::vector<char> BoundModel::named(llvm::ArrayRef<ckpt::PathAttr> paths) const {
  std::vector<char> out(decls.size(), 0);
  for (ckpt::PathAttr path : paths) {
    if (auto found = match(path, mlir::UnknownLoc::get(path.getContext())))
      for (const std::vector<uint32_t> &pack : found->packs)
        for (uint32_t decl : pack)
          out[decl] = 1;
    // `layer[l]`, a group: only groups have an index.
    llvm::ArrayRef<ckpt::SegmentAttr> segments = path.getSegments();
    if (!segments.back().getName() || !segments.back().getIndex())
      continue;
    for (size_t decl = 0; decl < decls.size(); ++decl) {
      const std::vector<std::string> &groups = decls[decl].groups;
      bool isIn = groups.size() >= segments.size();
      for (size_t i = 0; isIn && i < segments.size(); ++i)
        isIn = segments[i].getName() && segments[i].getName().getValue() == groups[i];
      out[decl] |= isIn;
    }
  }
  return out;
}

Result<BoundModel> bindModel(mlir::ModuleOp module, ckpt::ModelOp op, mlir::Attribute application,
                             mlir::Location loc) {
  auto call = llvm::dyn_cast<ckpt::CallAttr>(application);
  if (!call || call.getCallee() != op.getSymName())
    return fail(specError(
        loc, fmt::format("this is no application of the model '{}'", op.getSymName().str())));
  if (call.getArgs().size() != op.getParams().size())
    return fail(specError(loc, fmt::format("the model '{}' takes {} arguments, not {}",
                                           op.getSymName().str(), op.getParams().size(),
                                           call.getArgs().size())));
  std::vector<std::string> configs;
  Names names;
  names.call = [&](const std::string &callee,
                   const std::vector<ObjectPtr> &args) -> Result<ObjectPtr> {
    if (callee != "config")
      return ObjectPtr();
    if (args.size() != 1 || args[0]->kind != Kind::String)
      return fail(specError(loc, "`config` takes the name of one JSON file"));
    configs.push_back(args[0]->text);
    return format::readConfig(args[0]->text);
  };
  std::map<std::string, ObjectPtr> params;
  for (auto [param, arg] :
       llvm::zip_equal(op.getParams().getAsRange<mlir::StringAttr>(), call.getArgs())) {
    RECAST_ASSIGN(Evaluated value, evaluate(loc, arg, names));
    params[param.str()] = std::move(value.value);
  }
  RECAST_ASSIGN(BoundModel model, Binder(op, std::move(params)).run());
  model.configs = std::move(configs);
  return model;
}

} // namespace recast::compiler
