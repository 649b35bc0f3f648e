// JSON form of object trees. What JSON can say exactly is said plainly (null, true, 5, "text");
// everything else is an object with one key, the tag:
//   {"float": 0.1}  {"float": "7ff8000000000000"} (bits: nan, inf, -0)  {"bigint": "123"}
//   {"text": "hex"} (a string that is not UTF-8)  {"bytes": "hex"}
//   {"list": [..]} {"tuple": [..]} {"set": [..]}  {"dict": [[key, value], ..]} {"ordered": [..]}
//   {"global": [module, name]}  {"call": [items, entries]}  {"instance": [items, entries]}
//   {"tensor": [dtype, storage, location, storageElements, offset, shape, strides,
//               requiresGrad, parameter, literal]}
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

/// Strict UTF-8 (no overlong forms, no surrogates), as JSON requires.
bool isUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    unsigned char lead = static_cast<unsigned char>(text[i]);
    int extra = lead < 0x80         ? 0
                : lead >> 5 == 0x6  ? 1
                : lead >> 4 == 0xE  ? 2
                : lead >> 3 == 0x1E ? 3
                                    : -1;
    if (extra < 0 || text.size() - i <= static_cast<size_t>(extra))
      return false;
    uint32_t point = extra == 0 ? lead : lead & (0x3Fu >> extra);
    for (int k = 1; k <= extra; ++k) {
      unsigned char next = static_cast<unsigned char>(text[i + static_cast<size_t>(k)]);
      if (next >> 6 != 0x2)
        return false;
      point = point << 6 | (next & 0x3F);
    }
    constexpr uint32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};
    if (point < kSmallest[extra] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
      return false;
    i += 1 + static_cast<size_t>(extra);
  }
  return true;
}

std::string toHex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (unsigned char byte : bytes) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

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

class Writer {
public:
  void object(const Object &o) {
    switch (o.kind) {
    case Kind::None:
      out_ += "null";
      return;
    case Kind::Bool:
      out_ += o.integer ? "true" : "false";
      return;
    case Kind::Int:
      out_ += std::to_string(o.integer);
      return;
    case Kind::BigInt:
      return tagged("bigint", [&] { quoted(o.text); });
    case Kind::Float:
      return tagged("float", [&] { number(o.real); });
    case Kind::String:
      if (isUtf8(o.text))
        return quoted(o.text);
      return tagged("text", [&] { quoted(toHex(o.text)); });
    case Kind::Bytes:
      return tagged("bytes", [&] { quoted(toHex(o.text)); });
    case Kind::List:
      return tagged("list", [&] { items(o); });
    case Kind::Tuple:
      return tagged("tuple", [&] { items(o); });
    case Kind::Set:
      return tagged("set", [&] { items(o); });
    case Kind::Dict:
      return tagged("dict", [&] { entries(o); });
    case Kind::Ordered:
      return tagged("ordered", [&] { entries(o); });
    case Kind::Global:
      return tagged("global", [&] {
        out_ += '[';
        name(o.module);
        out_ += ',';
        name(o.name);
        out_ += ']';
      });
    case Kind::Call:
      return tagged("call", [&] { construction(o); });
    case Kind::Instance:
      return tagged("instance", [&] { construction(o); });
    case Kind::Tensor:
      return tagged("tensor", [&] { tensor(*o.tensor); });
    }
  }

  std::string take() { return std::move(out_); }

private:
  template <typename Body> void tagged(std::string_view tag, Body body) {
    out_ += "{\"";
    out_ += tag;
    out_ += "\":";
    body();
    out_ += '}';
  }

  void quoted(std::string_view text) {
    out_ += '"';
    for (unsigned char c : text) {
      if (c == '"' || c == '\\') {
        out_ += '\\';
        out_ += static_cast<char>(c);
      } else if (c < 0x20) {
        out_ += fmt::format("\\u{:04x}", c);
      } else {
        out_ += static_cast<char>(c);
      }
    }
    out_ += '"';
  }

  /// Names of classes are text in every sane file; hex otherwise, marked by a NUL that no
  /// identifier has.
  void name(std::string_view text) {
    if (isUtf8(text) && !text.starts_with('\0'))
      quoted(text);
    else
      quoted(std::string(1, '\0') + toHex(text));
  }

  /// Shortest decimal form that reads back to the same bits; bits where decimals cannot say it.
  void number(double value) {
    if (std::isfinite(value) && std::bit_cast<uint64_t>(value) != uint64_t{1} << 63)
      out_ += fmt::format("{}", value);
    else
      quoted(fmt::format("{:016x}", std::bit_cast<uint64_t>(value)));
  }

  void items(const Object &o) {
    out_ += '[';
    for (size_t i = 0; i < o.items.size(); ++i) {
      if (i)
        out_ += ',';
      object(*o.items[i]);
    }
    out_ += ']';
  }

  void entries(const Object &o) {
    out_ += '[';
    for (size_t i = 0; i < o.entries.size(); ++i) {
      out_ += i ? ",[" : "[";
      object(*o.entries[i].first);
      out_ += ',';
      object(*o.entries[i].second);
      out_ += ']';
    }
    out_ += ']';
  }

  void construction(const Object &o) {
    out_ += '[';
    items(o);
    out_ += ',';
    entries(o);
    out_ += ']';
  }

  void tensor(const TensorRef &t) {
    out_ += fmt::format("[\"{}\",", recast::name(t.dtype));
    name(t.storage);
    out_ += ',';
    name(t.location);
    out_ +=
        fmt::format(",{},{},[{}],[{}],{},{},", t.storageElements, t.offset, fmt::join(t.shape, ","),
                    fmt::join(t.strides, ","), t.requiresGrad, t.parameter);
    quoted(toHex(t.literal));
    out_ += ']';
  }

  std::string out_;
};

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

std::string toJson(const Object &object) {
  Writer writer;
  writer.object(object);
  return writer.take();
}

Result<ObjectPtr> fromJson(std::string_view text) {
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded())
    return badInput("malformed object: not JSON");
  return Reader().object(value, 0);
}

} // namespace recast::plan
