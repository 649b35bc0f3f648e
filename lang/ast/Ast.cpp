#include "lang/ast/Ast.h"

namespace recast::lang {

bool Expr::operator==(const Expr &other) const {
  if (kind != other.kind)
    return false;
  switch (kind) {
  case Kind::Int:
  case Kind::Size:
  case Kind::Bool:
    return integer == other.integer;
  case Kind::Float:
    return real == other.real;
  case Kind::String:
  case Kind::Name:
    return text == other.text;
  case Kind::Call:
    return text == other.text && args == other.args;
  case Kind::Tuple:
    return args == other.args;
  case Kind::Member:
  case Kind::Binary:
    break;
  }
  if (text != other.text || operands.size() != other.operands.size())
    return false;
  for (size_t i = 0; i < operands.size(); ++i)
    if (!equal(operands[i], other.operands[i]))
      return false;
  return true;
}

bool equal(const ExprPtr &a, const ExprPtr &b) {
  if (a == b)
    return true;
  return a && b && *a == *b;
}

std::string Ref::str() const {
  std::string out;
  for (const std::string &part : parts) {
    if (!out.empty())
      out += '.';
    out += part;
  }
  return out;
}

const ExprPtr *Spec::let(std::string_view name) const {
  for (const auto &[known, value] : lets)
    if (known == name)
      return &value;
  return nullptr;
}

const Endpoint *Spec::endpoint(std::string_view name) const {
  for (const Endpoint &candidate : endpoints)
    if (candidate.name == name)
      return &candidate;
  return nullptr;
}

const Model *Spec::model(std::string_view name) const {
  for (const Model &candidate : models)
    if (candidate.name == name)
      return &candidate;
  return nullptr;
}

const Pipeline *Spec::pipeline(std::string_view name) const {
  for (const Pipeline &candidate : pipelines)
    if (candidate.name == name)
      return &candidate;
  return nullptr;
}

const View *Spec::view(std::string_view name) const {
  for (const View &candidate : views)
    if (candidate.name == name)
      return &candidate;
  return nullptr;
}

std::string Path::str() const {
  std::string out;
  for (const PathSegment &segment : segments) {
    if (&segment != &segments.front())
      out += '.';
    if (segment.members.empty()) {
      out += segment.name;
      if (!segment.index.empty())
        out += "[" + segment.index + "]";
      continue;
    }
    out += segment.isPack() ? "[" : "{" + segment.index + ":";
    for (const std::string &member : segment.members) {
      if (!segment.isPack())
        out += ' ';
      else if (&member != &segment.members.front())
        out += ", ";
      out += member;
    }
    out += segment.isPack() ? "]" : "}";
  }
  return out;
}

bool operator==(const Spec &a, const Spec &b) {
  if (a.lets.size() != b.lets.size())
    return false;
  for (size_t i = 0; i < a.lets.size(); ++i)
    if (a.lets[i].first != b.lets[i].first || !equal(a.lets[i].second, b.lets[i].second))
      return false;
  return a.uses == b.uses && a.models == b.models && a.views == b.views &&
         a.pipelines == b.pipelines && a.endpoints == b.endpoints && a.jobs == b.jobs;
}

} // namespace recast::lang
