// `config.json`: the configuration that lies beside a model.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/plan/Object.h"

#include <string>
#include <string_view>

namespace recast::format {

/// One JSON object as an inert tree. Stricter than JSON: a key stands once (readers differ in which
/// of two counts), whole numbers fit into 64 bits. Code::BadInput.
Result<plan::ObjectPtr> parseConfig(std::string_view json);
/// The same from a file, which errors name.
Result<plan::ObjectPtr> readConfig(const std::string &path);

} // namespace recast::format
