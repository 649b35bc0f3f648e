#include "compiler/Bind/Config.h"

#include "runtime/io/File.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace recast::compiler {
namespace {

/// Configurations are a few kilobytes; the parser recurses as deep as the text nests.
constexpr uint64_t kLargestConfig = uint64_t{16} << 20;

bool nestsDeeply(std::string_view text) {
  int depth = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && inString)
      ++i;
    else if (text[i] == '"')
      inString = !inString;
    else if (!inString && (text[i] == '{' || text[i] == '['))
      ++depth;
    else if (!inString && (text[i] == '}' || text[i] == ']'))
      --depth;
    if (depth > plan::kMaxObjectDepth)
      return true;
  }
  return false;
}

plan::ObjectPtr convert(const nlohmann::ordered_json &json) {
  switch (json.type()) {
  case nlohmann::ordered_json::value_t::boolean:
    return plan::boolean(json.get<bool>());
  case nlohmann::ordered_json::value_t::number_integer:
  case nlohmann::ordered_json::value_t::number_unsigned:
    return plan::integer(json.get<int64_t>());
  case nlohmann::ordered_json::value_t::number_float:
    return plan::real(json.get<double>());
  case nlohmann::ordered_json::value_t::string:
    return plan::string(json.get<std::string>());
  case nlohmann::ordered_json::value_t::array: {
    std::vector<plan::ObjectPtr> items;
    for (const auto &item : json)
      items.push_back(convert(item));
    return plan::list(std::move(items));
  }
  case nlohmann::ordered_json::value_t::object: {
    std::vector<std::pair<plan::ObjectPtr, plan::ObjectPtr>> entries;
    for (const auto &[key, value] : json.items())
      entries.push_back(plan::entry(key, convert(value)));
    return plan::dict(std::move(entries));
  }
  default:
    return plan::none();
  }
}

} // namespace

Result<plan::ObjectPtr> readConfig(const std::string &path) {
  RECAST_ASSIGN(std::string text, io::readWhole(path, kLargestConfig));
  auto json = nestsDeeply(text)
                  ? nlohmann::ordered_json(nlohmann::ordered_json::value_t::discarded)
                  : nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object())
    return fail(Error(Code::BadInput, "a configuration must be a JSON object, and this is none")
                    .file(path)
                    .hint("Models take the config.json that transformers writes."));
  return convert(json);
}

} // namespace recast::compiler
