#include "runtime/format/torch/read/SingleFile.h"

#include "runtime/format/Printable.h"
#include "runtime/format/torch/read/InventoryBuilder.h"

#include <fmt/format.h>

namespace recast::format {
namespace {
using plan::Object;
using Kind = Object::Kind;

class TensorLister {
public:
  TensorLister(const torch::TorchFile &file, uint32_t index, torch::InventoryBuilder &builder)
      : file_(file), index_(index), builder_(builder) {}

  /// The tree is at most plan::kMaxObjectDepth deep.
  void list(const Object &object, const std::string &path) {
    if (object.kind == Kind::Tensor) {
      if (auto added = builder_.view(index_, file_, *object.tensor, path, "tensor"); !added)
        builder_.note(
            fmt::format("'{}' is not listed: {}", printable(path), added.error().message()));
      return;
    }
    auto below = [&](const std::string &step) { return path.empty() ? step : path + "." + step; };
    for (const auto &[key, value] : object.entries) {
      if (key->kind == Kind::String)
        list(*value, below(key->text));
      else if (key->kind == Kind::Int)
        list(*value, below(std::to_string(key->integer)));
    }
    for (size_t i = 0; i < object.items.size(); ++i)
      list(*object.items[i], below(std::to_string(i)));
  }

private:
  const torch::TorchFile &file_;
  uint32_t index_;
  torch::InventoryBuilder &builder_;
};

} // namespace

Result<Inventory> readSingleTorchFile(const std::string &path) {
  torch::PickleBudget budget;
  RECAST_ASSIGN(torch::TorchFile file, torch::TorchFile::open(path, budget));
  Inventory out;
  size_t slash = path.rfind('/');
  out.format = "deepspeed_rank_file";
  out.formatDetail = "one file of a DeepSpeed checkpoint";
  out.root = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  torch::InventoryBuilder builder(out);
  uint32_t index = builder.file(path.substr(slash + 1), file.info());
  TensorLister(file, index, builder).list(*file.root(), "");
  for (const auto &[key, value] : file.root()->entries)
    if (key->kind == Kind::String && value->kind != Kind::Tensor)
      out.objects[key->text] = value;
  builder.foreign(file.foreignGlobals());
  builder.finish();
  return out;
}

} // namespace recast::format
