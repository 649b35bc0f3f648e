#include "runtime/format/torch/write/PickleEmitter.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"
#include "runtime/format/torch/write/LongBytes.h"
#include "runtime/format/torch/write/WritableGlobals.h"

#include <bit>
#include <fmt/format.h>
#include <limits>

namespace recast::format::torch {
namespace {
using plan::Object;
using plan::ObjectPtr;
using Kind = Object::Kind;

/// CPython's pickler groups this many items under one mark; so do we, it bounds loaders' stacks.
constexpr size_t kBatch = 1000;

/// The legacy storage class of a dtype; "" for dtypes that came later and use untyped storages.
std::string_view storageClass(DType dtype) {
  switch (dtype) {
  case DType::Bool:
    return "BoolStorage";
  case DType::U8:
    return "ByteStorage";
  case DType::I8:
    return "CharStorage";
  case DType::I16:
    return "ShortStorage";
  case DType::I32:
    return "IntStorage";
  case DType::I64:
    return "LongStorage";
  case DType::F16:
    return "HalfStorage";
  case DType::BF16:
    return "BFloat16Storage";
  case DType::F32:
    return "FloatStorage";
  case DType::F64:
    return "DoubleStorage";
  case DType::C64:
    return "ComplexFloatStorage";
  case DType::C128:
    return "ComplexDoubleStorage";
  default:
    return "";
  }
}

class Emitter {
public:
  Emitter(const StorageKey &storageKey, const EmitOptions &options)
      : storageKey_(storageKey), options_(options) {}

  Result<std::string> run(const Object &root) {
    out_ = "\x80\x02";
    RECAST_TRY(object(root, 0));
    out_ += '.';
    return std::move(out_);
  }

private:
  Status object(const Object &o, int depth) {
    if (depth >= plan::kMaxObjectDepth)
      return badInput(
          fmt::format("an object is nested deeper than {} levels", plan::kMaxObjectDepth));
    switch (o.kind) {
    case Kind::None:
      out_ += 'N';
      return {};
    case Kind::Bool:
      out_ += o.integer ? '\x88' : '\x89';
      return {};
    case Kind::Int:
      integer(o.integer);
      return {};
    case Kind::BigInt:
      return bigInteger(o.text);
    case Kind::Float:
      real(o.real);
      return {};
    case Kind::String:
      return text(o.text);
    case Kind::Bytes:
      return bytes(o.text);
    case Kind::List:
      out_ += ']';
      return items(o.items, 'e', depth);
    case Kind::Tuple:
      return tuple(o.items, depth);
    case Kind::Set:
      global("__builtin__", "set");
      out_ += ']';
      RECAST_TRY(items(o.items, 'e', depth));
      out_ += "\x85R";
      return {};
    case Kind::Dict:
      out_ += '}';
      return entries(o.entries, depth);
    case Kind::Ordered:
      emptyOrdered();
      return entries(o.entries, depth);
    case Kind::Global:
      if (!isWritableGlobal(o.module, o.name))
        RECAST_TRY(foreign(o));
      return checkedGlobal(o);
    case Kind::Call:
      return call(o, depth);
    case Kind::Instance:
      return instance(o, depth);
    case Kind::Tensor:
      return tensor(*o.tensor);
    }
    return internal("an object of unknown kind");
  }

  void little(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i)
      out_ += static_cast<char>(value >> (8 * i));
  }

  void integer(int64_t value) {
    if (value >= 0 && value <= 0xFF) {
      out_ += 'K';
      little(static_cast<uint64_t>(value), 1);
    } else if (value >= 0 && value <= 0xFFFF) {
      out_ += 'M';
      little(static_cast<uint64_t>(value), 2);
    } else if (value >= std::numeric_limits<int32_t>::min() &&
               value <= std::numeric_limits<int32_t>::max()) {
      out_ += 'J';
      little(static_cast<uint64_t>(value), 4);
    } else {
      longBytes(longFromInt(value));
    }
  }

  void longBytes(const std::string &bytes) {
    bool isShort = bytes.size() <= 0xFF;
    out_ += isShort ? '\x8a' : '\x8b';
    little(bytes.size(), isShort ? 1 : 4);
    out_ += bytes;
  }

  Status bigInteger(const std::string &decimal) {
    auto bytes = longFromDecimal(decimal);
    if (!bytes)
      return badInput(
          fmt::format("'{}' is not an integer that can be written", printable(decimal, 40)));
    longBytes(*bytes);
    return {};
  }

  void real(double value) {
    auto bits = std::bit_cast<uint64_t>(value);
    out_ += 'G';
    for (int i = 7; i >= 0; --i)
      out_ += static_cast<char>(bits >> (8 * i));
  }

  Status text(std::string_view value) {
    if (value.size() > std::numeric_limits<uint32_t>::max())
      return badInput(fmt::format("a string of {} bytes does not fit a pickle", value.size()));
    out_ += 'X';
    little(value.size(), 4);
    out_ += value;
    return {};
  }

  /// Protocol 2 has no bytes: `_codecs.encode(text, "latin1")` stands for them.
  Status bytes(std::string_view value) {
    std::string latin;
    latin.reserve(value.size() * 2);
    for (unsigned char byte : value) {
      if (byte < 0x80) {
        latin += static_cast<char>(byte);
      } else {
        latin += static_cast<char>(0xC0 | byte >> 6);
        latin += static_cast<char>(0x80 | (byte & 0x3F));
      }
    }
    global("_codecs", "encode");
    RECAST_TRY(text(latin));
    RECAST_TRY(text("latin1"));
    out_ += "\x86R";
    return {};
  }

  Status items(const std::vector<ObjectPtr> &list, char append, int depth) {
    for (size_t begin = 0; begin < list.size(); begin += kBatch) {
      out_ += '(';
      for (size_t i = begin; i < std::min(begin + kBatch, list.size()); ++i)
        RECAST_TRY(object(*list[i], depth + 1));
      out_ += append;
    }
    return {};
  }

  Status entries(const std::vector<std::pair<ObjectPtr, ObjectPtr>> &list, int depth) {
    for (size_t begin = 0; begin < list.size(); begin += kBatch) {
      out_ += '(';
      for (size_t i = begin; i < std::min(begin + kBatch, list.size()); ++i) {
        RECAST_TRY(object(*list[i].first, depth + 1));
        RECAST_TRY(object(*list[i].second, depth + 1));
      }
      out_ += 'u';
    }
    return {};
  }

  Status tuple(const std::vector<ObjectPtr> &list, int depth) {
    if (list.size() > 3)
      out_ += '(';
    for (const ObjectPtr &item : list)
      RECAST_TRY(object(*item, depth + 1));
    closeTuple(list.size());
    return {};
  }

  void closeTuple(size_t count) {
    out_ += count == 0 ? ')' : count > 3 ? 't' : "\x85\x86\x87"[count - 1];
  }

  void sizes(const std::vector<int64_t> &values) {
    if (values.size() > 3)
      out_ += '(';
    for (int64_t value : values)
      integer(value);
    closeTuple(values.size());
  }

  void global(std::string_view module, std::string_view name) {
    out_ += fmt::format("c{}\n{}\n", module, name);
  }

  void emptyOrdered() {
    global("collections", "OrderedDict");
    out_ += ")R";
  }

  Status foreign(const Object &global) const {
    if (options_.allowForeign)
      return {};
    return fail(Error(Code::BadInput,
                      fmt::format("an object refers to '{}.{}', which is not on the list of "
                                  "classes that Recast writes into a checkpoint it vouches for",
                                  printable(global.module), printable(global.name)))
                    .hint("Drop that object, or allow it with allow_foreign_objects = true if you "
                          "trust the source."));
  }

  /// A line break in a name would end the opcode early and let the rest run as opcodes.
  Status checkedGlobal(const Object &o) {
    if (o.module.empty() || o.name.empty() || o.module.find('\n') != std::string::npos ||
        o.name.find('\n') != std::string::npos)
      return badInput(fmt::format("'{}.{}' is not the name of a class", printable(o.module),
                                  printable(o.name)));
    global(o.module, o.name);
    return {};
  }

  /// `getattr(Enum, "MEMBER")`: how CPython 3.11.0 to 3.11.2 pickle an enum member.
  static bool isEnumMember(const Object &call) {
    const Object &callee = *call.items[0];
    if (!callee.isGlobal("__builtin__", "getattr") && !callee.isGlobal("builtins", "getattr"))
      return false;
    const std::vector<ObjectPtr> &args = call.items[1]->items;
    return call.items.size() == 2 && call.entries.empty() && args.size() == 2 &&
           args[0]->kind == Kind::Global && isWritableEnum(args[0]->module, args[0]->name) &&
           args[1]->kind == Kind::String;
  }

  /// Callee and arguments of a Call or Instance.
  Status construct(const Object &o, char opcode, int depth) {
    if (o.items.size() < 2 || o.items.size() > 3 || o.items[1]->kind != Kind::Tuple)
      return badInput("an object is a call without arguments");
    const Object &callee = *o.items[0];
    if (callee.kind != Kind::Global)
      return badInput("an object calls something that is not a named class");
    if (!isWritableCallable(callee.module, callee.name) &&
        !(o.kind == Kind::Call && isEnumMember(o)))
      RECAST_TRY(foreign(callee));
    RECAST_TRY(checkedGlobal(callee));
    RECAST_TRY(tuple(o.items[1]->items, depth + 1));
    out_ += opcode;
    return {};
  }

  Status call(const Object &o, int depth) {
    RECAST_TRY(construct(o, 'R', depth));
    return fillAndBuild(o, depth);
  }

  Status instance(const Object &o, int depth) {
    RECAST_TRY(construct(o, '\x81', depth));
    return fillAndBuild(o, depth);
  }

  Status fillAndBuild(const Object &o, int depth) {
    RECAST_TRY(entries(o.entries, depth));
    if (o.items.size() == 3) {
      RECAST_TRY(object(*o.items[2], depth + 1));
      out_ += 'b';
    }
    return {};
  }

  Status tensor(const plan::TensorRef &ref) {
    auto elements = elementCount(ref.shape);
    std::string_view torchName = info(ref.dtype).torch;
    if (torchName.empty())
      return badInput(fmt::format("torch has no dtype for {}", name(ref.dtype)));
    // torch counts a byte with two values as one element.
    std::vector<int64_t> shape = ref.shape;
    if (byteWidth(ref.dtype) == 0) {
      if (shape.empty() || shape.back() % 2)
        return badInput(fmt::format("the last dimension of a tensor of {} is not even, as torch "
                                    "needs it",
                                    name(ref.dtype)));
      shape.back() /= 2;
    }
    if (!elements)
      return badInput("a tensor's shape does not fit 64 bits");
    std::string_view legacy = storageClass(ref.dtype);
    auto bits = checkedMul<int64_t>(*elements, bitWidth(ref.dtype));
    if (!bits)
      return badInput("a tensor's size in bytes does not fit 64 bits");
    RECAST_ASSIGN(std::string key, storageKey_(ref));

    if (ref.parameter)
      global("torch._utils", "_rebuild_parameter");
    global("torch._utils", legacy.empty() ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
    out_ += "((";
    RECAST_TRY(text("storage"));
    if (legacy.empty())
      global("torch.storage", "UntypedStorage");
    else
      global("torch", legacy);
    RECAST_TRY(text(key));
    RECAST_TRY(text("cpu"));
    integer(legacy.empty() ? *bits / 8 : *elements);
    out_ += "tQK";
    out_ += '\0';
    sizes(shape);
    sizes(rowMajorStrides(shape));
    out_ += ref.requiresGrad && !ref.parameter ? '\x88' : '\x89';
    emptyOrdered();
    if (legacy.empty())
      global("torch", torchName);
    out_ += "tR";
    if (ref.parameter) {
      out_ += ref.requiresGrad ? '\x88' : '\x89';
      emptyOrdered();
      out_ += "\x87R";
    }
    return {};
  }

  /// torch counts an empty dimension as one element wide.
  static std::vector<int64_t> rowMajorStrides(const std::vector<int64_t> &shape) {
    std::vector<int64_t> strides(shape.size(), 1);
    for (size_t i = shape.size(); i-- > 1;) {
      auto next = checkedMul(strides[i], std::max<int64_t>(shape[i], 1));
      strides[i - 1] = next.value_or(1); // Only an empty tensor overflows here.
    }
    return strides;
  }

  const StorageKey &storageKey_;
  const EmitOptions &options_;
  std::string out_;
};

} // namespace

Result<std::string> emitPickle(const plan::Object &root, const StorageKey &storageKey,
                               const EmitOptions &options) {
  return Emitter(storageKey, options).run(root);
}

} // namespace recast::format::torch
