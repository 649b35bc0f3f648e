#include "runtime/format/safetensors/read/SafetensorsHeader.h"

#include "runtime/base/Checked.h"
#include "runtime/base/Printable.h"
#include "runtime/base/StrictJson.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <unordered_set>

namespace recast::format::safetensors {
namespace {

/// `{"__metadata__": {string: string}, name: {"dtype": .., "shape": [..], "data_offsets": [..]}}`
class HeaderJson : public StrictJson {
public:
  explicit HeaderJson(Header &header) : header_(header) {}

  bool start_object(std::size_t) override {
    switch (at_) {
    case At::Start:
      at_ = At::Names;
      return true;
    case At::Name:
      if (inMetadata_) {
        at_ = At::Metadata;
        return true;
      }
      at_ = At::Fields;
      fields_ = 0;
      offsets_ = 0;
      return true;
    default:
      return refuse(fmt::format("an object inside {}", place()));
    }
  }

  bool key(string_t &text) override {
    switch (at_) {
    case At::Names:
      return name(text);
    case At::Metadata:
      metadataKey_ = text;
      if (header_.metadata.contains(text))
        return refuse(fmt::format("__metadata__ has '{}' twice", printable(text)));
      at_ = At::MetadataValue;
      return true;
    case At::Fields:
      return field(text);
    default:
      return refuse("a key where none belongs");
    }
  }

  bool end_object() override {
    switch (at_) {
    case At::Names:
      at_ = At::End;
      return true;
    case At::Metadata:
      at_ = At::Names;
      return true;
    case At::Fields:
      at_ = At::Names;
      if (fields_ != (kDtype | kShape | kOffsets))
        return refuse(fmt::format("tensor '{}' lacks {}", printable(tensor().name),
                                  !(fields_ & kDtype)   ? "dtype"
                                  : !(fields_ & kShape) ? "shape"
                                                        : "data_offsets"));
      return true;
    default:
      return refuse("an object ends where none began");
    }
  }

  bool string(string_t &text) override {
    if (at_ == At::MetadataValue) {
      header_.metadata[metadataKey_] = text;
      at_ = At::Metadata;
      return true;
    }
    if (at_ != At::Dtype)
      return refuse(fmt::format("a string as {}", place()));
    auto dtype = dtypeFromSafetensors(text);
    if (!dtype)
      return refuse(fmt::format("tensor '{}' has the unknown dtype '{}'", printable(tensor().name),
                                printable(text, 40)));
    tensor().dtype = *dtype;
    at_ = At::Fields;
    return true;
  }

  bool start_array(std::size_t) override {
    if (!inArray_ && (at_ == At::Shape || at_ == At::Offsets)) {
      inArray_ = true;
      return true;
    }
    return refuse(fmt::format("an array as {}", place()));
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (!inArray_)
      return refuse(fmt::format("a number as {}", place()));
    if (at_ == At::Shape) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        return refuse(
            fmt::format("tensor '{}' has a dimension of {}", printable(tensor().name), value));
      if (tensor().shape.size() == kMaxRank)
        return refuse(fmt::format("tensor '{}' has more than {} dimensions",
                                  printable(tensor().name), kMaxRank));
      tensor().shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (offsets_ == 2)
      return refuse(
          fmt::format("tensor '{}' has more than two data_offsets", printable(tensor().name)));
    (offsets_++ == 0 ? tensor().begin : tensor().end) = value;
    return true;
  }

  bool end_array() override {
    inArray_ = false;
    if (at_ == At::Offsets && offsets_ != 2)
      return refuse(
          fmt::format("tensor '{}' has {} data_offsets", printable(tensor().name), offsets_));
    at_ = At::Fields;
    return true;
  }

  bool isComplete() const { return at_ == At::End; }

private:
  enum class At { Start, Names, Name, Metadata, MetadataValue, Fields, Dtype, Shape, Offsets, End };
  static constexpr unsigned kDtype = 1, kShape = 2, kOffsets = 4;

  HeaderTensor &tensor() { return header_.tensors.back(); }

  std::string place() {
    switch (at_) {
    case At::Start:
      return "the whole header";
    case At::Metadata:
    case At::MetadataValue:
      return "a value of __metadata__, which maps strings to strings";
    case At::Name:
      return inMetadata_ ? "__metadata__" : "a tensor's entry";
    case At::Dtype:
      return fmt::format("dtype of tensor '{}'", printable(tensor().name));
    case At::Shape:
      return fmt::format("shape of tensor '{}'", printable(tensor().name));
    case At::Offsets:
      return fmt::format("data_offsets of tensor '{}'", printable(tensor().name));
    default:
      return "a value";
    }
  }

  bool name(const string_t &text) {
    if (!names_.insert(text).second)
      return refuse(fmt::format("the name '{}' occurs twice", printable(text)));
    at_ = At::Name;
    inMetadata_ = text == "__metadata__";
    if (!inMetadata_) {
      header_.tensors.emplace_back();
      tensor().name = text;
    }
    return true;
  }

  bool field(const string_t &text) {
    unsigned bit = text == "dtype"          ? kDtype
                   : text == "shape"        ? kShape
                   : text == "data_offsets" ? kOffsets
                                            : 0;
    if (!bit || fields_ & bit)
      return refuse(fmt::format("tensor '{}' has {} '{}'", printable(tensor().name),
                                bit ? "two fields" : "an unknown field", printable(text, 40)));
    fields_ |= bit;
    at_ = bit == kDtype ? At::Dtype : bit == kShape ? At::Shape : At::Offsets;
    return true;
  }

  Header &header_;
  At at_ = At::Start;
  bool inMetadata_ = false, inArray_ = false;
  unsigned fields_ = 0, offsets_ = 0;
  string_t metadataKey_;
  std::unordered_set<std::string> names_;
};

Error about(const HeaderTensor &tensor, std::string message) {
  return Error(Code::BadInput, std::move(message)).tensor(printable(tensor.name));
}

Status checkSize(const HeaderTensor &tensor) {
  auto elements = elementCount(tensor.shape);
  auto bits = elements ? checkedMul<int64_t>(*elements, bitWidth(tensor.dtype)) : std::nullopt;
  if (!bits)
    return fail(about(
        tensor, fmt::format("shape [{}] does not fit 64 bits", fmt::join(tensor.shape, ", "))));
  if (*bits % 8)
    return fail(about(tensor, fmt::format("{} elements of {} do not fill whole bytes", *elements,
                                          name(tensor.dtype))));
  if (tensor.end - tensor.begin != static_cast<uint64_t>(*bits / 8))
    return fail(about(tensor, fmt::format("its shape needs {} bytes, its data_offsets give {}",
                                          *bits / 8, tensor.end - tensor.begin)));
  return {};
}

} // namespace

Result<uint64_t> headerLength(std::string_view first8, uint64_t fileSize) {
  if (fileSize < 8 || first8.size() < 8)
    return badInput(fmt::format("{} bytes are too few for a safetensors file", fileSize));
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | static_cast<unsigned char>(first8[static_cast<size_t>(i)]);
  if (length > kMaxHeaderBytes)
    return badInput(fmt::format("not a safetensors file: its header would have {} bytes, more than "
                                "the {} that the format allows",
                                length, kMaxHeaderBytes));
  if (!rangeInside(8, length, fileSize))
    return badInput(
        fmt::format("the file ends inside its header: {} bytes of {}", fileSize, 8 + length));
  return length;
}

Result<Header> parseHeader(std::string_view json, uint64_t dataBytes) {
  Header header;
  HeaderJson parser(header);
  if (auto parsed = parser.parse(json); !parsed)
    return badInput(fmt::format("bad safetensors header: {}", parsed.error().message()));
  if (!parser.isComplete())
    return badInput("bad safetensors header: not a JSON object");

  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const HeaderTensor &a, const HeaderTensor &b) {
              return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
            });
  uint64_t position = 0;
  for (const HeaderTensor &tensor : header.tensors) {
    if (tensor.end < tensor.begin)
      return fail(about(tensor, fmt::format("its data_offsets [{}, {}] run backwards", tensor.begin,
                                            tensor.end)));
    if (tensor.begin != position)
      return fail(about(tensor, fmt::format("its bytes begin at {}, where {} was expected: tensors "
                                            "may neither overlap nor leave holes",
                                            tensor.begin, position)));
    RECAST_TRY(checkSize(tensor));
    position = tensor.end;
  }
  if (position != dataBytes)
    return badInput(fmt::format("its tensors need {} bytes after the header, the file holds {}",
                                position, dataBytes));
  return header;
}

} // namespace recast::format::safetensors
