#include "lang/ast/ModelTensors.h"

#include <algorithm>

namespace recast::lang {
namespace {

void collect(const std::vector<ModelItem> &items, std::vector<const GroupDecl *> &groups,
             std::vector<ModelTensor> &out) {
  for (const ModelItem &item : items) {
    if (auto *group = std::get_if<GroupDecl>(&item.node)) {
      groups.push_back(group);
      collect(group->items, groups, out);
      groups.pop_back();
    } else {
      out.push_back({groups, &std::get<TensorDecl>(item.node)});
    }
  }
}

/// Replaces the members of a segment by one of them.
PathSegment one(const std::string &member) { return {member, {}, {}}; }

} // namespace

bool ModelTensor::matches(const Path &path) const {
  if (path.segments.size() != groups.size() + 1)
    return false;
  for (size_t i = 0; i < groups.size(); ++i)
    if (path.segments[i].name != groups[i]->name)
      return false;
  return path.segments.back().name == decl->name && path.segments.back().index.empty();
}

std::string ModelTensor::str() const {
  std::string out;
  for (const GroupDecl *group : groups)
    out += group->name + "[" + group->index + "].";
  return out + decl->name;
}

std::vector<ModelTensor> tensorsOf(const Model &model) {
  std::vector<ModelTensor> out;
  std::vector<const GroupDecl *> groups;
  collect(model.items, groups, out);
  return out;
}

size_t pathCount(const Path &path) {
  size_t out = 1;
  for (const PathSegment &segment : path.segments)
    if (!segment.members.empty())
      out = std::min(out * std::min(segment.members.size(), kMaxPathCount + 1), kMaxPathCount + 1);
  return out;
}

std::vector<std::vector<Path>> expand(const Path &path) {
  std::vector<std::vector<Path>> out{{Path{path.loc, {}}}};
  for (const PathSegment &segment : path.segments) {
    std::vector<std::vector<Path>> next;
    for (const std::vector<Path> &pack : out) {
      if (segment.members.empty()) {
        next.push_back(pack);
        for (Path &made : next.back())
          made.segments.push_back(segment);
      } else if (segment.isChoice()) {
        for (const std::string &member : segment.members) {
          next.push_back(pack);
          for (Path &made : next.back())
            made.segments.push_back(one(member));
        }
      } else {
        std::vector<Path> &wider = next.emplace_back();
        for (const Path &before : pack)
          for (const std::string &member : segment.members) {
            wider.push_back(before);
            wider.back().segments.push_back(one(member));
          }
      }
    }
    out = std::move(next);
  }
  return out;
}

} // namespace recast::lang
