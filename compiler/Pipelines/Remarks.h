// What the passes say about their rewrites (MLIR's optimization remarks), kept as data.
#pragma once

#include "mlir/IR/MLIRContext.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace recast::compiler {

/// One rewrite that a pass applied to a family, or refused.
struct Remark {
  std::string family;            ///< The symbol of its op.
  std::optional<uint32_t> index; ///< Of that family in the plan; none if it is not there any more.
  bool isApplied = false;
  std::string pass, rewrite; ///< `ckpt-normalize`, `CastOfExactCast`.
  std::string text;
  std::map<std::string, uint64_t> metrics; ///< What the remark counts, by name.
};

/// Collects the remarks of all passes that run in a context while it lives. The context must not
/// have a remark engine of its own.
class RemarkCollector {
public:
  explicit RemarkCollector(mlir::MLIRContext &context);
  ~RemarkCollector();
  RemarkCollector(const RemarkCollector &) = delete;
  RemarkCollector &operator=(const RemarkCollector &) = delete;

  /// In the order in which they were made.
  std::vector<Remark> take();

private:
  mlir::MLIRContext &context_;
  std::shared_ptr<std::vector<Remark>> remarks_;
};

} // namespace recast::compiler
