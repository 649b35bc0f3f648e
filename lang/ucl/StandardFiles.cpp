#include "lang/ucl/StandardFiles.h"

#include "lang/ucl/Link.h"

namespace recast::lang {

std::optional<std::string_view> standardFile(std::string_view path) {
  for (const StandardFile &file : embeddedFiles())
    if (file.name == path)
      return file.text;
  return std::nullopt;
}

std::vector<std::string> standardFiles() {
  std::vector<std::string> out;
  for (const StandardFile &file : embeddedFiles())
    out.emplace_back(file.name);
  return out;
}

} // namespace recast::lang
