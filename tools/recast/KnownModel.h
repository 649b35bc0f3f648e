// Which model of the standard library a checkpoint is, told by its config.json and its names.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/format/Inventory.h"

#include <optional>
#include <string>

namespace recast::tools {

struct KnownModel {
  std::string library; ///< "std/llama.ucl"
  std::string model;   ///< "llama"
  std::string view;    ///< The one whose names the checkpoint has.
  std::string config;  ///< Path of the config.json.
};

/// Nothing where there is no config.json of a known architecture beside the checkpoint, or where
/// the names are those of no view.
std::optional<KnownModel> recogniseModel(const format::Inventory &source);

} // namespace recast::tools
