// `config("runs/z3/config.json")`: a model's configuration.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/plan/Object.h"

#include <string>

namespace recast::compiler {

/// A JSON file as an inert tree. Code::BadInput, naming the file, where it is no JSON object.
Result<plan::ObjectPtr> readConfig(const std::string &path);

} // namespace recast::compiler
