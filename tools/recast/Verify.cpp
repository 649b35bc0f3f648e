#include "tools/recast/Verify.h"

#include "runtime/base/Text.h"
#include "runtime/capi/ReadTensor.h"
#include "runtime/capi/StoredDigests.h"
#include "runtime/codec/Crc32.h"
#include "runtime/exec/Manifest.h"
#include "runtime/format/Inventory.h"
#include "runtime/io/File.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <vector>

namespace recast::tools {
namespace {

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

/// The values, as the reader of the format gives them, are those that were written.
Result<uint64_t> verifyDigests(const std::string &folder, const format::Inventory &inventory) {
  RECAST_ASSIGN(capi::StoredDigests digests, capi::StoredDigests::read(folder, inventory));
  auto wrong = [&](const std::string &tensor, std::string what) {
    return fail(Error(Code::Negative, std::move(what))
                    .tensor(tensor)
                    .file(folder)
                    .hint("The output is not what was written: convert again or restore it from "
                          "another copy."));
  };
  if (!digests.missing().empty())
    return wrong(digests.missing(), "the manifest has a digest of it, but the checkpoint does not "
                                    "have it as it was written");
  capi::TensorReader reader(inventory);
  for (const format::Tensor &tensor : inventory.tensors)
    if (const codec::Digest *expected = digests.find(tensor)) {
      RECAST_ASSIGN(codec::Digest found, reader.digest(tensor));
      if (found != *expected)
        return wrong(tensor.name, fmt::format("its values changed: their digest is {}, {} was "
                                              "written",
                                              found.str(), expected->str()));
    }
  return digests.size();
}

} // namespace

Result<int> verify(const std::string &path, bool quiet) {
  RECAST_ASSIGN(std::string folder, capi::manifestFolder(path));
  if (folder.empty())
    return verifyForeign(path, quiet);
  exec::VerifyCounts counts;
  RECAST_TRY(exec::verifyManifest(folder, &counts));
  // The manifest cannot know what became of names beside its own: the reader does.
  RECAST_ASSIGN(format::Inventory inventory, format::readSoundInventory(folder, {}));
  RECAST_ASSIGN(uint64_t digests, verifyDigests(folder, inventory));
  if (!quiet)
    fmt::print("{}: {} files are there, {} extents ({}) have their hash, all {} tensors are "
               "complete, {} have their digest\n",
               folder, counts.files, counts.extents, bytesText(counts.bytes),
               inventory.tensors.size(), digests);
  return 0;
}

} // namespace recast::tools
