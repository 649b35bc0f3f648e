#include "runtime/format/memory/write/MemoryWriter.h"

#include "runtime/base/Checked.h"
#include "runtime/base/Utf8.h"
#include "runtime/format/Printable.h"
#include "runtime/format/write/KeysByName.h"

#include <fmt/format.h>

namespace recast::format {
namespace {

class MemoryWriter : public TargetWriter {
public:
  using TargetWriter::TargetWriter;

  Status layOut() {
    const TargetTensors &tensors = request_.tensors;
    FileTemplate image;
    KeysByName seen(tensors.nameCount());
    for (uint32_t i = 0; i < tensors.size(); ++i) {
      const TargetTensor tensor = tensors[i];
      if (!isUtf8(tensor.name) || !isUtf8(tensor.role))
        return fail(about(tensor, "a name or role is not UTF-8"));
      if (!seen.add(tensors.row(i).name, tensors.row(i).role))
        return fail(about(tensor, fmt::format("two tensors of role '{}' have this name",
                                              printable(tensor.role))));
      RECAST_ASSIGN(uint64_t bytes, sizeOf(tensor));
      alignEnd(image);
      TensorSlot slot{image.size, bytes, i};
      auto end = checkedAdd(image.size, bytes);
      if (!end || *end > (uint64_t{1} << 62))
        return fail(about(tensor, "all tensors together do not fit 64 bits"));
      if (tensor.isScalar) {
        std::string value(bytes, '\0');
        for (size_t b = 0; b < bytes; ++b)
          value[b] = static_cast<char>(tensor.scalarBits >> (8 * b));
        image.literals.push_back({image.size, std::move(value)});
        image.values.push_back(slot);
      } else {
        image.tensors.push_back(slot);
      }
      image.size = *end;
    }
    addImage("memory", std::move(image)); // The name is for messages.
    return {};
  }

private:
  static Error about(const TargetTensor &tensor, std::string message) {
    return Error(Code::BadInput, std::move(message)).tensor(printable(tensor.name));
  }

  static Result<uint64_t> sizeOf(const TargetTensor &tensor) {
    auto elements = elementCount(tensor.shape);
    auto bits = elements ? checkedMul<int64_t>(*elements, bitWidth(tensor.dtype)) : std::nullopt;
    if (!bits)
      return fail(about(tensor, "its size does not fit 64 bits"));
    if (*bits % 8)
      return fail(about(tensor, fmt::format("{} elements of {} do not fill whole bytes", *elements,
                                            recast::name(tensor.dtype))));
    if (tensor.isScalar && *bits > 64)
      return fail(about(tensor, "a single value is wider than 8 bytes"));
    return static_cast<uint64_t>(*bits / 8);
  }

  /// Zeros up to where the next tensor may begin.
  static void alignEnd(FileTemplate &image) {
    uint64_t gap = (kMemoryAlignment - image.size % kMemoryAlignment) % kMemoryAlignment;
    if (gap == 0)
      return;
    image.literals.push_back({image.size, std::string(gap, '\0')});
    image.size += gap;
  }
};

} // namespace

const TargetTraits &memoryTraits() {
  static const TargetTraits traits = [] {
    TargetTraits t;
    t.format = "memory";
    t.inMemory = true;
    return t;
  }();
  return traits;
}

Result<std::unique_ptr<TargetWriter>> createMemoryWriter(WriteRequest request) {
  auto writer = std::make_unique<MemoryWriter>(std::move(request));
  RECAST_TRY(writer->layOut());
  return writer;
}

} // namespace recast::format
