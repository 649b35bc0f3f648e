// The parts of rebinding a plan: tables of files and buffers, members of families, targets.
#pragma once

#include "runtime/capi/NamedTensors.h"
#include "runtime/capi/Rebind.h"
#include "runtime/format/Inventory.h"
#include "runtime/format/TargetWriter.h"

#include <fmt/format.h>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace recast::capi {

inline constexpr char kAgain[] = "Compile the job again with `recast plan`.";

/// One use of `rebind`: a copy of the old plan that becomes the new one, step by step. Holds
/// references to what its constructor is given.
class Rebinder {
public:
  Rebinder(const plan::Plan &old, const RebindRequest &request, const format::Inventory &source)
      : old_(old), request_(request), source_(source), plan_(old),
        named_(source.tensors, old.strings), used_(source.tensors.size()) {}

  Result<plan::Plan> run() {
    RECAST_TRY(checkSource());
    RECAST_TRY(rebindTables());
    RECAST_TRY(checkConfigs());
    RECAST_TRY(rebindFamilies());
    RECAST_TRY(checkLeftOut());
    for (plan::TargetEndpoint &target : plan_.targets)
      RECAST_TRY(rebindTarget(target));
    if (!request_.spec.empty())
      plan_.spec = request_.spec;
    RECAST_TRY(plan::seal(plan_));
    if (request_.spec.empty() && plan_.schemaFingerprint != old_.schemaFingerprint)
      return internal("rebinding changed the schema of a plan");
    return std::move(plan_);
  }

private:
  tl::unexpected<Error> differs(std::string what) const {
    return fail(Error(Code::BadInput, "not the same run any more: " + what)
                    .file(source_.root)
                    .hint(kAgain));
  }
  tl::unexpected<Error> tensorDiffers(const std::string &name, std::string what) const {
    return fail(Error(Code::BadInput, "not the same run any more: " + what)
                    .tensor(name)
                    .file(source_.root)
                    .hint(kAgain));
  }

  Status checkSource() const;
  Status rebindTables();
  Status checkTables();
  Status checkConfigs() const;
  Status checkFiles();
  Status rebindFamilies();
  Status rebindInput(plan::Family &family, uint32_t member, size_t input);
  Status rebindScalar(plan::Family &family, uint32_t member, size_t input);
  Status checkLeftOut();
  Status rebindObject(const plan::TargetEndpoint &target, const format::TargetTraits &traits,
                      const std::string &name, std::string &json);
  Status checkGroups(const plan::TargetEndpoint &target);
  Status rebindTarget(plan::TargetEndpoint &target);
  void markUsed(const format::Tensor &tensor) { used_[&tensor - source_.tensors.data()] = true; }
  void findOutputs(const plan::Family &family);
  std::set<std::string> rolesFrom(const plan::Family &family, uint32_t member, size_t input) const;
  bool isWritten(std::string_view role, const plan::Family &family, uint32_t member,
                 size_t input) const;
  bool isLeftOut(const std::string &role, uint64_t unused, uint64_t all) const;
  bool isDropped(const plan::ObjectChange &object) const;
  bool isDropped(const std::string &role, const plan::Family &family) const;
  bool findRenames() const;

  const plan::Plan &old_;
  const RebindRequest &request_;
  const format::Inventory &source_;
  plan::Plan plan_;
  NamedTensors named_;
  std::vector<bool> used_; ///< By tensor of the source.
  /// By input of the current family: which outputs are computed from it.
  std::vector<std::vector<size_t>> outputsOf_;
  /// Members have other names than the tensors that they read: the source has a view.
  bool renames_ = false;
  bool holdsScalars_ = false; ///< Values without dimensions, read with the metadata.
  /// The plan says what it was made from, and it is the same: only values can have changed.
  bool sameTensors_ = false;
};

} // namespace recast::capi
