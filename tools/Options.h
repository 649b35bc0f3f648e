// Kinds of options that every tool reads alike.
#pragma once

#include "runtime/base/Printable.h"
#include "runtime/base/Text.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <fmt/format.h>
#include <string>

namespace recast::tools {

/// Adds one that takes what parseBytes() reads, and says what to write instead of anything else.
inline void addSizeOption(CLI::App &command, const std::string &name, uint64_t &bytes,
                          const std::string &help) {
  auto read = [](std::string &text) -> std::string {
    auto size = parseBytes(text);
    if (!size)
      return fmt::format("'{}' is not a size: {}", printable(text, 40), kBytesHint);
    text = std::to_string(*size);
    return {};
  };
  command.add_option(name, bytes, help)->type_name("SIZE")->transform(CLI::Validator(read, ""));
}

/// For names of files: none at all is a slip of a script, and no wish.
inline CLI::Validator someName() {
  return CLI::Validator(
      [](const std::string &text) -> std::string {
        return text.empty() ? "'' is no name of a file" : "";
      },
      "");
}

} // namespace recast::tools
