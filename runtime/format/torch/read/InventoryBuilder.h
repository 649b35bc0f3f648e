// Adds what torch files hold to an inventory: files, stores with their byte ranges, records.
#pragma once

#include "runtime/format/Inventory.h"
#include "runtime/format/torch/read/TorchFile.h"

#include <map>
#include <optional>
#include <set>
#include <tuple>

namespace recast::format::torch {

class InventoryBuilder {
public:
  explicit InventoryBuilder(Inventory &inventory) : inventory_(inventory) {}

  /// `path` is relative to the inventory's root; a path is added once.
  uint32_t file(const std::string &path, const io::FileInfo &info);
  /// Index of a layout; equal ones are added once.
  uint32_t layout(const layout::Layout &layout);
  uint32_t wholeLayout() {
    if (!whole_)
      whole_ = layout({});
    return *whole_;
  }

  /// The elements of a contiguous tensor in file number `file`. Its record is noted.
  Extent extent(uint32_t file, const TorchFile &from, const plan::TensorRef &ref);
  uint32_t store(DType dtype, std::vector<Extent> extents);
  /// Adds a tensor that lies whole and contiguous in one file, sharing one store per storage.
  void wholeTensor(uint32_t file, const TorchFile &from, const plan::TensorRef &ref, Name name,
                   Name role);
  /// The same for any view: transposed, narrowed, broadcast. Fails where no layout says it.
  Status view(uint32_t file, const TorchFile &from, const plan::TensorRef &ref, Name name,
              Name role);

  void problem(Error error) { inventory_.problems.push_back({std::move(error)}); }
  void note(std::string text) { inventory_.notes.push_back(std::move(text)); }
  void foreign(const std::set<std::string> &globals);

  /// Sorts what was collected; call once, at the end.
  void finish();

private:
  Extent storageExtent(uint32_t file, const TorchFile &from, const plan::TensorRef &ref);
  void addTensor(const plan::TensorRef &ref, Name name, Name role, uint32_t layout, uint32_t store);

  Inventory &inventory_;
  std::map<std::string, uint32_t> files_;
  std::map<std::string, uint32_t> layouts_;
  std::optional<uint32_t> whole_; ///< What most tensors have.
  /// (file, storage, dtype, ranks of the layout) -> store.
  std::map<std::tuple<uint32_t, std::string, DType, size_t>, uint32_t> storages_;
  std::map<std::pair<uint32_t, uint64_t>, Record> records_;
  std::set<std::string> foreign_;
};

} // namespace recast::format::torch
