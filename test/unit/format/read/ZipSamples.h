// Small zip and torch files, sound or broken on purpose.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace recast::format::test {

/// A zip member for `zipOf`; unset fields are made right.
struct SampleMember {
  std::string name = {}, payload = {};
  std::optional<uint32_t> crc = {};
  std::optional<uint32_t> offset = {}; ///< Written to the directory instead of the true one.
  uint16_t method = 0, flags = 0;
  std::string localName = {}; ///< Empty: `name`.
};
/// A small stored zip file, as hostile as its members say.
std::string zipOf(const std::vector<SampleMember> &members);
/// A torch file around one pickle.
std::string torchFileOf(const std::string &pickle);

} // namespace recast::format::test
