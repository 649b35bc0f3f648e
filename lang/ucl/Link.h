// `use`: brings the models and views of other files into a spec.
#pragma once

#include "lang/ast/Ast.h"
#include "runtime/base/Status.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace recast::lang {

/// The text of a file, or nothing if there is none of that name; a file that is there and cannot be
/// read is an error.
using FileReader = std::function<Result<std::optional<std::string>>(const std::string &path)>;

/// The spec without its `use`s, and with those models and views of the used files that its own
/// views and endpoints need. A file is looked for beside the one that uses it, then in the standard
/// library. Used files hold `use`, `model` and `view` only, and are checked by themselves. A spec
/// that uses nothing comes back as it is.
Result<Spec> link(Spec spec, const FileReader &read);

/// A file of the standard library that is compiled into the program ("std/llama.ucl").
std::optional<std::string_view> standardFile(std::string_view path);
/// Their names.
std::vector<std::string> standardFiles();

} // namespace recast::lang
