// Integers of any size as pickle writes them (LONG1, LONG4): two's complement, little-endian, as
// few bytes as hold the value and its sign; zero has none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace recast::format::torch {

/// Longest decimal text that is taken: conversion is quadratic, and no checkpoint has longer ones.
inline constexpr size_t kMaxDecimalDigits = 4096;

std::string longFromInt(int64_t value);
/// Nothing if `text` is not `-?[0-9]+` or too long.
std::optional<std::string> longFromDecimal(std::string_view text);

} // namespace recast::format::torch
