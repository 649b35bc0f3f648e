#include "runtime/base/Checked.h"
#include "runtime/codec/Xxh3.h"
#include "runtime/exec/Manifest.h"
#include "runtime/exec/ManifestStream.h"
#include "runtime/exec/Stop.h"
#include "runtime/io/Directory.h"
#include "runtime/io/OutputFile.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <sys/stat.h>

namespace recast::exec {
namespace {

constexpr char kOwnFolder[] = ".recast";
constexpr size_t kChunk = size_t{256} << 10;

class Verifier : public ManifestVisitor {
public:
  Verifier(const std::string &folder, VerifyCounts &counts) : folder_(folder), counts_(counts) {}

  Status run();

private:
  tl::unexpected<Error> broken(std::string_view what) const {
    return brokenManifest(what, manifest_);
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

  void wholeFolder() override { isWhole_ = true; }
  Status beginFile(const std::string &path, uint64_t size) override;
  Status extent(const Json &extent) override;
  Status endFile() override;
  Status link(const Json &link) override;
  Status compare(const std::string &name, const std::string &existing, uint64_t size);
  Result<size_t> readChunk(int fd, char *buffer, const std::string &path, uint64_t begin,
                           uint64_t end);
  Result<uint64_t> hash(int fd, const std::string &path, uint64_t begin, uint64_t end);
  Status refuseSurplus(int folder, const std::string &prefix) const;
  Result<io::Descriptor> openSized(const std::string &path, uint64_t size) const;

  std::string folder_, manifest_;
  VerifyCounts &counts_;
  io::Descriptor root_;
  bool isWhole_ = false;
  /// Sizes of what was verified; every name is one of a file that is there.
  std::map<std::string, uint64_t> files_;
  std::string path_; ///< Of the file whose extents come.
  io::Descriptor file_;
  uint64_t size_ = 0, position_ = 0;
  std::vector<char> buffer_ = std::vector<char>(kChunk), other_ = buffer_;
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
  RECAST_TRY(readManifest(root_.get(), manifest_, *this));
  return isWhole_ ? refuseSurplus(root_.get(), "") : Status();
}

/// A loader lists folders: a file that nobody wrote becomes part of the checkpoint.
Status Verifier::refuseSurplus(int folder, const std::string &prefix) const {
  std::vector<std::string> folders;
  std::string surplus;
  RECAST_TRY(io::listFolder(folder, shown(prefix), [&](const std::string &entry) {
    std::string path = prefix + entry;
    struct stat st;
    bool isFolder =
        ::fstatat(folder, entry.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
    if (isFolder && path != kOwnFolder)
      folders.push_back(entry);
    else if (!isFolder && !files_.contains(path))
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
    RECAST_TRY(refuseSurplus(sub.get(), prefix + entry + "/"));
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

Status Verifier::beginFile(const std::string &path, uint64_t size) {
  if (!io::checkRelativePath(path) || files_.contains(path))
    return broken("a file has no usable name");
  RECAST_ASSIGN(file_, openSized(path, size));
  path_ = path;
  size_ = size;
  position_ = 0;
  return {};
}

Status Verifier::endFile() {
  if (position_ != size_)
    return broken(fmt::format("it does not cover '{}'", path_));
  files_.emplace(path_, size_);
  ++counts_.files;
  return {};
}

Status Verifier::extent(const Json &extent) {
  if (!extent.is_array() || extent.size() != 3 || !extent[0].is_number_unsigned() ||
      !extent[1].is_number_unsigned() || !extent[2].is_string())
    return broken("an extent is not described");
  auto begin = extent[0].get<uint64_t>(), length = extent[1].get<uint64_t>();
  if (begin != position_ || !rangeInside(begin, length, size_))
    return broken(fmt::format("it does not cover '{}'", path_));
  auto digits = extent[2].get<std::string>();
  uint64_t expected = 0;
  auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), expected, 16);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size())
    return broken("a hash is not a number");
  position_ = begin + length;
  RECAST_ASSIGN(uint64_t found, hash(file_.get(), path_, begin, position_));
  if (found != expected)
    return wrong(
        path_,
        fmt::format("bytes changed: their hash is {:016x}, {:016x} was written", found, expected),
        begin, position_);
  ++counts_.extents;
  counts_.bytes += length;
  return {};
}

/// Some of the bytes of [begin, end), at least one.
Result<size_t> Verifier::readChunk(int fd, char *buffer, const std::string &path, uint64_t begin,
                                   uint64_t end) {
  while (true) {
    if (stopRequested())
      return interrupted();
    size_t want = static_cast<size_t>(std::min<uint64_t>(kChunk, end - begin));
    ssize_t got = ::pread(fd, buffer, want, static_cast<off_t>(begin));
    if (got > 0)
      return static_cast<size_t>(got);
    if (got == 0)
      return wrong(path, "the file is cut short", begin, end);
    if (errno != EINTR)
      return fail(std::move(ioError("cannot read", errno, shown(path)).value()).bytes(begin, end));
  }
}

Result<uint64_t> Verifier::hash(int fd, const std::string &path, uint64_t begin, uint64_t end) {
  codec::Xxh3Stream stream;
  while (begin < end) {
    RECAST_ASSIGN(size_t got, readChunk(fd, buffer_.data(), path, begin, end));
    stream.update(buffer_.data(), got);
    begin += got;
  }
  return stream.digest();
}

Status Verifier::link(const Json &link) {
  if (!link.is_array() || link.size() != 2 || !link[0].is_string() || !link[1].is_string())
    return broken("a link is not described");
  auto name = link[0].get<std::string>(), existing = link[1].get<std::string>();
  auto file = files_.find(existing);
  if (!io::checkRelativePath(name) || file == files_.end())
    return broken("a link leads nowhere");
  uint64_t size = file->second;
  struct stat a, b;
  bool isSame = ::fstatat(root_.get(), name.c_str(), &a, AT_SYMLINK_NOFOLLOW) == 0 &&
                ::fstatat(root_.get(), existing.c_str(), &b, AT_SYMLINK_NOFOLLOW) == 0 &&
                a.st_ino == b.st_ino && a.st_dev == b.st_dev;
  if (!isSame) { // A copy counts by its bytes.
    RECAST_TRY(compare(name, existing, size));
    ++counts_.files;
    counts_.bytes += size;
  }
  files_.emplace(name, size);
  return {};
}

/// `existing` was verified: `name` has to have the same bytes.
Status Verifier::compare(const std::string &name, const std::string &existing, uint64_t size) {
  RECAST_ASSIGN(io::Descriptor mine, openSized(name, size));
  RECAST_ASSIGN(io::Descriptor theirs, openSized(existing, size));
  for (uint64_t at = 0; at < size;) {
    RECAST_ASSIGN(size_t got, readChunk(mine.get(), buffer_.data(), name, at, size));
    for (uint64_t begin = at; at < begin + got;) {
      RECAST_ASSIGN(size_t part, readChunk(theirs.get(), other_.data(), existing, at, begin + got));
      if (!std::equal(other_.begin(), other_.begin() + static_cast<ptrdiff_t>(part),
                      buffer_.begin() + static_cast<ptrdiff_t>(at - begin)))
        return wrong(name, fmt::format("bytes changed: it was the same file as {}", existing), at,
                     at + part);
      at += part;
    }
  }
  return {};
}

} // namespace

Status verifyManifest(const std::string &folder, VerifyCounts *counts) {
  VerifyCounts own;
  return Verifier(folder, counts ? *counts : own).run();
}

} // namespace recast::exec
