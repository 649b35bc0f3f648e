#include "test/unit/format/write/Materialize.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <set>

namespace recast::format::testing {
namespace {

/// Bit by bit, so that it shares nothing with the library the writers use.
uint32_t slowCrc(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (unsigned char byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

class ImageBuilder {
public:
  ImageBuilder(std::string path, const FileTemplate &form, std::string &complaint)
      : path_(std::move(path)), form_(form), complaint_(complaint), bytes_(form.size, '\0'),
        hits_(form.size, 0) {}

  void put(uint64_t offset, const std::string &bytes) {
    if (offset > bytes_.size() || bytes.size() > bytes_.size() - offset)
      return complain(fmt::format("[{}, +{}) lies outside", offset, bytes.size()));
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (hits_[offset + i]++)
        return complain(fmt::format("byte {} is written twice", offset + i));
      bytes_[offset + i] = bytes[i];
    }
  }

  std::string finish() {
    auto hole = std::find(hits_.begin(), hits_.end(), 0);
    if (hole != hits_.end())
      complain(fmt::format("byte {} is never written", hole - hits_.begin()));
    for (const CrcPatch &patch : form_.patches) {
      if (patch.begin > patch.end || patch.end > bytes_.size() ||
          patch.offset + 4 > bytes_.size()) {
        complain("a CRC patch lies outside");
        continue;
      }
      if (patch.offset + 4 > patch.begin && patch.offset < patch.end)
        complain("a CRC patch lies inside its own range");
      uint32_t crc = slowCrc(std::string_view(bytes_).substr(patch.begin, patch.end - patch.begin));
      for (int i = 0; i < 4; ++i)
        bytes_[patch.offset + static_cast<size_t>(i)] = static_cast<char>(crc >> (8 * i));
    }
    return std::move(bytes_);
  }

private:
  void complain(const std::string &what) {
    if (complaint_.empty())
      complaint_ = path_ + ": " + what;
  }

  const std::string path_;
  const FileTemplate &form_;
  std::string &complaint_;
  std::string bytes_;
  std::vector<char> hits_;
};

std::string top(const std::string &path) { return path.substr(0, path.find('/')); }

} // namespace

Materialized materialize(const TargetWriter &writer, const BytesOf &tensor, const BytesOf &kept) {
  Materialized out;
  auto complain = [&](std::string what) {
    if (out.complaint.empty())
      out.complaint = std::move(what);
  };
  std::set<std::string> renamed(writer.commit().renames.begin(), writer.commit().renames.end());
  if (renamed.size() != writer.commit().renames.size())
    complain("a name is renamed twice");
  auto add = [&](const std::string &path, std::string bytes) {
    if (!renamed.contains(top(path)))
      complain(path + " never becomes visible");
    if (!out.files.emplace(path, std::move(bytes)).second)
      complain(path + " is written twice");
  };
  for (const FileImage &image : writer.images()) {
    const FileTemplate &form = writer.templateOf(image);
    const std::string path = image.path();
    ImageBuilder builder(path, form, out.complaint);
    uint64_t last = 0;
    for (const Literal &literal : form.literals) {
      if (literal.offset < last || literal.bytes.empty())
        complain(path + ": literals are empty or out of order");
      last = literal.offset;
      builder.put(literal.offset, literal.bytes);
    }
    for (const TensorSlot &slot : form.tensors) {
      uint32_t index = image.firstTensor + slot.tensor;
      std::string bytes = tensor(index);
      if (bytes.size() != slot.bytes)
        complain(fmt::format("{}: tensor {} has {} bytes, its slot {}", path, index, bytes.size(),
                             slot.bytes));
      builder.put(slot.offset, bytes);
    }
    for (const VerbatimSlot &slot : form.verbatim)
      builder.put(slot.offset, kept(slot.file));
    add(path, builder.finish());
  }
  for (const LinkedFile &link : writer.links()) {
    auto target = out.files.find(link.target);
    if (target == out.files.end())
      complain(link.path + " links to nothing");
    else
      add(link.path, target->second);
  }
  for (const auto &[name, content] : writer.commit().pointers)
    if (!out.files.emplace(name, content).second)
      complain(name + " is written twice");
  return out;
}

std::string patternBytes(uint32_t index, uint64_t size) {
  std::string bytes;
  uint64_t state = 0x9E3779B97F4A7C15u * (index + 1);
  while (bytes.size() < size) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    bytes += static_cast<char>(state >> 56);
  }
  return bytes;
}

bool writeFolder(const Materialized &output, const std::string &folder) {
  for (const auto &[path, bytes] : output.files) {
    std::filesystem::path file = std::filesystem::path(folder) / path;
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    std::ofstream stream(file, std::ios::binary);
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!stream.flush())
      return false;
  }
  return true;
}

} // namespace recast::format::testing
