#include "runtime/exec/CommitMarker.h"

#include "runtime/io/File.h"
#include "runtime/io/OutputFile.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

namespace recast::exec {

using Json = nlohmann::json;

std::string CommitMarker::toJson() const {
  Json list = Json::array();
  for (const MarkedMove &m : moves)
    list.push_back(Json::array({m.move.from, m.move.to, m.move.overwrite, m.inode}));
  Json json = {{"boot", boot}, {"synced", synced}, {"moves", std::move(list)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<CommitMarker> CommitMarker::parse(const std::string &text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("boot") || !json["boot"].is_string() ||
      !json.contains("synced") || !json["synced"].is_boolean() || !json.contains("moves") ||
      !json["moves"].is_array())
    return std::nullopt;
  CommitMarker out;
  out.boot = json["boot"].get<std::string>();
  out.synced = json["synced"].get<bool>();
  for (const Json &m : json["moves"]) {
    if (!m.is_array() || m.size() != 4 || !m[0].is_string() || !m[1].is_string() ||
        !m[2].is_boolean() || !m[3].is_number_unsigned())
      return std::nullopt;
    out.moves.push_back({{m[0].get<std::string>(), m[1].get<std::string>(), m[2].get<bool>()},
                         m[3].get<uint64_t>()});
  }
  return out;
}

std::string bootId() {
  // Its size is said to be 0, so it is read like a stream.
  int fd = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return "";
  io::Descriptor file(fd);
  char id[64];
  ssize_t got = ::pread(fd, id, sizeof id, 0);
  return got > 0 ? std::string(id, static_cast<size_t>(got)) : "";
}

std::optional<uint64_t> inodeOf(int folder, const std::string &path) {
  struct stat st;
  if (::fstatat(folder, path.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
    return std::nullopt;
  return st.st_ino;
}

} // namespace recast::exec
