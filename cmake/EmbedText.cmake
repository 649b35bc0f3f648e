# Writes OUTPUT: a C++ file with the texts of FILES (relative to ROOT) as the standard library.
set(entries "")
foreach(file IN LISTS FILES)
  file(READ ${ROOT}/${file} text)
  string(APPEND entries "    {\"${file}\", R\"recast_ucl(${text})recast_ucl\"},\n")
endforeach()
file(WRITE ${OUTPUT}.new "// Generated from lang/std: do not edit.
#include \"lang/ucl/StandardFiles.h\"

namespace recast::lang {
namespace {
constexpr StandardFile kFiles[] = {
${entries}};
} // namespace
std::span<const StandardFile> embeddedFiles() { return kFiles; }
} // namespace recast::lang
")
file(COPY_FILE ${OUTPUT}.new ${OUTPUT} ONLY_IF_DIFFERENT)
