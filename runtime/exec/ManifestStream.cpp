#include "runtime/exec/ManifestStream.h"

#include "runtime/exec/Staging.h"
#include "runtime/io/Directory.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <iterator>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace recast::exec {
namespace {
using Json = nlohmann::json;
using Event = Json::parse_event_t;

/// Characters between two quotes: the parser keeps a text or a number until it ends.
constexpr size_t kMaxToken = size_t{1} << 16;
/// Of one extent, link or tensor.
constexpr size_t kMaxValues = 256;
constexpr int kMaxDepth = 6;

/// The text, chunk by chunk; ends where reading fails or `stop` is said.
class Text {
public:
  explicit Text(int fd) : fd_(fd) { fill(); }
  bool atEnd() const { return at_ >= end_; }
  char current() const { return buffer_[at_]; }
  void next() {
    run_ = current() == '"' ? 0 : run_ + 1;
    if (run_ > kMaxToken)
      isOdd_ = true;
    ++at_;
    if (isOdd_)
      stop();
    else if (at_ == end_)
      fill();
  }
  void stop() { at_ = end_ = 0; }
  bool isOdd() const { return isOdd_; }
  int error() const { return error_; }

private:
  void fill() {
    ssize_t got;
    do
      got = ::read(fd_, buffer_.data(), buffer_.size());
    while (got < 0 && errno == EINTR);
    error_ = got < 0 ? errno : 0;
    at_ = 0;
    end_ = got > 0 ? static_cast<size_t>(got) : 0;
  }

  int fd_, error_ = 0;
  std::vector<char> buffer_ = std::vector<char>(size_t{64} << 10);
  size_t at_ = 0, end_ = 0, run_ = 0;
  bool isOdd_ = false;
};

/// `Text` as the parser wants it; the default one is the end.
class Position {
public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char *;
  using reference = char;

  Position() = default;
  explicit Position(Text &text) : text_(&text) {}
  char operator*() const { return text_->current(); }
  Position &operator++() {
    text_->next();
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(const Position &other) const { return isEnd() == other.isEnd(); }
  bool operator!=(const Position &other) const { return !(*this == other); }

private:
  bool isEnd() const { return !text_ || text_->atEnd(); }
  Text *text_ = nullptr;
};

/// Hands entries on as they end and lets the parser forget them.
class Reader {
public:
  Reader(Text &text, const std::string &shown, ManifestVisitor &visitor)
      : text_(text), shown_(shown), visitor_(visitor) {}

  Status run() {
    Json rest = Json::parse(
        Position(text_), Position(),
        [this](int depth, Event event, Json &parsed) { return keep(depth, event, parsed); },
        /*allow_exceptions=*/false);
    if (!status_)
      return status_;
    if (text_.error() != 0)
      return ioError("cannot read", text_.error(), shown_);
    if (text_.isOdd())
      return brokenManifest("a text in it does not end", shown_);
    if (rest.is_discarded())
      return brokenManifest("it is no JSON, or cut short", shown_);
    if (!rest.is_object() || !isVersion_)
      return brokenManifest("not a manifest of this version", shown_);
    if (!hasFiles_ || !hasLinks_)
      return brokenManifest("it lists no files", shown_);
    return {};
  }

private:
  bool keep(int depth, Event event, Json &parsed) {
    if (!status_)
      return false;
    Status done = take(depth, event, parsed);
    if (done)
      return keep_;
    status_ = std::move(done);
    text_.stop();
    return false;
  }

  Status take(int depth, Event event, Json &parsed) {
    keep_ = true;
    if (depth > kMaxDepth)
      return brokenManifest("it nests too deeply", shown_);
    if (event == Event::key) {
      (depth == 1 ? section_ : field_) = parsed.get<std::string>();
      return depth == 1 || ++values_ <= kMaxValues ? Status() : tooLarge();
    }
    if (event == Event::value && depth == 1)
      return header(parsed);
    if (depth == 1 && event == Event::array_start) {
      if (!isVersion_)
        return brokenManifest("not a manifest of this version", shown_);
      hasFiles_ |= section_ == "files";
      hasLinks_ |= section_ == "links";
    }
    if (depth >= 2 &&
        (event == Event::value || event == Event::array_start || event == Event::object_start) &&
        ++values_ > kMaxValues)
      return tooLarge();
    if (section_ == "files")
      return inFiles(depth, event, parsed);
    // A list of lists or of objects, none of which is kept.
    if (depth != 2 || event == Event::array_start || event == Event::object_start)
      return {};
    keep_ = false;
    values_ = 0;
    if (section_ == "links")
      return visitor_.link(parsed);
    return section_ == "tensors" ? visitor_.tensor(parsed) : Status();
  }

  Status header(const Json &value) {
    if (section_ == "recast_manifest")
      isVersion_ = value == 1;
    else if (section_ == "whole_folder" && value == true)
      visitor_.wholeFolder();
    else if (section_ == "digest" && value.is_string())
      visitor_.digestName(value.get<std::string>());
    else if (section_ == "files" || section_ == "links" || section_ == "tensors")
      return brokenManifest("it lists no files", shown_);
    return {};
  }

  /// Entries `{"path": .., "size": .., "extents": [[..], ..]}`, with these keys in this order.
  Status inFiles(int depth, Event event, Json &parsed) {
    auto bad = [&] { return brokenManifest("a file is not described", shown_); };
    if (depth == 2 && event == Event::object_start) {
      path_.reset();
      size_.reset();
      isOpen_ = false;
    } else if (depth == 3 && event == Event::value && field_ == "path" && parsed.is_string()) {
      path_ = parsed.get<std::string>();
    } else if (depth == 3 && event == Event::value && field_ == "size" &&
               parsed.is_number_unsigned()) {
      size_ = parsed.get<uint64_t>();
    } else if (depth == 3 && event == Event::array_start && field_ == "extents") {
      if (!path_ || !size_ || isOpen_)
        return bad();
      isOpen_ = true;
      return visitor_.beginFile(*path_, *size_);
    } else if (depth == 4 && isOpen_ && event != Event::array_start &&
               event != Event::object_start) {
      keep_ = false;
      values_ = 0;
      return visitor_.extent(parsed);
    } else if (depth == 2 && event != Event::array_start) {
      keep_ = false;
      values_ = 0;
      return event == Event::object_end && isOpen_ ? visitor_.endFile() : bad();
    }
    return {};
  }

  tl::unexpected<Error> tooLarge() const { return brokenManifest("an entry is too large", shown_); }

  Text &text_;
  const std::string &shown_;
  ManifestVisitor &visitor_;
  Status status_;
  bool keep_ = true, isVersion_ = false, hasFiles_ = false, hasLinks_ = false, isOpen_ = false;
  size_t values_ = 0;
  std::string section_, field_;
  std::optional<std::string> path_;
  std::optional<uint64_t> size_;
};

} // namespace

tl::unexpected<Error> brokenManifest(std::string_view what, const std::string &shown) {
  return fail(Error(Code::BadInput, fmt::format("the manifest is damaged: {}", what))
                  .file(shown)
                  .hint("Convert again."));
}

Status readManifest(int folder, const std::string &shown, ManifestVisitor &visitor) {
  io::Descriptor file = io::openBeneath(folder, std::string(StagedRoot::kManifestPath),
                                        O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat st;
  if (!file || ::fstat(file.get(), &st) != 0)
    return ioError("cannot open", errno, shown);
  if (!S_ISREG(st.st_mode))
    return brokenManifest("it is no file", shown);
  Text text(file.get());
  return Reader(text, shown, visitor).run();
}

} // namespace recast::exec
