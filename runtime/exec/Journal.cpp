#include "runtime/exec/Journal.h"

#include "runtime/base/Checked.h"
#include "runtime/base/FieldHash.h"
#include "runtime/codec/Xxh3.h"
#include "runtime/exec/CommitMarker.h"
#include "runtime/exec/StagedBytes.h"
#include "runtime/io/Directory.h"
#include "runtime/io/OutputFile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>

namespace recast::exec {
namespace {

constexpr uint64_t kMagic = 0x33304c4e524a4352; // "RCJRNL03"
constexpr uint64_t kMaxJournal = uint64_t{4} << 30;
constexpr size_t kHeadWords = 5, kExtentWords = 5, kUnhashedWords = 2, kPieceWords = 4,
                 kDigestWords = 4;

using Words = std::vector<uint64_t>;

size_t sizeOf(const Words &words) { return words.size() * sizeof(uint64_t); }

/// Hash of an entry, continued from the entry before it.
uint64_t chained(uint64_t chain, const uint64_t *words, size_t count) {
  codec::Xxh3Stream hash;
  hash.update(&chain, sizeof chain);
  hash.update(words, count * sizeof(uint64_t));
  return hash.digest();
}

} // namespace

/// Whatever decides which bytes a unit writes where.
uint64_t Journal::workHash() const {
  FieldHash<codec::Xxh3Stream> hash;
  hash.number(digests_);
  for (const TargetRoot &root : program_.roots)
    hash.text(root.folder);
  for (const TargetFile &file : program_.targets) {
    hash.number(file.root);
    hash.text(file.path);
    hash.number(file.size);
    for (const CrcPatch &patch : file.patches) {
      hash.number(patch.begin);
      hash.number(patch.end);
    }
  }
  for (const recipe::Recipe &slice : program_.slices)
    hash.text(slice.str());
  for (uint32_t index : schedule_.order) {
    const Task &task = program_.tasks[index];
    hash.number(static_cast<uint64_t>(task.count));
    for (const TaskInput &input : task.inputs) {
      hash.number(input.file);
      hash.number(input.offset);
      hash.number(static_cast<uint64_t>(input.dtype));
    }
    for (const TaskOutput &output : task.outputs) {
      hash.number(output.slice);
      hash.number(output.file);
      hash.number(output.offset);
      hash.number(output.tensor);
    }
    for (const TaskDim &dim : task.dims) {
      hash.number(static_cast<uint64_t>(dim.extent));
      for (int64_t stride : dim.strides)
        hash.number(static_cast<uint64_t>(stride));
    }
  }
  for (const Unit &unit : schedule_.units) {
    hash.number(unit.begin);
    hash.number(unit.end);
    hash.number(static_cast<uint64_t>(unit.first));
    hash.number(static_cast<uint64_t>(unit.count));
  }
  return hash.digest();
}

Words Journal::header(const std::vector<std::unique_ptr<StagedRoot>> &roots) const {
  std::string boot = bootId();
  Words words{kMagic, program_.fingerprint, workHash(), codec::xxh3(boot.data(), boot.size()),
              roots.size()};
  for (const auto &root : roots)
    words.push_back(inodeOf(root->folder(), root->stagingName()).value_or(0));
  words.push_back(chained(0, words.data(), words.size()));
  return words;
}

bool Journal::isPlausible(const FinishedUnit &unit) const {
  auto isExtent = [&](const PlacedExtent &placed) {
    return placed.target < program_.targets.size() &&
           rangeInside(placed.extent.offset, placed.extent.length,
                       program_.targets[placed.target].size);
  };
  auto isUnhashed = [&](const UnhashedBytes &bytes) {
    return bytes.target < program_.targets.size() &&
           bytes.bytes <= program_.targets[bytes.target].size;
  };
  auto isPiece = [&](const RecordPiece &piece) {
    return piece.record < program_.records.size() && piece.begin <= piece.end;
  };
  auto isDigest = [&](const DigestPiece &piece) {
    return piece.tensor < program_.tensors.size() &&
           piece.bytes <= program_.tensors[piece.tensor].bytes;
  };
  return unit.unit < schedule_.units.size() &&
         std::all_of(unit.extents.begin(), unit.extents.end(), isExtent) &&
         std::all_of(unit.unhashed.begin(), unit.unhashed.end(), isUnhashed) &&
         std::all_of(unit.pieces.begin(), unit.pieces.end(), isPiece) &&
         std::all_of(unit.digests.begin(), unit.digests.end(), isDigest);
}

/// One entry from `words`; false at a torn or foreign one.
bool Journal::parse(const Words &words, size_t &at, uint64_t &chain, FinishedUnit &out) const {
  if (words.size() - at <= kHeadWords)
    return false;
  const uint64_t *entry = words.data() + at;
  uint64_t extents = entry[1], unhashed = entry[2], pieces = entry[3], digests = entry[4],
           room = words.size() - at;
  if (extents > room || unhashed > room || pieces > room || digests > room)
    return false;
  uint64_t body = kHeadWords + extents * kExtentWords + unhashed * kUnhashedWords +
                  pieces * kPieceWords + digests * kDigestWords;
  if (body >= room || chained(chain, entry, body) != entry[body])
    return false;
  out = {static_cast<uint32_t>(entry[0]), {}, {}, {}, {}};
  const uint64_t *word = entry + kHeadWords;
  for (uint64_t i = 0; i < extents; ++i, word += kExtentWords)
    out.extents.push_back({static_cast<uint32_t>(word[0]),
                           {word[1], word[2], word[3], static_cast<uint32_t>(word[4])}});
  for (uint64_t i = 0; i < unhashed; ++i, word += kUnhashedWords)
    out.unhashed.push_back({static_cast<uint32_t>(word[0]), word[1]});
  for (uint64_t i = 0; i < pieces; ++i, word += kPieceWords)
    out.pieces.push_back(
        {static_cast<uint32_t>(word[0]), word[1], word[2], static_cast<uint32_t>(word[3])});
  for (uint64_t i = 0; i < digests; ++i, word += kDigestWords)
    out.digests.push_back({static_cast<uint32_t>(word[0]), word[1], {{word[2], word[3]}}});
  if (!isPlausible(out))
    return false;
  chain = entry[body];
  at += body + 1;
  return true;
}

Result<std::vector<FinishedUnit>>
Journal::read(const std::vector<std::unique_ptr<StagedRoot>> &roots) {
  std::vector<FinishedUnit> accepted;
  length_ = units_ = 0;
  for (const auto &root : roots) {
    RECAST_TRY(root->adopt());
    if (root->staging() < 0)
      return accepted;
  }
  auto text = io::readFile(roots[0]->staging(), kName, kMaxJournal, kName);
  if (!text)
    return accepted;
  Words words(text->size() / sizeof(uint64_t)), expected = header(roots);
  if (words.size() < expected.size())
    return accepted;
  std::memcpy(words.data(), text->data(), sizeOf(words));
  text->clear();
  constexpr size_t kBootWord = 3;
  bool sameBoot = words[kBootWord] == expected[kBootWord] && !bootId().empty();
  if (chained(0, words.data(), expected.size() - 1) != words[expected.size() - 1])
    return accepted;
  for (size_t i = 0; i + 1 < expected.size(); ++i)
    if (i != kBootWord && words[i] != expected[i])
      return accepted;

  StagedBytes staged(program_, roots);
  std::vector<bool> seen(schedule_.units.size());
  size_t at = expected.size();
  chain_ = words[expected.size() - 1];
  length_ = at * sizeof(uint64_t);
  for (FinishedUnit unit; parse(words, at, chain_, unit);) {
    length_ = at * sizeof(uint64_t);
    if (seen[unit.unit])
      continue;
    RECAST_ASSIGN(bool there, staged.holds(unit, !sameBoot));
    if (!there)
      continue;
    seen[unit.unit] = true;
    accepted.push_back(std::move(unit));
  }
  units_ = accepted.size();
  return accepted;
}

Status Journal::open(const std::vector<std::unique_ptr<StagedRoot>> &roots) {
  shown_ = roots[0]->shown(kName);
  file_ = io::openBeneath(roots[0]->staging(), kName, O_RDWR | O_CREAT, 0600);
  if (!file_)
    return ioError("cannot create the journal", errno, shown_);
  if (units_ == 0)
    length_ = 0;
  if (::ftruncate(file_.get(), static_cast<off_t>(length_)) != 0)
    return ioError("cannot shorten the journal", errno, shown_);
  if (length_ > 0)
    return {};
  Words words = header(roots);
  chain_ = words.back();
  RECAST_TRY(io::writeAt(file_.get(), 0, words.data(), sizeOf(words), shown_));
  length_ = sizeOf(words);
  return {};
}

Status Journal::add(uint32_t unit, std::span<const PlacedExtent> extents,
                    std::span<const UnhashedBytes> unhashed, std::span<const RecordPiece> pieces,
                    std::span<const DigestPiece> digests) {
  Words words{unit, extents.size(), unhashed.size(), pieces.size(), digests.size()};
  for (const PlacedExtent &placed : extents)
    words.insert(words.end(), {placed.target, placed.extent.offset, placed.extent.length,
                               placed.extent.xxh3, placed.extent.crc32});
  for (const UnhashedBytes &bytes : unhashed)
    words.insert(words.end(), {bytes.target, bytes.bytes});
  for (const RecordPiece &piece : pieces)
    words.insert(words.end(), {piece.record, piece.begin, piece.end, piece.crc});
  for (const DigestPiece &piece : digests)
    words.insert(words.end(),
                 {piece.tensor, piece.bytes, piece.digest.lanes[0], piece.digest.lanes[1]});
  std::lock_guard lock(mutex_);
  uint64_t hash = chained(chain_, words.data(), words.size());
  words.push_back(hash);
  RECAST_TRY(io::writeAt(file_.get(), length_, words.data(), sizeOf(words), shown_));
  chain_ = hash;
  length_ += sizeOf(words);
  ++units_;
  return {};
}

} // namespace recast::exec
