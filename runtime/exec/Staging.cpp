#include "runtime/exec/Staging.h"

#include "runtime/base/Text.h"
#include "runtime/exec/Commit.h"
#include "runtime/exec/Journal.h"
#include "runtime/io/Directory.h"
#include "runtime/io/OutputFile.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace recast::exec {
namespace {

/// Whoever holds the lock may unlink the file, so a descriptor counts only while the name still
/// leads to it.
Result<io::Descriptor> takeLock(int folder, const std::string &shown) {
  std::string name(StagedRoot::kLockName);
  while (true) {
    io::Descriptor lock(
        ::openat(folder, name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!lock)
      return ioError("cannot create the lock file", errno, shown + "/" + name);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR)
        continue;
      if (errno != EWOULDBLOCK)
        return ioError("cannot lock the output folder", errno, shown + "/" + name);
      char pid[16] = {};
      if (::pread(lock.get(), pid, sizeof pid - 1, 0) <= 0)
        pid[0] = '?';
      return fail(Error(Code::Usage, fmt::format("another run (process {}) is writing into this "
                                                 "folder",
                                                 pid))
                      .file(shown)
                      .hint("Wait until it has ended, or write into another folder."));
    }
    struct stat mine, named;
    if (::fstat(lock.get(), &mine) == 0 &&
        ::fstatat(folder, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
        mine.st_ino == named.st_ino && mine.st_dev == named.st_dev) {
      std::string pid = std::to_string(::getpid());
      // Only for the message of others: that it cannot be written is no reason to stop.
      if (::ftruncate(lock.get(), 0) == 0) [[maybe_unused]]
        ssize_t put = ::pwrite(lock.get(), pid.data(), pid.size(), 0);
      return lock;
    }
  }
}

} // namespace

Result<std::unique_ptr<StagedRoot>>
StagedRoot::lock(const Program &program, uint32_t index,
                 const std::vector<std::unique_ptr<StagedRoot>> &others) {
  std::unique_ptr<StagedRoot> out(new StagedRoot);
  out->root_ = &program.roots[index];
  out->stagingName_ = fmt::format("{}{:016x}", kStagingPrefix, program.fingerprint);
  RECAST_ASSIGN(io::OpenedFolder opened, io::openOrCreateFolder(out->root_->folder));
  out->folder_ = std::move(opened.fd);
  out->created_ = std::move(opened.created);
  struct stat st;
  if (::fstat(out->folder(), &st) != 0)
    return ioError("cannot stat the output folder", errno, out->root_->folder);
  out->identity_ = {st.st_dev, st.st_ino};
  for (const auto &other : others)
    if (other->identity() == out->identity_)
      return fail(Error(Code::Usage, fmt::format("'{}' and '{}' would be written into one folder",
                                                 other->root().endpoint, out->root_->endpoint))
                      .file(out->root_->folder)
                      .hint("Give each target a folder of its own."));
  RECAST_ASSIGN(out->lock_, takeLock(out->folder(), out->root_->folder));
  return out;
}

StagedRoot::~StagedRoot() {
  if (!folder_)
    return;
  // Best effort: the error that brought us here is the one to show.
  if (staging_)
    (void)io::removeTree(folder(), stagingName_, root_->folder);
  if (lock_)
    ::unlinkat(folder(), std::string(kLockName).c_str(), 0);
  // Folders we made go again as long as nothing is in them.
  if (created_.empty())
    return;
  for (std::string path = root_->folder; path.size() >= created_.size();) {
    if (::rmdir(path.c_str()) != 0 && errno != ENOENT)
      break;
    size_t slash = path.rfind('/');
    if (slash == std::string::npos)
      break;
    path.resize(slash);
  }
}

std::string StagedRoot::shown(const std::string &path) const {
  return fmt::format("{}/{}", root_->folder, path);
}

std::string StagedRoot::manifestPath() const {
  std::string path(kManifestPath);
  return root_->manifestDir.empty() ? path : root_->manifestDir + "/" + path;
}

std::vector<Move> StagedRoot::moves(bool overwrite) const {
  std::vector<Move> out;
  for (const std::string &name : root_->renames)
    out.push_back({name, name, overwrite});
  if (root_->manifestDir.empty())
    out.push_back({std::string(kManifestPath), std::string(kManifestPath), overwrite});
  for (const auto &[name, content] : root_->pointers)
    out.push_back({stagedPointer(name), name, true});
  return out;
}

Status StagedRoot::adopt() {
  staging_ = io::openBeneath(folder(), stagingName_, O_RDONLY | O_DIRECTORY);
  if (!staging_ && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
    return ioError("cannot open what an earlier run left", errno, shown(stagingName_));
  // Somebody else may have put it there, with a journal that says all is done.
  struct stat st;
  if (staging_ && (::fstat(staging_.get(), &st) != 0 || st.st_uid != ::geteuid() ||
                   (st.st_mode & (S_IWGRP | S_IWOTH)) != 0))
    staging_ = {};
  return {};
}

Status StagedRoot::removeStale() {
  staging_ = {};
  return io::removeTree(folder(), stagingName_, root_->folder);
}

Result<std::vector<std::string>> StagedRoot::otherStaging() const {
  std::vector<std::string> others;
  RECAST_TRY(io::listFolder(folder(), root_->folder, [&](const std::string &name) {
    if (name.starts_with(kStagingPrefix) && name != stagingName_)
      others.push_back(name);
    return true;
  }));
  std::sort(others.begin(), others.end());
  for (std::string &name : others) {
    RECAST_TRY(refuseHalfCommitted(*this, name));
    name = shown(name);
  }
  return others;
}

Status StagedRoot::openStaging() {
  // Private until it is renamed: nobody else can put links into it.
  if (::mkdirat(folder(), stagingName_.c_str(), 0700) != 0)
    return ioError("cannot create the staging folder", errno, shown(stagingName_));
  staging_ = io::openBeneath(folder(), stagingName_, O_RDONLY | O_DIRECTORY);
  if (!staging_)
    return ioError("cannot open the staging folder", errno, shown(stagingName_));
  return {};
}

void StagedRoot::abandon() {
  created_.clear();
  staging_ = {};
}

/// By target: bytes that take no more room, because an earlier run wrote them or reserved theirs.
static std::vector<uint64_t> bytesThere(const Program &program,
                                        const std::vector<std::unique_ptr<StagedRoot>> &roots,
                                        std::span<const FinishedUnit> staged) {
  std::vector<uint64_t> there(program.targets.size());
  for (const FinishedUnit &unit : staged) {
    for (const PlacedExtent &placed : unit.extents)
      there[placed.target] += placed.extent.length;
    for (const UnhashedBytes &bytes : unit.unhashed)
      there[bytes.target] += bytes.bytes;
  }
  for (size_t t = 0; t < there.size(); ++t) {
    const TargetFile &file = program.targets[t];
    const int folder = roots[file.root]->staging();
    struct stat st;
    if (folder >= 0 && file.size >= io::kReservedFrom &&
        ::fstatat(folder, file.path.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
      there[t] = std::max(there[t], static_cast<uint64_t>(st.st_blocks) * 512);
    there[t] = std::min(there[t], file.size);
  }
  return there;
}

Status checkRoom(const Program &program, const std::vector<std::unique_ptr<StagedRoot>> &roots,
                 bool overwrite, std::span<const FinishedUnit> staged) {
  for (const auto &root : roots)
    for (const Move &move : root->moves(overwrite)) {
      struct stat st;
      if (move.overwrite ||
          ::fstatat(root->folder(), move.to.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
        continue;
      return fail(Error(Code::Usage, "the output exists already")
                      .file(root->shown(move.to))
                      .hint("Choose another folder, or replace it with --overwrite."));
    }

  const std::vector<uint64_t> there = bytesThere(program, roots, staged);
  std::map<uint64_t, std::pair<uint64_t, uint32_t>> need; // Device: bytes, one root on it.
  for (size_t t = 0; t < program.targets.size(); ++t) {
    const TargetFile &file = program.targets[t];
    auto &[bytes, root] = need[roots[file.root]->identity().first];
    root = file.root;
    if (__builtin_add_overflow(bytes, file.size - there[t], &bytes))
      return fail(Error(Code::Io, "the output is larger than any file system"));
  }
  // What --overwrite replaces stays until the exchange: its space does not count as free.
  for (const auto &[device, entry] : need) {
    struct statvfs fs;
    if (::fstatvfs(roots[entry.second]->folder(), &fs) != 0 || fs.f_blocks == 0)
      continue; // A file system that does not say; writing will tell.
    uint64_t available = static_cast<uint64_t>(fs.f_bavail) * fs.f_frsize;
    if (entry.first > available)
      return fail(Error(Code::Io, fmt::format("not enough space: {} needed, {} available",
                                              bytesText(entry.first), bytesText(available)))
                      .file(roots[entry.second]->root().folder)
                      .hint("Free some space, or write to another file system."));
  }
  return {};
}

} // namespace recast::exec
