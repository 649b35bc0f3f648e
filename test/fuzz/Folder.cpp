#include "test/fuzz/Folder.h"

#include "test/fuzz/Target.h"

#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace recast::fuzz {
namespace fs = std::filesystem;

namespace {
class Folder {
public:
  Folder() {
    std::string pattern = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : temporary();
    pattern += "/recast-fuzz-XXXXXX";
    RECAST_PROMISE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  std::string path;

private:
  static std::string temporary() {
    std::error_code error;
    fs::path path = fs::temp_directory_path(error);
    return error ? "/tmp" : path.string();
  }
};
} // namespace

const std::string &emptyFolder() {
  static Folder folder;
  std::error_code error;
  for (const auto &entry : fs::directory_iterator(folder.path, error))
    fs::remove_all(entry.path(), error);
  return folder.path;
}

void writeFile(const std::string &folder, std::string_view path, std::string_view content) {
  fs::path full = fs::path(folder) / path;
  std::error_code error;
  fs::create_directories(full.parent_path(), error);
  std::ofstream(full, std::ios::binary) << content;
}

} // namespace recast::fuzz
