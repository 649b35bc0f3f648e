#include "test/unit/format/read/Samples.h"

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>
#include <zlib.h>

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
      ADD_FAILURE() << tensor.name << " element " << i << " on rank " << rank;
      return "";
    }
    const Extent &extent = store.extents[static_cast<size_t>(rank)];
    if (local < 0 || local >= extent.elements) {
      ADD_FAILURE() << tensor.name << " element " << i << " lies outside rank " << rank;
      return "";
    }
    auto [file, isNew] = files.try_emplace(extent.file);
    if (isNew)
      file->second = slurp(inventory.root + "/" + inventory.files[extent.file].path);
    size_t at = extent.offset + static_cast<size_t>(local) * width;
    if (at + width > file->second.size()) {
      ADD_FAILURE() << tensor.name << " element " << i << " lies outside its file";
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
