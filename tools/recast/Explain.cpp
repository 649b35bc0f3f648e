#include "tools/recast/Explain.h"

#include "runtime/base/Text.h"
#include "runtime/capi/Instantiate.h"
#include "tools/recast/ExplainDeadlines.h"
#include "tools/recast/HowExecuted.h"
#include "tools/recast/Why.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace recast::tools {
namespace {

double readRatio(const capi::Forecast &forecast) {
  uint64_t unique = forecast.loadBytes + forecast.checkBytes;
  return unique == 0 ? 1.0 : static_cast<double>(forecast.readBytes) / static_cast<double>(unique);
}

std::string familyLine(const plan::Plan &plan, const plan::Family &family) {
  std::vector<std::string> inputs, outputs;
  for (const plan::Input &input : family.inputs)
    inputs.push_back(fmt::format("{} [{}]", name(input.dtype), plan.layouts[input.layout].str()));
  for (size_t o = 0; o < family.outputs.size(); ++o) {
    const layout::Layout &layout = plan.layouts[family.outputs[o].layout];
    outputs.push_back(
        fmt::format("{} {} {}{}", plan.targets[family.outputs[o].target].name,
                    plan.strings[family.memberOutputs[o].role], name(family.outputs[o].dtype),
                    layout.mesh.rankCount() > 1 ? fmt::format(" [{}]", layout.str()) : ""));
  }
  return fmt::format("  {:>5} x ({})  {}  ->  {}{}\n", family.memberCount(),
                     fmt::join(family.shape, ", "), fmt::join(inputs, " + "),
                     outputs.empty() ? "nothing" : fmt::format("{}", fmt::join(outputs, ", ")),
                     family.recipe.checkCount() ? "  [checked: cast(master) == weight]" : "");
}

void addReasons(std::string &out, const std::vector<Reason> &reasons) {
  for (const Reason &reason : reasons) {
    std::string amount = amountText(reason);
    out += fmt::format("        {} {:<22} {}{}\n", reason.isApplied ? '+' : '-', reason.rewrite,
                       reason.text, amount.empty() ? "" : fmt::format("  [{}]", amount));
  }
}

std::string whyText(const plan::Plan &plan, const Why &why) {
  std::string out = "\nwhy: + was done, - was not\n";
  for (size_t f = 0; f < plan.families.size(); ++f) {
    out += familyLine(plan, plan.families[f]);
    addReasons(out, why.families[f]);
  }
  out += "  the whole plan\n";
  addReasons(out, why.plan);
  return out;
}

nlohmann::json reasonsJson(const std::vector<Reason> &reasons) {
  nlohmann::json out = nlohmann::json::array();
  for (const Reason &reason : reasons)
    out.push_back({{"applied", reason.isApplied},
                   {"rewrite", reason.rewrite},
                   {"text", reason.text},
                   {"read_bytes", reason.readBytes},
                   {"temporary_bytes", reason.temporaryBytes},
                   {"table_bytes", reason.tableBytes}});
  return out;
}

} // namespace

std::string proofsText(const PlanOrJob &loaded) {
  std::string out;
  for (const compiler::Proof &proof : loaded.proofs)
    out += fmt::format("  proved   {}\n", proof.statement);
  return out;
}

std::string memoryText(const plan::Plan &plan, const exec::MemoryForecast &memory) {
  return fmt::format("{} in slots and {} of tables{}", bytesText(memory.slots),
                     bytesText(memory.tables),
                     plan.budget ? fmt::format(", within the budget of {}", bytesText(plan.budget))
                                 : "; no budget was given");
}

Result<std::string> explainText(const PlanOrJob &loaded, bool why) {
  const plan::Plan &plan = loaded.plan;
  RECAST_ASSIGN(capi::Instance instance, capi::instantiate(plan));
  const capi::Forecast &forecast = instance.forecast;
  std::string out;
  for (const plan::SourceEndpoint &source : plan.sources)
    out +=
        fmt::format("source {} = {} {} {}\n", source.name, source.format, source.path, source.tag);
  for (const plan::TargetEndpoint &target : plan.targets)
    out += fmt::format("target {} = {}{}{}\n", target.name, target.format,
                       target.path.empty() ? "" : " ", target.path);
  out += fmt::format("plan {:016x} (schema {:016x}), budget {}\n\n", plan.instanceFingerprint,
                     plan.schemaFingerprint, plan.budget ? bytesText(plan.budget) : "default");
  out += fmt::format("{} families\n", plan.families.size());
  for (const plan::Family &family : plan.families)
    out += familyLine(plan, family);
  out += fmt::format("\nread     {} = {} for data + {} for checks; read / unique = {:.2f}\n",
                     bytesText(forecast.readBytes), bytesText(forecast.loadBytes),
                     bytesText(forecast.checkBytes), readRatio(forecast));
  out += fmt::format("written  {} in {} files, no temporary copies\n",
                     bytesText(forecast.writtenBytes), forecast.targetFiles);
  out += fmt::format("checks   {} source checksums whole, {} in part only; {} elements compared\n",
                     forecast.recordsWhole, forecast.recordsPartial, forecast.checkedElements);
  out += fmt::format("memory   {}\n", memoryText(plan, forecast.memory));
  out += deadlinesText(plan, instance);
  device::cpu::KernelFinder kernels(device::cpu::KernelFinder::Cache::Use);
  for (const recipe::Recipe &slice : instance.program.slices)
    out += fmt::format("kernel   {}: {}\n", slice.str(), howExecuted(slice, kernels));
  for (const plan::LeftOut &item : plan.leftOut)
    out += fmt::format("left out {}: {}\n", item.what, item.why);
  out += "\n" + proofsText(loaded);
  for (const std::string &note : loaded.notes)
    out += fmt::format("  note     {}\n", note);
  instance.notes.insert(instance.notes.end(), kernels.notes().begin(), kernels.notes().end());
  for (const std::string &note : instance.notes)
    out += fmt::format("  note     {}\n", note);
  if (why) {
    RECAST_ASSIGN(Why reasons, whyOf(loaded, instance, kernels));
    out += whyText(plan, reasons);
  }
  if (!loaded.boundIr.empty())
    out += fmt::format("\n// ---- declared\n{}\n// ---- bound\n{}\n// ---- plan\n{}",
                       loaded.declaredIr, loaded.boundIr, loaded.planIr);
  return out;
}

Result<std::string> explainJson(const PlanOrJob &loaded, bool why) {
  const plan::Plan &plan = loaded.plan;
  RECAST_ASSIGN(capi::Instance instance, capi::instantiate(plan));
  const capi::Forecast &forecast = instance.forecast;
  nlohmann::json json{{"families", plan.families.size()},
                      {"instance_fingerprint", fmt::format("{:016x}", plan.instanceFingerprint)},
                      {"schema_fingerprint", fmt::format("{:016x}", plan.schemaFingerprint)},
                      {"bytes_read", forecast.readBytes},
                      {"bytes_needed", forecast.loadBytes},
                      {"bytes_for_checks", forecast.checkBytes},
                      {"read_over_unique", readRatio(forecast)},
                      {"bytes_written", forecast.writtenBytes},
                      {"files_written", forecast.targetFiles},
                      {"records_whole", forecast.recordsWhole},
                      {"records_partial", forecast.recordsPartial},
                      {"elements_checked", forecast.checkedElements},
                      {"slot_bytes", forecast.memory.slots},
                      {"table_bytes", forecast.memory.tables},
                      {"budget", plan.budget}};
  device::cpu::KernelFinder kernels(device::cpu::KernelFinder::Cache::Use);
  for (const recipe::Recipe &slice : instance.program.slices)
    json["kernels"].push_back({{"recipe", slice.str()}, {"by", howExecuted(slice, kernels)}});
  if (!plan.deadlines.empty())
    for (size_t root = 0; root < instance.program.roots.size(); ++root)
      for (const Due &due : dueOf(instance, static_cast<int>(root)))
        json["deadlines"].push_back({{"target", instance.program.roots[root].endpoint},
                                     {"time", due.time},
                                     {"bytes", due.bytes},
                                     {"bytes_until_then", due.sum},
                                     {"roles", due.roles}});
  for (const compiler::Proof &proof : loaded.proofs)
    json["proofs"].push_back(proof.statement);
  for (const plan::LeftOut &item : plan.leftOut)
    json["left_out"].push_back(item.what + ": " + item.why);
  if (why) {
    RECAST_ASSIGN(Why reasons, whyOf(loaded, instance, kernels));
    nlohmann::json families = nlohmann::json::array();
    for (size_t f = 0; f < plan.families.size(); ++f)
      families.push_back({{"members", plan.families[f].memberCount()},
                          {"shape", plan.families[f].shape},
                          {"recipe", plan.families[f].recipe.str()},
                          {"reasons", reasonsJson(reasons.families[f])}});
    json["why"] = {{"families", families}, {"plan", reasonsJson(reasons.plan)}};
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace recast::tools
