#include "test/unit/format/read/Samples.h"

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>

namespace recast::format::test {

TempFolder::TempFolder() {
  std::string pattern = ::testing::TempDir() + "recast-format-XXXXXX";
  path_ = ::mkdtemp(pattern.data());
}
TempFolder::~TempFolder() { std::filesystem::remove_all(path_); }
std::string TempFolder::path(const std::string &name) const {
  return name.empty() ? path_ : path_ + "/" + name;
}
std::string TempFolder::write(const std::string &name, const std::string &content) const {
  std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
  overwrite(path(name), content);
  return path(name);
}

std::string dataPath(const std::string &relative) {
  return std::string(RECAST_TEST_DATA) + "/" + relative;
}

std::string slurp(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

void overwrite(const std::string &path, const std::string &content) {
  // A new file, not a truncated one: ext4 flushes those to the disk when they are closed.
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << content;
}

void copyTree(const std::string &from, const std::string &to) {
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  for (const auto &entry : std::filesystem::recursive_directory_iterator(to))
    std::filesystem::permissions(entry, std::filesystem::perms::owner_all);
}

std::map<std::string, TruthTensor> readTruth(const std::string &path) {
  std::string file = slurp(path);
  uint64_t size = 0;
  std::memcpy(&size, file.data(), 8);
  auto header = nlohmann::json::parse(file.substr(8, size));
  std::map<std::string, TruthTensor> out;
  for (const auto &[name, value] : header.items()) {
    if (name == "__metadata__")
      continue;
    uint64_t begin = value["data_offsets"][0], end = value["data_offsets"][1];
    out[name] = {value["dtype"], value["shape"], file.substr(8 + size + begin, end - begin)};
  }
  return out;
}

std::string gather(const Inventory &inventory, const Tensor &tensor) {
  size_t width = byteWidth(tensor.dtype);
  int64_t count = 1;
  for (int64_t extent : tensor.shape)
    count *= extent;
  std::string out(static_cast<size_t>(count) * width, '\0');
  const layout::Layout &layout = inventory.layouts[tensor.layout];
  const Store &store = inventory.stores[tensor.store];
  auto world = static_cast<int64_t>(store.extents.size());
  bool perGroup = false, flat = !layout.steps.empty();
  if (flat)
    perGroup = std::get<layout::Flat>(layout.steps[0]).scope == layout::FlatScope::PerGroup;
  EXPECT_EQ(flat ? layout.mesh.rankCount() : 1, world);
  int64_t slot = (count + world - 1) / world;
  std::map<uint32_t, std::string> files;
  for (int64_t i = 0; i < count; ++i) {
    int64_t rank = 0, local = tensor.start + i;
    if (perGroup) {
      int64_t partition = tensor.groupTotal / world;
      rank = (tensor.start + i) / partition;
      local = (tensor.start + i) % partition;
    } else if (flat) {
      rank = i / slot;
      local = tensor.start + i % slot;
    }
    if (rank < 0 || rank >= world) {
      ADD_FAILURE() << tensor.name.str() << " element " << i << " on rank " << rank;
      return "";
    }
    const Extent &extent = store.extents[static_cast<size_t>(rank)];
    if (local < 0 || local >= extent.elements) {
      ADD_FAILURE() << tensor.name.str() << " element " << i << " lies outside rank " << rank;
      return "";
    }
    auto [file, isNew] = files.try_emplace(extent.file);
    if (isNew)
      file->second = slurp(inventory.root + "/" + inventory.files[extent.file].path);
    size_t at = extent.offset + static_cast<size_t>(local) * width;
    if (at + width > file->second.size()) {
      ADD_FAILURE() << tensor.name.str() << " element " << i << " lies outside its file";
      return "";
    }
    out.replace(static_cast<size_t>(i) * width, width, file->second, at, width);
  }
  return out;
}

const Tensor *findTensor(const Inventory &inventory, const std::string &name,
                         const std::string &role) {
  const Tensor *found = nullptr;
  for (const Tensor &tensor : inventory.tensors) {
    if (tensor.name != name || tensor.role != role)
      continue;
    EXPECT_EQ(found, nullptr) << "two tensors " << role << " of " << name;
    found = &tensor;
  }
  EXPECT_NE(found, nullptr) << "no " << role << " of " << name;
  return found;
}

std::string problemText(const Inventory &inventory) {
  std::string out;
  for (const Problem &problem : inventory.problems)
    out += problem.error.str() + "\n";
  return out;
}

} // namespace recast::format::test
