#include "runtime/format/torch/read/StateDict.h"

#include "runtime/base/NearestName.h"
#include "runtime/format/Printable.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace recast::format::torch {
namespace {
using plan::Object;
using Kind = Object::Kind;

/// What training programs call the part that is the model, most telling first.
constexpr std::string_view kModelKeys[] = {"model",     "state_dict",       "module",
                                           "net",       "model_state_dict", "model_state",
                                           "generator", "weights",          "params"};
constexpr int kMaxDepth = 4;

struct Candidate {
  std::string key;
  const Object *dict;
};

void collect(const Object &object, const std::string &path, int depth,
             std::vector<Candidate> &out) {
  if (!object.isDict() || depth > kMaxDepth)
    return;
  bool holdsTensors =
      std::any_of(object.entries.begin(), object.entries.end(), [](const auto &entry) {
        return entry.first->kind == Kind::String && isTensorLike(*entry.second);
      });
  if (holdsTensors)
    out.push_back({path.empty() ? kTopLevel : path, &object});
  for (const auto &[key, value] : object.entries)
    if (key->kind == Kind::String)
      collect(*value, path.empty() ? key->text : path + "." + key->text, depth + 1, out);
}

std::vector<std::string> keysOf(const std::vector<Candidate> &candidates) {
  std::vector<std::string> out;
  for (const Candidate &candidate : candidates)
    out.push_back(printable(candidate.key));
  return out;
}

/// The one that is meant without a word, or null.
const Candidate *choose(const std::vector<Candidate> &candidates) {
  if (candidates.size() == 1)
    return &candidates[0];
  const Candidate *found = nullptr;
  for (const Candidate &candidate : candidates)
    if (std::find(std::begin(kModelKeys), std::end(kModelKeys), candidate.key) !=
        std::end(kModelKeys)) {
      if (found)
        return nullptr;
      found = &candidate;
    }
  return found;
}

/// The function that a call would call.
const Object *calleeOf(const Object &object) {
  return object.kind == Kind::Call && object.items[0]->kind == Kind::Global ? object.items[0].get()
                                                                            : nullptr;
}

std::string className(const Object &object) {
  return object.kind == Kind::Global ? printable(object.module + "." + object.name)
                                     : std::string("an unknown class");
}

Refusal explainSubclass(const Object &type) {
  constexpr char kFull[] = "Save whole tensors: full_tensor() of each, or a full state dict "
                           "(torch.distributed.checkpoint.state_dict, full_state_dict = True).";
  std::string name = className(type);
  if (type.kind == Kind::Global && type.name == "DTensor")
    return {"a DTensor: this file holds one rank's shard of it", kFull};
  if (type.kind == Kind::Global && type.name == "ShardedTensor")
    return {"a ShardedTensor: this file holds one rank's shards of it", kFull};
  return {fmt::format("a tensor of the class {}, which may mean something else by its bytes", name),
          "Save plain tensors: tensor.as_subclass(torch.Tensor), or its dequantized value."};
}

} // namespace

bool isTensorLike(const Object &object) {
  if (object.kind == Kind::Tensor)
    return true;
  const Object *callee = calleeOf(object);
  if (!callee)
    return false;
  if (callee->module == "torch._utils" && callee->name.starts_with("_rebuild_"))
    return true;
  return (callee->module == "torch._tensor" && callee->name.starts_with("_rebuild_")) ||
         (callee->module == "torch.storage" && callee->name == "UntypedStorage") ||
         (callee->module == "torch" && callee->name.ends_with("Storage"));
}

Refusal explainRefusal(const Object &object) {
  const Object *callee = calleeOf(object);
  if (!callee)
    return {"not a tensor", "Drop it before saving."};
  std::string_view name = callee->name;
  const std::vector<plan::ObjectPtr> &arguments = object.items[1]->items;
  if (name.find("sparse") != name.npos)
    return {"a sparse tensor", "Save it dense: tensor.to_dense()."};
  if (name.find("nested") != name.npos)
    return {"a nested tensor", "Save it padded: tensor.to_padded_tensor(0)."};
  if (name == "_rebuild_qtensor")
    return {"a tensor of torch's quantized types", "Save tensor.int_repr() and its scales, or "
                                                   "tensor.dequantize()."};
  if (name == "_rebuild_meta_tensor_no_storage")
    return {"a tensor on the device `meta`, which has no values", "Materialise it before saving."};
  if (name == "_rebuild_wrapper_subclass" && !arguments.empty())
    return explainSubclass(*arguments[0]);
  if (name == "_rebuild_from_type_v2" && arguments.size() > 1)
    return explainSubclass(*arguments[1]);
  if (name.ends_with("Storage"))
    return {"a bare storage, which has no shape", "Save a tensor."};
  if ((name == "_rebuild_tensor_v2" || name == "_rebuild_tensor_v3") && !arguments.empty()) {
    const Object &last = *arguments.back();
    if (last.find("conj"))
      return {"a conjugate view: its bytes are not its values", "Save tensor.resolve_conj()."};
    if (last.find("neg"))
      return {"a negated view: its bytes are not its values", "Save tensor.resolve_neg()."};
    for (const plan::ObjectPtr &argument : arguments) {
      if (argument->kind == Kind::Global && argument->module == "torch")
        return {fmt::format("a tensor of the dtype torch.{}, which Recast has no type for",
                            printable(argument->name)),
                "Save it as integers: tensor.view(torch.uint8)."};
    }
    for (const plan::ObjectPtr &argument : arguments) {
      const Object *storage = calleeOf(*argument);
      if (storage && storage->name.ends_with("Storage"))
        return {fmt::format("a tensor with a {}, which Recast has no type for",
                            printable(storage->name)),
                "Save tensor.int_repr() and its scales, or tensor.dequantize()."};
    }
  }
  return {fmt::format("a tensor made by {}", className(*callee)),
          "Save plain tensors: tensor.detach().cpu().contiguous()."};
}

Result<StateDict> findStateDict(const Object &root, const std::string &key) {
  if (!root.isDict())
    return fail(Error(Code::BadInput, root.kind == Kind::Tensor
                                          ? "the file holds one bare tensor and no name for it"
                                      : root.kind == Kind::Instance || root.kind == Kind::Call
                                          ? "the file holds an object of a class and no state dict"
                                          : "the file holds no dict, so no state dict")
                    .hint("Save a dict of tensors: torch.save(model.state_dict(), PATH)."));
  std::vector<Candidate> candidates;
  collect(root, "", 0, candidates);
  if (candidates.empty() && root.find("state") && root.find("param_groups"))
    return fail(Error(Code::BadInput, "the file holds the state of an optimizer, whose tensors "
                                      "have numbers and no names")
                    .hint("Save it beside the model that it belongs to: torch.save({'model': "
                          "model.state_dict(), 'optimizer': optimizer.state_dict()}, PATH)."));
  if (candidates.empty())
    return fail(Error(Code::BadInput, "no dict of the file holds tensors by name")
                    .hint("Save a dict of tensors: torch.save(model.state_dict(), PATH)."));
  const Candidate *chosen = nullptr;
  if (key.empty()) {
    chosen = choose(candidates);
    if (!chosen)
      return fail(Error(Code::BadInput,
                        fmt::format("several dicts of the file hold tensors, and nothing says "
                                    "which is the model: {}",
                                    fmt::join(keysOf(candidates), ", ")))
                      .hint(fmt::format("Say which: key = \"{}\" ({} is the top level).",
                                        printable(candidates.back().key), kTopLevel)));
  } else {
    for (const Candidate &candidate : candidates)
      if (candidate.key == key)
        chosen = &candidate;
    if (!chosen) {
      std::string nearest = nearestName(key, keysOf(candidates));
      return fail(
          Error(Code::Usage, fmt::format("no dict of tensors is at key '{}'", printable(key)))
              .hint(nearest.empty()
                        ? fmt::format("The file holds: {}.", fmt::join(keysOf(candidates), ", "))
                        : fmt::format("Did you mean `{}`?", nearest)));
    }
  }
  StateDict out{chosen->dict, chosen->key, {}};
  for (const Candidate &candidate : candidates)
    if (&candidate != chosen)
      out.others.push_back(candidate.key);
  return out;
}

} // namespace recast::format::torch
