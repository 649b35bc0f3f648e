#include "runtime/format/torch/read/InventoryBuilder.h"

namespace recast::format::torch {

uint32_t InventoryBuilder::file(const std::string &path, const io::FileInfo &info) {
  auto [found, isNew] = files_.emplace(path, static_cast<uint32_t>(inventory_.files.size()));
  if (isNew)
    inventory_.files.push_back({path, info.size, info.mtimeNs});
  return found->second;
}

uint32_t InventoryBuilder::layout(const layout::Layout &layout) {
  // Layouts have no order of their own; their few parts do.
  std::string key;
  for (size_t i = 0; i < layout.mesh.axes.size(); ++i)
    key += layout.mesh.axes[i] + "=" + std::to_string(layout.mesh.sizes[i]) + ";";
  for (const layout::Step &step : layout.steps)
    if (const auto *flat = std::get_if<layout::Flat>(&step))
      key += flat->by + (flat->scope == layout::FlatScope::PerGroup ? "/group;" : "/param;");
  auto [found, isNew] = layouts_.emplace(key, static_cast<uint32_t>(inventory_.layouts.size()));
  if (isNew)
    inventory_.layouts.push_back(layout);
  return found->second;
}

Extent InventoryBuilder::extent(uint32_t file, const TorchFile &from, const plan::TensorRef &ref) {
  int64_t elements = elementsOf(ref);
  const ZipMember *member = from.storage(ref.storage);
  if (!member)
    return {file, 0, 0};
  // No checksum of its own where torch was told not to compute any: the field is then 0.
  if (elements > 0 && member->crc32 != 0)
    records_[{file, member->offset}] = {file, member->offset, member->size, member->crc32};
  return {file, member->offset + static_cast<uint64_t>(ref.offset) * byteWidth(ref.dtype),
          elements};
}

uint32_t InventoryBuilder::store(DType dtype, std::vector<Extent> extents) {
  inventory_.stores.push_back({dtype, std::move(extents)});
  return static_cast<uint32_t>(inventory_.stores.size() - 1);
}

void InventoryBuilder::wholeTensor(uint32_t file, const TorchFile &from, const plan::TensorRef &ref,
                                   std::string name, std::string role) {
  plan::TensorRef all = ref;
  all.offset = 0;
  all.shape = {ref.storageElements};
  all.strides = {1};
  auto [found, isNew] = storages_.try_emplace({file, ref.storage, ref.dtype}, 0);
  if (isNew)
    found->second = store(ref.dtype, {extent(file, from, all)});
  Tensor tensor;
  tensor.name = std::move(name);
  tensor.role = std::move(role);
  tensor.dtype = ref.dtype;
  tensor.shape = ref.shape;
  tensor.layout = wholeLayout();
  tensor.store = found->second;
  tensor.start = ref.offset;
  inventory_.tensors.push_back(std::move(tensor));
}

void InventoryBuilder::foreign(const std::set<std::string> &globals) {
  foreign_.insert(globals.begin(), globals.end());
}

void InventoryBuilder::finish() {
  for (const auto &[key, record] : records_)
    inventory_.records.push_back(record);
  inventory_.foreignGlobals.assign(foreign_.begin(), foreign_.end());
}

} // namespace recast::format::torch
