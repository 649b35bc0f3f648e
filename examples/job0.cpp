// Job 0 (job0.ucl) said in C++: the same AST, hence a byte-identical plan.
//
//   job0 OUT.rplan        compiles the job for the checkpoint in runs/z3
#include "compiler/Pipelines/Compile.h"
#include "lang/ast/Builder.h"
#include "lang/import/Import.h"
#include "lang/ucl/Check.h"
#include "lang/ucl/Format.h"
#include "runtime/plan/Plan.h"

#include "mlir/IR/MLIRContext.h"

#include <cstdio>
#include <fstream>

namespace rl = recast::lang;

namespace {

rl::Spec job0() {
  rl::SpecBuilder spec;
  auto checkpoint = spec.let("checkpoint", "runs/z3");
  auto resumable = spec.let("resumable", "runs/z3-uni");
  auto model = spec.let("model", "export");
  auto run = spec.source("run", rl::deepspeed(checkpoint));
  auto uni = spec.target("uni", rl::deepspeed_universal(resumable));
  auto hub = spec.target("hub", rl::safetensors(model));

  auto job = spec.convert(run, {uni, hub});
  auto resume = job.forTarget(uni);
  resume.keepElse();
  resume.objects().keepElse();
  auto weights = job.forTarget(hub);
  weights.role("weight") = rl::role("master") | rl::cast(rl::bf16);
  weights.role("frozen") = rl::keep() | rl::cast(rl::bf16);
  weights.keep({"buffer"});
  weights.drop({"master", "exp_avg", "exp_avg_sq", "step"});
  weights.objects().dropElse();
  weights.files({"config*.json", "tokenizer*"}, checkpoint);
  job.budget(512 * rl::MiB);
  return spec.spec();
}

recast::Status compileTo(const char *path) {
  rl::Spec spec = job0();
  RECAST_TRY(rl::check(spec));
  mlir::MLIRContext context;
  RECAST_ASSIGN(auto declared, rl::importSpec(spec, context));
  RECAST_ASSIGN(auto compiled, recast::compiler::compile(*declared, {rl::format(spec)}));
  for (const recast::compiler::Proof &proof : compiled.proofs)
    std::printf("proved: %s\n", proof.statement.c_str());
  std::string bytes = recast::plan::writeArtifact(compiled.plan);
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return {};
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: job0 OUT.rplan\n");
    return 2;
  }
  recast::Status status = compileTo(argv[1]);
  if (status)
    return 0;
  std::fprintf(stderr, "error: %s\n", status.error().str().c_str());
  return status.error().exitCode();
}
