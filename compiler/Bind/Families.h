// Members grouped into families (D5): the key is shape, dtypes, layouts and what is computed.
#pragma once

#include "compiler/Bind/Resolve.h"
#include "compiler/Bind/Strings.h"

namespace recast::compiler {

struct DraftInput {
  Name role;
  DType dtype = DType::F32;
  uint32_t layout = 0;   ///< Index into Inventory::layouts; kNone for values known now (whole).
  bool isScalar = false; ///< One value for all elements, of no dimensions.
  bool operator==(const DraftInput &) const = default;
};
/// A prediction by the inputs of its family.
struct DraftPrediction {
  ir::ckpt::Direction direction;
  std::vector<uint32_t> states, scalars;
  bool operator==(const DraftPrediction &) const = default;
};
struct DraftOutput {
  uint32_t input = 0;
  uint32_t target = 0;
  std::optional<DraftPrediction> prediction;
  std::vector<ChainStep> chain;
  layout::Layout layout; ///< In the target's tensor.
  bool operator==(const DraftOutput &) const = default;
};

/// A family before it is IR. `rows` has the columns of `ckpt.family`.
struct FamilyDraft {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<DraftInput> inputs;
  std::vector<DraftOutput> outputs;
  bool checked = false; ///< cast(input 0) == input `weight`.
  uint32_t weight = 0;
  std::vector<int64_t> rows;
  int64_t memberCount = 0;
};

/// In order of first member, so that the plan does not depend on hashing; ranks that hold different
/// shares of a tensor have families of their own.
std::vector<FamilyDraft> draftFamilies(const Job &job, const format::Inventory &source,
                                       const Resolution &resolution,
                                       const std::vector<int32_t> &armed, Strings &strings);

} // namespace recast::compiler
