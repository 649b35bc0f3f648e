// Object trees for people and for machines that only want to look.
#pragma once

#include "runtime/plan/Object.h"

#include <nlohmann/json.hpp>
#include <string>

namespace recast::tools {

/// Hyper-parameters of a group in one line: numbers and switches that are set.
std::string describeHyper(const plan::Object &hyper);
/// A tree over several indented lines; long ones are cut.
std::string describeObject(const plan::Object &object);
/// A tree as plain JSON, for reading only: classes and tensors become short texts.
nlohmann::ordered_json plainJson(const plan::Object &object);

} // namespace recast::tools
