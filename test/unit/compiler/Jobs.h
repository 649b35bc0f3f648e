// Jobs over the fixtures, as the compiler's tests use them.
#pragma once

#include "lang/ast/Builder.h"
#include "lang/import/Import.h"

#include "mlir/IR/MLIRContext.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <string>

namespace recast::fixtures {

inline std::string fixture(const std::string &name) {
  return std::string(RECAST_TEST_DATA) + "/deepspeed/" + name + "/native";
}

/// A folder that is removed at the end.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "recast-test-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string &name) const { return path_ + "/" + name; }

private:
  std::string path_;
};

/// Job 0 of the language: resume folder and bf16 export from one read.
inline lang::Spec bothTargets(const std::string &source, const std::string &universal,
                              const std::string &hub) {
  namespace rl = recast::lang;
  rl::SpecBuilder spec;
  auto run = spec.source("run", rl::deepspeed(source));
  auto uni = spec.target("uni", rl::deepspeed_universal(universal));
  auto out = spec.target("hub", rl::safetensors(hub));
  auto job = spec.convert(run, {uni, out});
  auto forUni = job.forTarget(uni);
  forUni.keepElse();
  forUni.objects().keepElse();
  auto forHub = job.forTarget(out);
  forHub.role("weight") = rl::role("master") | rl::cast(rl::bf16);
  forHub.role("frozen") = rl::keep() | rl::cast(rl::bf16);
  forHub.keep({"buffer"});
  forHub.drop({"master", "exp_avg", "exp_avg_sq", "step"});
  forHub.objects().dropElse();
  return spec.spec();
}

} // namespace recast::fixtures
