// The .ucl files of the repository, for tests that look at every one of them. RECAST_ROOT is its
// folder.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace recast::lang::test {

/// `name` is relative to the root; empty if there is no such file.
inline std::string repositoryText(const std::string &name) {
  std::ifstream file(RECAST_ROOT "/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// All of them below `folder`, sorted.
inline std::vector<std::string> textsIn(const std::string &folder) {
  std::vector<std::string> out;
  std::filesystem::path root(RECAST_ROOT);
  for (const auto &entry : std::filesystem::recursive_directory_iterator(root / folder))
    if (entry.path().extension() == ".ucl")
      out.push_back(std::filesystem::relative(entry.path(), root).string());
  std::sort(out.begin(), out.end());
  return out;
}

inline std::vector<std::string> standardTexts() { return textsIn("lang/std"); }

inline std::vector<std::string> repositoryTexts() {
  std::vector<std::string> out = standardTexts();
  for (const char *folder : {"examples", "bench", "test"})
    for (std::string &name : textsIn(folder))
      out.push_back(std::move(name));
  return out;
}

} // namespace recast::lang::test
