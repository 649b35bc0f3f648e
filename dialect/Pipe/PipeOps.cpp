#include "dialect/Pipe/PipeDialect.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "dialect/Pipe/PipeOps.cpp.inc"

namespace recast::ir::pipe {
namespace {

bool isNumber(Attribute value, int64_t least) {
  auto number = dyn_cast<IntegerAttr>(value);
  return number && number.getType().isInteger(64) && number.getInt() >= least &&
         number.getInt() < INT32_MAX;
}

/// `every(n)` or the word `flush`.
bool isUpdate(Attribute value) {
  if (auto word = dyn_cast<ckpt::WordAttr>(value))
    return word.getText() == "flush";
  auto call = dyn_cast<ckpt::CallAttr>(value);
  return call && call.getCallee() == "every" && call.getArgs().size() == 1 &&
         isNumber(call.getArgs()[0], 1);
}

bool isWeights(Attribute value) {
  if (auto word = dyn_cast<ckpt::WordAttr>(value))
    return llvm::is_contained({"latest", "stash", "double_buffer", "predict"}, word.getText());
  auto call = dyn_cast<ckpt::CallAttr>(value);
  if (!call || call.getCallee() != "predict")
    return false;
  // predict(adamw, s = derived), predict(s = 3)
  return llvm::all_of(llvm::enumerate(call.getArgs()), [](auto element) {
    auto named = dyn_cast<ckpt::ArgAttr>(element.value());
    if (!named)
      return element.index() == 0 && isa<ckpt::WordAttr>(element.value());
    return named.getName() == "s" &&
           (isa<ckpt::WordAttr>(named.getValue()) || isNumber(named.getValue(), 0));
  });
}

bool isListOf(Attribute value, llvm::function_ref<bool(Attribute)> isOne) {
  auto list = dyn_cast<ArrayAttr>(value);
  return list ? llvm::all_of(list, isOne) : isOne(value);
}

/// What is wrong with an argument, or nothing.
StringRef wrongWith(StringRef name, Attribute value) {
  if (llvm::is_contained({"ranks", "chunks", "microbatches", "group"}, name))
    return isNumber(value, 1) ? "" : "is a whole number of at least 1";
  if (name == "schedule")
    return isa<ckpt::WordAttr, StringAttr>(value) ? "" : "is the name of a kind";
  if (name == "ties") {
    auto word = dyn_cast<ckpt::WordAttr>(value);
    return word && word.getText() == "synced" ? "" : "is `synced`";
  }
  if (name == "update")
    return isUpdate(value) ? "" : "is `flush` or `every(n)`";
  if (name == "weights")
    return isWeights(value) ? "" : "is latest, stash, double_buffer or predict(..)";
  if (name == "cost")
    return isListOf(value, [](Attribute one) { return isa<ckpt::ArgAttr>(one); })
               ? ""
               : "says times by name";
  if (name == "actions")
    return isListOf(value, [](Attribute one) { return isa<StringAttr>(one); })
               ? ""
               : "is a text per rank";
  if (name == "rank_of")
    return isListOf(value, [](Attribute one) { return isNumber(one, 0); })
               ? ""
               : "says the rank of every stage";
  return "is unknown";
}

} // namespace

Attribute ScheduleOp::getArg(StringRef name) {
  for (auto arg : getArgs().getAsRange<ckpt::ArgAttr>())
    if (arg.getName() == name)
      return arg.getValue();
  return {};
}

int64_t ScheduleOp::getNumber(StringRef name, int64_t otherwise) {
  auto number = llvm::dyn_cast_if_present<IntegerAttr>(getArg(name));
  return number ? number.getInt() : otherwise;
}

LogicalResult ScheduleOp::verify() {
  llvm::StringSet<> seen;
  for (Attribute attr : getArgs()) {
    auto arg = dyn_cast<ckpt::ArgAttr>(attr);
    if (!arg)
      return emitOpError() << "argument " << attr << " has no name";
    if (!seen.insert(arg.getName()).second)
      return emitOpError() << "argument `" << arg.getName() << "` stands twice";
    StringRef wrong = wrongWith(arg.getName(), arg.getValue());
    if (!wrong.empty())
      return emitOpError() << "argument `" << arg.getName() << "` " << wrong;
  }
  for (StringRef needed : {"ranks", "microbatches"})
    if (!seen.contains(needed))
      return emitOpError() << "does not say `" << needed << "`";
  if (!seen.contains("schedule") && !seen.contains("actions"))
    return emitOpError("does not say `schedule`");
  if (seen.contains("actions") != seen.contains("rank_of"))
    return emitOpError("says `actions` and `rank_of` together");
  if (seen.contains("actions") && seen.contains("group"))
    return emitOpError("says `group`, of which lists are generated, and has `actions`");
  return success();
}

LogicalResult ListsOp::verify() {
  if (!isNumber(getMicrobatchesAttr(), 1))
    return emitOpError("`microbatches` is a whole number of at least 1");
  if (getUpdate() && !isNumber(getUpdateAttr(), 1))
    return emitOpError("`update` is a whole number of at least 1");
  if (getWeights() && !isWeights(*getWeights()))
    return emitOpError("`weights` is latest, stash, double_buffer or predict(..)");
  auto ranks = static_cast<int32_t>(getActions().size());
  llvm::SmallVector<bool> has(getActions().size());
  for (int32_t rank : getRankOf()) {
    if (rank < 0 || rank >= ranks)
      return emitOpError() << "has a stage on rank " << rank << " of " << ranks;
    has[static_cast<size_t>(rank)] = true;
  }
  for (size_t rank = 0; rank < has.size(); ++rank)
    if (!has[rank])
      return emitOpError() << "has a list for rank " << rank << ", which has no stage";
  return success();
}

} // namespace recast::ir::pipe
