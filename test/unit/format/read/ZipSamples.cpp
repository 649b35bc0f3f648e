#include "test/unit/format/read/ZipSamples.h"

#include <zlib.h>

namespace recast::format::test {

namespace {
void put(std::string &out, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i)
    out += i < 8 ? static_cast<char>(value >> (8 * i)) : '\0';
}
} // namespace

std::string zipOf(const std::vector<SampleMember> &members) {
  std::string out, directory;
  for (const SampleMember &member : members) {
    size_t at = out.size();
    uint32_t crc = member.crc.value_or(
        static_cast<uint32_t>(::crc32(0, reinterpret_cast<const Bytef *>(member.payload.data()),
                                      static_cast<uInt>(member.payload.size()))));
    auto common = [&](std::string &to, const std::string &name) {
      put(to, member.flags, 2);
      put(to, member.method, 2);
      put(to, 0, 4); // Time and date.
      put(to, crc, 4);
      put(to, member.payload.size(), 4);
      put(to, member.payload.size(), 4);
      put(to, name.size(), 2);
      put(to, 0, 2); // Extra field.
    };
    std::string local = member.localName.empty() ? member.name : member.localName;
    put(out, 0x04034b50, 4);
    put(out, 20, 2);
    common(out, local);
    out += local + member.payload;
    put(directory, 0x02014b50, 4);
    put(directory, 20, 2);
    put(directory, 20, 2);
    common(directory, member.name);
    put(directory, 0, 2 + 2 + 2 + 4); // Comment, disk, attributes.
    put(directory, member.offset.value_or(static_cast<uint32_t>(at)), 4);
    directory += member.name;
  }
  size_t at = out.size();
  out += directory;
  put(out, 0x06054b50, 4);
  put(out, 0, 4);
  put(out, members.size(), 2);
  put(out, members.size(), 2);
  put(out, directory.size(), 4);
  put(out, at, 4);
  put(out, 0, 2);
  return out;
}

std::string torchFileOf(const std::string &pickle) {
  return zipOf({{"archive/data.pkl", pickle, {}, {}, 0, 0, ""},
                {"archive/version", "3\n", {}, {}, 0, 0, ""}});
}

} // namespace recast::format::test
