#include "runtime/format/torch/write/TorchFile.h"

#include "runtime/base/Checked.h"

#include <fmt/format.h>

namespace recast::format::torch {
namespace {

struct Storage {
  uint64_t bytes = 0;
  const plan::TensorRef *tensor = nullptr;
  bool isSlot = false;
  uint32_t slot = 0;
};

} // namespace

Result<FileTemplate> torchFile(const plan::Object &root, const TensorSlots &slots,
                               const EmitOptions &options) {
  std::vector<Storage> storages;
  std::map<uint32_t, std::string> keyOf; ///< Slot -> key: tied tensors share a storage.
  auto storageKey = [&](const plan::TensorRef &ref) -> Result<std::string> {
    auto elements = elementCount(ref.shape);
    auto bits = elements ? checkedMul<int64_t>(*elements, bitWidth(ref.dtype)) : std::nullopt;
    // Half of 64 bits: offsets behind the largest tensor must still fit.
    if (!bits || *bits / 8 > (int64_t{1} << 62))
      return badInput("a tensor's size in bytes does not fit 64 bits");
    Storage storage{static_cast<uint64_t>(*bits / 8), &ref};
    if (auto slot = slots.find(ref.storage); slot != slots.end()) {
      auto [known, isNew] = keyOf.try_emplace(slot->second, std::to_string(storages.size()));
      if (!isNew)
        return known->second;
      storage.isSlot = true;
      storage.slot = slot->second;
    } else if (ref.literal.size() != storage.bytes) {
      return badInput(fmt::format("an object holds a tensor of {} bytes that was not read with it",
                                  storage.bytes));
    }
    storages.push_back(storage);
    return std::to_string(storages.size() - 1);
  };
  RECAST_ASSIGN(std::string pickle, emitPickle(root, storageKey, options));

  ZipImage zip;
  zip.add("archive/data.pkl", pickle);
  zip.add("archive/.format_version", "1");
  zip.add("archive/.storage_alignment", "64");
  zip.add("archive/byteorder", "little");
  for (size_t i = 0; i < storages.size(); ++i) {
    std::string name = fmt::format("archive/data/{}", i);
    if (storages[i].isSlot)
      zip.addTensor(name, storages[i].bytes, storages[i].slot);
    else
      zip.add(name, storages[i].tensor->literal);
  }
  zip.add("archive/version", "3\n");
  return zip.finish();
}

} // namespace recast::format::torch
