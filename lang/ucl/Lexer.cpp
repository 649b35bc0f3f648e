#include "lang/ucl/Lexer.h"

#include <array>
#include <fmt/format.h>

namespace recast::lang {
namespace {
bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isWordStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool isWord(char c) { return isWordStart(c) || isDigit(c); }

constexpr std::array<std::string_view, 6> kLongPuncts = {"->", "??", "==", "!=", "<=", ">="};
constexpr std::string_view kPuncts = "(){}[],:.|=<>+-*/";

class Lexer {
public:
  explicit Lexer(const SourceText &source) : source_(source), text_(source.text) {}

  Result<TokenList> run() {
    if (text_.size() > kMaxTextBytes)
      return fail(Error(Code::Usage, fmt::format("{}: the text is {} bytes long; a spec may have "
                                                 "at most {}",
                                                 source_.file.empty() ? "<text>" : source_.file,
                                                 text_.size(), kMaxTextBytes)));
    if (text_.starts_with("\xEF\xBB\xBF"))
      at_ = 3;
    while (true) {
      RECAST_TRY(skipBlanks());
      if (at_ == text_.size())
        break;
      RECAST_TRY(token());
    }
    push(Token::Kind::End, at_);
    return std::move(out_);
  }

private:
  Location here() const { return {line_, column_}; }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  tl::unexpected<Error> error(Location where, size_t width, std::string_view message) const {
    return fail(errorAt(source_, where, width, message));
  }

  void push(Token::Kind kind, size_t end) {
    Token token;
    token.kind = kind;
    token.begin = static_cast<uint32_t>(at_);
    token.end = static_cast<uint32_t>(end);
    token.loc = here();
    out_.tokens.push_back(token);
    column_ += static_cast<uint32_t>(end - at_); // Strings correct this for wide characters.
    at_ = end;
  }

  Status skipBlanks() {
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '\n') {
        ++at_;
        ++line_;
        column_ = 1;
      } else if (c == ' ' || c == '\t' || c == '\r') {
        ++at_;
        ++column_;
      } else if (c == '#') {
        RECAST_TRY(comment());
      } else {
        break;
      }
    }
    return {};
  }

  Status comment() {
    Comment comment;
    comment.loc = here();
    comment.begin = comment.end = static_cast<uint32_t>(at_);
    comment.before = static_cast<uint32_t>(out_.tokens.size());
    while (at_ < text_.size() && text_[at_] != '\n') {
      bool isBlank = text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r';
      RECAST_TRY(character());
      if (!isBlank)
        comment.end = static_cast<uint32_t>(at_);
    }
    out_.comments.push_back(comment);
    return {};
  }

  /// Steps over one character of a comment or a string.
  Status character() {
    auto c = static_cast<unsigned char>(text_[at_]);
    if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7F)
      return error(here(), 1, fmt::format("a control character (0x{:02x}) in the text", c));
    size_t length = utf8Length(text_.substr(at_));
    if (length == 0)
      return error(here(), 1, fmt::format("byte 0x{:02x} is not UTF-8", c));
    at_ += length;
    ++column_;
    return {};
  }

  Status token() {
    char c = text_[at_];
    if (isWordStart(c)) {
      size_t end = at_;
      while (end < text_.size() && isWord(text_[end]))
        ++end;
      push(Token::Kind::Id, end);
      return {};
    }
    if (isDigit(c))
      return number();
    if (c == '"')
      return string();
    for (std::string_view punct : kLongPuncts)
      if (text_.substr(at_).starts_with(punct)) {
        push(Token::Kind::Punct, at_ + punct.size());
        return {};
      }
    if (kPuncts.find(c) != std::string_view::npos) {
      push(Token::Kind::Punct, at_ + 1);
      return {};
    }
    Location where = here();
    size_t begin = at_;
    RECAST_TRY(character());
    if (c == '\'')
      return error(where, 1, "texts are written in double quotes: \"...\"");
    if (c == ';')
      return error(where, 1, "`;` is no part of the language; line ends and blanks separate");
    return error(where, 1,
                 fmt::format("unexpected character `{}`", text_.substr(begin, at_ - begin)));
  }

  Status number() {
    size_t end = at_;
    auto digits = [&] {
      size_t begin = end;
      while (end < text_.size() && isDigit(text_[end]))
        ++end;
      return end > begin;
    };
    digits();
    bool isReal = false;
    if (end + 1 < text_.size() && text_[end] == '.' && isDigit(text_[end + 1])) {
      isReal = true;
      ++end;
      digits();
    }
    if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      size_t mark = end++;
      if (end < text_.size() && (text_[end] == '+' || text_[end] == '-'))
        ++end;
      if (digits())
        isReal = true;
      else
        end = mark;
    }
    size_t digitsEnd = end;
    while (end < text_.size() && isWord(text_[end]))
      ++end;
    std::string_view spelling = text_.substr(at_, end - at_);
    std::string_view suffix = text_.substr(digitsEnd, end - digitsEnd);
    if (isReal)
      return real(spelling, suffix, end);
    if (suffix.empty()) {
      if (!parseInteger(spelling))
        return error(here(), spelling.size(), "this number is too large (more than 2^63 - 1)");
      push(Token::Kind::Int, end);
      return {};
    }
    for (const SizeUnit &unit : kSizeUnits)
      if (suffix == unit.name) {
        if (!parseSize(spelling))
          return error(here(), spelling.size(),
                       "this size is too large (more than 2^63 - 1 bytes)");
        push(Token::Kind::Size, end);
        return {};
      }
    return error(here(), spelling.size(),
                 fmt::format("a number ends in `{}`, which is no unit; sizes are written in B, "
                             "KiB, MiB, GiB, TiB or PiB, and names do not begin with a digit",
                             suffix.substr(0, 40)));
  }

  Status real(std::string_view spelling, std::string_view suffix, size_t end) {
    if (!suffix.empty())
      return error(here(), spelling.size(),
                   fmt::format("a real number ends in `{}`; sizes take whole numbers (512MiB)",
                               suffix.substr(0, 40)));
    if (!parseReal(spelling))
      return error(here(), spelling.size(), "this number does not fit a double");
    push(Token::Kind::Float, end);
    return {};
  }

  Status string() {
    Location start = here();
    Token token;
    token.kind = Token::Kind::String;
    token.begin = static_cast<uint32_t>(at_);
    token.loc = start;
    ++at_;
    ++column_;
    while (true) {
      if (at_ == text_.size() || text_[at_] == '\n' || (text_[at_] == '\r' && peek(1) == '\n'))
        return error(start, at_ - token.begin, "this text has no closing quote on its line");
      if (text_[at_] == '"')
        break;
      if (text_[at_] == '\\')
        RECAST_TRY(escape());
      else
        RECAST_TRY(character());
    }
    ++at_;
    ++column_;
    token.end = static_cast<uint32_t>(at_);
    out_.tokens.push_back(token);
    return {};
  }

  Status escape() {
    char c = peek(1);
    size_t length = 2;
    if (c == 'x') {
      int high = hexDigit(peek(2)), low = high < 0 ? -1 : hexDigit(peek(3));
      if (low < 0)
        return error(here(), 2, "`\\x` takes two hexadecimal digits");
      if (high == 0 && low == 0)
        return error(here(), 4, "a text cannot hold a NUL byte");
      length = 4;
    } else if (c == '\0' || std::string_view("\"\\nt").find(c) == std::string_view::npos) {
      return error(here(), 1, "unknown escape; there are \\\", \\\\, \\n, \\t and \\xHH");
    }
    at_ += length;
    column_ += static_cast<uint32_t>(length);
    return {};
  }

  SourceText source_;
  std::string_view text_;
  size_t at_ = 0;
  uint32_t line_ = 1, column_ = 1;
  TokenList out_;
};
} // namespace

Result<TokenList> lex(const SourceText &source) { return Lexer(source).run(); }

} // namespace recast::lang
