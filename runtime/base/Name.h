// Names and roles of tensors: texts of which a checkpoint has few, and each many times. Each text
// is kept once for the whole process, so a name is a number: as small, as quick to compare and to
// look up as one.
//
// Nothing is ever dropped from that store, so that no name outlives its text. It grows with the
// texts that differ, each once: far less than the inventories that are read into it.
#pragma once

#include <bit>
#include <compare>
#include <concepts>
#include <cstdint>
#include <fmt/core.h>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>

namespace recast {

class Name;

/// What a name can be made of and compared with.
template <typename T>
concept TextLike =
    std::convertible_to<const T &, std::string_view> && !std::same_as<std::remove_cv_t<T>, Name>;

class Name {
public:
  Name() = default; ///< The empty text.
  template <TextLike T> Name(const T &text) : number_(numberOf(text)) {}

  const std::string &str() const {
    uint32_t at = number_ + kFirstBlock;
    auto block = static_cast<uint32_t>(std::bit_width(at) - std::bit_width(kFirstBlock));
    return blocks_[block][at - (kFirstBlock << block)];
  }
  operator const std::string &() const { return str(); }
  operator std::string_view() const { return str(); }
  bool empty() const { return number_ == 0; }

  /// Names are counted from 0 as they are first met, so tables can have an entry for each: those
  /// below `count()` are there.
  uint32_t number() const { return number_; }
  static uint32_t count();

  bool operator==(const Name &) const = default;
  template <TextLike T> friend bool operator==(const Name &name, const T &text) {
    return std::string_view(name) == std::string_view(text);
  }
  /// By text, so that no order depends on what was read first.
  std::strong_ordering operator<=>(const Name &other) const {
    return number_ == other.number_ ? std::strong_ordering::equal : str() <=> other.str();
  }

private:
  class Pool;
  static Pool &pool();
  static uint32_t numberOf(std::string_view text);

  static constexpr uint32_t kFirstBlock = 1024;
  /// Block b holds kFirstBlock << b texts, which never move. A thread that has a name was given it
  /// by one that had seen its block.
  static std::string *blocks_[22];

  uint32_t number_ = 0;
};

} // namespace recast

template <> struct std::hash<recast::Name> {
  size_t operator()(recast::Name name) const noexcept { return name.number(); }
};

template <> struct fmt::formatter<recast::Name> : fmt::formatter<std::string_view> {
  template <typename Context> auto format(recast::Name name, Context &context) const {
    return fmt::formatter<std::string_view>::format(name, context);
  }
};
