// Errors as values. One `Error` names the rank, file, tensor and byte range it is about, what went
// wrong, and the next thing to try; its code is the exit code of the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace recast {

/// What kind of failure; the values are the process exit codes of every Recast tool.
enum class Code : int {
  Negative = 1,      ///< The answer is no: a check failed, two checkpoints differ.
  Usage = 2,         ///< Wrong use: bad option, bad spec text.
  BadInput = 3,      ///< Bad, changed or unsupported input.
  Io = 4,            ///< The operating system failed a read or a write; disk full.
  OverBudget = 5,    ///< More memory needed than `--memory` allows.
  Internal = 70,     ///< A bug of ours.
  Interrupted = 130, ///< Stopped by a signal; can be resumed.
};

/// Half-open range of bytes `[begin, end)` inside a file.
struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t size() const { return end - begin; }
  bool operator==(const ByteRange &) const = default;
};

/// One failure. Built where it happens, completed on the way up: `file`, `tensor`, ... fill a field
/// only if it is still empty, so the innermost (most exact) context wins.
class [[nodiscard]] Error {
public:
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  Error file(std::string_view path) &&;
  Error tensor(std::string_view name) &&;
  Error bytes(uint64_t begin, uint64_t end) &&;
  Error rank(int rank) &&;
  /// What the reader can try next, as a full sentence.
  Error hint(std::string_view text) &&;

  Code code() const { return code_; }
  int exitCode() const { return static_cast<int>(code_); }
  const std::string &message() const { return message_; }
  const std::string &fileName() const { return file_; }
  const std::string &tensorName() const { return tensor_; }
  const std::optional<ByteRange> &byteRange() const { return bytes_; }
  const std::string &hintText() const { return hint_; }

  /// Everything on a few lines, ready to print after "error: ".
  std::string str() const;

private:
  Code code_;
  std::string message_, file_, tensor_, hint_;
  std::optional<ByteRange> bytes_;
  int rank_ = -1;
};

template <typename T> using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }
inline tl::unexpected<Error> fail(Code code, std::string message) {
  return tl::unexpected<Error>(Error(code, std::move(message)));
}
inline tl::unexpected<Error> badInput(std::string message) {
  return fail(Code::BadInput, std::move(message));
}
inline tl::unexpected<Error> usage(std::string message) {
  return fail(Code::Usage, std::move(message));
}
inline tl::unexpected<Error> internal(std::string message) {
  return fail(Code::Internal, std::move(message));
}
/// I/O failure with the text of `errnoValue`.
tl::unexpected<Error> ioError(std::string_view what, int errnoValue, std::string_view file);

} // namespace recast

#define RECAST_CONCAT_IMPL(a, b) a##b
#define RECAST_CONCAT(a, b) RECAST_CONCAT_IMPL(a, b)
/// Returns the error of `expr` from the enclosing function, if there is one.
#define RECAST_TRY(expr)                                                                           \
  do {                                                                                             \
    if (auto recastStatus = (expr); !recastStatus)                                                 \
      return tl::unexpected<::recast::Error>(std::move(recastStatus).error());                     \
  } while (false)
/// `RECAST_ASSIGN(auto x, f());` declares x as the value of f(), or returns its error.
#define RECAST_ASSIGN_IMPL(tmp, decl, expr)                                                        \
  auto tmp = (expr);                                                                               \
  if (!tmp)                                                                                        \
    return tl::unexpected<::recast::Error>(std::move(tmp).error());                                \
  decl = std::move(*tmp)
#define RECAST_ASSIGN(decl, expr)                                                                  \
  RECAST_ASSIGN_IMPL(RECAST_CONCAT(recastResult, __LINE__), decl, expr)
