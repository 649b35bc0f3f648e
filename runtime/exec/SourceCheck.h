// The source is the one that was planned for, before and after it was read.
#pragma once

#include "runtime/exec/Program.h"
#include "runtime/io/File.h"

namespace recast::exec {

/// Compares size and time; the error says which of the two differs.
Status checkUnchanged(const SourceFile &planned, const io::FileInfo &found);

/// The same for all sources, by name. `when`: for the message, "since it was planned".
Status checkAllUnchanged(const Program &program, std::string_view when);

} // namespace recast::exec
