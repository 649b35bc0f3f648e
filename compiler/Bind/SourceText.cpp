#include "compiler/Bind/SourceText.h"

#include "mlir/IR/BuiltinAttributes.h"

#include <fmt/format.h>

namespace recast::compiler {

Error specError(mlir::Location loc, std::string_view message, std::string_view nearest) {
  std::string text;
  if (auto place = llvm::dyn_cast<mlir::FileLineColLoc>(loc))
    text = fmt::format("{}:{}:{}: ", place.getFilename().getValue().str(), place.getLine(),
                       place.getColumn());
  text += message;
  Error error(Code::Usage, std::move(text));
  if (!nearest.empty())
    return std::move(error).hint(fmt::format("Did you mean `{}`?", nearest));
  return error;
}

} // namespace recast::compiler
