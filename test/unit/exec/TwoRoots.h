// A small conversion into two folders at once.
#pragma once

#include "Sandbox.h"

namespace recast::exec::test {

struct TwoRoots : Sandbox {
  std::string data = noise(50'000, 3);
  TwoRoots() {
    uint32_t in = source("in", data);
    for (std::string name : {"one", "two"}) {
      uint32_t r = root(name), file = target(r, "a", data.size() + 2);
      program.roots[r].pointers = {{"latest", "tag"}, {"newest", "tag"}};
      literal(file, data.size(), "ok");
      if (name == "one")
        copy(in, 0, data.size(), file, 0);
      else
        program.tasks[0].outputs.push_back({0, file, 0, {0}});
    }
  }
  bool complete() const {
    for (std::string name : {"one", "two"})
      if (readAll(path(name + "/tag/a")) != data + "ok" ||
          readAll(path(name + "/latest")) != "tag" || readAll(path(name + "/newest")) != "tag" ||
          tree(path(name)).size() != 4)
        return false;
    return true;
  }
};

} // namespace recast::exec::test
