#include "compiler/Bind/Condition.h"

#include "compiler/Bind/Evaluate.h"
#include "compiler/Bind/SourceText.h"
#include "dialect/Ckpt/CkptDialect.h"
#include "runtime/base/NearestName.h"

#include <fmt/format.h>

namespace recast::compiler {
namespace {

using namespace recast::ir;
using plan::ObjectPtr;

plan::ObjectPtr meshObject(const layout::Mesh &mesh) {
  std::vector<std::pair<ObjectPtr, ObjectPtr>> entries;
  for (size_t i = 0; i < mesh.axes.size(); ++i)
    entries.push_back(plan::entry(mesh.axes[i], plan::integer(mesh.sizes[i])));
  return plan::dict(std::move(entries));
}

/// What `source.x` may look at.
std::map<std::string, ObjectPtr> membersOf(const format::Inventory &inventory) {
  std::map<std::string, ObjectPtr> members = inventory.properties;
  members["mesh"] = meshObject(inventory.mesh);
  members["format"] = plan::string(inventory.format);
  members["tag"] = plan::string(inventory.tag);
  members["iteration"] = inventory.iteration ? plan::integer(*inventory.iteration) : plan::none();
  return members;
}

/// Of a pipeline, a condition can look at less than one might think.
Error pipelineError(mlir::Location loc, std::string_view name, std::string_view field) {
  if (field == "lag")
    return specError(loc, fmt::format("`{}.lag` is known from the schedule, whatever the "
                                      "checkpoint is: there is nothing to check",
                                      name))
        .hint(fmt::format("`recast pipe show` prints it, and `predict(.., s = {}.lag)` uses it.",
                          name));
  return specError(loc, fmt::format("`{0}.cut` stands alone, as in `check {0}.cut == drained` or "
                                    "`check {0}.cut != drained`",
                                    name));
}

bool isOfPipeline(std::string_view base, std::string_view field, const EndpointDecl &source) {
  return base != source.name && (field == "lag" || field == "cut");
}

} // namespace

Status expectHolds(const Condition &condition, const EndpointDecl &source,
                   const format::Inventory &inventory) {
  std::map<std::string, ObjectPtr> members = membersOf(inventory);
  Names names;
  names.member = [&](const std::string &base, const std::string &field) -> Result<ObjectPtr> {
    if (isOfPipeline(base, field, source))
      return fail(pipelineError(condition.loc, base, field));
    if (base != source.name)
      return fail(specError(condition.loc,
                            fmt::format("conditions look into the source, '{}'", source.name)));
    if (auto found = members.find(field); found != members.end())
      return found->second;
    std::vector<std::string> known;
    for (const auto &[name, value] : members)
      known.push_back(name);
    return fail(specError(condition.loc, fmt::format("'{}' has no '{}'", source.name, field),
                          nearestName(field, known)));
  };
  RECAST_ASSIGN(Evaluated result, evaluate(condition.loc, condition.expression, names));
  const ObjectPtr &value = result.value;
  if (value->kind != plan::Object::Kind::Bool)
    return fail(
        specError(condition.loc, fmt::format("`expect` needs a condition, not {}", show(*value))));
  if (value->integer)
    return {};
  Error error = specError(condition.loc, fmt::format("`expect` does not hold: {}", result.witness));
  return fail(Error(Code::Negative, error.message()).file(inventory.root));
}

bool asksForStep(const Condition &condition) {
  bool asks = false;
  mlir::Attribute expression = condition.expression;
  expression.walk([&](ckpt::MemberAttr member) {
    llvm::StringRef field = member.getField();
    asks |= field == "iteration" || field == "tag" || field == "global_steps";
  });
  return asks;
}

bool asksForWeightCheck(const Condition &condition, const EndpointDecl &source) {
  auto equation = llvm::dyn_cast<ckpt::BinaryAttr>(condition.expression);
  if (!equation || equation.getOp() != "==")
    return false;
  auto role = llvm::dyn_cast<ckpt::WordAttr>(equation.getLhs());
  auto stored = llvm::dyn_cast<ckpt::MemberAttr>(equation.getRhs());
  if (!role || !stored || role.getText() != format::role::kWeight ||
      stored.getField() != format::role::kWeight)
    return false;
  auto base = llvm::dyn_cast<ckpt::WordAttr>(stored.getBase());
  return base && base.getText() == source.name;
}

Error cannotBeArmed(const Condition &check, const EndpointDecl &source) {
  Error out = specError(check.loc, fmt::format("this check cannot be armed; known are `check "
                                               "weight == {}.weight` and, of a pipeline `p`, "
                                               "`check p.cut == drained`",
                                               source.name));
  mlir::Attribute expression = check.expression;
  // What it says of a pipeline, if anything, first of all what nothing can be said of.
  for (const char *field : {"cut", "lag"})
    expression.walk([&](ckpt::MemberAttr member) {
      auto base = llvm::dyn_cast<ckpt::WordAttr>(member.getBase());
      if (base && member.getField() == field && isOfPipeline(base.getText().str(), field, source))
        out = pipelineError(check.loc, base.getText().str(), field);
    });
  return out;
}

} // namespace recast::compiler
