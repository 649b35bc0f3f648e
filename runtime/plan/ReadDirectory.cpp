#include "runtime/plan/ReadDirectory.h"
#include "runtime/base/Checked.h"
#include "runtime/plan/Malformed.h"

namespace recast::plan {
namespace {

/// Copies things out of the directory. Offsets in a FlatBuffer may all point at one big string, so
/// that a small file would ask for terabytes; what we write shares nothing, hence a budget.
class DirectoryReader {
public:
  explicit DirectoryReader(size_t bytes) : budget_(bytes) {}

  Status text(const flatbuffers::String *from, std::string &to) {
    if (!from)
      return malformed("a text is missing from the directory");
    RECAST_TRY(spend(from->size()));
    to.assign(from->c_str(), from->size());
    return {};
  }

  /// Number of elements of an optional vector.
  template <typename V> Result<size_t> size(const V *vector, size_t elementBytes) {
    if (!vector)
      return malformed("a list is missing from the directory");
    auto bytes = checkedMul<size_t>(vector->size(), elementBytes);
    if (!bytes)
      return malformed("a list of the directory is too long");
    RECAST_TRY(spend(*bytes));
    return vector->size();
  }

  Status pairs(const flatbuffers::Vector<flatbuffers::Offset<fb::Pair>> *from,
               std::map<std::string, std::string> &to) {
    RECAST_ASSIGN(size_t count, size(from, 4));
    for (size_t i = 0; i < count; ++i) {
      std::string key, value;
      RECAST_TRY(text(from->Get(i)->key(), key));
      RECAST_TRY(text(from->Get(i)->value(), value));
      if (!to.empty() && key <= to.rbegin()->first)
        return malformed("keys are not in ascending order at `{}`", key);
      to.emplace_hint(to.end(), std::move(key), std::move(value));
    }
    return {};
  }

  Status target(const fb::Target &from, TargetEndpoint &to) {
    RECAST_TRY(text(from.name(), to.name));
    RECAST_TRY(text(from.format(), to.format));
    RECAST_TRY(text(from.path(), to.path));
    RECAST_TRY(text(from.tag(), to.tag));
    to.rank = from.rank();
    RECAST_TRY(pairs(from.options(), to.options));
    RECAST_ASSIGN(size_t aliases, size(from.aliases(), sizeof(fb::Alias)));
    for (size_t i = 0; i < aliases; ++i) {
      const fb::Alias &alias = *from.aliases()->Get(i);
      to.aliases.emplace_back(alias.alias(), alias.canonical());
    }
    RECAST_ASSIGN(size_t groups, size(from.groups(), 4));
    for (size_t i = 0; i < groups; ++i) {
      const fb::Group &group = *from.groups()->Get(i);
      RECAST_ASSIGN(size_t names, size(group.names(), 4));
      Group &out = to.groups.emplace_back();
      for (size_t k = 0; k < names; ++k)
        out.names.push_back(group.names()->Get(k));
      RECAST_TRY(text(group.hyper(), out.hyper));
    }
    RECAST_TRY(pairs(from.objects(), to.objects));
    RECAST_ASSIGN(size_t kept, size(from.kept_files(), 4));
    for (size_t i = 0; i < kept; ++i)
      to.keptFiles.push_back({from.kept_files()->Get(i)});
    RECAST_ASSIGN(size_t sides, size(from.side_files(), 4));
    for (size_t i = 0; i < sides; ++i) {
      const fb::SideFile &side = *from.side_files()->Get(i);
      SideFile &out = to.sideFiles.emplace_back();
      RECAST_TRY(text(side.source(), out.source));
      RECAST_TRY(text(side.name(), out.name));
      out.size = side.size();
      out.mtimeNs = side.mtime_ns();
    }
    return {};
  }

  Status family(const fb::Family &from, Family &to) {
    RECAST_ASSIGN(size_t rank, size(from.shape(), 8));
    for (size_t i = 0; i < rank; ++i)
      to.shape.push_back(from.shape()->Get(i));
    RECAST_ASSIGN(size_t inputs, size(from.inputs(), sizeof(fb::Input)));
    for (size_t i = 0; i < inputs; ++i) {
      const fb::Input &input = *from.inputs()->Get(i);
      RECAST_ASSIGN(DType type, dtype(input.dtype()));
      to.inputs.push_back({type, input.layout()});
    }
    RECAST_ASSIGN(size_t outputs, size(from.outputs(), sizeof(fb::Output)));
    for (size_t i = 0; i < outputs; ++i) {
      const fb::Output &output = *from.outputs()->Get(i);
      RECAST_ASSIGN(DType type, dtype(output.dtype()));
      to.outputs.push_back({output.target(), type, output.layout()});
    }
    RECAST_ASSIGN(size_t nodes, size(from.recipe(), sizeof(fb::Node)));
    for (size_t i = 0; i < nodes; ++i) {
      RECAST_ASSIGN(recipe::Node node, this->node(*from.recipe()->Get(i)));
      to.recipe.nodes.push_back(node);
    }
    return {};
  }

  Status leftOut(const fb::LeftOut &from, LeftOut &to) {
    RECAST_TRY(text(from.what(), to.what));
    RECAST_TRY(text(from.why(), to.why));
    if (const fb::ObjectChange *object = from.object()) {
      to.object.emplace();
      RECAST_TRY(text(object->path(), to.object->path));
      RECAST_TRY(text(object->target(), to.object->target));
      if (object->kind() > static_cast<uint8_t>(ObjectChange::kLast))
        return malformed("unknown change {} of an object", object->kind());
      to.object->kind = static_cast<ObjectChange::Kind>(object->kind());
    }
    if (const fb::RoleChange *role = from.role()) {
      to.role.emplace();
      RECAST_TRY(text(role->role(), to.role->role));
      RECAST_TRY(text(role->target(), to.role->target));
      to.role->tensors = role->tensors();
      if (role->kind() > static_cast<uint8_t>(RoleChange::kLast))
        return malformed("unknown change {} of a role", role->kind());
      to.role->kind = static_cast<RoleChange::Kind>(role->kind());
    }
    return {};
  }

private:
  Status spend(size_t bytes) {
    if (bytes > budget_)
      return malformed("parts of the directory overlap");
    budget_ -= bytes;
    return {};
  }
  static Result<DType> dtype(uint32_t code) {
    auto type = code <= 0xff ? dtypeFromCode(static_cast<uint8_t>(code)) : std::nullopt;
    if (!type)
      return malformed("unknown dtype code {}", code);
    return *type;
  }
  static Result<recipe::Node> node(const fb::Node &from) {
    if (from.op() > static_cast<uint8_t>(recipe::kLastOp) ||
        from.overflow() > static_cast<uint8_t>(recipe::Overflow::Nan) || from.reserved() != 0 ||
        from.reserved2() != 0)
      return malformed("unknown recipe operation {}", from.op());
    RECAST_ASSIGN(DType type, dtype(from.type()));
    recipe::Node node;
    node.op = static_cast<recipe::Op>(from.op());
    node.type = type;
    node.overflow = static_cast<recipe::Overflow>(from.overflow());
    node.a = from.a();
    node.b = from.b();
    node.slot = from.slot();
    return node;
  }

  size_t budget_;
};

} // namespace

Status readDirectory(const fb::Directory &directory, size_t bytes, Plan &plan) {
  DirectoryReader reader(bytes);
  RECAST_TRY(reader.text(directory.spec(), plan.spec));
  plan.budget = directory.budget();
  plan.schemaFingerprint = directory.schema_fingerprint();
  plan.instanceFingerprint = directory.instance_fingerprint();
  if (directory.pipeline())
    RECAST_TRY(reader.text(directory.pipeline(), plan.pipeline));
  plan.pipelineTime = directory.pipeline_time();
  RECAST_ASSIGN(size_t sources, reader.size(directory.sources(), 4));
  for (size_t i = 0; i < sources; ++i) {
    const fb::Source &from = *directory.sources()->Get(i);
    SourceEndpoint &to = plan.sources.emplace_back();
    RECAST_TRY(reader.text(from.name(), to.name));
    RECAST_TRY(reader.text(from.format(), to.format));
    RECAST_TRY(reader.text(from.path(), to.path));
    RECAST_TRY(reader.text(from.tag(), to.tag));
    if (from.facts())
      RECAST_TRY(reader.pairs(from.facts(), to.facts));
  }
  RECAST_ASSIGN(size_t layouts, reader.size(directory.layouts(), 4));
  for (size_t i = 0; i < layouts; ++i) {
    std::string text;
    RECAST_TRY(reader.text(directory.layouts()->Get(i), text));
    auto parsed = layout::Layout::parse(text);
    if (!parsed)
      return malformed("layout {}: {}", i, parsed.error().message());
    if (parsed->str() != text)
      return malformed("layout {} is not in canonical form", i);
    plan.layouts.push_back(std::move(*parsed));
  }
  RECAST_ASSIGN(size_t targets, reader.size(directory.targets(), 4));
  for (size_t i = 0; i < targets; ++i)
    RECAST_TRY(reader.target(*directory.targets()->Get(i), plan.targets.emplace_back()));
  RECAST_ASSIGN(size_t families, reader.size(directory.families(), 4));
  for (size_t i = 0; i < families; ++i)
    RECAST_TRY(reader.family(*directory.families()->Get(i), plan.families.emplace_back()));
  RECAST_ASSIGN(size_t leftOut, reader.size(directory.left_out(), 4));
  for (size_t i = 0; i < leftOut; ++i)
    RECAST_TRY(reader.leftOut(*directory.left_out()->Get(i), plan.leftOut.emplace_back()));
  if (directory.rebinding() > static_cast<uint8_t>(kLastRebinding))
    return malformed("unknown way {} of rebinding", directory.rebinding());
  plan.rebinding = static_cast<Rebinding>(directory.rebinding());
  if (directory.cut() > static_cast<uint8_t>(kLastCut))
    return malformed("unknown kind {} of cut", directory.cut());
  plan.cut = static_cast<Cut>(directory.cut());
  return {};
}

} // namespace recast::plan
