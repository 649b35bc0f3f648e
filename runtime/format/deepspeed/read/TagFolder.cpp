#include "runtime/format/deepspeed/read/TagFolder.h"

#include "runtime/format/Printable.h"
#include "runtime/io/File.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

namespace recast::format::deepspeed {
namespace {
namespace fs = std::filesystem;

bool isFolder(const std::string &path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

/// Sub-folders that hold checkpoint files: what the user could have meant.
std::vector<std::string> tagsBelow(const std::string &root) {
  std::vector<std::string> tags;
  std::error_code error;
  fs::directory_iterator entries(root, error), end;
  for (; !error && entries != end; entries.increment(error)) {
    std::error_code ignored;
    if (!entries->is_directory(ignored))
      continue;
    auto files = listCheckpoint(entries->path().string());
    if (files && !files->empty())
      tags.push_back(entries->path().filename().string());
  }
  std::sort(tags.begin(), tags.end());
  return tags;
}

std::string listed(const std::vector<std::string> &names) {
  constexpr size_t kShown = 8;
  std::string out;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i)
    out += (i ? ", " : "") + printable(names[i]);
  if (names.size() > kShown)
    out += fmt::format(" and {} more", names.size() - kShown);
  return out;
}

bool isFolderName(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

} // namespace

Result<std::string> readPointer(const std::string &path) {
  RECAST_ASSIGN(std::string text, io::readWhole(path, 4096));
  size_t end = text.find_last_not_of(" \t\r\n");
  text.resize(end == std::string::npos ? 0 : end + 1);
  if (!isFolderName(text))
    return fail(
        Error(Code::BadInput, fmt::format("'{}' is not the name of a folder", printable(text)))
            .file(path));
  return text;
}

Result<TagFolder> findTagFolder(const std::string &path, const ReadOptions &options) {
  TagFolder out;
  out.root = path;
  while (out.root.size() > 1 && out.root.back() == '/')
    out.root.pop_back();
  if (!isFolder(out.root))
    return fail(Error(Code::BadInput, "no such folder").file(path));
  RECAST_ASSIGN(out.files, listCheckpoint(out.root));
  std::string own = fs::path(out.root).filename().string();
  if (!out.files.empty() && (options.tag.empty() || options.tag == own)) {
    std::error_code error;
    fs::path absolute = fs::absolute(out.root, error).lexically_normal();
    out.tag = absolute.has_filename() ? absolute.filename().string()
                                      : absolute.parent_path().filename().string();
    return out;
  }

  out.tag = options.tag;
  std::string from = "as asked for";
  if (out.tag.empty()) {
    std::string pointer = out.root + "/latest";
    std::error_code error;
    if (!fs::exists(pointer, error)) {
      std::vector<std::string> tags = tagsBelow(out.root);
      Error missing(Code::BadInput, "no DeepSpeed checkpoint here: neither a file 'latest' nor any "
                                    "*_model_states.pt or *_optim_states.pt");
      std::string hint = tags.empty() ? "Give the folder that was passed to save_checkpoint."
                                      : fmt::format("Give a tag with --tag: {}.", listed(tags));
      return fail(std::move(missing).file(path).hint(hint));
    }
    RECAST_ASSIGN(out.tag, readPointer(pointer));
    from = "named by 'latest'";
  }
  if (!isFolderName(out.tag))
    return usage(fmt::format("the tag '{}' is not the name of a folder", printable(out.tag)));
  out.prefix = out.tag + "/";
  auto noFiles = [&](std::string_view what) {
    std::vector<std::string> tags = tagsBelow(out.root);
    Error error(Code::BadInput, fmt::format("{} '{}' ({})", what, printable(out.tag), from));
    std::string hint = tags.empty() ? "No other folder here holds checkpoint files."
                                    : fmt::format("Tags with files here: {}.", listed(tags));
    return fail(std::move(error).file(path).hint(hint));
  };
  if (!isFolder(out.folder()))
    return noFiles("no folder");
  RECAST_ASSIGN(out.files, listCheckpoint(out.folder()));
  if (out.files.empty())
    return noFiles("no *_model_states.pt or *_optim_states.pt in the folder");
  return out;
}

} // namespace recast::format::deepspeed
