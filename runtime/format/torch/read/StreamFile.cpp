#include "runtime/format/torch/read/StreamFile.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"
#include "runtime/format/read/Values.h"

#include <algorithm>
#include <fmt/format.h>

namespace recast::format::torch {
namespace {
using Kind = plan::Object::Kind;

constexpr uint64_t kMaxPickle = uint64_t{1} << 28;
constexpr uint64_t kFirstRead = uint64_t{1} << 16;
/// LONG1 of ten bytes: torch's magic number 0x1950a86a20f9469cfc6c, after the protocol.
constexpr std::string_view kMagic("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12);
constexpr int64_t kProtocolVersion = 1001;

class Reader {
public:
  Reader(const io::File &file, PickleBudget &budget) : file_(file), budget_(budget) {}

  Result<StreamFile> run() {
    StreamFile out;
    RECAST_TRY(next("the magic number"));
    RECAST_ASSIGN(Pickle version, next("the version"));
    if (intOf(version.root.get()) != kProtocolVersion)
      return bad("its version is not 1001, the only one that torch ever wrote");
    RECAST_ASSIGN(Pickle system, next("the system information"));
    auto little = boolOf(lookup(system.root.get(), {"little_endian"}));
    if (!little.value_or(true))
      return fail(Error(Code::BadInput,
                        "the file was written on a big-endian machine; Recast reads "
                        "little-endian storages")
                      .file(file_.path())
                      .hint("Load and save it with torch on a little-endian machine."));
    RECAST_ASSIGN(out.pickle, next("the object"));
    RECAST_ASSIGN(Pickle keys, next("the list of storages"));
    if (!keys.root->isSequence())
      return bad("its list of storages is no list");
    for (const plan::ObjectPtr &key : keys.root->items)
      RECAST_TRY(storage(*key, out));
    for (const auto &[key, size] : out.pickle.storages)
      if (!out.storages.contains(key))
        return bad(fmt::format("tensors refer to the storage '{}', which the file does not hold",
                               printable(key)));
    if (at_ != file_.size())
      return bad(fmt::format("{} bytes follow its last storage", file_.size() - at_));
    return out;
  }

private:
  tl::unexpected<Error> bad(std::string_view what) const {
    return fail(Error(Code::BadInput, fmt::format("damaged torch file: {}", what))
                    .file(file_.path())
                    .bytes(at_, file_.size()));
  }

  tl::unexpected<Error> truncated(std::string_view where) const {
    return fail(Error(Code::BadInput, fmt::format("truncated: the file stops at byte {}, inside {}",
                                                  file_.size(), where))
                    .file(file_.path())
                    .bytes(file_.size(), file_.size())
                    .hint("Copy the file again."));
  }

  /// A pickle's length is known only once it was read, so ever longer pieces are tried.
  Result<Pickle> next(std::string_view what) {
    uint64_t rest = file_.size() - at_;
    for (uint64_t size = std::min(kFirstRead, rest);; size = std::min(2 * size, rest)) {
      RECAST_ASSIGN(std::string bytes, file_.read(at_, size));
      PickleBudget budget = budget_;
      size_t consumed = 0;
      auto pickle = readPickleAt(bytes, consumed, budget);
      if (pickle) {
        budget_ = budget;
        at_ += consumed;
        return pickle;
      }
      bool cutOff = consumed > bytes.size();
      if (cutOff && size == rest)
        return truncated(what);
      if (!cutOff || size >= kMaxPickle)
        return fail(Error(std::move(pickle).error()).file(file_.path()).bytes(at_, at_ + size));
    }
  }

  Status storage(const plan::Object &key, StreamFile &out) {
    if (key.kind != Kind::String)
      return bad("the key of a storage is no text");
    auto declared = out.pickle.storages.find(key.text);
    if (declared == out.pickle.storages.end())
      return bad(fmt::format("no tensor refers to its storage '{}'", printable(key.text)));
    if (!rangeInside(at_, 8, file_.size()))
      return truncated("the size of a storage");
    RECAST_ASSIGN(std::string raw, file_.read(at_, 8));
    uint64_t elements = bitsOf(raw), bytes = declared->second;
    // The stream counts elements of the class that was saved first; its width is one of these.
    bool agrees = bytes == elements;
    for (uint64_t width : {2, 4, 8, 16})
      agrees = agrees || (bytes % width == 0 && bytes / width == elements);
    if (!agrees)
      return bad(fmt::format("the storage '{}' has {} elements, its tensors say {} bytes",
                             printable(key.text), elements, bytes));
    at_ += 8;
    if (!rangeInside(at_, bytes, file_.size()))
      return truncated(fmt::format("the storage '{}'", printable(key.text)));
    ZipMember member;
    member.name = key.text;
    member.offset = at_;
    member.size = bytes;
    if (!out.storages.emplace(key.text, member).second)
      return bad(fmt::format("the storage '{}' is listed twice", printable(key.text)));
    at_ += bytes;
    return {};
  }

  const io::File &file_;
  PickleBudget &budget_;
  uint64_t at_ = 0;
};

} // namespace

bool isTorchStream(std::string_view head) {
  return head.size() >= 2 && head[0] == '\x80' && head.substr(2).starts_with(kMagic.substr(0, 12));
}

bool isTar(std::string_view head) { return head.size() >= 262 && head.substr(257, 5) == "ustar"; }

Result<StreamFile> readTorchStream(const io::File &file, PickleBudget &budget) {
  return Reader(file, budget).run();
}

} // namespace recast::format::torch
