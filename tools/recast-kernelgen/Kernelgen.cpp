// recast-kernelgen FOLDER LEVEL...: compiles the kernels that every Recast runtime carries, one
// object per CPU level, and writes the table through which the runtime finds them.
#include "compiler/Codegen/Codegen.h"
#include "runtime/recipe/FloatFormat.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>

using namespace recast;
using codegen::Kernel;
using codegen::Target;

namespace {

/// Every cast between two floating-point types, with every overflow rule; and copies, which are
/// kernels where elements change their order, one for each width.
std::vector<recipe::Recipe> builtinRecipes() {
  std::vector<recipe::Recipe> recipes;
  for (DType type : {DType::U8, DType::U16, DType::U32, DType::U64})
    recipes.push_back(recipe::copyRecipe(type));
  for (const recipe::FloatFormat &from : recipe::kFloatFormats)
    for (const recipe::FloatFormat &to : recipe::kFloatFormats)
      for (recipe::Overflow rule :
           {recipe::Overflow::Ieee, recipe::Overflow::Saturate, recipe::Overflow::Nan})
        if (from.type != to.type && recipe::overflowAllowed(to.type, rule))
          recipes.push_back(recipe::castRecipe(from.type, to.type, rule));
  return recipes;
}

std::string symbolOf(std::string_view name, std::string_view level) {
  std::string symbol = fmt::format("recast_kernel_{}_{}", name, level);
  std::replace(symbol.begin(), symbol.end(), '-', '_');
  return symbol;
}

Status write(const std::filesystem::path &path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file)
    return ioError("cannot write", errno, path.native());
  return {};
}

/// The table's source: declarations, then one entry per recipe and level.
class TableText {
public:
  void add(const recipe::Recipe &recipe, std::string_view level, std::string_view symbol) {
    declarations_ +=
        fmt::format("void {0}(const void *const *, void *const *, int64_t);\n"
                    "void {0}{1}(const void *const *, void *const *, int64_t, int64_t, "
                    "const int64_t *);\n",
                    symbol, codegen::kBoxSuffix);
    entries_ += fmt::format("    {{0x{:016x}, \"{}\", \"{}\", {{{}, {}{}, \"{}.{}\"}}}},\n",
                            recipe.hash(), recipe.str(), level, symbol, symbol, codegen::kBoxSuffix,
                            shortName(recipe), level);
    ++count_;
  }
  std::string str() const {
    // An array has an element, also where no level is known and the size is zero.
    return fmt::format("// Written by recast-kernelgen.\n"
                       "#include \"runtime/device/cpu/KernelTable.h\"\n\n"
                       "extern \"C\" {{\n{}}}\n\n"
                       "namespace recast::device::cpu {{\n"
                       "const TableEntry kKernelTable[] = {{\n{}    {{}}}};\n"
                       "const size_t kKernelTableSize = {};\n"
                       "}} // namespace recast::device::cpu\n",
                       declarations_, entries_, count_);
  }

private:
  std::string declarations_, entries_;
  size_t count_ = 0;
};

Status generate(const std::filesystem::path &folder, std::span<char *const> levels) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return ioError("cannot make the folder", error.value(), folder.native());
  const std::vector<recipe::Recipe> recipes = builtinRecipes();
  TableText table;
  for (std::string_view level : levels) {
    RECAST_ASSIGN(Target target, codegen::findTarget(level));
    std::vector<Kernel> kernels;
    for (const recipe::Recipe &recipe : recipes) {
      kernels.push_back({recipe, symbolOf(shortName(recipe), level)});
      table.add(recipe, level, kernels.back().symbol);
    }
    RECAST_ASSIGN(std::string object, codegen::compileObject(kernels, target));
    RECAST_TRY(write(folder / fmt::format("kernels.{}.o", level), object));
  }
  return write(folder / "KernelTable.cpp", table.str());
}
} // namespace

int main(int argc, char **argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: recast-kernelgen FOLDER LEVEL...\n");
    return static_cast<int>(Code::Usage);
  }
  std::span<char *const> levels(argv + 2, static_cast<size_t>(argc - 2));
  if (Status status = generate(argv[1], levels); !status) {
    fmt::print(stderr, "error: {}\n", status.error().str());
    return status.error().exitCode();
  }
  return 0;
}
