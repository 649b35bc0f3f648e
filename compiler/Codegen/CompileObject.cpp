#include "compiler/Codegen/Codegen.h"
#include "compiler/Codegen/Ptx.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <fmt/format.h>
#include <mutex>

using namespace mlir;

namespace recast::codegen {
namespace {

/// LLVM's names of the architectures of allTargets() and ptxTargets().
constexpr bool isOurs(std::string_view architecture) {
  return architecture == "X86" || architecture == "AArch64" || architecture == "NVPTX";
}

Result<std::unique_ptr<llvm::TargetMachine>> makeMachine(const Target &target) {
  static std::once_flag once;
  std::call_once(once, [] {
  // InitializeAllTargets() would link twenty more back ends into a program with LLVM inside.
#define LLVM_TARGET(NAME)                                                                          \
  if constexpr (isOurs(#NAME)) {                                                                   \
    LLVMInitialize##NAME##TargetInfo();                                                            \
    LLVMInitialize##NAME##Target();                                                                \
    LLVMInitialize##NAME##TargetMC();                                                              \
  }
#include "llvm/Config/Targets.def"
#define LLVM_ASM_PRINTER(NAME)                                                                     \
  if constexpr (isOurs(#NAME))                                                                     \
    LLVMInitialize##NAME##AsmPrinter();
#include "llvm/Config/AsmPrinters.def"
#define LLVM_ASM_PARSER(NAME)                                                                      \
  if constexpr (isOurs(#NAME))                                                                     \
    LLVMInitialize##NAME##AsmParser(); // Some kernels contain a line of assembly.
#include "llvm/Config/AsmParsers.def"
  });
  llvm::Triple triple((llvm::StringRef(target.triple)));
  std::string error;
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!found)
    return internal("this LLVM does not compile for " + std::string(target.level) + ": " + error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::unique_ptr<llvm::TargetMachine> machine(
      found->createTargetMachine(triple, target.cpu, /*Features=*/"", options, llvm::Reloc::PIC_,
                                 std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return internal("LLVM has no machine for " + std::string(target.level));
  return machine;
}

void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  // The vector loop is written as it should be, and the scalar one runs a few dozen times at most.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = tuning.LoopUnrolling = false;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder passes(&machine, tuning);
  passes.registerModuleAnalyses(modules);
  passes.registerCGSCCAnalyses(sccs);
  passes.registerFunctionAnalyses(functions);
  passes.registerLoopAnalyses(loops);
  passes.crossRegisterProxies(loops, functions, sccs, modules);
  passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
}

using Emitter = Result<OwningOpRef<ModuleOp>> (*)(MLIRContext &, std::span<const Kernel>,
                                                  const Target &);

Result<std::string> compile(std::span<const Kernel> kernels, const Target &target, Emitter emit,
                            llvm::CodeGenFileType fileType) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  registerBuiltinDialectTranslation(context);
  registerLLVMDialectTranslation(context);
  RECAST_ASSIGN(OwningOpRef<ModuleOp> source, emit(context, kernels, target));
  RECAST_TRY(lowerToLLVM(*source));
  RECAST_ASSIGN(std::unique_ptr<llvm::TargetMachine> machine, makeMachine(target));

  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(*source, llvmContext, "recast.kernels");
  if (!module)
    return internal("translating kernels to LLVM IR failed");
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : *module) {
    function.addFnAttr(llvm::Attribute::NoUnwind);
    function.addFnAttr("target-cpu", machine->getTargetCPU());
  }
  optimize(*module, *machine);
  if (llvm::verifyModule(*module))
    return internal("the generated LLVM module does not verify");

  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager emission;
  if (machine->addPassesToEmitFile(emission, stream, nullptr, fileType))
    return internal("LLVM cannot write this kind of file for " + std::string(target.level));
  emission.run(*module);
  return std::string(bytes.begin(), bytes.end());
}
} // namespace

Result<std::string> compileObject(std::span<const Kernel> kernels, const Target &target) {
  return compile(kernels, target, emitModule, llvm::CodeGenFileType::ObjectFile);
}
Result<std::string> compileAssembly(std::span<const Kernel> kernels, const Target &target) {
  return compile(kernels, target, emitModule, llvm::CodeGenFileType::AssemblyFile);
}

Result<std::string> compilePtx(std::span<const Kernel> kernels, const Target &target) {
  RECAST_ASSIGN(std::string text,
                compile(kernels, target, emitTiles, llvm::CodeGenFileType::AssemblyFile));
  std::string legend;
  for (const Kernel &kernel : kernels)
    legend += fmt::format("// {}: {}\n", kernel.symbol, kernel.recipe.str());
  return legend + text;
}
Result<std::string> compileTilesForCpu(std::span<const Kernel> kernels, const Target &cpu) {
  return compile(kernels, cpu, emitTiles, llvm::CodeGenFileType::ObjectFile);
}

} // namespace recast::codegen
