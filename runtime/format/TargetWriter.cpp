#include "runtime/format/TargetWriter.h"

namespace recast::format {

std::string FileImage::path() const {
  std::string out;
  out.reserve(folder.size() + name.size() + ending.size());
  return out.append(folder).append(name).append(ending);
}

uint32_t TargetWriter::addTemplate(FileTemplate form) {
  templates_.push_back(std::move(form));
  return static_cast<uint32_t>(templates_.size() - 1);
}

void TargetWriter::addImage(std::string path, FileTemplate form) {
  images_.push_back({{}, keep(std::move(path)), {}, addTemplate(std::move(form)), 0});
}

} // namespace recast::format
