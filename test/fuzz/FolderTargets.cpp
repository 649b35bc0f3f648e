// Folders of several files. An input is a list of files: name, line feed, four bytes of size
// (little-endian), content. A name that ends in ".pt" has a pickle for its content, around which a
// sound archive is built, with every storage that the pickle speaks of: so the fuzzer reaches what
// lies behind the checksums.
#include "runtime/capi/ReadTensor.h"
#include "runtime/format/Inventory.h"
#include "runtime/format/torch/read/Pickle.h"
#include "runtime/io/Directory.h"
#include "runtime/layout/Pieces.h"
#include "test/fuzz/Folder.h"
#include "test/fuzz/Target.h"
#include "test/unit/format/read/ZipSamples.h"

#include <cstring>

namespace recast::fuzz {
namespace {
using format::test::SampleMember;

constexpr uint64_t kMaxStorage = uint64_t{1} << 16;

/// As f32 all are 1: a step that is read is a number.
std::string ones(uint64_t size) {
  std::string out(size, '\0');
  for (size_t i = 2; i < size; i += 4)
    out[i] = '\x80';
  for (size_t i = 3; i < size; i += 4)
    out[i] = '\x3f';
  return out;
}

std::string archiveAround(std::string_view pickle) {
  std::vector<SampleMember> members;
  members.push_back({.name = "a/data.pkl", .payload = std::string(pickle)});
  format::torch::PickleBudget budget{.nodes = uint64_t{1} << 20, .bytes = uint64_t{1} << 24};
  if (auto read = format::torch::readPickle(pickle, budget))
    for (const auto &[key, bytes] : read->storages)
      if (bytes <= kMaxStorage && key.size() < 100 && members.size() < 100)
        members.push_back({.name = "a/data/" + key, .payload = ones(bytes)});
  members.push_back({.name = "a/version", .payload = "3\n"});
  return format::test::zipOf(members);
}

void unpack(const std::string &folder, std::string_view input) {
  for (int files = 0; files < 64 && !input.empty(); ++files) {
    size_t end = input.find('\n');
    if (end == input.npos || input.size() < end + 5)
      return;
    std::string name(input.substr(0, end));
    uint32_t size;
    std::memcpy(&size, input.data() + end + 1, sizeof size);
    input.remove_prefix(end + 5);
    std::string_view content = input.substr(0, size);
    input.remove_prefix(content.size());
    if (!io::checkRelativePath(name))
      continue;
    writeFile(folder, name, name.ends_with(".pt") ? archiveAround(content) : std::string(content));
  }
}

/// What a sound inventory promises to everything behind it.
void checkSound(const format::Inventory &inventory) {
  for (const format::Store &store : inventory.stores)
    for (const format::Extent &extent : store.extents) {
      RECAST_PROMISE(extent.file < inventory.files.size());
      RECAST_PROMISE(byteWidth(store.dtype) > 0);
      uint64_t size = inventory.files[extent.file].size;
      RECAST_PROMISE(extent.elements >= 0 && extent.offset <= size);
      RECAST_PROMISE(static_cast<uint64_t>(extent.elements) <=
                     (size - extent.offset) / byteWidth(store.dtype));
    }
  capi::TensorReader reader(inventory);
  for (const format::Tensor &tensor : inventory.tensors) {
    RECAST_PROMISE(tensor.layout < inventory.layouts.size());
    RECAST_PROMISE(tensor.scalar || tensor.store < inventory.stores.size());
    RECAST_PROMISE(layout::verify(inventory.layouts[tensor.layout], {tensor.shape}).has_value());
    uint64_t elements = 1;
    for (int64_t extent : tensor.shape)
      elements *= static_cast<uint64_t>(extent);
    if (!tensor.scalar)
      if (auto bytes = reader.read(tensor))
        RECAST_PROMISE(bytes->size() == elements * byteWidth(tensor.dtype));
  }
}

bool runFolder(std::string_view input, const char *name) {
  const std::string &folder = emptyFolder();
  unpack(folder, input);
  format::ReadOptions options;
  options.format = name;
  auto inventory = format::readInventory(folder, options);
  if (!inventory || !inventory->problems.empty())
    return false;
  checkSound(*inventory);
  return true;
}
} // namespace

bool runDeepSpeed(std::string_view input) { return runFolder(input, "deepspeed"); }
bool runUniversal(std::string_view input) { return runFolder(input, "deepspeed_universal"); }
bool runTorchFolder(std::string_view input) { return runFolder(input, "torch"); }
bool runSafetensorsFolder(std::string_view input) { return runFolder(input, "safetensors"); }

} // namespace recast::fuzz
