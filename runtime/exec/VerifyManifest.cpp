#include "runtime/base/Checked.h"
#include "runtime/codec/Xxh3.h"
#include "runtime/exec/Manifest.h"
#include "runtime/exec/Stop.h"
#include "runtime/io/Directory.h"
#include "runtime/io/OutputFile.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

namespace recast::exec {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxManifest = uint64_t{1} << 30;
constexpr char kOwnFolder[] = ".recast";
constexpr size_t kChunk = size_t{256} << 10;

class Verifier {
public:
  Verifier(const std::string &folder, VerifyCounts &counts) : folder_(folder), counts_(counts) {}

  Status run();

private:
  tl::unexpected<Error> broken(std::string_view what) const {
    return fail(Error(Code::BadInput, fmt::format("the manifest is damaged: {}", what))
                    .file(manifest_)
                    .hint("Convert again."));
  }
  tl::unexpected<Error> wrong(const std::string &path, std::string_view what, uint64_t begin,
                              uint64_t end) const {
    return fail(Error(Code::Negative, std::string(what))
                    .file(shown(path))
                    .bytes(begin, end)
                    .hint("The output is not what was written: convert again or restore it from "
                          "another copy."));
  }
  std::string shown(const std::string &path) const { return fmt::format("{}/{}", folder_, path); }

  Status verifyFile(const std::string &path, const Json &entry);
  Status verifyLink(const Json &link, const std::map<std::string, const Json *> &files);
  Status verifyExtent(int fd, const std::string &path, const Json &extent, uint64_t size,
                      uint64_t &position);
  Result<uint64_t> hash(int fd, const std::string &path, uint64_t begin, uint64_t end);
  Status refuseSurplus(int folder, const std::string &prefix,
                       const std::map<std::string, const Json *> &files) const;
  Result<io::Descriptor> openSized(const std::string &path, uint64_t size) const;

  std::string folder_, manifest_;
  VerifyCounts &counts_;
  io::Descriptor root_;
  std::vector<char> buffer_ = std::vector<char>(kChunk);
};

Status Verifier::run() {
  std::string name(StagedRoot::kManifestPath);
  manifest_ = shown(name);
  root_ = io::Descriptor(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root_)
    return fail(Error(Code::BadInput, fmt::format("cannot open the folder: {}", strerror(errno)))
                    .file(folder_));
  if (::faccessat(root_.get(), name.c_str(), F_OK, 0) != 0)
    return fail(Error(Code::BadInput, "nothing to verify against: there is no manifest")
                    .file(manifest_)
                    .hint("Name the folder that holds `.recast` (for a checkpoint with tags, the "
                          "folder of the tag)."));
  RECAST_ASSIGN(std::string text, io::readFile(root_.get(), name, kMaxManifest, manifest_));
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || json.value("recast_manifest", Json()) != 1)
    return broken("not a manifest of this version");
  if (!json.contains("files") || !json["files"].is_array() || !json.contains("links") ||
      !json["links"].is_array())
    return broken("it lists no files");

  std::map<std::string, const Json *> files;
  for (const Json &entry : json["files"]) {
    if (!entry.is_object() || !entry.contains("path") || !entry["path"].is_string() ||
        !entry.contains("size") || !entry["size"].is_number_unsigned() ||
        !entry.contains("extents") || !entry["extents"].is_array())
      return broken("a file is not described");
    auto path = entry["path"].get<std::string>();
    if (!io::checkRelativePath(path) || !files.emplace(path, &entry).second)
      return broken("a file has no usable name");
    RECAST_TRY(verifyFile(path, entry));
  }
  for (const Json &link : json["links"]) {
    RECAST_TRY(verifyLink(link, files));
    files.emplace(link[0].get<std::string>(), nullptr);
  }
  if (json.value("whole_folder", Json()) == true)
    return refuseSurplus(root_.get(), "", files);
  return {};
}

/// A loader lists folders: a file that nobody wrote becomes part of the checkpoint.
Status Verifier::refuseSurplus(int folder, const std::string &prefix,
                               const std::map<std::string, const Json *> &files) const {
  std::vector<std::string> folders;
  std::string surplus;
  RECAST_TRY(io::listFolder(folder, shown(prefix), [&](const std::string &entry) {
    std::string path = prefix + entry;
    struct stat st;
    bool isFolder =
        ::fstatat(folder, entry.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
    if (isFolder && path != kOwnFolder)
      folders.push_back(entry);
    else if (!isFolder && !files.count(path))
      surplus = surplus.empty() ? path : std::min(surplus, path);
    return true;
  }));
  if (!surplus.empty())
    return fail(Error(Code::Negative, "surplus file: it was not written with the others")
                    .file(shown(surplus))
                    .hint("Move it out of the checkpoint."));
  std::sort(folders.begin(), folders.end());
  for (const std::string &entry : folders) {
    io::Descriptor sub = io::openBeneath(folder, entry, O_RDONLY | O_DIRECTORY);
    if (!sub)
      return ioError("cannot open", errno, shown(prefix + entry));
    RECAST_TRY(refuseSurplus(sub.get(), prefix + entry + "/", files));
  }
  return {};
}

Result<io::Descriptor> Verifier::openSized(const std::string &path, uint64_t size) const {
  io::Descriptor file = io::openBeneath(root_.get(), path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file && (errno == ENOENT || errno == ENOTDIR))
    return wrong(path, "the file is missing", 0, size);
  struct stat st;
  if (!file && errno == ELOOP)
    return wrong(path, "a symbolic link took the place of the file", 0, size);
  if (!file || ::fstat(file.get(), &st) != 0)
    return ioError("cannot open", errno, shown(path));
  if (!S_ISREG(st.st_mode))
    return wrong(path, "not a file any more", 0, size);
  auto found = static_cast<uint64_t>(st.st_size);
  if (found < size)
    return wrong(path, "the file is cut short", found, size);
  if (found > size)
    return wrong(path, "the file has surplus bytes", size, found);
  return file;
}

Status Verifier::verifyFile(const std::string &path, const Json &entry) {
  auto size = entry["size"].get<uint64_t>();
  RECAST_ASSIGN(io::Descriptor file, openSized(path, size));
  uint64_t position = 0;
  for (const Json &extent : entry["extents"])
    RECAST_TRY(verifyExtent(file.get(), path, extent, size, position));
  if (position != size)
    return broken(fmt::format("it does not cover '{}'", path));
  ++counts_.files;
  return {};
}

Status Verifier::verifyExtent(int fd, const std::string &path, const Json &extent, uint64_t size,
                              uint64_t &position) {
  if (!extent.is_array() || extent.size() != 3 || !extent[0].is_number_unsigned() ||
      !extent[1].is_number_unsigned() || !extent[2].is_string())
    return broken("an extent is not described");
  auto begin = extent[0].get<uint64_t>(), length = extent[1].get<uint64_t>();
  if (begin != position || !rangeInside(begin, length, size))
    return broken(fmt::format("it does not cover '{}'", path));
  auto digits = extent[2].get<std::string>();
  uint64_t expected = 0;
  auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), expected, 16);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size())
    return broken("a hash is not a number");
  position = begin + length;
  RECAST_ASSIGN(uint64_t found, hash(fd, path, begin, position));
  if (found != expected)
    return wrong(
        path,
        fmt::format("bytes changed: their hash is {:016x}, {:016x} was written", found, expected),
        begin, position);
  ++counts_.extents;
  counts_.bytes += length;
  return {};
}

Result<uint64_t> Verifier::hash(int fd, const std::string &path, uint64_t begin, uint64_t end) {
  codec::Xxh3Stream stream;
  for (uint64_t at = begin; at < end;) {
    if (stopRequested())
      return interrupted();
    size_t want = static_cast<size_t>(std::min<uint64_t>(kChunk, end - at));
    ssize_t got = ::pread(fd, buffer_.data(), want, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return fail(std::move(ioError("cannot read", errno, shown(path)).value()).bytes(at, end));
    if (got == 0)
      return wrong(path, "the file is cut short", at, end);
    stream.update(buffer_.data(), static_cast<size_t>(got));
    at += static_cast<uint64_t>(got);
  }
  return stream.digest();
}

Status Verifier::verifyLink(const Json &link, const std::map<std::string, const Json *> &files) {
  if (!link.is_array() || link.size() != 2 || !link[0].is_string() || !link[1].is_string())
    return broken("a link is not described");
  auto name = link[0].get<std::string>(), existing = link[1].get<std::string>();
  auto file = files.find(existing);
  if (!io::checkRelativePath(name) || file == files.end())
    return broken("a link leads nowhere");
  struct stat a, b;
  if (::fstatat(root_.get(), name.c_str(), &a, AT_SYMLINK_NOFOLLOW) == 0 &&
      ::fstatat(root_.get(), existing.c_str(), &b, AT_SYMLINK_NOFOLLOW) == 0 &&
      a.st_ino == b.st_ino && a.st_dev == b.st_dev)
    return {}; // The same file, verified above.
  return verifyFile(name, *file->second);
}

} // namespace

Status verifyManifest(const std::string &folder, VerifyCounts *counts) {
  VerifyCounts own;
  return Verifier(folder, counts ? *counts : own).run();
}

} // namespace recast::exec
