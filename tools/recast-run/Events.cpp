#include "tools/recast-run/Events.h"

#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

namespace recast::tools {
namespace {

using Json = nlohmann::ordered_json;

std::string lineOf(const Json &json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace

Result<Events> Events::open(const std::string &path) {
  if (path == "-")
    return Events(stdout, "standard output");
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
