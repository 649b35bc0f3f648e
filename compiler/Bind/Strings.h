// The string table of a plan, filled while binding.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace recast::compiler {

class Strings {
public:
  uint32_t id(const std::string &text) {
    auto [entry, isNew] = ids_.try_emplace(text, static_cast<uint32_t>(list_.size()));
    if (isNew)
      list_.push_back(text);
    return entry->second;
  }
  std::vector<std::string> take() { return std::move(list_); }

private:
  std::unordered_map<std::string, uint32_t> ids_;
  std::vector<std::string> list_;
};

} // namespace recast::compiler
