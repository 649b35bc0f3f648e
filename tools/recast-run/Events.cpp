#include "tools/recast-run/Events.h"

#include "runtime/io/File.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

namespace recast::tools {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string lineOf(const Json &json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// How every file of events begins: see start().
constexpr std::string_view kBegin = R"({"event":"start",)";

/// Whether it is empty or an earlier run wrote it.
bool holdsEvents(const std::string &path) {
  auto file = io::File::open(path);
  if (!file)
    return false;
  auto begin = file->read(0, std::min<uint64_t>(file->size(), kBegin.size()));
  return begin && (begin->empty() || *begin == kBegin);
}

/// Whether the program makes `path`, or a file or folder that it would lie in.
bool isOutput(const fs::path &path, const exec::Program &program) {
  std::error_code ignored;
  auto whole = [&](const fs::path &name) {
    fs::path out = fs::weakly_canonical(fs::absolute(name, ignored), ignored);
    return out.has_filename() ? out : out.parent_path(); // "hub/" is "hub".
  };
  fs::path place = whole(path);
  auto isAt = [&](const fs::path &output, bool inside) {
    fs::path relative = place.lexically_relative(whole(output));
    return relative == "." || (inside && !relative.empty() && *relative.begin() != "..");
  };
  for (const exec::TargetRoot &root : program.roots) {
    if (root.inMemory)
      continue;
    fs::path folder = root.folder;
    if (isAt(folder, false) || isAt(folder / root.manifestDir / ".recast", true))
      return true;
    for (const std::string &name : root.renames)
      if (isAt(folder / name, true))
        return true;
    for (const auto &[name, text] : root.pointers)
      if (isAt(folder / name, false))
        return true;
  }
  return false;
}

Status checkPlace(const std::string &path, const std::vector<std::string> &inputs,
                  const exec::Program &program, bool overwrite) {
  auto refuse = [&](std::string why, std::string_view hint) {
    return fail(Error(Code::Usage, "no place for the events: " + why).file(path).hint(hint));
  };
  if (isOutput(path, program))
    return refuse("the output goes there", "Give the name of a file of its own.");
  std::error_code ignored;
  fs::file_status status = fs::status(path, ignored);
  if (!fs::exists(status) || fs::is_fifo(status) || fs::is_character_file(status))
    return {};
  if (!fs::is_regular_file(status))
    return refuse(fs::is_directory(status) ? "it is a folder" : "it is neither a file nor a pipe",
                  "Give the name of a file, or - for standard output.");
  for (const std::string &input : inputs)
    if (fs::equivalent(path, input, ignored))
      return refuse("this file is read", "Give the name of a file of its own.");
  if (overwrite || holdsEvents(path))
    return {};
  return refuse("the file exists and holds something else", "Give another name, or --overwrite.");
}

} // namespace

Result<Events> Events::open(const std::string &path, const std::vector<std::string> &inputs,
                            const exec::Program &program, bool overwrite) {
  if (path == "-")
    return Events(stdout, "standard output");
  RECAST_TRY(checkPlace(path, inputs, program, overwrite));
  std::FILE *file = std::fopen(path.c_str(), "we");
  if (!file)
    return ioError("cannot write the events", errno, path);
  return Events(file, path);
}

Events::Events(Events &&other) noexcept
    : file_(std::exchange(other.file_, nullptr)), shown_(std::move(other.shown_)),
      error_(other.error_) {}

Events::~Events() {
  if (file_ && file_ != stdout)
    std::fclose(file_);
}

/// Whole lines at once: whoever follows the file sees none in part.
void Events::write(std::string line) {
  if (error_ == 0 &&
      (std::fwrite(line.data(), 1, line.size(), file_) != line.size() || std::fflush(file_) != 0))
    error_ = errno;
}

void Events::start(const capi::Instance &instance) {
  Json targets = Json::array();
  for (const exec::TargetRoot &root : instance.program.roots)
    targets.push_back(root.endpoint);
  uint64_t bytes = 0;
  for (const exec::TargetTensor &tensor : instance.program.tensors)
    bytes += tensor.bytes;
  write(lineOf({{"event", "start"},
                {"targets", targets},
                {"in_memory", instance.program.inMemory()},
                {"tensors", instance.program.tensors.size()},
                {"bytes", bytes}}));
}

void Events::ready(const capi::Instance &instance, const exec::ReadyTensor &ready) {
  const exec::Program &program = instance.program;
  const exec::TargetTensor &tensor = program.tensors[ready.tensor];
  exec::TensorLabel label = program.label(ready.tensor);
  Json json{{"event", "ready"},
            {"target", program.roots[program.targets[tensor.file].root].endpoint},
            {"role", label.role},
            {"tensor", label.name},
            {"bytes", tensor.bytes},
            {"seconds", ready.seconds},
            {"deadline", label.deadline ? Json(*label.deadline) : Json(nullptr)}};
  if (ready.digest)
    json["digest"] = ready.digest->str();
  write(lineOf(json));
}

void Events::end(const exec::Report &report) {
  write(lineOf({{"event", "end"},
                {"seconds", report.seconds},
                {"bytes_read", report.bytesRead},
                {"bytes_written", report.bytesWritten}}));
}

void Events::failed(const Error &error) {
  write(lineOf({{"event", "error"}, {"error", error.message()}, {"exit_code", error.exitCode()}}));
}

Status Events::close() {
  std::FILE *file = std::exchange(file_, nullptr);
  if (file && file != stdout && std::fclose(file) != 0 && error_ == 0)
    error_ = errno;
  if (error_ != 0)
    return ioError("cannot write the events", error_, shown_);
  return {};
}

} // namespace recast::tools
