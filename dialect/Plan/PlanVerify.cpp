// Verifiers of single ops. What ties ops together (numbers of layouts, stores, strings) is checked
// where a module becomes a plan, by the same code that checks artifacts.
#include "dialect/Plan/PlanDialect.h"
#include "runtime/layout/Layout.h"
#include "runtime/recipe/Recipe.h"

using namespace mlir;

namespace recast::ir::plan {

LogicalResult StringsOp::verify() {
  if (failed(verifyTable(*this, "table of lengths", getLengths(), {Cell::U32})))
    return failure();
  return verifyTexts(*this, getLengths(), 0, getBytes());
}

LogicalResult FilesOp::verify() {
  if (failed(verifyTable(*this, "table of files", getRows(),
                         {Cell::Index, Cell::Any, Cell::Any, Cell::U32})))
    return failure();
  return verifyTexts(*this, getRows(), 3, getPaths());
}

LogicalResult RecordsOp::verify() {
  return verifyTable(*this, "table of records", getRows(),
                     {Cell::Index, Cell::Any, Cell::Any, Cell::U32});
}

LogicalResult ExtentsOp::verify() {
  return verifyTable(*this, "table of extents", getRows(), {Cell::Index, Cell::Any, Cell::Count});
}

LogicalResult StoresOp::verify() {
  return verifyTable(*this, "table of stores", getRows(), {Cell::Index, Cell::U32});
}

LogicalResult DeadlinesOp::verify() {
  return verifyTable(*this, "table of deadlines", getRows(),
                     {Cell::Index, Cell::Index, Cell::Index, Cell::Any});
}

LogicalResult LeftOutOp::verify() {
  if (bool(getObject()) != bool(getChange()))
    return emitOpError() << "says one of object and change, not both";
  if (bool(getRole()) != bool(getRoleChange()) || bool(getRole()) != bool(getTensors()))
    return emitOpError() << "says some of role, change and number of tensors, not all";
  if (auto tensors = getTensors(); tensors && *tensors > UINT32_MAX) // Negative ones, too.
    return emitOpError() << "is of " << static_cast<int64_t>(*tensors)
                         << " tensors, which is not between 0 and 2^32 - 1";
  if (getObject() && getRole())
    return emitOpError() << "is of an object and of a role";
  if (bool(getTarget()) != (getObject() || getRole()))
    return emitOpError() << "names a target for an object or a role, and for nothing else";
  return success();
}

LogicalResult LayoutOp::verify() {
  std::string text = getText().str();
  auto parsed = layout::Layout::parse(text);
  if (!parsed)
    return emitOpError() << "does not read as a layout: " << parsed.error().message();
  if (std::string canonical = parsed->str(); canonical != text)
    return emitOpError() << "is not in canonical form, which is \"" << canonical << "\"";
  return success();
}

LogicalResult TargetOp::verify() {
  if (auto aliases = getAliasesAttr())
    if (failed(verifyTable(*this, "table of aliases", aliases, {Cell::Index, Cell::Index})))
      return failure();
  if (auto kept = getKeptFilesAttr())
    if (failed(verifyTable(*this, "table of kept files", kept, {Cell::Index})))
      return failure();
  if (getRank() && static_cast<int32_t>(*getRank()) < 0)
    return emitOpError() << "has the rank " << static_cast<int32_t>(*getRank());
  // The text form has all three or none; the generic form could have any.
  if (bool(getGroupHyperAttr()) != bool(getGroupSizesAttr()) ||
      bool(getGroupHyperAttr()) != bool(getGroupNamesAttr()))
    return emitOpError() << "groups need hyper-parameters, sizes and names together";
  if (!getGroupHyperAttr())
    return success();
  if (failed(verifyTable(*this, "table of names in groups", getGroupNamesAttr(), {Cell::Index})))
    return failure();
  if (getGroupHyperAttr().size() != static_cast<size_t>(getGroupSizesAttr().size()))
    return emitOpError() << "has " << getGroupHyperAttr().size() << " groups with "
                         << getGroupSizesAttr().size() << " sizes";
  int64_t left = getGroupNamesAttr().getType().getDimSize(0);
  for (int64_t size : getGroupSizesAttr().asArrayRef()) {
    if (size < 0 || size > left)
      return emitOpError() << "a group of " << size << " names, where " << left << " are left";
    left -= size;
  }
  if (left != 0)
    return emitOpError() << left << " names belong to no group";
  return success();
}

LogicalResult FamilyOp::verify() {
  for (int64_t extent : getShape())
    if (extent < 0)
      return emitOpError() << "has the extent " << extent << " in its shape";

  std::string text = getRecipe().str();
  auto recipe = recipe::Recipe::parse(text);
  if (!recipe)
    return emitOpError() << "does not read as a recipe: " << recipe.error().message();
  if (std::string canonical = recipe->str(); canonical != text)
    return emitOpError() << "recipe is not in canonical form, which is \"" << canonical << "\"";
  if (recipe->inputCount() != getInputs().size() || recipe->outputCount() != getOutputs().size())
    return emitOpError() << "has " << getInputs().size() << " inputs and " << getOutputs().size()
                         << " outputs, its recipe " << recipe->inputCount() << " and "
                         << recipe->outputCount();
  for (auto [slot, input] : llvm::enumerate(getInputs().getAsRange<InputAttr>()))
    if (recipe->inputType(slot) != input.getDtype())
      return emitOpError() << "input " << slot << " is " << llvm::StringRef(name(input.getDtype()))
                           << ", its recipe loads "
                           << llvm::StringRef(name(recipe->inputType(slot)));
  for (auto [slot, output] : llvm::enumerate(getOutputs().getAsRange<OutputAttr>()))
    if (recipe->outputType(slot) != output.getDtype())
      return emitOpError() << "output " << slot << " is "
                           << llvm::StringRef(name(output.getDtype())) << ", its recipe stores "
                           << llvm::StringRef(name(recipe->outputType(slot)));

  size_t wanted = 1 + 4 * getInputs().size() + 3 * getOutputs().size();
  if (static_cast<size_t>(getMembers().getType().getDimSize(1)) != wanted)
    return emitOpError() << "has a table of " << getMembers().getType().getDimSize(1)
                         << " columns, " << getInputs().size() << " inputs and "
                         << getOutputs().size() << " outputs need " << wanted;
  llvm::SmallVector<Cell> cells{Cell::Index};
  for (size_t i = 0; i < getInputs().size(); ++i)
    cells.append({Cell::MaybeIndex, Cell::Any, Cell::Any, Cell::Index});
  cells.append(3 * getOutputs().size(), Cell::Index);
  return verifyTable(*this, "table of members", getMembers(), cells);
}

} // namespace recast::ir::plan
