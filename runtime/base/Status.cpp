#include "runtime/base/Status.h"

#include "runtime/base/Printable.h"

#include <cstring>
#include <fmt/format.h>

namespace recast {

Error Error::file(std::string_view path) && {
  if (file_.empty())
    file_ = path;
  return std::move(*this);
}

Error Error::tensor(std::string_view name) && {
  if (tensor_.empty())
    tensor_ = name;
  return std::move(*this);
}

Error Error::bytes(uint64_t begin, uint64_t end) && {
  if (!bytes_)
    bytes_ = ByteRange{begin, end};
  return std::move(*this);
}

Error Error::rank(int rank) && {
  if (rank_ < 0)
    rank_ = rank;
  return std::move(*this);
}

Error Error::hint(std::string_view text) && {
  if (hint_.empty())
    hint_ = text;
  return std::move(*this);
}

std::string Error::str() const {
  std::string out = printableLines(message_);
  if (!tensor_.empty())
    out += fmt::format("\n  tensor: {}", printable(tensor_, 1000));
  if (!file_.empty())
    out += fmt::format("\n  file:   {}", printable(file_, 5000));
  if (bytes_)
    out += fmt::format("\n  bytes:  [{}, {})", bytes_->begin, bytes_->end);
  if (rank_ >= 0)
    out += fmt::format("\n  rank:   {}", rank_);
  if (!hint_.empty())
    out += fmt::format("\n  try:    {}", printableLines(hint_));
  return out;
}

tl::unexpected<Error> ioError(std::string_view what, int errnoValue, std::string_view file) {
  Error error(Code::Io, fmt::format("{}: {}", what, std::strerror(errnoValue)));
  return fail(std::move(error).file(file));
}

} // namespace recast
