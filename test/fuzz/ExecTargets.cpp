// What a run leaves beside its output and believes later: commit markers, manifests,
// journals, kernels.
#include "runtime/codec/Xxh3.h"
#include "runtime/device/cpu/KernelPack.h"
#include "runtime/exec/Commit.h"
#include "runtime/exec/CommitMarker.h"
#include "runtime/exec/Journal.h"
#include "runtime/exec/Manifest.h"
#include "runtime/exec/ManifestTensors.h"
#include "runtime/exec/Schedule.h"
#include "test/fuzz/Folder.h"
#include "test/fuzz/Target.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace recast::fuzz {

bool runMarker(std::string_view input) {
  auto marker = exec::CommitMarker::parse(std::string(input));
  if (!marker)
    return false;
  auto again = exec::CommitMarker::parse(marker->toJson());
  RECAST_PROMISE(again.has_value() && again->boot == marker->boot &&
                 again->synced == marker->synced && again->moves.size() == marker->moves.size());
  for (size_t i = 0; i < again->moves.size(); ++i)
    RECAST_PROMISE(again->moves[i].move.from == marker->moves[i].move.from &&
                   again->moves[i].inode == marker->moves[i].inode);
  return true;
}

bool runManifest(std::string_view input) {
  const std::string &folder = emptyFolder();
  writeFile(folder, "a", "12345678");
  writeFile(folder, "d/b", "");
  writeFile(folder, "c", "12345678");
  writeFile(folder, exec::StagedRoot::kManifestPath, input);
  bool lists = exec::readManifestTensors(folder).has_value();
  exec::VerifyCounts counts;
  if (!exec::verifyManifest(folder, &counts))
    return false;
  RECAST_PROMISE(counts.bytes <= 8 * counts.files);
  return lists;
}

namespace {
/// Two units of 5 and 3 MB of zeros into one file, of which nothing is written.
exec::Program smallProgram(const std::string &folder) {
  exec::Program program;
  program.fingerprint = 7;
  program.names = {"a"};
  program.sources = {{folder + "/in", 8 << 20, 0}};
  program.records = {{0, 0, 5 << 20, 0}};
  exec::TargetRoot root;
  root.folder = folder + "/out";
  root.renames = {"tag"};
  root.manifestDir = "tag";
  program.roots.push_back(root);
  program.targets = {{0, "tag/a", 8 << 20, {}}};
  program.tensors = {{0, 0, 8 << 20}};
  program.slices.push_back(*recipe::Recipe::parse("load 0 u8; store %0 0"));
  exec::Task task;
  task.count = 8 << 20;
  task.inputs = {{0, 0, DType::U8}};
  task.outputs = {{0, 0, 0, {0}}};
  program.tasks.push_back(task);
  return program;
}

/// Gives each entry, where its counts allow that it is one, the hash that continues from the one
/// before.
void chainEntries(std::string &journal, size_t at) {
  uint64_t chain;
  std::memcpy(&chain, journal.data() + at - sizeof chain, sizeof chain);
  for (uint64_t head[5]; journal.size() - at >= sizeof head;) {
    std::memcpy(head, journal.data() + at, sizeof head);
    uint64_t room = journal.size();
    if (head[1] > room || head[2] > room || head[3] > room || head[4] > room)
      return;
    size_t size = (5 + head[1] * 5 + head[2] * 2 + head[3] * 4 + head[4] * 4) * 8;
    if (size + 8 > journal.size() - at)
      return;
    codec::Xxh3Stream hash;
    hash.update(&chain, sizeof chain);
    hash.update(journal.data() + at, size);
    chain = hash.digest();
    std::memcpy(journal.data() + at + size, &chain, sizeof chain);
    at += size + 8;
  }
}
} // namespace

/// The input follows the header that a run itself wrote; hashes are made right.
bool runJournal(std::string_view input) {
  const std::string &folder = emptyFolder();
  exec::Program program = smallProgram(folder);
  auto schedule = exec::makeSchedule(program);
  RECAST_PROMISE(schedule && schedule->units.size() == 2);
  exec::StagedRoots roots;
  auto root = exec::StagedRoot::lock(program, 0, {});
  RECAST_PROMISE(root && (*root)->openStaging());
  roots.push_back(std::move(*root));
  exec::Journal writer(program, *schedule, true);
  RECAST_PROMISE(writer.open(roots).has_value());
  std::string staging = "out/" + roots[0]->stagingName() + "/";
  std::string file = folder + "/" + staging + exec::Journal::kName;
  std::stringstream header;
  header << std::ifstream(file, std::ios::binary).rdbuf();
  std::string journal = header.str();
  size_t at = journal.size();
  RECAST_PROMISE(at > 0 && at % 8 == 0);
  journal += input;
  chainEntries(journal, at);
  writeFile(folder, staging + exec::Journal::kName, journal);
  // As long as it would be: nothing else is asked under the same boot.
  writeFile(folder, staging + "tag/a", "");
  std::error_code error;
  std::filesystem::resize_file(folder + "/" + staging + "tag/a", 8 << 20, error);

  exec::Journal reader(program, *schedule, true);
  auto units = reader.read(roots);
  RECAST_PROMISE(units.has_value());
  std::set<uint32_t> seen;
  for (const exec::FinishedUnit &unit : *units) {
    RECAST_PROMISE(unit.unit < schedule->units.size() && seen.insert(unit.unit).second);
    for (const exec::PlacedExtent &placed : unit.extents)
      RECAST_PROMISE(placed.target == 0 && placed.extent.offset <= (8 << 20) &&
                     placed.extent.length <= (8 << 20) - placed.extent.offset);
    for (const exec::RecordPiece &piece : unit.pieces)
      RECAST_PROMISE(piece.record == 0 && piece.begin <= piece.end);
    for (const exec::DigestPiece &piece : unit.digests)
      RECAST_PROMISE(piece.tensor == 0 && piece.bytes <= 8 << 20);
  }
  RECAST_PROMISE(reader.hasUnits() == !units->empty());
  RECAST_PROMISE(reader.open(roots).has_value());
  return !units->empty();
}

/// A kernel pack whose size and hash are made right. Its library must not be one: what a pack says
/// is machine code and runs, which is why only packs of one's own are trusted.
bool runKernelPack(std::string_view input) {
  std::string bytes(input);
  for (size_t at; (at = bytes.find("\x7f"
                                   "ELF")) != bytes.npos;)
    bytes[at] = 'x';
  if (bytes.size() >= 32) {
    uint64_t size = bytes.size(), hash = 0;
    std::memcpy(bytes.data() + 16, &size, sizeof size);
    std::memcpy(bytes.data() + 24, &hash, sizeof hash);
    hash = codec::xxh3(bytes.data(), bytes.size());
    std::memcpy(bytes.data() + 24, &hash, sizeof hash);
  }
  auto pack = device::cpu::KernelPack::load(bytes, "x");
  RECAST_PROMISE(!pack && pack.error().code() == Code::BadInput);
  return pack.error().message().find("cannot be loaded") != std::string::npos;
}

} // namespace recast::fuzz
