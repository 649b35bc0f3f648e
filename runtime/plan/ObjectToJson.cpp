// JSON form of object trees. What JSON can say exactly is said plainly (null, true, 5, "text");
// everything else is an object with one key, the tag:
//   {"float": 0.1}  {"float": "7ff8000000000000"} (bits: nan, inf, -0)  {"bigint": "123"}
//   {"text": "hex"} (a string that is not UTF-8)  {"bytes": "hex"}
//   {"list": [..]} {"tuple": [..]} {"set": [..]}  {"dict": [[key, value], ..]} {"ordered": [..]}
//   {"global": [module, name]}  {"call": [items, entries]}  {"instance": [items, entries]}
//   {"tensor": [dtype, storage, location, storageElements, offset, shape, strides,
//               requiresGrad, parameter, literal]}
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

std::string toHex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (unsigned char byte : bytes) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
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

} // namespace

std::string toJson(const Object &object) {
  Writer writer;
  writer.object(object);
  return writer.take();
}

} // namespace recast::plan
