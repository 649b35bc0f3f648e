#include "compiler/Bind/SideFiles.h"

#include "compiler/Bind/Glob.h"
#include "compiler/Bind/SourceText.h"
#include "runtime/base/NearestName.h"
#include "runtime/io/File.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <map>

namespace recast::compiler {
namespace {

/// Names of files are no dotted paths: '*' is any run of characters here.
std::string crossingDots(const std::string &glob) {
  std::string out;
  for (char c : glob)
    if (c != '*')
      out += c;
    else if (!out.ends_with("**"))
      out += "**";
  return out;
}

} // namespace

Result<std::vector<plan::SideFile>> sideFiles(const Job &job, uint32_t target) {
  std::map<std::string, plan::SideFile> found;
  for (const FilesRule &rule : job.files) {
    if (std::find(rule.targets.begin(), rule.targets.end(), target) == rule.targets.end())
      continue;
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(rule.from, error), end; !error && entry != end;
         entry.increment(error))
      if (entry->is_regular_file())
        names.push_back(entry->path().filename().string());
    if (error)
      return fail(
          specError(rule.loc, fmt::format("cannot list \"{}\": {}", rule.from, error.message())));
    std::sort(names.begin(), names.end());
    for (const std::string &glob : rule.globs) {
      std::string pattern = crossingDots(glob);
      bool any = false;
      for (const std::string &name : names) {
        if (!globMatches(pattern, name))
          continue;
        any = true;
        std::string path = rule.from + "/" + name;
        RECAST_ASSIGN(io::FileInfo file, io::statFile(path));
        found[name] = {path, name, file.size, file.mtimeNs};
      }
      if (!any && isLiteral(glob))
        return fail(specError(rule.loc, fmt::format("\"{}\" is not in \"{}\"", glob, rule.from),
                              nearestName(glob, names)));
    }
  }
  std::vector<plan::SideFile> out;
  for (auto &[name, file] : found)
    out.push_back(std::move(file));
  return out;
}

} // namespace recast::compiler
