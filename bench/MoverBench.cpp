// The mover by hand as a program: makes its work from a plan, moves with the clock running, checks.
#include "bench/Mover.h"
#include "runtime/capi/Instantiate.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

using namespace recast;
using namespace recast::bench;
namespace fs = std::filesystem;

namespace {

/// The CRC of every source record whose bytes were all read; the number of them.
size_t verifyRecords(const Work &work) {
  std::vector<std::vector<const Piece *>> parts(work.records.size());
  for (const Item &item : work.items)
    for (const Piece &piece : item.pieces)
      if (piece.record != kNone)
        parts[piece.record].push_back(&piece);
  size_t verified = 0;
  for (size_t r = 0; r < parts.size(); ++r) {
    std::sort(parts[r].begin(), parts[r].end(),
              [](const Piece *a, const Piece *b) { return a->from < b->from; });
    uint64_t at = work.records[r].offset;
    uint32_t crc = 0;
    for (const Piece *piece : parts[r]) {
      if (piece->from != at)
        break;
      crc = codec::crc32Combine(crc, piece->crc, piece->bytes);
      at += piece->bytes;
    }
    if (at != work.records[r].offset + work.records[r].length)
      continue;
    if (crc != work.records[r].crc32)
      die(fmt::format("a checksum of {} is wrong", work.sources[work.records[r].file].path));
    ++verified;
  }
  return verified;
}

/// Hashes, one line an extent: what a manifest keeps of them.
void writeHashes(const Work &work, const std::string &path) {
  std::string text;
  for (const Item &item : work.items)
    for (const Extent &extent : item.extents)
      text +=
          fmt::format("{} {} {} {:016x}\n", item.path, extent.offset, extent.length, extent.xxh3);
  std::FILE *file = std::fopen(path.c_str(), "w");
  if (!file || std::fwrite(text.data(), 1, text.size(), file) != text.size() ||
      std::fclose(file) != 0)
    die("cannot write " + path);
}

/// Reads the output again: every hash is that of the bytes that lie there.
void checkHashes(const Work &work, const std::string &folder) {
  for (const Item &item : work.items) {
    int fd = item.path.empty() ? -1 : ::open((folder + "/" + item.path).c_str(), O_RDONLY);
    uint64_t covered = 0;
    for (const Extent &extent : item.extents) {
      std::vector<std::byte> bytes(extent.length);
      if (::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(extent.offset)) !=
              static_cast<ssize_t>(bytes.size()) ||
          codec::xxh3(bytes.data(), bytes.size()) != extent.xxh3)
        die("a hash is not that of the file: " + item.path);
      covered += extent.length;
    }
    if (fd >= 0 && covered != item.bytes)
      die("hashes do not cover " + item.path);
    if (fd >= 0)
      ::close(fd);
  }
}

double cpuSeconds(const timeval &time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app{
      "A hand-written mover to compare Recast with: carries out a plan that only copies (ZeRO ->\n"
      "universal) with threads that take output files from a queue, largest first, 256 KiB of "
      "private\n"
      "buffer each, pread and pwrite. It verifies the CRC-32 of every source record, writes that "
      "of\n"
      "every zip member, hashes every extent with XXH3, in tiles of 16 KiB, headers last. The list "
      "of\n"
      "pieces and the literals come from the plan and are made before the clock starts. It does "
      "not\n"
      "compare master with weight, keeps no journal and cannot be resumed. Prints one JSON "
      "object."};
  std::string planPath, folder;
  unsigned threads = 2;
  bool digests = false, sync = false, check = false;
  app.add_option("plan", planPath, "Made by `recast plan`")->required();
  app.add_option("folder", folder, "To be written; FOLDER.hashes gets the hashes")->required();
  app.add_option("--threads", threads, "Default: 2")->check(CLI::Range(1u, 256u));
  app.add_flag("--digests", digests, "Also the digest of every tensor");
  app.add_flag("--sync", sync, "Flush to the device before the folder appears");
  app.add_flag("--check", check, "Afterwards, uncounted: read the output and compare the hashes");
  CLI11_PARSE(app, argc, argv);

  auto plan = capi::loadPlan(planPath);
  if (!plan)
    die(plan.error().str());
  auto instance = capi::instantiate(*plan);
  if (!instance)
    die(instance.error().str());
  Work work = workOf(instance->program);

  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  auto start = std::chrono::steady_clock::now();
  const std::string staging = folder + ".part";
  for (const Item &item : work.items)
    if (!item.path.empty())
      fs::create_directories(fs::path(staging + "/" + item.path).parent_path());
  std::atomic<size_t> next{0};
  std::vector<std::unique_ptr<Mover>> movers;
  std::vector<std::thread> running;
  for (unsigned t = 0; t < threads; ++t)
    movers.push_back(std::make_unique<Mover>(work, staging, digests));
  for (auto &mover : movers)
    running.emplace_back([&] { mover->run(next); });
  for (std::thread &thread : running)
    thread.join();
  size_t records = verifyRecords(work);
  codec::Digest all; // Of all tensors together, so that no sum is for nothing.
  for (auto &mover : movers)
    for (const codec::Digest &digest : mover->digests())
      all += digest;
  writeHashes(work, folder + ".hashes");
  for (const auto &[name, text] : work.pointers) {
    std::FILE *file = std::fopen((staging + "/" + name).c_str(), "w");
    if (!file || std::fwrite(text.data(), 1, text.size(), file) != text.size() ||
        std::fclose(file) != 0)
      die("cannot write " + name);
  }
  for (const auto &[name, existing] : work.links)
    fs::create_hard_link(staging + "/" + existing, staging + "/" + name);
  movers.clear();
  if (sync) {
    int fd = ::open(staging.c_str(), O_RDONLY | O_DIRECTORY);
    if (fd < 0 || ::syncfs(fd) != 0)
      die("cannot flush");
    ::close(fd);
  }
  fs::rename(staging, folder);
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  ::getrusage(RUSAGE_SELF, &after);

  if (check)
    checkHashes(work, folder);
  uint64_t written = 0;
  size_t files = 0;
  for (const Item &item : work.items) {
    written += item.path.empty() ? 0 : item.bytes;
    files += !item.path.empty();
  }
  fmt::print("{{\"seconds\": {:.6f}, \"user_seconds\": {:.6f}, \"system_seconds\": {:.6f}, "
             "\"bytes_written\": {}, \"files_written\": {}, \"records_verified\": {}, "
             "\"digest\": \"{}\"}}\n",
             seconds.count(), cpuSeconds(after.ru_utime) - cpuSeconds(before.ru_utime),
             cpuSeconds(after.ru_stime) - cpuSeconds(before.ru_stime), written, files, records,
             digests ? all.str() : "");
  return 0;
}
