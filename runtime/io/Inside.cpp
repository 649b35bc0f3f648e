#include "runtime/io/Inside.h"

#include <algorithm>
#include <filesystem>

namespace recast::io {
namespace {

namespace fs = std::filesystem;

fs::path canonical(const std::string &path) {
  std::error_code ignored;
  fs::path out = fs::weakly_canonical(fs::absolute(path, ignored), ignored);
  return out.has_filename() ? out : out.parent_path(); // "a/b/" names the same folder as "a/b".
}

} // namespace

bool isInside(const std::string &inner, const std::string &outer) {
  fs::path in = canonical(inner), out = canonical(outer);
  auto [end, ignored] = std::mismatch(out.begin(), out.end(), in.begin(), in.end());
  return end == out.end();
}

bool isSameFolder(const std::string &a, const std::string &b) {
  return canonical(a) == canonical(b);
}

} // namespace recast::io
