#include "tools/recast/Verify.h"

#include "runtime/base/Text.h"
#include "runtime/codec/Crc32.h"
#include "runtime/exec/Manifest.h"
#include "runtime/format/Inventory.h"
#include "runtime/io/File.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <vector>

namespace recast::tools {
namespace {

namespace fs = std::filesystem;

bool hasManifest(const fs::path &folder) {
  std::error_code ignored;
  return fs::exists(folder / ".recast" / "manifest.json", ignored);
}

/// A parent folder stands for the tag that its pointer names.
Result<std::string> folderOf(const std::string &path) {
  if (hasManifest(path))
    return path;
  for (const char *pointer : {"latest_universal", "latest"}) {
    std::string file = (fs::path(path) / pointer).string();
    std::error_code ignored;
    if (!fs::exists(file, ignored))
      continue;
    RECAST_ASSIGN(std::string tag, io::readWhole(file, 4096));
    if (tag.empty() || tag == ".." || tag == "." ||
        tag.find_first_of(std::string("/\n\0", 3)) != tag.npos)
      return fail(Error(Code::BadInput, "the pointer names no folder beside it").file(file));
    if (hasManifest(fs::path(path) / tag))
      return (fs::path(path) / tag).string();
  }
  return path;
}

/// Every record of the inventory, read whole and compared with its checksum.
class RecordVerifier {
public:
  explicit RecordVerifier(const format::Inventory &inventory) : inventory_(inventory) {}

  Status run() {
    for (const format::Record &record : inventory_.records)
      RECAST_TRY(verify(record));
    return {};
  }
  uint64_t bytes = 0;

private:
  Status verify(const format::Record &record) {
    std::string path = inventory_.root + "/" + inventory_.files[record.file].path;
    auto file = files_.find(record.file);
    if (file == files_.end()) {
      RECAST_ASSIGN(io::File opened, io::File::open(path));
      files_.clear(); // Records come file by file.
      file = files_.emplace(record.file, std::move(opened)).first;
    }
    uint32_t crc = 0;
    uint64_t end = record.offset + record.length;
    for (uint64_t at = record.offset; at < end;) {
      size_t size = static_cast<size_t>(std::min<uint64_t>(buffer_.size(), end - at));
      RECAST_TRY(file->second.readAt(at, buffer_.data(), size));
      crc = codec::crc32(crc, buffer_.data(), size);
      at += size;
    }
    bytes += record.length;
    if (crc == record.crc32)
      return {};
    return fail(Error(Code::Negative, fmt::format("bytes changed: their CRC-32 is {:08x}, the file "
                                                  "says {:08x}",
                                                  crc, record.crc32))
                    .file(path)
                    .bytes(record.offset, end)
                    .hint("Restore the file from another copy."));
  }

  const format::Inventory &inventory_;
  std::map<uint32_t, io::File> files_;
  std::vector<char> buffer_ = std::vector<char>(size_t{256} << 10);
};

/// No manifest: what the files say about themselves.
Result<int> verifyForeign(const std::string &path, bool quiet) {
  RECAST_ASSIGN(format::Inventory inventory, format::readSoundInventory(path, {}));
  if (inventory.records.empty())
    return fail(Error(Code::BadInput, "nothing to verify against: there is no manifest, and the "
                                      "files carry no checksums")
                    .file(path)
                    .hint("It is complete and well formed; `recast diff` compares it with another "
                          "copy."));
  RecordVerifier verifier(inventory);
  RECAST_TRY(verifier.run());
  uint64_t all = 0;
  for (const format::File &file : inventory.files)
    all += file.size;
  if (!quiet)
    fmt::print("{}: complete; {} checksums of its own files hold ({} of {}); no manifest of "
               "Recast\n",
               path, inventory.records.size(), bytesText(verifier.bytes), bytesText(all));
  return 0;
}

} // namespace

Result<int> verify(const std::string &path, bool quiet) {
  RECAST_ASSIGN(std::string folder, folderOf(path));
  if (!hasManifest(folder))
    return verifyForeign(path, quiet);
  exec::VerifyCounts counts;
  RECAST_TRY(exec::verifyManifest(folder, &counts));
  // The manifest cannot know what became of names beside its own: the reader does.
  RECAST_ASSIGN(format::Inventory inventory, format::readSoundInventory(folder, {}));
  if (!quiet)
    fmt::print("{}: {} files are there, {} extents ({}) have their hash, all {} tensors are "
               "complete\n",
               folder, counts.files, counts.extents, bytesText(counts.bytes),
               inventory.tensors.size());
  return 0;
}

} // namespace recast::tools
