#include "runtime/format/torch/read/ZipDirectory.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::format::torch {
namespace {

constexpr uint64_t kEndSize = 22, kLocatorSize = 20, kEnd64Size = 56, kCentralSize = 46,
                   kLocalSize = 30;
constexpr uint32_t kEndMagic = 0x06054b50, kLocatorMagic = 0x07064b50, kEnd64Magic = 0x06064b50,
                   kCentralMagic = 0x02014b50, kLocalMagic = 0x04034b50;
constexpr uint64_t kMaxDirectory = uint64_t{1} << 30;

/// Little-endian fields of a record; the caller has checked that it is long enough.
struct Record {
  std::string_view bytes;
  uint64_t number(size_t at, size_t size) const {
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
  }
  uint16_t u16(size_t at) const { return static_cast<uint16_t>(number(at, 2)); }
  uint32_t u32(size_t at) const { return static_cast<uint32_t>(number(at, 4)); }
  uint64_t u64(size_t at) const { return number(at, 8); }
};

tl::unexpected<Error> damaged(const io::File &file, std::string_view what, uint64_t begin,
                              uint64_t end) {
  Error error(Code::BadInput, fmt::format("damaged zip directory: {}", what));
  return fail(std::move(error).file(file.path()).bytes(begin, end));
}

/// Where the central directory lies and how many members it has.
struct Directory {
  uint64_t offset = 0, size = 0, count = 0;
};

class Parser {
public:
  explicit Parser(const io::File &file) : file_(file) {}

  Result<std::vector<ZipMember>> members() {
    RECAST_TRY(checkStart());
    RECAST_ASSIGN(Directory directory, locate());
    if (directory.size > kMaxDirectory)
      return damaged(file_, "it is impossibly large", directory.offset,
                     directory.offset + directory.size);
    RECAST_ASSIGN(std::string bytes, file_.read(directory.offset, directory.size));
    std::vector<ZipMember> out;
    uint64_t at = 0;
    for (uint64_t i = 0; i < directory.count; ++i) {
      RECAST_ASSIGN(ZipMember member, central(bytes, at, directory.offset));
      out.push_back(std::move(member));
    }
    if (at != bytes.size())
      return damaged(file_, "bytes follow its last entry", directory.offset + at,
                     directory.offset + bytes.size());
    RECAST_TRY(checkLayout(out));
    return out;
  }

private:
  Status checkStart() {
    uint64_t size = file_.size();
    if (size == 0)
      return fail(Error(Code::BadInput, "the file is empty").file(file_.path()).bytes(0, 0));
    RECAST_ASSIGN(std::string head, file_.read(0, std::min<uint64_t>(size, 512)));
    if (head.size() >= 4 && Record{head}.u32(0) == kLocalMagic)
      return {};
    if (std::string_view("PK\3\4").starts_with(std::string_view(head).substr(0, 4)))
      return truncated();
    return fail(Error(Code::BadInput, "this is not a file that torch.save wrote (no zip header)")
                    .file(file_.path())
                    .bytes(0, std::min<uint64_t>(size, 4))
                    .hint("Look at what is in it: a download that failed often leaves a page of "
                          "text under the name of the file."));
  }

  tl::unexpected<Error> truncated() {
    Error error(Code::BadInput,
                fmt::format("truncated: the zip directory that ends every torch file is missing; "
                            "the file stops at byte {}",
                            file_.size()));
    return fail(std::move(error)
                    .file(file_.path())
                    .bytes(file_.size(), file_.size())
                    .hint("Copy the file again, or use another checkpoint of the run."));
  }

  Result<Directory> locate() {
    uint64_t size = file_.size();
    if (size < kEndSize)
      return truncated();
    uint64_t endAt = size - kEndSize;
    RECAST_ASSIGN(std::string endBytes, file_.read(endAt, kEndSize));
    Record end{endBytes};
    // torch writes no comment. A second end record would have to hide in one, so none is allowed.
    if (end.u32(0) != kEndMagic)
      return truncated();
    for (size_t i = 1; i + 4 <= kEndSize; ++i)
      if (end.u32(i) == kEndMagic)
        return damaged(file_, "two end records", endAt, size);
    if (end.u16(20) != 0)
      return damaged(file_, "a comment follows it", endAt, size);

    Directory out{end.u32(16), end.u32(12), end.u16(10)};
    uint64_t directoryEnd = endAt;
    uint32_t disks[] = {end.u16(4), end.u16(6)};
    uint64_t countHere = end.u16(8);
    bool has64 = false;
    if (endAt >= kLocatorSize) {
      RECAST_ASSIGN(std::string locatorBytes, file_.read(endAt - kLocatorSize, kLocatorSize));
      Record locator{locatorBytes};
      has64 = locator.u32(0) == kLocatorMagic;
      if (has64) {
        RECAST_TRY(zip64(locator, endAt - kLocatorSize, out, countHere, directoryEnd));
        if (disks[0] == 0xffff)
          disks[0] = 0;
        if (disks[1] == 0xffff)
          disks[1] = 0;
      }
    }
    if (!has64 && (end.u32(16) == 0xffffffff || end.u32(12) == 0xffffffff || end.u16(10) == 0xffff))
      return damaged(file_, "its ZIP64 record is missing", endAt, size);
    if (disks[0] != 0 || disks[1] != 0 || countHere != out.count)
      return damaged(file_, "a zip file of several volumes", endAt, size);
    if (!rangeInside(out.offset, out.size, directoryEnd) || out.offset + out.size != directoryEnd)
      return damaged(file_, "it does not end where its end record begins", endAt, size);
    if (out.count > out.size / kCentralSize)
      return damaged(file_, fmt::format("{} entries do not fit into it", out.count), endAt, size);
    return out;
  }

  /// Replaces what the end record cannot hold; what it does hold must be equal.
  Status zip64(const Record &locator, uint64_t locatorAt, Directory &out, uint64_t &countHere,
               uint64_t &directoryEnd) {
    uint64_t at = locator.u64(8);
    if (locator.u32(4) != 0 || locator.u32(16) > 1 || !rangeInside(at, kEnd64Size, locatorAt) ||
        at + kEnd64Size != locatorAt)
      return damaged(file_, "its ZIP64 locator points nowhere", locatorAt,
                     locatorAt + kLocatorSize);
    RECAST_ASSIGN(std::string bytes, file_.read(at, kEnd64Size));
    Record record{bytes};
    if (record.u32(0) != kEnd64Magic || record.u64(4) != kEnd64Size - 12 || record.u32(16) != 0 ||
        record.u32(20) != 0)
      return damaged(file_, "its ZIP64 record is malformed", at, at + kEnd64Size);
    Directory wide{record.u64(48), record.u64(40), record.u64(32)};
    bool agrees = (out.offset == 0xffffffff || out.offset == wide.offset) &&
                  (out.size == 0xffffffff || out.size == wide.size) &&
                  (out.count == 0xffff || out.count == wide.count);
    if (!agrees)
      return damaged(file_, "its two end records disagree", at, file_.size());
    out = wide;
    countHere = record.u64(24);
    directoryEnd = at;
    return {};
  }

  /// The entry at `at`, which moves past it. `base`: byte of the file where the directory begins.
  Result<ZipMember> central(std::string_view bytes, uint64_t &at, uint64_t base) {
    uint64_t begin = base + at;
    if (!rangeInside(at, kCentralSize, bytes.size()))
      return damaged(file_, "it is cut off", begin, base + bytes.size());
    Record entry{bytes.substr(at, kCentralSize)};
    uint64_t nameSize = entry.u16(28), extraSize = entry.u16(30), commentSize = entry.u16(32);
    uint64_t size = kCentralSize + nameSize + extraSize + commentSize;
    if (entry.u32(0) != kCentralMagic || !rangeInside(at, size, bytes.size()))
      return damaged(file_, "a malformed entry", begin, begin + kCentralSize);
    ZipMember member;
    member.name = bytes.substr(at + kCentralSize, nameSize);
    member.crc32 = entry.u32(16);
    uint64_t packed = entry.u32(20);
    member.size = entry.u32(24);
    member.headerOffset = entry.u32(42);
    std::string_view extra = bytes.substr(at + kCentralSize + nameSize, extraSize);
    if (!widen(extra, member.size, packed, member.headerOffset))
      return damaged(file_, "a malformed ZIP64 field", begin, begin + size);
    at += size;

    std::string shown = printable(member.name);
    if (entry.u16(8) & 1)
      return damaged(file_, fmt::format("'{}' is encrypted", shown), begin, begin + size);
    if (entry.u16(10) == 8 && member.name.find("/code/") != std::string::npos)
      return fail(Error(Code::BadInput, "a TorchScript archive: a program with its weights, not a "
                                        "checkpoint")
                      .file(file_.path())
                      .bytes(begin, begin + size)
                      .hint("Save its weights alone: torch.save(torch.jit.load(PATH)"
                            ".state_dict(), NEW_PATH)."));
    if (entry.u16(10) == 8)
      return fail(Error(Code::BadInput,
                        fmt::format("'{}' is compressed (DEFLATE); torch.save stores its records "
                                    "uncompressed, and Recast reads only such files",
                                    shown))
                      .file(file_.path())
                      .bytes(begin, begin + size)
                      .hint("Unpack the archive and pack it again with `zip -0`, or load and save "
                            "it with torch."));
    if (entry.u16(10) != 0 || packed != member.size)
      return damaged(file_, fmt::format("'{}' is not stored plainly", shown), begin, begin + size);
    RECAST_TRY(local(member, entry.u16(8), base));
    return member;
  }

  /// ZIP64 extra field (id 1): wide values of the fields that are saturated, in this order.
  static bool widen(std::string_view extra, uint64_t &size, uint64_t &packed, uint64_t &offset) {
    bool found = false;
    while (!extra.empty()) {
      if (extra.size() < 4)
        return false;
      Record header{extra};
      uint64_t length = header.u16(2);
      if (length > extra.size() - 4)
        return false;
      std::string_view body = extra.substr(4, length);
      extra.remove_prefix(4 + length);
      if (header.u16(0) != 1)
        continue;
      if (found)
        return false;
      found = true;
      for (uint64_t *field : {&size, &packed, &offset}) {
        if (*field != 0xffffffff)
          continue;
        if (body.size() < 8)
          return false;
        *field = Record{body}.u64(0);
        body.remove_prefix(8);
      }
    }
    return true;
  }

  /// Finds the payload through the local header and checks that both headers tell one story.
  Status local(ZipMember &member, uint16_t flags, uint64_t directoryAt) {
    std::string shown = printable(member.name);
    uint64_t at = member.headerOffset;
    auto disagree = [&](std::string_view what) {
      return damaged(file_, fmt::format("'{}': {}", shown, what), at,
                     checkedAdd(at, kLocalSize).value_or(UINT64_MAX));
    };
    if (!rangeInside(at, kLocalSize + member.name.size(), directoryAt))
      return disagree("its header lies outside the file");
    RECAST_ASSIGN(std::string bytes, file_.read(at, kLocalSize + member.name.size()));
    Record header{bytes};
    if (header.u32(0) != kLocalMagic)
      return disagree("no local header where the directory says");
    if (header.u16(26) != member.name.size() ||
        std::string_view(bytes).substr(kLocalSize) != member.name)
      return disagree("its local header has another name");
    if (header.u16(8) != 0 || ((header.u16(6) ^ flags) & 0x0009) != 0)
      return disagree("its local header disagrees with the directory");
    member.offset = at + kLocalSize + member.name.size() + header.u16(28);
    if (!rangeInside(member.offset, member.size, directoryAt))
      return disagree("its bytes reach into the directory");
    // With a data descriptor (bit 3) the local values are zero; without, they must be equal.
    uint64_t size = header.u32(22), packed = header.u32(18), unused = 0;
    if (header.u16(28) != 0 && (size == 0xffffffff || packed == 0xffffffff)) {
      RECAST_ASSIGN(std::string extra, file_.read(member.offset - header.u16(28), header.u16(28)));
      if (!widen(extra, size, packed, unused))
        return disagree("a malformed ZIP64 field");
    }
    bool zero = header.u32(14) == 0 && size == 0 && packed == 0;
    bool same = header.u32(14) == member.crc32 && size == member.size && packed == member.size;
    if (!same && !(zero && (flags & 0x0008)))
      return disagree("its local header disagrees with the directory");
    return {};
  }

  Status checkLayout(const std::vector<ZipMember> &members) {
    std::vector<const ZipMember *> order;
    for (const ZipMember &member : members)
      order.push_back(&member);
    std::sort(order.begin(), order.end(), [](const ZipMember *a, const ZipMember *b) {
      return a->headerOffset < b->headerOffset;
    });
    for (size_t i = 1; i < order.size(); ++i)
      if (order[i - 1]->offset + order[i - 1]->size > order[i]->headerOffset)
        return damaged(file_,
                       fmt::format("'{}' and '{}' overlap", printable(order[i - 1]->name),
                                   printable(order[i]->name)),
                       order[i]->headerOffset, order[i - 1]->offset + order[i - 1]->size);
    return {};
  }

  const io::File &file_;
};

} // namespace

Result<ZipDirectory> ZipDirectory::read(const io::File &file) {
  ZipDirectory out;
  RECAST_ASSIGN(out.members_, Parser(file).members());
  for (size_t i = 0; i < out.members_.size(); ++i)
    if (!out.byName_.emplace(out.members_[i].name, i).second)
      return damaged(file,
                     fmt::format("two members are called '{}'", printable(out.members_[i].name)),
                     out.members_[i].headerOffset, out.members_[i].offset);
  return out;
}

const ZipMember *ZipDirectory::find(std::string_view name) const {
  auto found = byName_.find(name);
  return found == byName_.end() ? nullptr : &members_[found->second];
}

} // namespace recast::format::torch
