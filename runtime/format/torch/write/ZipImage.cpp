#include "runtime/format/torch/write/ZipImage.h"

#include "runtime/codec/Crc32.h"

#include <algorithm>

namespace recast::format::torch {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr uint64_t kLimit32 = 0xFFFFFFFF;
constexpr uint64_t kLocalHeaderSize = 30;
constexpr uint64_t kUtf8Name = 0x0800, kDescriptor = 0x0008;

uint64_t cut16(uint64_t value) { return std::min<uint64_t>(value, 0xFFFF); }
uint64_t cut32(uint64_t value) { return std::min(value, kLimit32); }

/// Bytes of the ZIP64 extra field; 0: not needed.
uint64_t zip64Size(uint64_t size, uint64_t header) {
  uint64_t fields = (size >= kLimit32 ? 16 : 0) + (header >= kLimit32 ? 8 : 0);
  return fields ? fields + 4 : 0;
}

} // namespace

void ZipImage::put(std::string_view bytes) {
  if (literal_.empty())
    literalStart_ = position_;
  literal_ += bytes;
  position_ += bytes.size();
}

void ZipImage::put16(uint64_t value) {
  char bytes[2] = {static_cast<char>(value), static_cast<char>(value >> 8)};
  put({bytes, sizeof bytes});
}

void ZipImage::put32(uint64_t value) {
  put16(value & 0xFFFF);
  put16(value >> 16);
}

void ZipImage::put64(uint64_t value) {
  put32(value & kLimit32);
  put32(value >> 32);
}

void ZipImage::flush() {
  if (!literal_.empty())
    image_.literals.push_back({literalStart_, std::move(literal_)});
  literal_.clear();
}

void ZipImage::putCrc(const Member &member) {
  if (member.patched)
    image_.patches.push_back({position_, member.payload, member.payload + member.size});
  put32(member.crc);
}

void ZipImage::putZip64(const Member &member) {
  uint64_t size = zip64Size(member.size, member.header);
  if (!size)
    return;
  put16(0x0001);
  put16(size - 4);
  if (member.size >= kLimit32) {
    put64(member.size);
    put64(member.size);
  }
  if (member.header >= kLimit32)
    put64(member.header);
}

void ZipImage::begin(Member &member) {
  member.header = position_;
  uint64_t zip64 = zip64Size(member.size, member.header);
  uint64_t beforePadding = position_ + kLocalHeaderSize + member.name.size() + zip64 + 4;
  uint64_t padding = (kAlignment - beforePadding % kAlignment) % kAlignment;
  put32(0x04034b50);
  put16(0);
  put16(kUtf8Name | (member.size ? kDescriptor : 0));
  put16(0); // Stored.
  put32(0); // No time.
  put32(0); // CRC and sizes follow the data.
  put32(0);
  put32(0);
  put16(member.name.size());
  put16(zip64 + 4 + padding);
  put(member.name);
  putZip64(member);
  put("FB");
  put16(padding);
  put(std::string(padding, 'Z'));
  member.payload = position_;
}

void ZipImage::end(const Member &member) {
  if (member.size) {
    put32(0x08074b50);
    putCrc(member);
    if (zip64Size(member.size, member.header)) {
      put64(member.size);
      put64(member.size);
    } else {
      put32(member.size);
      put32(member.size);
    }
  }
  members_.push_back(member);
}

void ZipImage::add(std::string_view name, std::string_view bytes) {
  Member member;
  member.name = name;
  member.size = bytes.size();
  member.crc = codec::crc32(0, bytes.data(), bytes.size());
  begin(member);
  put(bytes);
  end(member);
}

void ZipImage::addTensor(std::string_view name, uint64_t bytes, uint32_t tensor) {
  Member member;
  member.name = name;
  member.size = bytes;
  member.patched = bytes != 0; // The CRC of nothing is zero.
  begin(member);
  flush();
  image_.tensors.push_back({position_, bytes, tensor});
  position_ += bytes;
  end(member);
}

FileTemplate ZipImage::finish() {
  uint64_t directory = position_;
  for (const Member &member : members_) {
    put32(0x02014b50);
    put16(0);
    put16(0);
    put16(kUtf8Name | (member.size ? kDescriptor : 0));
    put16(0);
    put32(0);
    putCrc(member);
    put32(cut32(member.size));
    put32(cut32(member.size));
    put16(member.name.size());
    put16(zip64Size(member.size, member.header));
    put16(0);
    put16(0);
    put16(0);
    put32(0);
    put32(cut32(member.header));
    put(member.name);
    putZip64(member);
  }
  uint64_t end = position_;
  uint64_t count = members_.size(), size = end - directory;
  put32(0x06064b50);
  put64(44); // Bytes of this record after this field.
  put16(0x031E);
  put16(45);
  put32(0);
  put32(0);
  put64(count);
  put64(count);
  put64(size);
  put64(directory);
  put32(0x07064b50);
  put32(0);
  put64(end);
  put32(1);
  put32(0x06054b50);
  put16(0);
  put16(0);
  put16(cut16(count));
  put16(cut16(count));
  put32(cut32(size));
  put32(cut32(directory));
  put16(0);
  flush();
  image_.size = position_;
  return std::move(image_);
}

} // namespace recast::format::torch
