// What happens while a plan runs, for programs that wait for single tensors: one JSON object a
// line.
#pragma once

#include "runtime/capi/Instantiate.h"

#include <cstdio>
#include <string>
#include <vector>

namespace recast::tools {

class Events {
public:
  /// To a file or a pipe; to standard output if `path` is "-". A file that exists is replaced if it
  /// is empty or holds events, so that a command can be given again, or if `overwrite`; else
  /// Code::Usage. Never one of `inputs`, nor where `program` writes, nor what is no file or pipe.
  static Result<Events> open(const std::string &path, const std::vector<std::string> &inputs,
                             const exec::Program &program, bool overwrite);
  Events(Events &&other) noexcept;
  Events &operator=(Events &&) = delete;
  ~Events();

  bool toStandardOutput() const { return file_ == stdout; }
  /// What will be reported: before anything is read.
  void start(const capi::Instance &instance);
  /// A tensor of a target is complete: in memory, or staged and visible after the end.
  void ready(const capi::Instance &instance, const exec::ReadyTensor &tensor);
  void end(const exec::Report &report);
  void failed(const Error &error);
  /// Code::Io if not all of it could be written.
  Status close();

private:
  Events(std::FILE *file, std::string shown) : file_(file), shown_(std::move(shown)) {}
  void write(std::string line);

  std::FILE *file_;
  std::string shown_;
  int error_ = 0; ///< Of the first write that failed.
};

} // namespace recast::tools
