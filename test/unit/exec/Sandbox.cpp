#include "Sandbox.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <sstream>
#include <sys/stat.h>
#include <zlib.h>

namespace recast::exec::test {

namespace fs = std::filesystem;

std::string noise(size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string out(size, '\0');
  for (size_t i = 0; i < size; i += 8) {
    uint64_t word = random();
    std::memcpy(out.data() + i, &word, std::min<size_t>(8, size - i));
  }
  return out;
}

std::string floats(size_t count, unsigned seed) {
  std::string out = noise(count * 4, seed);
  for (size_t i = 3; i < out.size(); i += 4)
    out[i] &= static_cast<char>(0xbf); // No exponent of all ones, even after rounding up.
  return out;
}

std::string toBf16(const std::string &f32) {
  std::string out(f32.size() / 2, '\0');
  for (size_t i = 0; i < f32.size() / 4; ++i) {
    uint32_t bits;
    std::memcpy(&bits, f32.data() + 4 * i, 4);
    bits += 0x7fff + ((bits >> 16) & 1); // Round to nearest even; no NaN among the values.
    std::memcpy(out.data() + 2 * i, reinterpret_cast<char *>(&bits) + 2, 2);
  }
  return out;
}

std::string readAll(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

void writeAll(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

bool exists(const std::string &path) { return fs::exists(fs::symlink_status(path)); }

std::map<std::string, std::string> tree(const std::string &folder) {
  std::map<std::string, std::string> out;
  if (!fs::exists(folder))
    return out;
  for (const auto &entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      out[fs::relative(entry.path(), folder)] = readAll(entry.path());
  return out;
}

namespace {
/// Memory, if there is enough of it: the tests flush often, and a disk may be busy with others.
/// TMPDIR decides if it is set.
fs::path temporary() {
  std::error_code error;
  fs::space_info space = fs::space("/dev/shm", error);
  bool fits = !error && space.available >= (uintmax_t{512} << 20);
  return fits && !std::getenv("TMPDIR") ? fs::path("/dev/shm") : fs::temp_directory_path();
}
} // namespace

Sandbox::Sandbox() {
  folder_ = (temporary() / "recast-exec-XXXXXX").string();
  if (!::mkdtemp(folder_.data()))
    std::abort();
  program.fingerprint = 0x1234abcd;
  program.literals = [this](uint32_t target) { return literals_[target]; };
}

Sandbox::~Sandbox() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

uint32_t Sandbox::source(const std::string &name, const std::string &bytes) {
  writeAll(path(name), bytes);
  struct stat st;
  EXPECT_EQ(::stat(path(name).c_str(), &st), 0);
  program.sources.push_back(
      {path(name), bytes.size(), int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec});
  return static_cast<uint32_t>(program.sources.size() - 1);
}

void Sandbox::record(uint32_t file, uint64_t offset, uint64_t length) {
  std::string bytes = readAll(program.sources[file].path).substr(offset, length);
  auto crc = ::crc32_z(0, reinterpret_cast<const Bytef *>(bytes.data()), bytes.size());
  program.records.push_back({file, offset, length, static_cast<uint32_t>(crc)});
}

uint32_t Sandbox::root(const std::string &name) {
  TargetRoot root;
  root.folder = path(name);
  root.renames = {"tag"};
  root.manifestDir = "tag";
  root.endpoint = name;
  program.roots.push_back(root);
  return static_cast<uint32_t>(program.roots.size() - 1);
}

uint32_t Sandbox::target(uint32_t root, const std::string &name, uint64_t size) {
  program.targets.push_back({root, "tag/" + name, size, {}});
  literals_.emplace_back();
  return static_cast<uint32_t>(program.targets.size() - 1);
}

void Sandbox::literal(uint32_t target, uint64_t offset, std::string bytes) {
  literals_[target].push_back({offset, std::move(bytes)});
}

uint32_t Sandbox::tensor(uint32_t target, uint64_t offset, uint64_t bytes) {
  auto index = static_cast<uint32_t>(program.tensors.size());
  program.tensors.push_back({target, offset, bytes});
  program.label = [this](uint32_t t) {
    const TargetTensor &tensor = program.tensors[t];
    return TensorLabel{program.targets[tensor.file].path,
                       "weight",
                       DType::U8,
                       {static_cast<int64_t>(tensor.bytes)}};
  };
  return index;
}

uint32_t Sandbox::slice(const std::string &text) {
  auto parsed = recipe::Recipe::parse(text);
  EXPECT_TRUE(parsed) << text;
  for (uint32_t i = 0; i < program.slices.size(); ++i)
    if (program.slices[i] == *parsed)
      return i;
  program.slices.push_back(*parsed);
  return static_cast<uint32_t>(program.slices.size() - 1);
}

Task &Sandbox::task(int64_t count, std::vector<TaskInput> inputs, const std::string &name) {
  Task task;
  task.count = count;
  task.name = static_cast<uint32_t>(program.names.size());
  task.inputs = std::move(inputs);
  program.names.push_back(name.empty() ? "t" + std::to_string(program.names.size()) : name);
  program.tasks.push_back(std::move(task));
  return program.tasks.back();
}

void Sandbox::copy(uint32_t from, uint64_t offset, uint64_t bytes, uint32_t to, uint64_t toOffset) {
  uint32_t u8 = slice("load 0 u8; store %0 0");
  task(static_cast<int64_t>(bytes), {{from, offset, DType::U8}})
      .outputs.push_back({u8, to, toOffset, {0}});
}

} // namespace recast::exec::test
