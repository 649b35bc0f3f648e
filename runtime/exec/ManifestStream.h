// A manifest, read entry by entry: it may list millions of extents, and it may come from anybody,
// so memory does not grow with it.
#pragma once

#include "runtime/base/Status.h"

#include <nlohmann/json.hpp>

#include <string>

namespace recast::exec {

/// What a manifest says, in the order in which it says it, which is the one that is written:
/// `whole_folder`, files with their extents, tensors, links. The first error ends the reading.
class ManifestVisitor {
public:
  using Json = nlohmann::json;
  virtual ~ManifestVisitor() = default;

  virtual void wholeFolder() {}
  virtual void digestName(const std::string &) {}
  virtual Status beginFile(const std::string &path, uint64_t size) { return {}; }
  virtual Status extent(const Json &extent) { return {}; }
  virtual Status endFile() { return {}; }
  virtual Status tensor(const Json &tensor) { return {}; }
  virtual Status link(const Json &link) { return {}; }
};

/// Reads `.recast/manifest.json` of a folder (a descriptor of it); `shown`: the file, for messages.
/// Code::BadInput where it makes no sense or an entry is larger than any that is written.
Status readManifest(int folder, const std::string &shown, ManifestVisitor &visitor);

/// The error that says so.
tl::unexpected<Error> brokenManifest(std::string_view what, const std::string &shown);

} // namespace recast::exec
