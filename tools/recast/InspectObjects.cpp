#include "tools/recast/InspectObjects.h"

#include "runtime/format/Printable.h"

#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace recast::tools {
namespace {
using format::printable;
using nlohmann::ordered_json;
using plan::Object;
using Kind = Object::Kind;

constexpr size_t kMaxLines = 200; ///< Of one object on the screen.

std::string number(double value) {
  std::string text = fmt::format("{}", value);
  // 1.0 is not 1: an integer and a float are different things in a checkpoint.
  return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
}

/// A value without parts, or with few: one short text. Empty: it needs lines of its own.
std::string brief(const Object &object) {
  switch (object.kind) {
  case Kind::None:
    return "None";
  case Kind::Bool:
    return object.integer ? "True" : "False";
  case Kind::Int:
    return std::to_string(object.integer);
  case Kind::BigInt:
    return printable(object.text, 60);
  case Kind::Float:
    return number(object.real);
  case Kind::String:
    return fmt::format("'{}'", printable(object.text, 120));
  case Kind::Bytes:
    return fmt::format("{} bytes", object.text.size());
  case Kind::Global:
    return printable(object.module + "." + object.name);
  case Kind::Tensor:
    return fmt::format("tensor {}[{}]", name(object.tensor->dtype),
                       fmt::join(object.tensor->shape, ", "));
  case Kind::List:
  case Kind::Tuple:
  case Kind::Set: {
    if (object.items.size() > 32)
      return "";
    std::string text;
    for (const plan::ObjectPtr &item : object.items) {
      std::string part = item->items.empty() && item->entries.empty() ? brief(*item) : "";
      if (part.empty())
        return "";
      text += (text.empty() ? "" : ", ") + part;
    }
    return object.kind == Kind::Tuple  ? fmt::format("({})", text)
           : object.kind == Kind::List ? fmt::format("[{}]", text)
                                       : fmt::format("{{{}}}", text);
  }
  default:
    return "";
  }
}

class Lines {
public:
  void object(const Object &object, const std::string &label, int indent) {
    std::string text = brief(object);
    if (!text.empty())
      return line(label + text, indent);
    switch (object.kind) {
    case Kind::Call:
    case Kind::Instance:
      line(label + (object.items[0]->kind == Kind::Global ? brief(*object.items[0]) : "call"),
           indent);
      for (size_t i = 1; i < object.items.size(); ++i)
        if (!object.items[i]->items.empty() || !object.items[i]->entries.empty())
          this->object(*object.items[i], i == 1 ? "arguments: " : "state: ", indent + 1);
      break;
    default: {
      size_t parts = object.items.size() + object.entries.size();
      line(fmt::format("{}{} {}", label, parts, object.isDict() ? "entries" : "items"), indent);
      for (size_t i = 0; i < object.items.size(); ++i)
        this->object(*object.items[i], fmt::format("{}: ", i), indent + 1);
    }
    }
    for (const auto &[key, value] : object.entries) {
      std::string name = key->kind == Kind::String ? printable(key->text) : brief(*key);
      this->object(*value, (name.empty() ? "(key)" : name) + ": ", indent + 1);
    }
  }

  std::string take() {
    if (lines_ > kMaxLines)
      out_ += fmt::format("\n    ... {} more lines", lines_ - kMaxLines);
    return std::move(out_);
  }

private:
  void line(const std::string &text, int indent) {
    if (++lines_ > kMaxLines)
      return;
    if (lines_ > 1)
      out_ += "\n" + std::string(static_cast<size_t>(indent) * 2 + 2, ' ');
    out_ += text;
  }

  std::string out_;
  size_t lines_ = 0;
};

} // namespace

std::string describeHyper(const Object &hyper) {
  std::string text;
  for (const auto &[key, value] : hyper.entries) {
    // Switches that are off and options that are unset say nothing.
    if (key->kind != Kind::String || value->isNone() ||
        (value->kind == Kind::Bool && value->integer == 0))
      continue;
    std::string part = brief(*value);
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", printable(key->text),
                        part.empty() ? "..." : part);
  }
  return text;
}

std::string describeObject(const Object &object) {
  Lines lines;
  lines.object(object, "", 1);
  return lines.take();
}

ordered_json plainJson(const Object &object) {
  switch (object.kind) {
  case Kind::None:
    return nullptr;
  case Kind::Bool:
    return object.integer != 0;
  case Kind::Int:
    return object.integer;
  case Kind::Float:
    if (std::isfinite(object.real))
      return object.real;
    return number(object.real);
  case Kind::BigInt:
  case Kind::String:
    return object.text;
  case Kind::List:
  case Kind::Tuple:
  case Kind::Set: {
    ordered_json out = ordered_json::array();
    for (const plan::ObjectPtr &item : object.items)
      out.push_back(plainJson(*item));
    return out;
  }
  case Kind::Dict:
  case Kind::Ordered: {
    ordered_json out = ordered_json::object();
    for (const auto &[key, value] : object.entries)
      out[key->kind == Kind::String ? key->text : brief(*key)] = plainJson(*value);
    return out;
  }
  case Kind::Call:
  case Kind::Instance: {
    ordered_json out = ordered_json::object();
    out["class"] = object.items[0]->kind == Kind::Global ? brief(*object.items[0]) : "";
    for (size_t i = 1; i < object.items.size(); ++i)
      out[i == 1 ? "arguments" : "state"] = plainJson(*object.items[i]);
    return out;
  }
  default:
    return brief(object);
  }
}

} // namespace recast::tools
