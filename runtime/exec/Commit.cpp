#include "runtime/exec/Commit.h"

#include "runtime/exec/CommitMarker.h"
#include "runtime/io/Directory.h"
#include "runtime/io/OutputFile.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <set>
#include <stdio.h>
#include <sys/stat.h>

namespace recast::exec {
namespace {

constexpr char kPointerFolder[] = ".recast-pointers";
constexpr uint64_t kMaxMarker = uint64_t{64} << 20;

/// A move that was made, and where what was there before is now.
struct Done {
  enum class Old { None, Exchanged, Aside };
  const StagedRoot *root;
  Move move;
  Old old;
};

Status failed(const StagedRoot &root, const Move &move, int error) {
  if (error == EEXIST)
    return fail(Error(Code::Usage, "the output appeared while it was being written")
                    .file(root.shown(move.to))
                    .hint("Choose another folder, or replace it with --overwrite."));
  return ioError("cannot make the output visible", error, root.shown(move.to));
}

std::string parentOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string asideOf(const Move &move) { return move.from + ".recast-old"; }

/// The file system cannot exchange two names: the old one is moved aside first. For an instant the
/// name is missing, which rollForward() knows how to repair.
Status moveAside(const StagedRoot &root, const Move &move) {
  int staging = root.staging(), folder = root.folder();
  std::string aside = asideOf(move);
  if (::renameat(folder, move.to.c_str(), staging, aside.c_str()) != 0)
    return failed(root, move, errno);
  if (::renameat(staging, move.from.c_str(), folder, move.to.c_str()) != 0) {
    int error = errno;
    ::renameat(staging, aside.c_str(), folder, move.to.c_str());
    return failed(root, move, error);
  }
  return {};
}

Status makeMove(const StagedRoot &root, const Move &move, std::vector<Done> &done) {
  // The manifest's folder may be there or not; it must be a folder of this root and no link.
  if (std::string parent = parentOf(move.to); !parent.empty()) {
    RECAST_TRY(io::makeParents(root.folder(), move.to, root.root().folder));
    if (!io::openBeneath(root.folder(), parent, O_PATH | O_DIRECTORY))
      return failed(root, move, errno);
  }
  int from = root.staging(), to = root.folder();
  const char *a = move.from.c_str(), *b = move.to.c_str();
  if (move.overwrite) {
    if (::renameat2(from, a, to, b, RENAME_EXCHANGE) == 0) {
      done.push_back({&root, move, Done::Old::Exchanged});
      return {};
    }
    if (errno != ENOENT && errno != EINVAL && errno != ENOSYS)
      return failed(root, move, errno);
    if (inodeOf(to, move.to)) {
      RECAST_TRY(moveAside(root, move));
      done.push_back({&root, move, Done::Old::Aside});
      return {};
    }
  }
  if (::renameat2(from, a, to, b, RENAME_NOREPLACE) != 0) {
    if (errno != EINVAL && errno != ENOSYS)
      return failed(root, move, errno);
    // No such flag here; the lock keeps other runs of ours away.
    if (inodeOf(to, move.to))
      return failed(root, move, EEXIST);
    if (::renameat(from, a, to, b) != 0)
      return failed(root, move, errno);
  }
  done.push_back({&root, move, Done::Old::None});
  return {};
}

/// Newest first. False if something could not be put back.
bool takeBack(const std::vector<Done> &done) {
  bool all = true;
  for (auto it = done.rbegin(); it != done.rend(); ++it) {
    int staging = it->root->staging(), folder = it->root->folder();
    const char *from = it->move.from.c_str(), *to = it->move.to.c_str();
    if (it->old == Done::Old::Exchanged) {
      all &= ::renameat2(folder, to, staging, from, RENAME_EXCHANGE) == 0;
      continue;
    }
    all &= ::renameat(folder, to, staging, from) == 0;
    if (it->old == Done::Old::Aside)
      all &= ::renameat(staging, asideOf(it->move).c_str(), folder, to) == 0;
    // The manifest's folder may have been made for it; if it was not, it is not empty.
    if (std::string parent = parentOf(it->move.to); !parent.empty())
      ::unlinkat(folder, parent.c_str(), AT_REMOVEDIR);
  }
  return all;
}

Status syncFolders(const StagedRoots &roots, bool sync) {
  if (!sync)
    return {};
  for (const auto &root : roots)
    if (::fsync(root->folder()) != 0)
      return ioError("cannot flush the output folder", errno, root->root().folder);
  return {};
}

/// All renames, a flush of the folders, then the pointers: what a pointer names is on the device
/// before the pointer is.
Status moveAll(const StagedRoots &roots, const std::vector<std::vector<Move>> &moves, bool sync) {
  std::vector<Done> done;
  auto run = [&]() -> Status {
    for (bool pointers : {false, true}) {
      for (size_t r = 0; r < roots.size(); ++r)
        for (const Move &move : moves[r])
          if (move.from.starts_with(kPointerFolder) == pointers)
            RECAST_TRY(makeMove(*roots[r], move, done));
      RECAST_TRY(syncFolders(roots, sync));
    }
    return {};
  };
  Status status = run();
  if (status) {
    for (const auto &root : roots)
      root->keepFolder();
  } else if (!takeBack(done)) {
    // Half is visible and the other half must not be lost: the next run rolls forward.
    for (const auto &root : roots)
      root->abandon();
  }
  return status;
}

Status writeMarkers(const StagedRoots &roots, bool overwrite, bool sync) {
  for (const auto &root : roots) {
    CommitMarker marker{bootId(), sync, {}};
    for (Move &move : root->moves(overwrite)) {
      auto inode = inodeOf(root->staging(), move.from);
      if (!inode)
        return internal(fmt::format("'{}' was not staged", move.from));
      marker.moves.push_back({std::move(move), *inode});
    }
    std::string shown = root->shown(root->stagingName());
    std::string draft = std::string(CommitMarker::kName) + ".new";
    RECAST_TRY(io::writeFile(root->staging(), draft, marker.toJson(), sync, shown));
    if (::renameat(root->staging(), draft.c_str(), root->staging(), CommitMarker::kName) != 0)
      return ioError("cannot write the commit marker", errno, shown);
    if (sync && ::fsync(root->staging()) != 0)
      return ioError("cannot flush the staging folder", errno, shown);
  }
  return {};
}

std::optional<CommitMarker> readMarker(int staging) {
  auto text = io::readFile(staging, CommitMarker::kName, kMaxMarker, CommitMarker::kName);
  return text ? CommitMarker::parse(*text) : std::nullopt;
}

} // namespace

/// Markers go before anything else in the staging folder does: one without is garbage. Should it
/// fail, the next run finds a commit with nothing left to do.
void dropMarkers(const StagedRoots &roots) {
  for (const auto &root : roots)
    ::unlinkat(root->staging(), CommitMarker::kName, 0);
}

std::string stagedPointer(const std::string &name) {
  return std::string(kPointerFolder) + "/" + name;
}

Status stageRest(const StagedRoots &roots) {
  for (const auto &root : roots) {
    for (const auto &[name, existing] : root->root().links) {
      RECAST_TRY(io::makeParents(root->staging(), name, root->root().folder));
      ::unlinkat(root->staging(), name.c_str(), 0); // Of a run that this one goes on with.
      RECAST_TRY(io::linkOrCopy(root->staging(), existing, name, root->shown(name)));
    }
    for (const auto &[name, content] : root->root().pointers) {
      std::string path = stagedPointer(name);
      RECAST_TRY(io::makeParents(root->staging(), path, root->root().folder));
      RECAST_TRY(io::writeFile(root->staging(), path, content, false, root->shown(name)));
    }
  }
  return {};
}

Status flush(const StagedRoots &roots) {
  std::set<uint64_t> devices;
  for (const auto &root : roots)
    if (devices.insert(root->identity().first).second && ::syncfs(root->staging()) != 0)
      return ioError("cannot flush the file system", errno, root->root().folder);
  return {};
}

Status commit(const StagedRoots &roots, bool overwrite, bool sync) {
  RECAST_TRY(writeMarkers(roots, overwrite, sync));
  std::vector<std::vector<Move>> moves;
  for (const auto &root : roots)
    moves.push_back(root->moves(overwrite));
  RECAST_TRY(moveAll(roots, moves, sync));
  dropMarkers(roots);
  return {};
}

Result<bool> rollForward(const StagedRoots &roots) {
  std::vector<std::vector<Move>> left(roots.size());
  bool began = false;
  for (size_t r = 0; r < roots.size(); ++r) {
    RECAST_TRY(roots[r]->adopt());
    if (roots[r]->staging() < 0)
      return false;
    auto marker = readMarker(roots[r]->staging());
    if (!marker || !(marker->synced || (!marker->boot.empty() && marker->boot == bootId())))
      return false;
    // Only our own list of names is used; the marker may but confirm it.
    std::vector<Move> moves = roots[r]->moves(false);
    if (moves.size() != marker->moves.size())
      return false;
    for (size_t i = 0; i < moves.size(); ++i) {
      const MarkedMove &marked = marker->moves[i];
      if (marked.move.from != moves[i].from || marked.move.to != moves[i].to)
        return false;
      if (inodeOf(roots[r]->staging(), moves[i].from) == marked.inode) {
        left[r].push_back(marked.move);
        // Killed between moving the old one aside and moving the new one in.
        began |= inodeOf(roots[r]->staging(), asideOf(moves[i])).has_value();
      } else if (inodeOf(roots[r]->folder(), moves[i].to) == marked.inode)
        began = true;
      else
        return false; // Somebody removed or replaced it since.
    }
  }
  // Nothing is visible yet: starting anew costs time only, and asks about overwriting again.
  if (!began)
    return false;
  RECAST_TRY(moveAll(roots, left, true));
  dropMarkers(roots);
  return true;
}

Status refuseHalfCommitted(const StagedRoot &root, const std::string &name) {
  io::Descriptor staging = io::openBeneath(root.folder(), name, O_RDONLY | O_DIRECTORY);
  auto marker = staging ? readMarker(staging.get()) : std::nullopt;
  if (!marker)
    return {};
  bool moved = false, left = false;
  for (const MarkedMove &marked : marker->moves) {
    if (inodeOf(staging.get(), marked.move.from) == marked.inode)
      left = true;
    else
      moved = true;
  }
  if (!moved || !left)
    return {};
  return fail(Error(Code::Usage, "an earlier conversion into this folder was killed while its "
                                 "output became visible")
                  .file(root.shown(name))
                  .hint("Run that conversion again to finish it, or delete this folder to give "
                        "it up."));
}

} // namespace recast::exec
