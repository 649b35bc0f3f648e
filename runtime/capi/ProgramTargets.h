// The targets of a plan as folders, files and tensors of a program.
#pragma once

#include "runtime/capi/Instantiate.h"
#include "runtime/capi/Verbatim.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace recast::capi::detail {

/// Where a tensor lies in a program.
struct Place {
  uint32_t file = plan::kNone;   ///< Program target file.
  uint64_t offset = 0;           ///< Bytes from the start of the file.
  uint32_t tensor = plan::kNone; ///< Program tensor; none for a value among the literals.
};

class ProgramTargets {
public:
  /// Both outlive this.
  ProgramTargets(const plan::Plan &plan, Instance &instance)
      : plan_(plan), instance_(instance), program_(instance.program),
        byTarget_(plan.targets.size()) {}

  /// Appends target `target` of the plan: a root, its side files and the files that its writer
  /// makes. Fails with Code::BadInput where the format refuses what it is asked to hold.
  Status add(uint32_t target);

  /// Where output `output` of member `member` goes; its target was added.
  Result<Place> placeOf(uint32_t family, uint32_t member, size_t output) const;

  /// By program tensor, where the plan has deadlines; else empty.
  std::vector<std::optional<double>> deadlines() const;
  const std::vector<VerbatimUse> &verbatim() const { return verbatim_; }

  /// Gives the program its literals, and its labels with `deadlines`; they keep the writers alive.
  /// The last call.
  void install(std::vector<std::optional<double>> deadlines) &&;

private:
  /// Of one target of the plan, by tensor of its writer.
  struct OfTarget {
    format::TargetImages images;
    std::vector<Place> places;
  };

  Result<exec::TargetRoot> makeRoot(uint32_t target, const format::TargetWriter &writer);
  void addSideFiles(const plan::TargetEndpoint &endpoint, exec::TargetRoot &root);
  void addImages(const plan::TargetEndpoint &endpoint, OfTarget &of);

  const plan::Plan &plan_;
  Instance &instance_;
  exec::Program &program_;
  std::vector<OfTarget> byTarget_;
  std::vector<VerbatimUse> verbatim_;
  std::vector<std::pair<uint32_t, uint64_t>> imageStart_; ///< Program file -> (root, image).
  std::vector<std::pair<uint32_t, uint32_t>> labels_; ///< Program tensor -> (root, tensor of it).
};

} // namespace recast::capi::detail
