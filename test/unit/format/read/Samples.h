// Shared by the readers' tests: folders to break, checkpoints to copy, truth to compare with.
#pragma once

#include "runtime/format/Inventory.h"
#include "test/unit/format/read/ZipSamples.h" // IWYU pragma: export

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace recast::format::test {

/// A folder below the test's temporary directory, removed at the end.
class TempFolder {
public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder &) = delete;
  std::string path(const std::string &name = "") const;
  std::string write(const std::string &name, const std::string &content) const;

private:
  std::string path_;
};

std::string dataPath(const std::string &relative);
std::string slurp(const std::string &path);
void overwrite(const std::string &path, const std::string &content);
/// Copies the folder `from` to `to`.
void copyTree(const std::string &from, const std::string &to);

struct TruthTensor {
  std::string dtype; ///< As safetensors spells it.
  std::vector<int64_t> shape;
  std::string bytes;
};
/// Naive parser of a safetensors file that we trust.
std::map<std::string, TruthTensor> readTruth(const std::string &path);

/// Row-major bytes of a tensor of the inventory, gathered element by element with the formulas of
/// DeepSpeed itself and without runtime/layout; empty and a test failure if a byte lies outside.
std::string gather(const Inventory &inventory, const Tensor &tensor);

/// The tensor of that name and role; a test failure if there are none or several.
const Tensor *findTensor(const Inventory &inventory, const std::string &name,
                         const std::string &role);
/// Messages of all problems, one per line: what a failing test shows.
std::string problemText(const Inventory &inventory);

} // namespace recast::format::test
