#include "runtime/exec/Manifest.h"

#include "runtime/io/Directory.h"
#include "runtime/io/OutputFile.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <nlohmann/json.hpp>

namespace recast::exec {
namespace {

/// Writes text as it comes: 10^6 extents are not in memory a second time.
class Output {
public:
  Output(int fd, std::string shown) : fd_(fd), shown_(std::move(shown)) {}

  template <typename... Args> Status add(fmt::format_string<Args...> format, Args &&...args) {
    fmt::format_to(std::back_inserter(buffer_), format, std::forward<Args>(args)...);
    return buffer_.size() < kFlush ? Status() : flush();
  }
  Status flush() {
    RECAST_TRY(io::writeAt(fd_, offset_, buffer_.data(), buffer_.size(), shown_));
    offset_ += buffer_.size();
    buffer_.clear();
    return {};
  }

private:
  static constexpr size_t kFlush = size_t{64} << 10;
  int fd_;
  std::string shown_, buffer_;
  uint64_t offset_ = 0;
};

std::string jsonText(const std::string &text) {
  using Json = nlohmann::json;
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Paths are relative to the folder that holds `.recast`, so that a tag can be moved and verified.
/// Nothing for a file that lies elsewhere.
std::optional<std::string> pathInManifest(const TargetRoot &root, const std::string &path) {
  if (root.manifestDir.empty())
    return path;
  if (!path.starts_with(root.manifestDir + "/"))
    return std::nullopt;
  return path.substr(root.manifestDir.size() + 1);
}

Status writeFileEntry(Output &out, const std::string &path, uint64_t size,
                      std::span<const Extent> extents, bool &first) {
  RECAST_TRY(out.add("{}\n{{\"path\": {}, \"size\": {}, \"extents\": [", first ? "" : ",",
                     jsonText(path), size));
  first = false;
  for (size_t i = 0; i < extents.size(); ++i)
    RECAST_TRY(out.add("{}[{}, {}, \"{:016x}\"]", i ? ", " : "", extents[i].offset,
                       extents[i].length, extents[i].xxh3));
  return out.add("]}}");
}

/// Tensors by name, wherever they lie: `file` and `offset` only help to find them.
Status writeTensors(Output &out, const Program &program, uint32_t index,
                    const TensorDigests &digests) {
  RECAST_TRY(out.add("\n],\n\"digest\": \"{}\",\n\"tensors\": [", codec::kDigestName));
  bool first = true;
  for (uint32_t t = 0; t < program.tensors.size(); ++t) {
    const TargetTensor &tensor = program.tensors[t];
    const TargetFile &file = program.targets[tensor.file];
    auto path = file.root == index ? pathInManifest(program.roots[index], file.path) : std::nullopt;
    if (!path)
      continue;
    TensorLabel label = program.label(t);
    RECAST_TRY(out.add("{}\n{{\"name\": {}, \"role\": {}, \"dtype\": \"{}\", \"shape\": [{}], "
                       "\"file\": {}, \"offset\": {}, \"digest\": \"{}\"}}",
                       first ? "" : ",", jsonText(label.name), jsonText(label.role),
                       name(label.dtype), fmt::join(label.shape, ", "), jsonText(*path),
                       tensor.offset, digests[t].str()));
    first = false;
  }
  return {};
}

} // namespace

Status writeManifest(const Program &program, uint32_t index, const StagedRoot &staged,
                     const TargetExtents &extents, const TensorDigests *digests) {
  const TargetRoot &root = program.roots[index];
  std::string path = staged.manifestPath(), shown = staged.shown(path);
  RECAST_TRY(io::makeParents(staged.staging(), path, root.folder));
  io::Descriptor file = io::openBeneath(staged.staging(), path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (!file)
    return ioError("cannot create the manifest", errno, shown);
  Output out(file.get(), shown);
  // Whether everything in the folder is ours, so that whatever else turns up there is surplus.
  RECAST_TRY(out.add("{{\"recast_manifest\": 1,\n\"fingerprint\": \"{:016x}\",\n"
                     "\"whole_folder\": {},\n\"files\": [",
                     program.fingerprint, !root.manifestDir.empty()));
  bool first = true;
  for (uint32_t t = 0; t < program.targets.size(); ++t)
    if (const TargetFile &target = program.targets[t]; target.root == index)
      if (auto name = pathInManifest(root, target.path))
        RECAST_TRY(writeFileEntry(out, *name, target.size, extents.extents(t), first));
  if (digests)
    RECAST_TRY(writeTensors(out, program, index, *digests));
  RECAST_TRY(out.add("\n],\n\"links\": ["));
  first = true;
  for (const auto &[name, existing] : root.links) {
    auto from = pathInManifest(root, name), to = pathInManifest(root, existing);
    if (!from || !to)
      continue;
    RECAST_TRY(out.add("{}\n[{}, {}]", first ? "" : ",", jsonText(*from), jsonText(*to)));
    first = false;
  }
  RECAST_TRY(out.add("\n]}}\n"));
  RECAST_TRY(out.flush());
  if (::close(file.release()) != 0)
    return ioError("cannot close the manifest", errno, shown);
  return {};
}

} // namespace recast::exec
