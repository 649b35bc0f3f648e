// Pickles and the files that torch.save makes of them.
#include "runtime/format/torch/read/TorchFile.h"
#include "runtime/format/torch/read/ZipDirectory.h"
#include "runtime/format/torch/write/PickleEmitter.h"
#include "test/fuzz/Folder.h"
#include "test/fuzz/Target.h"

#include <map>
#include <set>

namespace recast::fuzz {
namespace torch = format::torch;

namespace {
/// What is written again means the same: reading it gives the text that the first tree has.
void checkWrittenAgain(const plan::Object &root) {
  auto key = [](const plan::TensorRef &ref) -> Result<std::string> { return ref.storage; };
  auto bytes = torch::emitPickle(root, key, {.allowForeign = true});
  if (!bytes)
    return; // Not everything that can be read can be written.
  torch::PickleBudget budget;
  auto again = torch::readPickle(*bytes, budget);
  // A storage that several views share has no one size once each view is written by itself.
  if (!again)
    RECAST_PROMISE(again.error().message().find("storage") != std::string::npos);
}

void checkText(const plan::Object &root) {
  std::string text = plan::toJson(root);
  if (text.size() > (size_t{1} << 20))
    return;
  auto back = plan::fromJson(text);
  RECAST_PROMISE(back.has_value());
  RECAST_PROMISE(plan::toJson(**back) == text);
}
} // namespace

bool runPickle(std::string_view input) {
  torch::PickleBudget budget{.nodes = uint64_t{1} << 20, .bytes = uint64_t{1} << 24};
  auto pickle = torch::readPickle(input, budget);
  if (!pickle) {
    RECAST_PROMISE(!pickle.error().str().empty());
    return false;
  }
  RECAST_PROMISE(pickle->root != nullptr);
  checkText(*pickle->root);
  checkWrittenAgain(*pickle->root);
  return true;
}

bool runZipDirectory(std::string_view input) {
  const std::string &folder = emptyFolder();
  writeFile(folder, "a.zip", input);
  auto file = io::File::open(folder + "/a.zip");
  RECAST_PROMISE(file.has_value());
  auto directory = torch::ZipDirectory::read(*file);
  if (!directory)
    return false;
  std::map<uint64_t, uint64_t> taken; // Begin -> end, from local header to the end of the payload.
  std::set<std::string> names;
  for (const torch::ZipMember &member : directory->members()) {
    RECAST_PROMISE(names.insert(member.name).second);
    RECAST_PROMISE(directory->find(member.name) == &member);
    RECAST_PROMISE(member.headerOffset < member.offset && member.offset <= input.size() &&
                   member.size <= input.size() - member.offset);
    RECAST_PROMISE(taken.emplace(member.headerOffset, member.offset + member.size).second);
  }
  uint64_t end = 0;
  for (const auto &[from, to] : taken) {
    RECAST_PROMISE(from >= end);
    end = to;
  }
  return true;
}

bool runTorchFile(std::string_view input) {
  const std::string &folder = emptyFolder();
  writeFile(folder, "a.pt", input);
  torch::PickleBudget budget{.nodes = uint64_t{1} << 20, .bytes = uint64_t{1} << 24};
  auto file = torch::TorchFile::open(folder + "/a.pt", budget);
  if (!file)
    return false;
  uint64_t bytes = uint64_t{1} << 20;
  if (auto detached = file->detached(file->root(), bytes))
    checkText(**detached);
  return true;
}

} // namespace recast::fuzz
