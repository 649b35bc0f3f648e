#include "tools/recast/Diff.h"

#include "runtime/base/Checked.h"
#include "runtime/base/Printable.h"
#include "runtime/capi/ReadTensor.h"
#include "runtime/capi/StoredDigests.h"
#include "runtime/format/Inventory.h"
#include "runtime/recipe/Recipe.h"
#include "tools/recast/ValueDifference.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace recast::tools {
namespace {

namespace role = recast::format::role;
using Names = std::map<std::string, const format::Tensor *>; ///< By role.

struct Finding {
  std::string name, role, what;
  std::optional<ValueDifference> values = {};
};

/// One of the two checkpoints.
struct Side {
  format::Inventory inventory;
  capi::StoredDigests digests; ///< None unless they may stand for the values.
};

std::map<std::string, Names> byName(const format::Inventory &inventory) {
  std::map<std::string, Names> out;
  for (const format::Tensor &tensor : inventory.tensors)
    out[tensor.name][tensor.role] = &tensor;
  return out;
}

std::set<std::string> rolesOf(const format::Inventory &inventory) {
  std::set<std::string> out;
  for (const format::Tensor &tensor : inventory.tensors)
    out.insert(tensor.role);
  return out;
}

class Comparison {
public:
  Comparison(const Side &left, const Side &right)
      : left_(left), right_(right), leftReader_(left.inventory), rightReader_(right.inventory),
        leftRoles_(rolesOf(left.inventory)), rightRoles_(rolesOf(right.inventory)) {}

  Status run();
  bool equal() const { return findings.empty() && compared > 0; }

  std::vector<Finding> findings;
  std::vector<std::string> remarks; ///< Differences of kind, not of value: roles and dtypes.
  uint64_t compared = 0;
  uint64_t byDigest = 0; ///< Of these, equal by what the manifests say: not read.
  uint64_t bytesRead() const { return leftReader_.bytesRead() + rightReader_.bytesRead(); }

private:
  Status compareName(const std::string &name, const Names &left, const Names &right);
  Status compareTensors(const format::Tensor &a, const format::Tensor &b);
  const format::Tensor *weightLike(const Names &names, const Names &other) const;

  const Side &left_, &right_;
  capi::TensorReader leftReader_, rightReader_;
  std::set<std::string> leftRoles_, rightRoles_;

  struct Kind { ///< Tensors whose values were compared although their dtypes differ.
    uint64_t count = 0;
    std::string first;
  };
  std::map<std::string, Kind> kinds_;
};

/// What a format that knows nothing but weights holds under a name: the model's value. Weights of
/// another dtype than `other` were rounded from the master, if there is one, not from the weight.
const format::Tensor *Comparison::weightLike(const Names &names, const Names &other) const {
  auto master = names.find(role::kMaster);
  for (const char *candidate : {role::kWeight, role::kFrozen, role::kBuffer}) {
    auto found = names.find(candidate);
    if (found == names.end())
      continue;
    auto same = other.find(role::kWeight);
    bool rounded = same != other.end() && same->second->dtype != found->second->dtype;
    return rounded && master != names.end() ? master->second : found->second;
  }
  return master == names.end() ? nullptr : master->second;
}

Result<std::string> castTo(std::string bytes, DType from, DType to) {
  if (from == to)
    return bytes;
  if (!recipe::castSupported(from, to))
    return usage(fmt::format("{} and {} cannot be compared", name(from), name(to)));
  recipe::Recipe cast = recipe::castRecipe(from, to);
  auto count = static_cast<int64_t>(bytes.size() / byteWidth(from));
  std::string out(static_cast<size_t>(count) * byteWidth(to), '\0');
  const std::byte *input = reinterpret_cast<const std::byte *>(bytes.data());
  std::byte *output = reinterpret_cast<std::byte *>(out.data());
  recipe::interpret(cast, {&input, 1}, {&output, 1}, count);
  return out;
}

Status Comparison::compareTensors(const format::Tensor &a, const format::Tensor &b) {
  ++compared;
  if (a.shape != b.shape) {
    findings.push_back({a.name, a.role,
                        fmt::format("shape ({}) differs from ({})", fmt::join(a.shape, ", "),
                                    fmt::join(b.shape, ", "))});
    return {};
  }
  if (a.dtype == b.dtype) {
    const codec::Digest *x = left_.digests.find(a), *y = right_.digests.find(b);
    if (x && y && *x == *y) {
      ++byDigest;
      return {};
    }
  }
  RECAST_ASSIGN(std::string left, leftReader_.read(a));
  RECAST_ASSIGN(std::string right, rightReader_.read(b));
  // Compared in the dtype that both reach: exactly where one is wider, as a cast master otherwise.
  DType type = a.dtype;
  if (a.dtype != b.dtype) {
    bool masterToWeight = a.role == role::kMaster && b.role != role::kMaster;
    type = masterToWeight || recipe::castExact(a.dtype, b.dtype) ? b.dtype : a.dtype;
    Kind &kind = kinds_[fmt::format("{} {} in the first, {} {} in the second; compared as {}",
                                    name(a.dtype), a.role, name(b.dtype), b.role, name(type))];
    if (kind.count++ == 0)
      kind.first = a.name;
  }
  RECAST_ASSIGN(left, castTo(std::move(left), a.dtype, type));
  RECAST_ASSIGN(right, castTo(std::move(right), b.dtype, type));
  // Bits decide: NaNs of other payloads are other values. What two programs round to when a NaN
  // loses its low bits differs, so a cast NaN equals any.
  if (auto values = compareValues(left, right, type, a.dtype != b.dtype))
    findings.push_back({a.name, a.role,
                        values->str(static_cast<uint64_t>(elementCount(a.shape).value_or(0))),
                        values});
  return {};
}

Status Comparison::compareName(const std::string &name, const Names &left, const Names &right) {
  bool plainSide = leftRoles_ == std::set<std::string>{role::kWeight} ||
                   rightRoles_ == std::set<std::string>{role::kWeight};
  if (plainSide) {
    const format::Tensor *a = weightLike(left, right), *b = weightLike(right, left);
    return a && b ? compareTensors(*a, *b) : Status{};
  }
  for (const auto &[which, tensor] : left) {
    auto found = right.find(which);
    if (found != right.end())
      RECAST_TRY(compareTensors(*tensor, *found->second));
    else if (rightRoles_.count(which))
      findings.push_back({name, which, "only in the first"});
  }
  for (const auto &[which, tensor] : right)
    if (!left.count(which) && leftRoles_.count(which))
      findings.push_back({name, which, "only in the second"});
  return {};
}

Status Comparison::run() {
  auto left = byName(left_.inventory), right = byName(right_.inventory);
  for (const auto &[name, roles] : left) {
    auto found = right.find(name);
    if (found == right.end())
      findings.push_back({name, roles.begin()->first, "only in the first"});
    else
      RECAST_TRY(compareName(name, roles, found->second));
  }
  for (const auto &[name, roles] : right)
    if (!left.count(name))
      findings.push_back({name, roles.begin()->first, "only in the second"});
  for (const std::string &which : leftRoles_)
    if (!rightRoles_.count(which))
      remarks.push_back(fmt::format("role {} is in the first only", which));
  for (const std::string &which : rightRoles_)
    if (!leftRoles_.count(which))
      remarks.push_back(fmt::format("role {} is in the second only", which));
  for (const auto &[what, kind] : kinds_)
    remarks.push_back(kind.count == 1 ? fmt::format("{}: {}", kind.first, what)
                                      : fmt::format("{} tensors, {} the first of them: {}",
                                                    kind.count, kind.first, what));
  return {};
}

/// Digests stand for values only where no file changed after they were written.
Result<Side> readSide(const std::string &path, const DiffOptions &options) {
  Side side;
  RECAST_ASSIGN(side.inventory, format::readSoundInventory(path, {}));
  if (options.values)
    return side;
  RECAST_ASSIGN(std::string folder, capi::manifestFolder(path, side.inventory.tag));
  RECAST_ASSIGN(capi::StoredDigests digests, capi::StoredDigests::read(folder, side.inventory));
  if (digests.newer().empty())
    side.digests = std::move(digests);
  return side;
}

std::string toJson(const Comparison &comparison, bool same) {
  nlohmann::json out{{"equal", same},
                     {"findings", nlohmann::json::array()},
                     {"compared", comparison.compared},
                     {"by_digest", comparison.byDigest},
                     {"bytes_read", comparison.bytesRead()},
                     {"remarks", comparison.remarks}};
  for (const Finding &finding : comparison.findings) {
    nlohmann::json entry{{"name", finding.name}, {"role", finding.role}, {"what", finding.what}};
    if (const auto &values = finding.values) {
      entry["first"] = values->first;
      entry["count"] = values->count;
      // JSON has no infinity: it becomes null.
      if (values->maxAbs)
        entry["max_abs"] = *values->maxAbs;
      if (values->maxUlps)
        entry["max_ulps"] = *values->maxUlps;
    }
    out["findings"].push_back(std::move(entry));
  }
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace

Result<bool> diff(const std::string &leftPath, const std::string &rightPath,
                  const DiffOptions &options) {
  RECAST_ASSIGN(Side left, readSide(leftPath, options));
  RECAST_ASSIGN(Side right, readSide(rightPath, options));
  Comparison comparison(left, right);
  RECAST_TRY(comparison.run());
  bool same = comparison.equal() && !(options.strict && !comparison.remarks.empty());
  if (options.json) {
    fmt::print("{}\n", toJson(comparison, same));
    return same;
  }
  constexpr size_t kShown = 20;
  for (size_t i = 0; i < std::min(kShown, comparison.findings.size()); ++i) {
    const Finding &finding = comparison.findings[i];
    fmt::print("  {:<12} {}: {}\n", printable(finding.role), printable(finding.name), finding.what);
  }
  if (comparison.findings.size() > kShown)
    fmt::print("  ... and {} more\n", comparison.findings.size() - kShown);
  for (const std::string &remark : comparison.remarks)
    fmt::print("  {}: {}\n", options.strict ? "differs" : "note", printable(remark));
  if (comparison.compared == 0)
    fmt::print("nothing in common to compare\n");
  else if (same)
    fmt::print("equal: {} tensors, bit for bit{}\n", comparison.compared,
               comparison.byDigest == 0
                   ? ""
                   : fmt::format("; {} of them by the digests in both manifests, without reading "
                                 "(--values reads them)",
                                 comparison.byDigest));
  else if (comparison.findings.empty())
    fmt::print("the {} compared tensors are equal, but not all else is\n", comparison.compared);
  else
    fmt::print("they differ: {} findings among {} compared tensors\n", comparison.findings.size(),
               comparison.compared);
  return same;
}

} // namespace recast::tools
