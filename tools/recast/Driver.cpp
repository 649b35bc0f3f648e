#include "tools/recast/Driver.h"

#include "dialect/Pipe/PipeDialect.h"
#include "lang/import/Import.h"
#include "lang/ucl/Check.h"
#include "lang/ucl/Format.h"
#include "lang/ucl/Link.h"
#include "lang/ucl/Parser.h"
#include "runtime/capi/Instantiate.h"
#include "runtime/format/Inventory.h"
#include "runtime/io/File.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <cerrno>
#include <filesystem>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace recast::tools {
namespace {

constexpr uint64_t kLargestSpec = uint64_t{16} << 20;

std::string besideThisProgram(const char *name) {
  std::error_code ignored;
  return (std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / name).string();
}

/// A file that a spec uses; there may be none of that name.
Result<std::optional<std::string>> readUsed(const std::string &path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    return std::nullopt;
  RECAST_ASSIGN(std::string text, io::readWhole(path, kLargestSpec));
  return text;
}

/// Commands that take a job or a plan say what to do with a checkpoint.
Status refuseCheckpoint(const std::string &path) {
  std::string extension = std::filesystem::path(path).extension();
  std::string format =
      extension == ".ucl" || extension == ".rplan" ? "" : format::detectFormat(path);
  if (format.empty())
    return {};
  return fail(
      Error(Code::Usage, fmt::format("this is a checkpoint ({}), not a job", format))
          .file(path)
          .hint(fmt::format("Write a job for it: recast init {} --to FORMAT -o job.ucl", path)));
}

} // namespace

Result<lang::Spec> loadSpec(const std::string &path, const std::vector<std::string> &defines) {
  RECAST_TRY(refuseCheckpoint(path));
  RECAST_ASSIGN(std::string text, io::readWhole(path, kLargestSpec));
  RECAST_ASSIGN(lang::Spec spec, lang::parse(text, path));
  for (const std::string &define : defines) {
    size_t equals = define.find('=');
    if (equals == std::string::npos)
      return usage(fmt::format("-D takes name=value, not '{}'", define));
    RECAST_TRY(lang::define(spec, define.substr(0, equals), define.substr(equals + 1)));
  }
  RECAST_ASSIGN(spec, lang::link(std::move(spec), readUsed));
  RECAST_TRY(lang::check(spec, text));
  return spec;
}

Result<lang::Spec> specFromMlir(const std::string &path) {
  RECAST_ASSIGN(std::string text, io::readWhole(path, kLargestSpec));
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<ir::ckpt::CkptDialect, ir::pipe::PipeDialect>();
  std::string complaint;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (complaint.empty() && diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error) {
      llvm::raw_string_ostream stream(complaint);
      stream << diagnostic.getLocation() << ": " << diagnostic.str();
    }
    return mlir::success();
  });
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context, path);
  if (!module)
    return fail(Error(Code::Usage, complaint)
                    .hint("It must be declared ckpt IR, as `recast explain JOB --ir` "
                          "prints it."));
  return lang::exportSpec(*module);
}

Result<compiler::Compiled> compileSpec(const lang::Spec &spec, CompileWishes wishes) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  RECAST_ASSIGN(mlir::OwningOpRef<mlir::ModuleOp> declared, lang::importSpec(spec, context));
  return compiler::compile(*declared, {lang::format(spec), wishes.keepIr, wishes.keepRemarks,
                                       wishes.fuse, std::move(wishes.source)});
}

Result<PlanOrJob> loadPlanOrJob(const std::string &path, const std::vector<std::string> &defines,
                                const CompileWishes &wishes) {
  if (std::filesystem::path(path).extension() == ".ucl") {
    RECAST_ASSIGN(lang::Spec spec, loadSpec(path, defines));
    RECAST_ASSIGN(compiler::Compiled compiled, compileSpec(spec, wishes));
    return PlanOrJob{std::move(compiled.plan),    std::move(compiled.proofs),
                     std::move(compiled.notes),   std::move(compiled.declaredIr),
                     std::move(compiled.boundIr), std::move(compiled.planIr),
                     std::move(compiled.remarks)};
  }
  RECAST_TRY(refuseCheckpoint(path));
  PlanOrJob loaded;
  RECAST_ASSIGN(loaded.plan, capi::loadPlan(path));
  RECAST_ASSIGN(loaded.proofs, compiler::prove(loaded.plan));
  return loaded;
}

Status executePlan(const plan::Plan &plan, const std::vector<std::string> &arguments) {
  std::string bytes = plan::writeArtifact(plan);
  int fd = memfd_create("plan.rplan", 0); // Inherited on purpose: recast-run reads it.
  if (fd < 0)
    return ioError("cannot create a memory file for the plan", errno, "");
  if (fchmod(fd, 0600) != 0) // What recast-run wants of any plan; memory files are born with 0777.
    return ioError("cannot protect the memory file of the plan", errno, "");
  for (size_t done = 0; done < bytes.size();) {
    ssize_t written = write(fd, bytes.data() + done, bytes.size() - done);
    if (written < 0)
      return ioError("cannot write the plan into memory", errno, "");
    done += static_cast<size_t>(written);
  }
  return executePlanFile(fmt::format("/proc/self/fd/{}", fd), arguments);
}

Status executePlanFile(const std::string &path, const std::vector<std::string> &arguments) {
  std::string program = besideThisProgram("recast-run");
  std::vector<std::string> words{program, path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char *> argv;
  for (std::string &word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  fflush(nullptr);
  execv(program.c_str(), argv.data());
  return ioError("cannot start recast-run", errno, program);
}

} // namespace recast::tools
