// JSON form of object trees, read back; the form is described in ObjectToJson.cpp.
#include "runtime/base/Utf8.h"
#include "runtime/plan/Object.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace recast::plan {
namespace {
using nlohmann::json;
using Kind = Object::Kind;

bool fromHex(const std::string &hex, std::string &out) {
  auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (hex.size() % 2)
    return false;
  out.clear();
  for (size_t i = 0; i < hex.size(); i += 2) {
    int high = digit(hex[i]), low = digit(hex[i + 1]);
    if (high < 0 || low < 0)
      return false;
    out += static_cast<char>(high << 4 | low);
  }
  return true;
}

class Reader {
public:
  Result<ObjectPtr> object(const json &value, int depth) {
    if (depth > kMaxObjectDepth)
      return badInput(fmt::format("object nested deeper than {} levels", kMaxObjectDepth));
    if (++nodes_ > kMaxObjectNodes)
      return badInput(fmt::format("object of more than {} nodes", kMaxObjectNodes));
    switch (value.type()) {
    case json::value_t::null:
      return none();
    case json::value_t::boolean:
      return boolean(value.get<bool>());
    case json::value_t::number_integer:
      return integer(value.get<int64_t>());
    case json::value_t::number_unsigned:
      if (value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
        return malformed("integer outside 64 bits");
      return integer(value.get<int64_t>());
    case json::value_t::string:
      return string(value.get<std::string>());
    case json::value_t::object:
      if (value.size() == 1)
        return tagged(value.begin().key(), value.begin().value(), depth);
      return malformed("expected one tag");
    default:
      return malformed("untagged value");
    }
  }

private:
  static tl::unexpected<Error> malformed(std::string_view what) {
    return badInput(fmt::format("malformed object: {}", what));
  }

  Result<ObjectPtr> tagged(const std::string &tag, const json &value, int depth) {
    auto out = std::make_shared<Object>();
    constexpr std::pair<std::string_view, Kind> kKinds[] = {
        {"float", Kind::Float},   {"bigint", Kind::BigInt}, {"text", Kind::String},
        {"bytes", Kind::Bytes},   {"list", Kind::List},     {"tuple", Kind::Tuple},
        {"set", Kind::Set},       {"dict", Kind::Dict},     {"ordered", Kind::Ordered},
        {"global", Kind::Global}, {"call", Kind::Call},     {"instance", Kind::Instance},
        {"tensor", Kind::Tensor},
    };
    auto known = std::find_if(std::begin(kKinds), std::end(kKinds),
                              [&](const auto &pair) { return pair.first == tag; });
    if (known == std::end(kKinds))
      return malformed("unknown tag");
    out->kind = known->second;
    switch (out->kind) {
    case Kind::Float:
      RECAST_TRY(number(value, out->real));
      break;
    case Kind::BigInt:
      RECAST_TRY(decimal(value, out->text));
      break;
    case Kind::String:
    case Kind::Bytes:
      if (!value.is_string() || !fromHex(value.get_ref<const std::string &>(), out->text))
        return malformed("expected hexadecimal digits");
      break;
    case Kind::List:
    case Kind::Tuple:
    case Kind::Set:
      RECAST_TRY(items(value, *out, depth));
      break;
    case Kind::Dict:
    case Kind::Ordered:
      RECAST_TRY(entries(value, *out, depth));
      break;
    case Kind::Global:
      if (!value.is_array() || value.size() != 2 || !name(value[0], out->module) ||
          !name(value[1], out->name))
        return malformed("expected module and name");
      break;
    case Kind::Call:
    case Kind::Instance:
      if (!value.is_array() || value.size() != 2)
        return malformed("expected items and entries");
      RECAST_TRY(items(value[0], *out, depth));
      RECAST_TRY(entries(value[1], *out, depth));
      if (out->items.size() != 2 && out->items.size() != 3)
        return malformed("a call has a callee, arguments and perhaps a state");
      break;
    case Kind::Tensor:
      RECAST_TRY(tensor(value, *out));
      break;
    default:
      return malformed("unknown tag");
    }
    return ObjectPtr(std::move(out));
  }

  Status items(const json &value, Object &out, int depth) {
    if (!value.is_array())
      return malformed("expected items");
    for (const json &item : value) {
      RECAST_ASSIGN(ObjectPtr child, object(item, depth + 1));
      out.items.push_back(std::move(child));
    }
    return {};
  }

  Status entries(const json &value, Object &out, int depth) {
    if (!value.is_array())
      return malformed("expected entries");
    for (const json &pair : value) {
      if (!pair.is_array() || pair.size() != 2)
        return malformed("expected [key, value]");
      RECAST_ASSIGN(ObjectPtr key, object(pair[0], depth + 1));
      RECAST_ASSIGN(ObjectPtr child, object(pair[1], depth + 1));
      out.entries.emplace_back(std::move(key), std::move(child));
    }
    return {};
  }

  Status number(const json &value, double &out) {
    if (value.is_number()) {
      out = value.get<double>();
      return {};
    }
    std::string bytes;
    if (!value.is_string() || value.get_ref<const std::string &>().size() != 16 ||
        !fromHex(value.get_ref<const std::string &>(), bytes))
      return malformed("expected a number");
    uint64_t bits = 0;
    for (unsigned char byte : bytes)
      bits = bits << 8 | byte;
    out = std::bit_cast<double>(bits);
    return {};
  }

  Status decimal(const json &value, std::string &out) {
    if (!value.is_string())
      return malformed("expected decimal digits");
    out = value.get<std::string>();
    std::string_view digits = out;
    if (digits.starts_with('-'))
      digits.remove_prefix(1);
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos)
      return malformed("expected decimal digits");
    return {};
  }

  static bool name(const json &value, std::string &out) {
    if (!value.is_string())
      return false;
    out = value.get<std::string>();
    if (out.starts_with('\0')) {
      std::string hex = out.substr(1);
      return fromHex(hex, out);
    }
    return true;
  }

  static bool int64(const json &value, int64_t &out) {
    if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
      return false;
    if (!value.is_number_integer())
      return false;
    out = value.get<int64_t>();
    return true;
  }

  static bool int64s(const json &value, std::vector<int64_t> &out) {
    if (!value.is_array())
      return false;
    out.resize(value.size());
    for (size_t i = 0; i < out.size(); ++i)
      if (!int64(value[i], out[i]))
        return false;
    return true;
  }

  Status tensor(const json &value, Object &out) {
    auto ref = std::make_shared<TensorRef>();
    if (!value.is_array() || value.size() != 10 || !value[0].is_string())
      return malformed("expected a tensor");
    auto dtype = parseDType(value[0].get_ref<const std::string &>());
    if (!dtype || !name(value[1], ref->storage) || !name(value[2], ref->location) ||
        !int64(value[3], ref->storageElements) || !int64(value[4], ref->offset) ||
        !int64s(value[5], ref->shape) || !int64s(value[6], ref->strides) ||
        !value[7].is_boolean() || !value[8].is_boolean() || !value[9].is_string() ||
        !fromHex(value[9].get_ref<const std::string &>(), ref->literal))
      return malformed("expected a tensor");
    ref->dtype = *dtype;
    ref->requiresGrad = value[7].get<bool>();
    ref->parameter = value[8].get<bool>();
    out.tensor = std::move(ref);
    return {};
  }

  size_t nodes_ = 0;
};

} // namespace

Result<ObjectPtr> fromJson(std::string_view text) {
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded())
    return badInput("malformed object: not JSON");
  return Reader().object(value, 0);
}

} // namespace recast::plan
