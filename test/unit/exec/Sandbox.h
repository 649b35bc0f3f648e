// A temporary folder with sources, and a small builder of programs over it.
#pragma once

#include "runtime/exec/Program.h"

#include <map>
#include <string>
#include <vector>

namespace recast::exec::test {

std::string noise(size_t size, unsigned seed);
/// `count` finite f32 values, none a NaN.
std::string floats(size_t count, unsigned seed);
/// The same values rounded to bf16, by the reference cast.
std::string toBf16(const std::string &f32);

std::string readAll(const std::string &path);
void writeAll(const std::string &path, const std::string &bytes);
bool exists(const std::string &path);
/// Every file below `folder` with its content; empty if there is no such folder.
std::map<std::string, std::string> tree(const std::string &folder);

class Sandbox {
public:
  Sandbox();
  ~Sandbox();
  std::string path(const std::string &name) const { return folder_ + "/" + name; }

  Program program;

  /// Writes a source file and adds it to the program.
  uint32_t source(const std::string &name, const std::string &bytes);
  /// Adds a CRC-32 record over a range of a source, computed by zlib from its bytes.
  void record(uint32_t file, uint64_t offset, uint64_t length);
  /// A root `out` (or `name`) whose only top-level name is the folder `tag`.
  uint32_t root(const std::string &name = "out");
  /// A target file `tag/name`.
  uint32_t target(uint32_t root, const std::string &name, uint64_t size);
  void literal(uint32_t target, uint64_t offset, std::string bytes);
  /// A tensor of u8 in a target file, to be given a digest.
  uint32_t tensor(uint32_t target, uint64_t offset, uint64_t bytes);

  uint32_t slice(const std::string &text);
  /// A task without outputs; fill in the rest.
  Task &task(int64_t count, std::vector<TaskInput> inputs, const std::string &name = "");
  /// All of `bytes` from a source to a target, as u8.
  void copy(uint32_t from, uint64_t offset, uint64_t bytes, uint32_t to, uint64_t toOffset);

  std::string out(const std::string &name) const { return path("out/tag/" + name); }

private:
  std::string folder_;
  std::vector<std::vector<LiteralBytes>> literals_;
};

} // namespace recast::exec::test
