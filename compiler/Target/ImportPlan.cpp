#include "compiler/Target/PlanIO.h"
#include "dialect/Plan/PlanDialect.h"

#include <bit>

namespace recast {
namespace {

using llvm::StringRef;

class Importer {
public:
  Importer(mlir::OpBuilder &builder, const plan::Plan &plan)
      : builder_(builder), plan_(plan), loc_(builder.getUnknownLoc()) {}

  void run() {
    header();
    strings();
    for (const plan::SourceEndpoint &source : plan_.sources)
      create<ir::plan::SourceOp>(text(source.name), text(source.format), text(source.path),
                                 text(source.tag), dictionary(source.facts));
    tables();
    for (const layout::Layout &layout : plan_.layouts)
      create<ir::plan::LayoutOp>(text(layout.str()));
    for (size_t i = 0; i < plan_.targets.size(); ++i)
      target(i);
    for (size_t i = 0; i < plan_.families.size(); ++i)
      family(i);
    for (const plan::LeftOut &item : plan_.leftOut)
      leftOut(item);
    deadlines();
  }

private:
  template <typename Op, typename... Args> void create(Args &&...args) {
    Op::create(builder_, loc_, std::forward<Args>(args)...);
  }
  mlir::StringAttr text(std::string_view value) { return builder_.getStringAttr(StringRef(value)); }
  mlir::IntegerAttr bits(uint64_t value) {
    return builder_.getI64IntegerAttr(static_cast<int64_t>(value));
  }
  mlir::DenseResourceElementsAttr table(StringRef key, int64_t columns,
                                        llvm::ArrayRef<int64_t> values) {
    return ir::plan::makeTable(builder_.getContext(), key, columns, values);
  }
  mlir::DenseResourceElementsAttr bytes(StringRef key, StringRef data) {
    return ir::plan::makeBytes(builder_.getContext(), key, data);
  }

  void header() {
    mlir::MLIRContext *context = builder_.getContext();
    auto rebinding = static_cast<ir::plan::Rebinding>(plan_.rebinding);
    auto cut = static_cast<ir::plan::Cut>(plan_.cut);
    create<ir::plan::HeaderOp>(builder_.getI32IntegerAttr(plan::kVersionMajor),
                               builder_.getI32IntegerAttr(plan::kVersionMinor), bits(plan_.budget),
                               bits(plan_.schemaFingerprint), bits(plan_.instanceFingerprint),
                               ir::plan::RebindingAttr::get(context, rebinding),
                               ir::plan::CutAttr::get(context, cut), text(plan_.spec));
  }

  void strings() {
    if (plan_.strings.empty())
      return;
    std::vector<int64_t> lengths;
    std::string data;
    for (const std::string &value : plan_.strings) {
      lengths.push_back(static_cast<int64_t>(value.size()));
      data += value;
    }
    create<ir::plan::StringsOp>(table("string_lengths", 1, lengths), bytes("string_bytes", data));
  }

  void tables() {
    std::vector<int64_t> rows;
    auto add = [&rows](auto... cells) { (rows.push_back(static_cast<int64_t>(cells)), ...); };
    if (!plan_.files.empty()) {
      std::string paths;
      for (const plan::SourceFile &file : plan_.files) {
        add(file.endpoint, file.size, file.mtimeNs, file.path.size());
        paths += file.path;
      }
      create<ir::plan::FilesOp>(table("files", 4, rows), bytes("file_paths", paths));
      rows.clear();
    }
    if (!plan_.records.empty()) {
      for (const plan::Record &record : plan_.records)
        add(record.file, record.offset, record.length, record.crc32);
      create<ir::plan::RecordsOp>(table("records", 4, rows));
      rows.clear();
    }
    if (!plan_.extents.empty()) {
      for (const plan::Extent &extent : plan_.extents)
        add(extent.file, extent.offset, extent.elements);
      create<ir::plan::ExtentsOp>(table("extents", 3, rows));
      rows.clear();
    }
    if (!plan_.stores.empty()) {
      for (const plan::Store &store : plan_.stores)
        add(store.firstExtent, store.extentCount);
      create<ir::plan::StoresOp>(table("stores", 2, rows));
    }
  }

  void leftOut(const plan::LeftOut &item) {
    mlir::StringAttr object, role, target;
    ir::plan::ObjectChangeAttr change;
    ir::plan::RoleChangeAttr roleChange;
    mlir::IntegerAttr tensors;
    if (item.object) {
      object = text(item.object->path);
      target = text(item.object->target);
      change = ir::plan::ObjectChangeAttr::get(
          builder_.getContext(), static_cast<ir::plan::ObjectChange>(item.object->kind));
    }
    if (item.role) {
      role = text(item.role->role);
      target = text(item.role->target);
      roleChange = ir::plan::RoleChangeAttr::get(
          builder_.getContext(), static_cast<ir::plan::RoleChange>(item.role->kind));
      tensors = builder_.getI64IntegerAttr(static_cast<int64_t>(item.role->tensors));
    }
    create<ir::plan::LeftOutOp>(text(item.what), text(item.why), object, change, tensors, role,
                                roleChange, target);
  }

  void deadlines() {
    if (plan_.deadlines.empty() && plan_.pipeline.empty() && plan_.pipelineTime == 0)
      return;
    std::vector<int64_t> rows;
    for (const plan::Deadline &deadline : plan_.deadlines)
      rows.insert(rows.end(), {int64_t{deadline.target}, int64_t{deadline.name},
                               int64_t{deadline.role}, std::bit_cast<int64_t>(deadline.time)});
    create<ir::plan::DeadlinesOp>(text(plan_.pipeline),
                                  builder_.getF64FloatAttr(plan_.pipelineTime),
                                  table("deadlines", 4, rows));
  }

  mlir::DictionaryAttr dictionary(const std::map<std::string, std::string> &map) {
    if (map.empty())
      return {};
    llvm::SmallVector<mlir::NamedAttribute> entries;
    for (const auto &[key, value] : map)
      entries.push_back(builder_.getNamedAttr(key, text(value)));
    return builder_.getDictionaryAttr(entries);
  }

  void target(size_t index) {
    const plan::TargetEndpoint &target = plan_.targets[index];
    std::string key = "target" + std::to_string(index);
    mlir::DenseResourceElementsAttr aliases, names, kept;
    mlir::ArrayAttr hyper, sides;
    mlir::DenseI64ArrayAttr sizes;
    if (!target.aliases.empty()) {
      std::vector<int64_t> rows;
      for (auto [alias, canonical] : target.aliases)
        rows.insert(rows.end(), {int64_t{alias}, int64_t{canonical}});
      aliases = table(key + "_aliases", 2, rows);
    }
    if (!target.groups.empty()) {
      llvm::SmallVector<mlir::Attribute> texts;
      std::vector<int64_t> counts, ids;
      for (const plan::Group &group : target.groups) {
        texts.push_back(text(group.hyper));
        counts.push_back(static_cast<int64_t>(group.names.size()));
        ids.insert(ids.end(), group.names.begin(), group.names.end());
      }
      hyper = builder_.getArrayAttr(texts);
      sizes = builder_.getDenseI64ArrayAttr(counts);
      names = table(key + "_group_names", 1, ids);
    }
    if (!target.keptFiles.empty()) {
      std::vector<int64_t> rows;
      for (plan::KeptFile file : target.keptFiles)
        rows.push_back(file.file);
      kept = table(key + "_kept_files", 1, rows);
    }
    if (!target.sideFiles.empty()) {
      llvm::SmallVector<mlir::Attribute> files;
      for (const plan::SideFile &side : target.sideFiles)
        files.push_back(ir::plan::SideFileAttr::get(builder_.getContext(), text(side.source),
                                                    text(side.name), side.size, side.mtimeNs));
      sides = builder_.getArrayAttr(files);
    }
    create<ir::plan::TargetOp>(text(target.name), text(target.format), text(target.path),
                               text(target.tag), dictionary(target.options), aliases, hyper, sizes,
                               names, dictionary(target.objects), kept, sides,
                               target.rank == plan::kNone
                                   ? mlir::IntegerAttr()
                                   : builder_.getI32IntegerAttr(static_cast<int32_t>(target.rank)));
  }

  void family(size_t index) {
    const plan::Family &family = plan_.families[index];
    mlir::MLIRContext *context = builder_.getContext();
    llvm::SmallVector<mlir::Attribute> inputs, outputs;
    for (const plan::Input &input : family.inputs)
      inputs.push_back(ir::plan::InputAttr::get(context, input.dtype, input.layout));
    for (const plan::Output &output : family.outputs)
      outputs.push_back(
          ir::plan::OutputAttr::get(context, output.dtype, output.layout, output.target));
    std::vector<int64_t> rows;
    size_t columns = 1 + 4 * inputs.size() + 3 * outputs.size();
    rows.reserve(family.memberCount() * columns);
    for (size_t m = 0; m < family.memberCount(); ++m) {
      rows.push_back(family.memberNames[m]);
      for (size_t i = 0; i < inputs.size(); ++i) {
        const plan::MemberInput &input = family.memberInputs[m * inputs.size() + i];
        rows.push_back(input.store == plan::kNone ? -1 : int64_t{input.store});
        rows.push_back(input.start);
        rows.push_back(input.groupTotal);
        rows.push_back(input.part);
      }
      for (size_t i = 0; i < outputs.size(); ++i) {
        const plan::MemberOutput &output = family.memberOutputs[m * outputs.size() + i];
        rows.push_back(output.name);
        rows.push_back(output.role);
        rows.push_back(output.part);
      }
    }
    std::string name = std::to_string(index);
    create<ir::plan::FamilyOp>(text("family" + name), builder_.getDenseI64ArrayAttr(family.shape),
                               builder_.getArrayAttr(inputs), builder_.getArrayAttr(outputs),
                               text(family.recipe.str()),
                               table("members" + name, static_cast<int64_t>(columns), rows));
  }

  mlir::OpBuilder &builder_;
  const plan::Plan &plan_;
  mlir::Location loc_;
};

} // namespace

void addPlanOps(mlir::OpBuilder &builder, const plan::Plan &plan) {
  builder.getContext()->getOrLoadDialect<ir::plan::PlanDialect>();
  Importer(builder, plan).run();
}

mlir::OwningOpRef<mlir::ModuleOp> importPlan(const plan::Plan &plan, mlir::MLIRContext &context) {
  mlir::OpBuilder builder(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module(mlir::ModuleOp::create(builder.getUnknownLoc()));
  builder.setInsertionPointToEnd(module->getBody());
  addPlanOps(builder, plan);
  return module;
}

} // namespace recast
