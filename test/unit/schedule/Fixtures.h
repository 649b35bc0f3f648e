// Files that the frameworks wrote (test/data/schedules; its README says how).
#pragma once

#include "compiler/Schedule/Generate.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace recast::schedule {

inline std::string fixture(const std::string &file) {
  std::ifstream in(RECAST_TEST_DATA "/schedules/" + file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A file, and what makes the same schedule here.
struct Sample {
  std::string file, stem, kind;
  Shape shape;
};

/// The files whose names end in `ending`; "torch_GPipe_p2_v1_m4" is the stem of one.
inline std::vector<Sample> samples(const std::string &ending) {
  const std::map<std::string, std::string> kinds = {
      {"torch_1F1B", "1f1b"},
      {"torch_GPipe", "gpipe"},
      {"torch_Interleaved1F1B", "interleaved"},
      {"torch_InterleavedZeroBubble", "interleaved-zb"},
      {"torch_LoopedBFS", "looped-bfs"},
      {"torch_ZBVZeroBubble", "zb-v"},
      {"torch_DualPipeV", "dualpipe-v"},
      {"megatron", "interleaved"},
      {"deepspeed_TrainSchedule", "1f1b"},
      {"deepspeed_DualPipeVSchedule", "dualpipe-v"},
  };
  std::regex name(R"((\w+?)_p(\d+)(?:_v(\d+))?_m(\d+)(?:_g(\d+))?)");
  std::vector<Sample> out;
  for (const auto &entry : std::filesystem::directory_iterator(RECAST_TEST_DATA "/schedules")) {
    std::string file = entry.path().filename().string();
    if (!file.ends_with(ending))
      continue;
    std::string stem = file.substr(0, file.size() - ending.size());
    std::smatch match;
    if (!std::regex_match(stem, match, name) || !kinds.contains(match[1]))
      continue;
    std::string kind = kinds.at(match[1]);
    int32_t chunks = match[3].matched ? std::stoi(match[3]) : kind == "dualpipe-v" ? 2 : 1;
    Shape shape{std::stoi(match[2]), chunks, std::stoi(match[4]), 0};
    if (match[5].matched) {
      shape.group = std::stoi(match[5]);
      // Without several chunks Megatron runs another function.
      if (shape.chunks == 1)
        kind = "1f1b", shape.group = 0;
    }
    out.push_back({file, stem, kind, shape});
  }
  return out;
}

} // namespace recast::schedule
