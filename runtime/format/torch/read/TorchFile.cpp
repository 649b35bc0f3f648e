#include "runtime/format/torch/read/TorchFile.h"

#include "runtime/base/Checked.h"
#include "runtime/codec/Crc32.h"
#include "runtime/format/Printable.h"
#include "runtime/format/read/LfsPointer.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <map>

namespace recast::format::torch {
namespace {
using plan::Object;
using plan::ObjectPtr;
using plan::TensorRef;

constexpr uint64_t kMaxPickle = uint64_t{1} << 28;
constexpr uint64_t kMaxDetachedTensor = uint64_t{1} << 16;

Result<std::string> readMember(const io::File &file, const ZipMember &member, uint64_t limit) {
  auto bad = [&](std::string message) {
    return fail(Error(Code::BadInput, std::move(message))
                    .file(file.path())
                    .bytes(member.offset, member.offset + member.size));
  };
  if (member.size > limit)
    return bad(fmt::format("'{}' is {} bytes long, where at most {} are expected",
                           printable(member.name), member.size, limit));
  RECAST_ASSIGN(std::string bytes, file.read(member.offset, member.size));
  // A checksum of 0 means that torch was told not to compute any.
  if (member.crc32 != 0 && codec::crc32(0, bytes.data(), bytes.size()) != member.crc32)
    return bad(fmt::format("damaged: the checksum of '{}' is wrong", printable(member.name)));
  return bytes;
}

std::vector<int64_t> contiguousStrides(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * std::max<int64_t>(shape[i], 1);
  return strides;
}

} // namespace

int64_t elementsOf(const TensorRef &ref) { return elementCount(ref.shape).value_or(0); }

bool isContiguous(const TensorRef &ref) {
  int64_t expected = 1;
  if (elementsOf(ref) == 0)
    return true;
  for (size_t i = ref.shape.size(); i-- > 0;) {
    if (ref.shape[i] == 1)
      continue;
    if (ref.strides[i] != expected)
      return false;
    expected *= ref.shape[i];
  }
  return true;
}

Result<TorchFile> TorchFile::open(const std::string &path, PickleBudget &budget) {
  RECAST_ASSIGN(io::File file, io::File::open(path));
  TorchFile out(path, file.info());
  RECAST_ASSIGN(std::string head, file.read(0, std::min<uint64_t>(file.size(), 512)));
  RECAST_TRY(refuseLfsPointer(head, path));
  if (isTar(head))
    return fail(Error(Code::BadInput, "a tar archive, the form of torch before 0.4, which Recast "
                                      "does not read")
                    .file(path)
                    .hint("Load it with torch.load(..., weights_only=False) and save it again."));
  if (!isTorchStream(head)) {
    RECAST_TRY(out.readArchive(file, budget));
    return out;
  }
  RECAST_ASSIGN(StreamFile stream, readTorchStream(file, budget));
  out.stream_ = std::move(stream.storages);
  out.root_ = std::move(stream.pickle.root);
  out.foreignGlobals_ = std::move(stream.pickle.foreignGlobals);
  return out;
}

Status TorchFile::readArchive(const io::File &file, PickleBudget &budget) {
  RECAST_ASSIGN(directory_, ZipDirectory::read(file));

  // The archive's folder is named after the file it was saved to: find it by its one pickle.
  const ZipMember *data = nullptr;
  for (const ZipMember &member : directory_.members()) {
    if (member.name.ends_with("/constants.pkl"))
      return fail(Error(Code::BadInput, "a TorchScript archive: a program with its weights, not a "
                                        "checkpoint")
                      .file(path_)
                      .hint("Save its weights alone: torch.save(torch.jit.load(PATH)"
                            ".state_dict(), NEW_PATH)."));
    if (!member.name.ends_with("/data.pkl"))
      continue;
    if (data)
      return fail(Error(Code::BadInput, "a zip file with two data.pkl").file(path_));
    data = &member;
  }
  if (!data)
    return fail(Error(Code::BadInput, "a zip file without data.pkl: torch.save did not write it")
                    .file(path_));
  std::string prefix = data->name.substr(0, data->name.size() - std::strlen("data.pkl"));
  dataPrefix_ = prefix + "data/";
  RECAST_TRY(checkByteOrder(file, prefix));

  RECAST_ASSIGN(std::string bytes, readMember(file, *data, kMaxPickle));
  auto pickle = readPickle(bytes, budget);
  if (!pickle)
    return fail(
        std::move(pickle).error().file(path_).bytes(data->offset, data->offset + data->size));
  for (const auto &[key, size] : pickle->storages) {
    const ZipMember *member = storage(key);
    if (!member)
      return fail(Error(Code::BadInput,
                        fmt::format("tensors refer to the record 'data/{}', which the file does "
                                    "not hold",
                                    printable(key)))
                      .file(path_));
    if (member->size != size)
      return fail(Error(Code::BadInput,
                        fmt::format("the record 'data/{}' holds {} bytes, its tensors say {}",
                                    printable(key), member->size, size))
                      .file(path_)
                      .bytes(member->offset, member->offset + member->size));
  }
  root_ = std::move(pickle->root);
  foreignGlobals_ = std::move(pickle->foreignGlobals);
  return {};
}

Status TorchFile::checkByteOrder(const io::File &file, const std::string &prefix) const {
  const ZipMember *member = directory_.find(prefix + "byteorder");
  if (!member)
    return {}; // Before torch 2.1; little-endian machines only.
  RECAST_ASSIGN(std::string order, readMember(file, *member, 64));
  if (order == "little")
    return {};
  return fail(Error(Code::BadInput, fmt::format("the file was written with byte order '{}'; Recast "
                                                "reads 'little'",
                                                printable(order)))
                  .file(path_)
                  .bytes(member->offset, member->offset + member->size)
                  .hint("Load and save it with torch on a little-endian machine."));
}

const ZipMember *TorchFile::storage(std::string_view key) const {
  if (!stream_.empty()) {
    auto found = stream_.find(key);
    return found == stream_.end() ? nullptr : &found->second;
  }
  return directory_.find(dataPrefix_ + std::string(key));
}

Result<std::string> TorchFile::elements(const TensorRef &ref, uint64_t limit) const {
  uint64_t width = byteWidth(ref.dtype);
  uint64_t count = static_cast<uint64_t>(elementsOf(ref));
  const ZipMember *member = storage(ref.storage);
  if (width == 0)
    return badInput(
        fmt::format("a tensor of {} cannot be read element by element", name(ref.dtype)));
  if (!member || count > limit / width)
    return internal("a tensor is read that is too large or not in this file");
  std::string out(count * width, '\0');
  if (count == 0)
    return out;
  RECAST_ASSIGN(io::File file, io::File::open(path_));
  if (!(file.info() == info_))
    return fail(Error(Code::BadInput, "the file changed while it was being read").file(path_));
  uint64_t base = member->offset + static_cast<uint64_t>(ref.offset) * width;
  if (isContiguous(ref)) {
    RECAST_TRY(file.readAt(base, out.data(), out.size()));
    return out;
  }
  std::vector<int64_t> index(ref.shape.size(), 0);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t element = 0;
    for (size_t d = 0; d < index.size(); ++d)
      element += static_cast<uint64_t>(index[d] * ref.strides[d]);
    RECAST_TRY(file.readAt(base + element * width, out.data() + i * width, width));
    for (size_t d = index.size(); d-- > 0 && ++index[d] == ref.shape[d];)
      index[d] = 0;
  }
  return out;
}

Result<ObjectPtr> TorchFile::detached(const ObjectPtr &object, uint64_t &budget) const {
  RECAST_ASSIGN(ObjectPtr other, changed(*object, budget));
  return other ? other : object;
}

Result<ObjectPtr> TorchFile::changed(const Object &object, uint64_t &budget) const {
  if (object.kind == Object::Kind::Tensor) {
    const TensorRef &ref = *object.tensor;
    uint64_t width = byteWidth(ref.dtype);
    uint64_t count = static_cast<uint64_t>(elementsOf(ref));
    if (width == 0 || count > kMaxDetachedTensor / width || count * width > budget)
      return ObjectPtr();
    budget -= count * width;
    TensorRef copy = ref;
    RECAST_ASSIGN(copy.literal, elements(ref, kMaxDetachedTensor));
    copy.storage.clear();
    copy.storageElements = static_cast<int64_t>(count);
    copy.offset = 0;
    copy.strides = contiguousStrides(copy.shape);
    return plan::tensor(std::move(copy));
  }
  std::shared_ptr<Object> out;
  auto replace = [&](const ObjectPtr &inner, auto place) -> Status {
    // Numbers and texts, of which there may be one per parameter, hold no tensor.
    if (inner->kind != Object::Kind::Tensor && inner->items.empty() && inner->entries.empty())
      return {};
    RECAST_ASSIGN(ObjectPtr other, changed(*inner, budget));
    if (!other)
      return {};
    if (!out)
      out = std::make_shared<Object>(object);
    place(*out) = std::move(other);
    return {};
  };
  for (size_t i = 0; i < object.items.size(); ++i)
    RECAST_TRY(replace(object.items[i], [i](Object &o) -> auto & { return o.items[i]; }));
  for (size_t i = 0; i < object.entries.size(); ++i) {
    const auto &[key, value] = object.entries[i];
    RECAST_TRY(replace(key, [i](Object &o) -> auto & { return o.entries[i].first; }));
    RECAST_TRY(replace(value, [i](Object &o) -> auto & { return o.entries[i].second; }));
  }
  return ObjectPtr(std::move(out));
}

tl::unexpected<Error> TorchFile::bad(std::string message, std::string_view hint) const {
  Error error(Code::BadInput, std::move(message));
  if (!hint.empty())
    error = std::move(error).hint(hint);
  return fail(std::move(error).file(path_));
}

} // namespace recast::format::torch
