#include "dialect/Plan/PlanDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialect/Plan/PlanDialect.cpp.inc"
#include "dialect/Plan/PlanEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/Plan/PlanAttrs.cpp.inc"

namespace recast::ir::plan {

void PlanDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/Plan/PlanAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/Plan/PlanOps.cpp.inc"
      >();
}

namespace {

llvm::StringRef spelling(DType dtype) {
  std::string_view text = name(dtype);
  return {text.data(), text.size()};
}

/// `f32 layout 0`
ParseResult parseTypeAndLayout(AsmParser &parser, DType &dtype, uint32_t &layout) {
  SMLoc at = parser.getCurrentLocation();
  llvm::StringRef text;
  if (parser.parseKeyword(&text))
    return failure();
  auto parsed = parseDType({text.data(), text.size()});
  // One spelling only, so that text and artifact correspond one to one.
  if (!parsed || spelling(*parsed) != text)
    return parser.emitError(at) << "unknown dtype `" << text << "`";
  dtype = *parsed;
  return failure(parser.parseKeyword("layout") || parser.parseInteger(layout));
}

} // namespace

Attribute InputAttr::parse(AsmParser &parser, Type) {
  DType dtype{};
  uint32_t layout = 0;
  if (parser.parseLess() || parseTypeAndLayout(parser, dtype, layout) || parser.parseGreater())
    return {};
  return get(parser.getContext(), dtype, layout);
}

void InputAttr::print(AsmPrinter &printer) const {
  printer << '<' << spelling(getDtype()) << " layout " << getLayout() << '>';
}

Attribute OutputAttr::parse(AsmParser &parser, Type) {
  DType dtype{};
  uint32_t layout = 0, target = 0;
  if (parser.parseLess() || parseTypeAndLayout(parser, dtype, layout) ||
      parser.parseKeyword("target") || parser.parseInteger(target) || parser.parseGreater())
    return {};
  return get(parser.getContext(), dtype, layout, target);
}

void OutputAttr::print(AsmPrinter &printer) const {
  printer << '<' << spelling(getDtype()) << " layout " << getLayout() << " target " << getTarget()
          << '>';
}

//===- Custom directives of the ops
//------------------------------------------------------------===//

static ParseResult parseVersion(OpAsmParser &parser, IntegerAttr &major, IntegerAttr &minor) {
  // `1.0` is one floating-point token for the lexer, which would read 1.10 as 1.1.
  SMLoc at = parser.getCurrentLocation();
  std::string text;
  if (parser.parseString(&text))
    return failure();
  auto [first, second] = llvm::StringRef(text).split('.');
  uint16_t numbers[2];
  if (first.getAsInteger(10, numbers[0]) || second.getAsInteger(10, numbers[1]))
    return parser.emitError(at) << "expected a version such as \"1.0\"";
  major = parser.getBuilder().getI32IntegerAttr(numbers[0]);
  minor = parser.getBuilder().getI32IntegerAttr(numbers[1]);
  return success();
}

static void printVersion(OpAsmPrinter &printer, Operation *, IntegerAttr major, IntegerAttr minor) {
  printer << '"' << major.getInt() << '.' << minor.getInt() << '"';
}

static ParseResult parseUnsigned(OpAsmParser &parser, IntegerAttr &attr) {
  uint64_t value = 0;
  if (parser.parseInteger(value))
    return failure();
  attr = parser.getBuilder().getI64IntegerAttr(static_cast<int64_t>(value));
  return success();
}

static void printUnsigned(OpAsmPrinter &printer, Operation *, IntegerAttr attr) {
  printer << static_cast<uint64_t>(attr.getInt());
}

static ParseResult parseHex(OpAsmParser &parser, IntegerAttr &attr) {
  return parseUnsigned(parser, attr);
}

static void printHex(OpAsmPrinter &printer, Operation *, IntegerAttr attr) {
  printer << "0x";
  printer.getStream().write_hex(static_cast<uint64_t>(attr.getInt()));
}

static ParseResult parseInputs(OpAsmParser &parser, ArrayAttr &attr) {
  llvm::SmallVector<Attribute> items;
  auto item = [&]() -> ParseResult {
    DType dtype{};
    uint32_t layout = 0;
    if (parseTypeAndLayout(parser, dtype, layout))
      return failure();
    items.push_back(InputAttr::get(parser.getContext(), dtype, layout));
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, item))
    return failure();
  attr = parser.getBuilder().getArrayAttr(items);
  return success();
}

static void printInputs(OpAsmPrinter &printer, Operation *, ArrayAttr attr) {
  printer << '[';
  llvm::interleaveComma(attr.getAsRange<InputAttr>(), printer, [&](InputAttr input) {
    printer << spelling(input.getDtype()) << " layout " << input.getLayout();
  });
  printer << ']';
}

static ParseResult parseOutputs(OpAsmParser &parser, ArrayAttr &attr) {
  llvm::SmallVector<Attribute> items;
  auto item = [&]() -> ParseResult {
    DType dtype{};
    uint32_t layout = 0, target = 0;
    if (parseTypeAndLayout(parser, dtype, layout) || parser.parseKeyword("target") ||
        parser.parseInteger(target))
      return failure();
    items.push_back(OutputAttr::get(parser.getContext(), dtype, layout, target));
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, item))
    return failure();
  attr = parser.getBuilder().getArrayAttr(items);
  return success();
}

static void printOutputs(OpAsmPrinter &printer, Operation *, ArrayAttr attr) {
  printer << '[';
  llvm::interleaveComma(attr.getAsRange<OutputAttr>(), printer, [&](OutputAttr output) {
    printer << spelling(output.getDtype()) << " layout " << output.getLayout() << " target "
            << output.getTarget();
  });
  printer << ']';
}

} // namespace recast::ir::plan

#define GET_OP_CLASSES
#include "dialect/Plan/PlanOps.cpp.inc"
