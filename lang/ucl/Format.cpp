#include "lang/ucl/Format.h"

#include "lang/ucl/Lexer.h"
#include "lang/ucl/Parser.h"

#include <algorithm>

namespace recast::lang {
namespace {
constexpr size_t kColumns = 100;
constexpr size_t kIndent = 2;
constexpr size_t kContinuation = 4;
/// Neighbours that stand further apart than this are not lined up.
constexpr size_t kMaxPadding = 40;

size_t columnsOf(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

/// Writes the tokens of a parsed text back. All decisions depend on tokens and on where comments
/// stand between them, never on the blanks of the text (but for empty lines): so a second pass
/// decides the same.
class Layout {
public:
  Layout(std::string_view text, const TokenList &list)
      : text_(text), tokens_(list.tokens), comments_(list.comments), blocks_(tokens_.size()) {}

  std::string run() {
    findBlocks();
    for (at_ = 0; at_ + 1 < tokens_.size(); ++at_)
      token();
    flushComments(tokens_.size() - 1);
    endLine();
    std::vector<Mark> nothing;
    align(hows_, trailing_);
    align(trailing_, nothing);
    std::string out;
    for (const std::string &line : lines_)
      out += line + '\n';
    return out;
  }

private:
  struct Block {
    size_t close = 0; ///< Token number of the '}'; 0: this token opens no block.
    bool isBroken = false;
  };

  std::string_view spelling(size_t token) const {
    return text_.substr(tokens_[token].begin, tokens_[token].end - tokens_[token].begin);
  }
  bool has(size_t token, Token::Flag flag) const { return tokens_[token].flags & flag; }
  bool isPunct(size_t token, std::string_view punct) const {
    return tokens_[token].kind == Token::Kind::Punct && spelling(token) == punct;
  }

  // ---- what goes on one line

  void findBlocks() {
    std::vector<size_t> open;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (has(i, Token::InPath))
        continue;
      if (isPunct(i, "{"))
        open.push_back(i);
      if (!isPunct(i, "}"))
        continue;
      blocks_[open.back()].close = i;
      open.pop_back();
    }
    // Blocks of statements are broken; the others hold no blocks and are broken if they hold a
    // comment or several rules, or if the line would be too long.
    size_t item = 0;
    std::vector<size_t> closes;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (!closes.empty() && closes.back() == i)
        closes.pop_back();
      if (has(i, Token::BeginsItem))
        item = i;
      Block &block = blocks_[i];
      if (block.close == 0)
        continue;
      bool isEmpty = block.close == i + 1;
      block.isBroken =
          hasComment(i + 1, block.close) ||
          (!isEmpty && (has(i, Token::OpensBody) || countItems(i, block.close) > 1 ||
                        closes.size() * kIndent + widthOf(item, itemEnd(block.close)) > kColumns));
      if (block.isBroken)
        closes.push_back(block.close);
      else
        i = block.close;
    }
  }

  bool hasComment(size_t first, size_t last) const {
    auto found = std::lower_bound(comments_.begin(), comments_.end(), first,
                                  [](const Comment &c, size_t token) { return c.before < token; });
    return found != comments_.end() && found->before <= last;
  }

  size_t countItems(size_t open, size_t close) const {
    size_t items = 0;
    for (size_t i = open + 1; i < close; ++i)
      items += has(i, Token::BeginsItem);
    return items;
  }

  /// First token behind the item that `close` belongs to.
  size_t itemEnd(size_t close) const {
    size_t i = close + 1;
    while (i + 1 < tokens_.size() && !has(i, Token::BeginsItem) && !isPunct(i, "}"))
      ++i;
    return i;
  }

  /// Columns of tokens [first, last) on one line.
  size_t widthOf(size_t first, size_t last) const {
    size_t width = 0;
    for (size_t i = first; i < last; ++i)
      width += columnsOf(spelling(i)) + (i > first && isSpaced(i));
    return width;
  }

  /// Whether a blank stands between token `i` and the one before it on the same line.
  bool isSpaced(size_t i) const {
    if (has(i, Token::OpensCall) || has(i, Token::Tight) || has(i, Token::Joins) ||
        has(i - 1, Token::Joins))
      return false;
    for (std::string_view punct : {")", "]", ",", ":", "."})
      if (isPunct(i, punct))
        return false;
    if (isPunct(i, "}"))
      return !isPunct(i - 1, "{") && !has(i, Token::InPath);
    for (std::string_view punct : {"(", "[", "."})
      if (isPunct(i - 1, punct))
        return false;
    return !(isPunct(i - 1, "{") && has(i - 1, Token::InPath));
  }

  /// Whether a long line may be broken before token `i`.
  bool mayWrap(size_t i) const {
    if (isPunct(i - 1, ",") || isPunct(i, "|") || has(i, Token::BeforeHow))
      return true;
    return tokens_[i].kind == Token::Kind::Id &&
           (spelling(i) == "and" || spelling(i) == "on" || spelling(i) == "split" ||
            spelling(i) == "chunk" || spelling(i) == "flat" || spelling(i) == "pad") &&
           tokens_[i - 1].kind != Token::Kind::Id;
  }

  // ---- writing

  void token() {
    bool opensItem = has(at_, Token::BeginsItem) && inlineUntil_ == 0;
    bool closes = !open_.empty() && blocks_[open_.back()].close == at_;
    if (inlineUntil_ == at_)
      inlineUntil_ = 0;
    flushComments(at_);
    if (closes) {
      endLine();
      open_.pop_back();
      beginLine(0);
    } else if (opensItem) {
      endLine();
      emptyLineBefore(tokens_[at_].loc.line);
      beginLine(0);
    } else if (line_.empty()) {
      beginLine(kContinuation); // Behind a comment in the middle of an item.
    } else {
      bool isSpacedHere = isSpaced(at_);
      if (mayWrap(at_) && column_ + isSpacedHere + chunkWidth() > kColumns) {
        endLine();
        beginLine(kContinuation);
      } else if (isSpacedHere) {
        put(" ");
      }
    }
    if (has(at_, Token::BeforeHow) && line_.find_first_not_of(' ') != std::string::npos)
      hows_.push_back({lines_.size(), line_.size()});
    put(has(at_, Token::Joins) ? "_" : spelling(at_));
    lastLine_ = tokens_[at_].loc.line;
    isFresh_ = false;
    if (blocks_[at_].close == 0)
      return;
    if (blocks_[at_].isBroken) {
      open_.push_back(at_);
      isFresh_ = true;
    } else {
      inlineUntil_ = blocks_[at_].close;
    }
  }

  /// Columns from this token up to the next place where the line may be broken.
  size_t chunkWidth() const {
    size_t width = columnsOf(spelling(at_));
    for (size_t i = at_ + 1; i + 1 < tokens_.size() && width <= kColumns; ++i) {
      if (has(i, Token::BeginsItem) || isPunct(i, "}") || mayWrap(i) || hasComment(i, i))
        break;
      width += columnsOf(spelling(i)) + isSpaced(i);
    }
    return width;
  }

  void flushComments(size_t before) {
    for (; nextComment_ < comments_.size() && comments_[nextComment_].before == before;
         ++nextComment_) {
      const Comment &comment = comments_[nextComment_];
      std::string_view text = text_.substr(comment.begin, comment.end - comment.begin);
      bool isTrailing = comment.loc.line == lastLine_ && !line_.empty();
      if (isTrailing) {
        put("  ");
        trailing_.push_back({lines_.size(), line_.size()});
        put(text);
      } else {
        bool isBetweenItems =
            has(before, Token::BeginsItem) || before + 1 == tokens_.size() || isPunct(before, "}");
        endLine();
        if (isBetweenItems)
          emptyLineBefore(comment.loc.line);
        beginLine(isBetweenItems ? 0 : kContinuation);
        put(text);
        isFresh_ = false; // A comment behind '{' does not count: its block still begins.
      }
      lastLine_ = comment.loc.line;
      endLine();
    }
  }

  /// Keeps one of the empty lines of the text, but none at the head of a block.
  void emptyLineBefore(uint32_t line) {
    if (line > lastLine_ + 1 && !isFresh_ && !lines_.empty())
      lines_.emplace_back();
  }
  void beginLine(size_t extra) {
    line_.assign(open_.size() * kIndent + extra, ' ');
    column_ = line_.size();
    isBegun_ = true;
  }
  void put(std::string_view text) {
    line_ += text;
    column_ += columnsOf(text);
  }
  void endLine() {
    if (isBegun_)
      lines_.push_back(std::move(line_));
    line_.clear();
    isBegun_ = false;
  }

  /// A place in a written line that is lined up with its like on neighbouring lines.
  struct Mark {
    size_t line, byte;
  };

  size_t columnOf(const Mark &mark) const {
    return columnsOf(std::string_view(lines_[mark.line]).substr(0, mark.byte));
  }

  void align(std::vector<Mark> &marks, std::vector<Mark> &behind) {
    for (size_t first = 0; first < marks.size();) {
      size_t last = first + 1;
      while (last < marks.size() && marks[last].line == marks[last - 1].line + 1)
        ++last;
      size_t least = SIZE_MAX, most = 0;
      for (size_t i = first; i < last; ++i) {
        least = std::min(least, columnOf(marks[i]));
        most = std::max(most, columnOf(marks[i]));
      }
      for (size_t i = first; i < last && most - least <= kMaxPadding; ++i) {
        size_t padding = most - columnOf(marks[i]);
        lines_[marks[i].line].insert(marks[i].byte, padding, ' ');
        auto pushed = std::lower_bound(behind.begin(), behind.end(), marks[i].line,
                                       [](const Mark &m, size_t line) { return m.line < line; });
        if (pushed != behind.end() && pushed->line == marks[i].line)
          pushed->byte += padding;
      }
      first = last;
    }
  }

  std::string_view text_;
  const std::vector<Token> &tokens_;
  const std::vector<Comment> &comments_;
  std::vector<Block> blocks_; ///< Per token.

  size_t at_ = 0, nextComment_ = 0;
  std::vector<size_t> open_; ///< Broken blocks around this token.
  size_t inlineUntil_ = 0;   ///< The '}' of a block on one line, or 0.
  std::vector<std::string> lines_;
  std::string line_;
  size_t column_ = 0;
  bool isBegun_ = false, isFresh_ = true; ///< Fresh: at the head of the text or of a block.
  uint32_t lastLine_ = 0;                 ///< Of the text: where the last token or comment stood.
  std::vector<Mark> hows_, trailing_;     ///< Every `as`, every comment behind a token.
};
} // namespace

Result<std::string> formatText(std::string_view text, std::string file) {
  SourceText source{text, file};
  RECAST_ASSIGN(TokenList list, lex(source));
  RECAST_TRY(parseTokens(source, list));
  return Layout(text, list).run();
}

} // namespace recast::lang
