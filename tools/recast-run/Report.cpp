#include "tools/recast-run/Report.h"

#include "runtime/base/Text.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

namespace recast::tools {
namespace {

/// Of this program alone: getrusage would count the one that became it by exec.
uint64_t peakResidentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (uint64_t kib = 0; word == "VmHWM:" && status >> kib)
      return kib * 1024;
  return 0;
}

double ratio(const exec::Report &report) {
  uint64_t unique = report.bytesNeeded + report.bytesForChecks;
  return unique == 0 ? 1.0 : static_cast<double>(report.bytesRead) / static_cast<double>(unique);
}

/// The first few of `items`, and how many more there are.
std::string firstOf(const std::vector<std::string> &items) {
  constexpr size_t kShown = 8;
  std::vector<std::string> shown(items.begin(),
                                 items.begin() + std::min<ptrdiff_t>(std::ssize(items), kShown));
  std::string out = fmt::format("{}", fmt::join(shown, ", "));
  return items.size() > kShown ? fmt::format("{} and {} more", out, items.size() - kShown) : out;
}

} // namespace

std::string reportText(const exec::Report &report, const capi::Instance &instance,
                       const plan::Plan &plan) {
  std::string out;
  auto line = [&out](std::string_view label, const std::string &text) {
    out += fmt::format("  {:<9} {}\n", label, text);
  };
  // Without the equals sign: an earlier run read the rest, or some bytes were read twice.
  uint64_t unique = report.bytesNeeded + report.bytesForChecks;
  line("read",
       fmt::format("{} {} {} for data + {} for checks{}", bytesText(report.bytesRead),
                   report.bytesRead == unique ? "=" : "of", bytesText(report.bytesNeeded),
                   bytesText(report.bytesForChecks),
                   report.bytesKept ? "" : fmt::format("; read / unique = {:.2f}", ratio(report))));
  if (report.resumed)
    line("resumed", "an earlier run was killed while its output became visible: that was finished");
  if (report.bytesKept)
    line("resumed", fmt::format("{} were staged by an earlier run and were used",
                                bytesText(report.bytesKept)));
  line("written", instance.program.inMemory()
                      ? fmt::format("{} into memory", bytesText(report.bytesWritten))
                      : fmt::format("{} in {} files, no temporary copies",
                                    bytesText(report.bytesWritten), report.filesWritten));
  for (const plan::TargetEndpoint &target : plan.targets) {
    std::vector<std::string> copied;
    for (const plan::SideFile &file : target.sideFiles)
      copied.push_back(file.name);
    if (!copied.empty())
      line("copied", fmt::format("{} for '{}'", firstOf(copied), target.name));
  }
  std::map<std::string, std::vector<std::string>> leftOut; // By reason.
  for (const plan::LeftOut &item : plan.leftOut)
    leftOut[item.why].push_back(item.what);
  for (const auto &[why, what] : leftOut)
    line("left out", fmt::format("{}: {}", why, firstOf(what)));
  if (report.recordsVerified + report.recordsSkipped + report.elementsChecked == 0)
    line("checked", "sizes and times of the sources; they carry no checksums");
  else
    line("checked",
         fmt::format("{} source checksums, {} elements of cast(master) == weight{}",
                     report.recordsVerified, report.elementsChecked,
                     report.recordsSkipped
                         ? fmt::format("; {} checksums not checked (records read in part)",
                                       report.recordsSkipped)
                         : ""));
  line("memory", fmt::format("{} in slots, peak {} with the program", bytesText(report.slotBytes),
                             bytesText(peakResidentBytes())));
  double rate = report.seconds > 0 ? static_cast<double>(report.bytesWritten) / report.seconds : 0;
  line("time",
       fmt::format("{:.2f} s ({}/s written), flush {:.2f} s; kernels: {}", report.seconds,
                   bytesText(static_cast<uint64_t>(rate)), report.flushSeconds,
                   report.kernels.empty() ? "none needed"
                                          : fmt::format("{}", fmt::join(report.kernels, ", "))));
  for (const std::string &note : instance.notes)
    line("note", note);
  for (const std::string &folder : report.leftovers)
    line("note", fmt::format("{} is from a run of another plan that did not end: run it again to "
                             "go on with it, or remove it",
                             folder));
  return out;
}

std::string reportJson(const exec::Report &report, const capi::Instance &instance,
                       std::span<const exec::ReadyTensor> ready) {
  nlohmann::json json{{"bytes_read", report.bytesRead},
                      {"bytes_needed", report.bytesNeeded},
                      {"bytes_for_checks", report.bytesForChecks},
                      {"read_over_unique", ratio(report)},
                      {"bytes_written", report.bytesWritten},
                      {"files_written", report.filesWritten},
                      {"records_verified", report.recordsVerified},
                      {"records_skipped", report.recordsSkipped},
                      {"elements_checked", report.elementsChecked},
                      {"resumed", report.resumed},
                      {"bytes_kept", report.bytesKept},
                      {"leftovers", report.leftovers},
                      {"slot_bytes", report.slotBytes},
                      {"peak_resident_bytes", peakResidentBytes()},
                      {"seconds", report.seconds},
                      {"flush_seconds", report.flushSeconds},
                      {"kernels", report.kernels},
                      {"notes", instance.notes}};
  for (const exec::ReadyTensor &tensor : ready) {
    exec::TensorLabel label = instance.program.label(tensor.tensor);
    nlohmann::json entry{{"tensor", label.name},
                         {"role", label.role},
                         {"dtype", name(label.dtype)},
                         {"shape", label.shape}};
    if (tensor.digest)
      entry["digest"] = tensor.digest->str();
    json["tensors"].push_back(std::move(entry));
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace recast::tools
