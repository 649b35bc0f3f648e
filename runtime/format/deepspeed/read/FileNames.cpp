#include "runtime/format/deepspeed/read/FileNames.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <tuple>

namespace recast::format::deepspeed {
namespace {

bool eat(std::string_view &text, std::string_view prefix) {
  if (!text.starts_with(prefix))
    return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool eatNumber(std::string_view &text, int64_t &out) {
  size_t digits = text.find_first_not_of("0123456789");
  digits = std::min(digits, text.size());
  // Nine digits: more ranks than any machine, fewer than overflow.
  if (digits == 0 || digits > 9)
    return false;
  std::from_chars(text.data(), text.data() + digits, out);
  text.remove_prefix(digits);
  return true;
}

constexpr std::string_view kZeroPrefixes[] = {"bf16_zero_pp_rank_", "fp16_zero_pp_rank_",
                                              "zero_pp_rank_"};

} // namespace

CheckpointFile parseFileName(const std::string &name) {
  CheckpointFile file;
  file.name = name;
  std::string_view rest = name;
  if (eat(rest, "mp_rank_")) {
    if (eatNumber(rest, file.mp) && rest == "_model_states.pt")
      file.kind = FileKind::ModelStates;
    return file;
  }
  for (std::string_view prefix : kZeroPrefixes) {
    if (!eat(rest, prefix))
      continue;
    if (!eatNumber(rest, file.dp) || !eat(rest, "_mp_rank_") || !eatNumber(rest, file.mp))
      return file;
    // Old versions left an underscore out.
    if (rest == "_optim_states.pt" || rest == "optim_states.pt")
      file.kind = FileKind::OptimStates;
    else if (rest == "_model_states.pt")
      file.kind = FileKind::Zero3ModelStates;
    return file;
  }
  if (!rest.ends_with(".pt"))
    return file;
  if (rest.starts_with("expert_") || rest.starts_with("expp_rank_") ||
      (rest.starts_with("layer_") && rest.find("_expert_") != std::string_view::npos))
    file.kind = FileKind::Expert;
  else if (rest.starts_with("layer_") && rest.ends_with("states.pt"))
    file.kind = FileKind::Layer;
  return file;
}

Result<std::vector<CheckpointFile>> listCheckpoint(const std::string &folder) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error), end;
  if (error)
    return ioError("cannot list the folder", error.value(), folder);
  std::vector<CheckpointFile> files;
  for (; entries != end; entries.increment(error)) {
    std::error_code ignored; // A link to nowhere is found when it is opened.
    if (entries->is_directory(ignored))
      continue;
    CheckpointFile file = parseFileName(entries->path().filename().string());
    if (file.kind != FileKind::Other)
      files.push_back(std::move(file));
  }
  if (error)
    return ioError("cannot list the folder", error.value(), folder);
  std::sort(files.begin(), files.end(), [](const CheckpointFile &a, const CheckpointFile &b) {
    return std::tie(a.kind, a.mp, a.dp, a.name) < std::tie(b.kind, b.mp, b.dp, b.name);
  });
  return files;
}

std::string withRank(const CheckpointFile &file, int64_t dp) {
  constexpr std::string_view kMarker = "zero_pp_rank_";
  size_t begin = file.name.find(kMarker) + kMarker.size();
  size_t end = file.name.find_first_not_of("0123456789", begin);
  return file.name.substr(0, begin) + std::to_string(dp) + file.name.substr(end);
}

} // namespace recast::format::deepspeed
