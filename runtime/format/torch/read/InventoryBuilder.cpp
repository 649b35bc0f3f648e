#include "runtime/format/torch/read/InventoryBuilder.h"

#include "runtime/format/torch/read/ViewLayout.h"

namespace recast::format::torch {

uint32_t InventoryBuilder::file(const std::string &path, const io::FileInfo &info) {
  auto [found, isNew] = files_.emplace(path, static_cast<uint32_t>(inventory_.files.size()));
  if (isNew)
    inventory_.files.push_back({path, info.size, info.mtimeNs});
  return found->second;
}

uint32_t InventoryBuilder::layout(const layout::Layout &layout) {
  auto [found, isNew] =
      layouts_.emplace(layout.str(), static_cast<uint32_t>(inventory_.layouts.size()));
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
  return {file, member->offset + static_cast<uint64_t>(ref.offset) * bitWidth(ref.dtype) / 8,
          elements};
}

uint32_t InventoryBuilder::store(DType dtype, std::vector<Extent> extents) {
  inventory_.stores.push_back({dtype, std::move(extents)});
  return static_cast<uint32_t>(inventory_.stores.size() - 1);
}

Extent InventoryBuilder::storageExtent(uint32_t file, const TorchFile &from,
                                       const plan::TensorRef &ref) {
  plan::TensorRef all = ref;
  all.offset = 0;
  all.shape = {ref.storageElements};
  all.strides = {1};
  return extent(file, from, all);
}

void InventoryBuilder::addTensor(const plan::TensorRef &ref, Name name, Name role, uint32_t layout,
                                 uint32_t store) {
  Tensor tensor;
  tensor.name = name;
  tensor.role = role;
  tensor.dtype = ref.dtype;
  tensor.shape = ref.shape;
  tensor.layout = layout;
  tensor.store = store;
  tensor.start = ref.offset;
  inventory_.tensors.push_back(std::move(tensor));
}

void InventoryBuilder::wholeTensor(uint32_t file, const TorchFile &from, const plan::TensorRef &ref,
                                   Name name, Name role) {
  auto [found, isNew] = storages_.try_emplace({file, ref.storage, ref.dtype, 1}, 0);
  if (isNew)
    found->second = store(ref.dtype, {storageExtent(file, from, ref)});
  addTensor(ref, name, role, wholeLayout(), found->second);
}

Status InventoryBuilder::view(uint32_t file, const TorchFile &from, const plan::TensorRef &ref,
                              Name name, Name role) {
  if (isContiguous(ref)) {
    wholeTensor(file, from, ref, name, role);
    return {};
  }
  RECAST_ASSIGN(layout::Layout lies, viewLayout(ref.shape, ref.strides));
  auto ranks = static_cast<size_t>(lies.mesh.rankCount());
  auto [found, isNew] = storages_.try_emplace({file, ref.storage, ref.dtype, ranks}, 0);
  if (isNew)
    found->second = store(ref.dtype, std::vector<Extent>(ranks, storageExtent(file, from, ref)));
  addTensor(ref, name, role, layout(lies), found->second);
  return {};
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
