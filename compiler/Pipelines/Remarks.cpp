#include "compiler/Pipelines/Remarks.h"

#include "mlir/IR/Remarks.h"

namespace recast::compiler {
namespace {

class Keeper : public mlir::remark::detail::MLIRRemarkStreamerBase {
public:
  explicit Keeper(std::shared_ptr<std::vector<Remark>> into) : into_(std::move(into)) {}

  void streamOptimizationRemark(const mlir::remark::detail::Remark &remark) override {
    Remark out;
    out.family = remark.getFunction().str();
    out.isApplied = remark.getRemarkType() == llvm::remarks::Type::Passed;
    out.pass = remark.getCategoryName().str();
    out.rewrite = remark.getRemarkName().str();
    for (const auto &argument : remark.getArgs())
      if (uint64_t number; !llvm::StringRef(argument.val).getAsInteger(10, number))
        out.metrics[argument.key] = number;
      else
        out.text += (out.text.empty() ? "" : "; ") + argument.val;
    into_->push_back(std::move(out));
  }

private:
  std::shared_ptr<std::vector<Remark>> into_;
};

} // namespace

RemarkCollector::RemarkCollector(mlir::MLIRContext &context)
    : context_(context), remarks_(std::make_shared<std::vector<Remark>>()) {
  // A kind whose own filter is not set is off, whatever `all` says.
  mlir::remark::RemarkCategories all;
  all.passed = all.missed = ".*";
  // Fails only where the streamer needs a file.
  (void)mlir::remark::enableOptimizationRemarks(
      context, std::make_unique<Keeper>(remarks_),
      std::make_unique<mlir::remark::RemarkEmittingPolicyAll>(), all);
}

RemarkCollector::~RemarkCollector() { context_.setRemarkEngine(nullptr); }

std::vector<Remark> RemarkCollector::take() { return std::move(*remarks_); }

} // namespace recast::compiler
