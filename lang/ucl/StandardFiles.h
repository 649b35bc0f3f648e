// The standard library as it is compiled in. Private to this folder.
#pragma once

#include <span>
#include <string_view>

namespace recast::lang {

struct StandardFile {
  std::string_view name, text;
};
std::span<const StandardFile> embeddedFiles();

} // namespace recast::lang
