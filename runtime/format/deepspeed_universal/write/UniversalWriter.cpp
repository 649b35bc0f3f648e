#include "runtime/format/deepspeed_universal/write/UniversalWriter.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"
#include "runtime/format/deepspeed_universal/write/FolderNames.h"
#include "runtime/format/deepspeed_universal/write/OptimizerState.h"
#include "runtime/format/torch/write/TorchFile.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>

namespace recast::format {
namespace {
using plan::ObjectPtr;

constexpr std::string_view kModelStates = "_model_states.pt";
constexpr std::string_view kOptimizerState = "optimizer_state.pt";
constexpr std::string_view kStage3Prefix = "zero_pp_rank_0_";
constexpr std::string_view kTensorKey = "bytes"; ///< Of the one tensor of an atom.

Error about(const TargetTensor &tensor, std::string message) {
  return Error(Code::BadInput, std::move(message)).tensor(printable(tensor.name));
}

bool isUnitRole(std::string_view role) { return role == "frozen" || role == "buffer"; }

/// File name of a role inside a parameter's folder, without ".pt".
std::string_view stateName(std::string_view role) {
  return role == "master" || isUnitRole(role) ? "fp32" : role;
}

class UniversalWriter : public TargetWriter {
public:
  explicit UniversalWriter(WriteRequest request) : request_(std::move(request)) {}

  Status layOut() {
    RECAST_TRY(readOptions());
    RECAST_TRY(addAtoms());
    RECAST_TRY(addOptimizerState());
    RECAST_TRY(addKeptFiles());
    addNotes();
    commit_.renames = {folder_};
    commit_.pointers = {{"latest_universal", folder_}};
    commit_.manifestDir = folder_;
    return {};
  }

  Literals literals(size_t file) const override { return literals_[file]; }

private:
  Status readOptions() {
    auto option = [&](const char *name, std::string fallback) {
      auto found = request_.options.find(name);
      return found == request_.options.end() ? std::move(fallback) : found->second;
    };
    std::string atoms = option("atoms", "dict"), foreign = option("allow_foreign_objects", "false");
    if (atoms != "dict" && atoms != "flat")
      return usage(fmt::format("atoms = '{}': choose dict or flat", printable(atoms, 40)));
    if (foreign != "true" && foreign != "false")
      return usage(fmt::format("allow_foreign_objects = '{}': choose true or false",
                               printable(foreign, 40)));
    flat_ = atoms == "flat";
    emit_.allowForeign = foreign == "true";

    std::string tag = option("tag", request_.tag);
    if (tag.empty())
      return fail(Error(Code::Usage, "a universal checkpoint needs a tag for its folder")
                      .hint("Write tag = \"global_step1000\" in the target's arguments."));
    folder_ = tag.ends_with("_universal") ? tag : tag + "_universal";
    return checkFolderName(folder_, "tag");
  }

  Status addAtoms() {
    FolderNames folders, roleFiles;
    RECAST_TRY(folders.add(kOptimizerState, "parameter name"));
    std::unordered_map<std::string_view, std::vector<std::string_view>> seen; ///< States by name.
    std::set<std::string_view> roles;
    for (uint32_t i = 0; i < request_.tensors.size(); ++i) {
      const TargetTensor &tensor = request_.tensors[i];
      std::vector<std::string_view> &states = seen[tensor.name];
      if (states.empty())
        RECAST_TRY(addFolder(tensor, folders));
      RECAST_TRY(checkRole(tensor));
      if (roles.insert(tensor.role).second) {
        RECAST_TRY(checkFolderName(tensor.role, "role"));
        RECAST_TRY(roleFiles.add(fmt::format("{}.pt", stateName(tensor.role)), "role file"));
      }
      if (std::ranges::find(states, stateName(tensor.role)) != states.end())
        return fail(about(tensor, fmt::format("two tensors would be written to its {}.pt",
                                              printable(stateName(tensor.role)))));
      states.push_back(stateName(tensor.role));
      auto atom = atomOf(tensor);
      if (!atom)
        return fail(Error(atom.error()).tensor(printable(tensor.name)));
      addImage(fmt::format("{}/zero/{}/{}.pt", folder_, tensor.name, stateName(tensor.role)),
               **atom, i);
    }
    if (std::none_of(request_.tensors.begin(), request_.tensors.end(),
                     [](const TargetTensor &t) { return t.role == "master"; }))
      return fail(
          Error(Code::BadInput, "a universal checkpoint needs master weights, and the "
                                "source gives none")
              .hint("Keep role 'master': the loader fills the optimizer from it and derives "
                    "the model's weights."));
    return {};
  }

  static Status addFolder(const TargetTensor &tensor, FolderNames &folders) {
    if (auto named = folders.add(tensor.name, "parameter name"); !named)
      return fail(Error(named.error()).tensor(printable(tensor.name)));
    if (tensor.name == kOptimizerState)
      return fail(about(tensor, "a parameter of this name would take the place of "
                                "zero/optimizer_state.pt"));
    return {};
  }

  static Status checkRole(const TargetTensor &tensor) {
    if (tensor.role == "weight")
      return fail(about(tensor, "role 'weight' has no file of its own in a universal checkpoint")
                      .hint("The loader derives weights from masters: map or drop the role; the "
                            "source's model-states files keep it."));
    if ((tensor.role == "step") != tensor.isScalar)
      return fail(about(tensor, tensor.isScalar
                                    ? fmt::format("role '{}' is one number, which only a step can "
                                                  "be here",
                                                  printable(tensor.role))
                                    : std::string("its step is not a number that was read with the "
                                                  "metadata")));
    if (tensor.role == "fp32" || tensor.role == "optimizer_state")
      return fail(
          about(tensor, fmt::format("'{}' cannot be the name of a role here", tensor.role)));
    return {};
  }

  /// An archive without its literals, which files share.
  struct Archive {
    torch::ArchiveImage image;
    Literals literals;
    explicit Archive(torch::ArchiveImage made)
        : image(std::move(made)),
          literals(std::make_shared<std::vector<Literal>>(std::move(image.literals))) {}
  };

  /// The file of a tensor says its type and shape, or its one value, and nothing else of it.
  Result<const Archive *> atomOf(const TargetTensor &tensor) {
    auto [entry, isNew] = archives_.try_emplace(
        {tensor.dtype, tensor.isScalar ? std::optional(tensor.scalarBits) : std::nullopt,
         tensor.shape});
    if (isNew) {
      RECAST_ASSIGN(torch::ArchiveImage image, atomImage(tensor));
      entry->second.emplace(std::move(image));
    }
    return &*entry->second;
  }

  Result<torch::ArchiveImage> atomImage(const TargetTensor &tensor) const {
    if (tensor.isScalar) {
      RECAST_ASSIGN(ObjectPtr step, stepObject(tensor));
      return torch::torchFile(*step, {}, emit_);
    }
    plan::TensorRef ref;
    ref.dtype = tensor.dtype;
    ref.storage = kTensorKey;
    auto elements = elementCount(tensor.shape);
    if (!elements)
      return badInput("its shape does not fit 64 bits");
    ref.shape = flat_ ? std::vector<int64_t>{*elements} : tensor.shape;
    ObjectPtr atom = plan::tensor(std::move(ref));
    if (!flat_)
      atom = plan::dict({plan::entry("param", std::move(atom))});
    return torch::torchFile(*atom, {{std::string(kTensorKey), 0}}, emit_);
  }

  void addImage(std::string path, const Archive &archive, uint32_t tensor) {
    FileImage image;
    image.path = std::move(path);
    image.size = archive.image.size;
    image.tensors = archive.image.tensors;
    for (TensorSlot &slot : image.tensors)
      slot.tensor = tensor;
    image.patches = archive.image.patches;
    addImage(std::move(image), archive.literals);
  }

  void addImage(FileImage image, Literals literals) {
    images_.push_back(std::move(image));
    literals_.push_back(std::move(literals));
  }

  /// The loader wants one step per group. Null: the group's optimizer has none.
  Result<std::vector<ObjectPtr>> groupSteps() const {
    std::unordered_map<std::string_view, const TargetTensor *> steps;
    for (const TargetTensor &tensor : request_.tensors)
      if (tensor.role == "step")
        steps[tensor.name] = &tensor;
    std::vector<ObjectPtr> out;
    for (const TargetGroup &group : request_.groups) {
      const TargetTensor *first = nullptr;
      for (size_t i = 0; i < group.names.size(); ++i) {
        auto found = steps.find(group.names[i]);
        const TargetTensor *step = found == steps.end() ? nullptr : found->second;
        if (i == 0)
          first = step;
        else if (!step != !first ||
                 (step && (step->dtype != first->dtype || step->scalarBits != first->scalarBits)))
          return fail(Error(Code::BadInput,
                            fmt::format("its step differs from that of '{}' in the same group, and "
                                        "DeepSpeed's universal loader takes one step per group",
                                        printable(group.names[0])))
                          .tensor(printable(group.names[i]))
                          .hint("Write the native format instead, or drop role 'step'."));
      }
      ObjectPtr object;
      if (first) {
        RECAST_ASSIGN(object, stepObject(*first));
      }
      out.push_back(std::move(object));
    }
    return out;
  }

  Status addOptimizerState() {
    if (request_.groups.empty())
      return fail(Error(Code::BadInput, "the source has no parameter groups, and a universal "
                                        "checkpoint restores the optimizer group by group")
                      .hint("Use a source that carries optimizer state, such as a DeepSpeed "
                            "checkpoint, and keep its param_groups."));
    RECAST_ASSIGN(std::vector<ObjectPtr> steps, groupSteps());
    RECAST_ASSIGN(OptimizerState state, makeOptimizerState(request_, steps));
    auto archive = torch::torchFile(*state.root, {}, emit_);
    if (!archive)
      return fail(Error(archive.error()).file(folder_ + "/zero/optimizer_state.pt"));
    addImage(folder_ + "/zero/optimizer_state.pt", Archive(std::move(*archive)), 0);
    notes_.insert(notes_.end(), state.notes.begin(), state.notes.end());
    return {};
  }

  /// ZeRO-1 and 2 look for mp_rank_MM_model_states.pt, ZeRO-3 for zero_pp_rank_0_mp_rank_MM_...:
  /// whichever the source has, the other name is linked to it.
  Status addKeptFiles() {
    auto nothing = std::make_shared<std::vector<Literal>>();
    FolderNames names;
    std::set<std::string> files;
    for (uint32_t i = 0; i < request_.keptFiles.size(); ++i) {
      const KeptFile &kept = request_.keptFiles[i];
      std::string name = kept.path.substr(kept.path.rfind('/') + 1);
      RECAST_TRY(names.add(name, "kept file"));
      if (name == "zero" || !files.insert(name).second)
        return fail(
            Error(Code::BadInput,
                  fmt::format("two files of the target would be called '{}'", printable(name)))
                .file(printable(kept.path)));
      FileImage image;
      image.path = folder_ + "/" + name;
      image.size = kept.size;
      image.verbatim.push_back({0, i});
      addImage(std::move(image), nothing);
    }
    bool hasStates = false;
    for (const std::string &name : files) {
      std::string_view rest = name;
      bool isStage3 = rest.starts_with(kStage3Prefix);
      if (isStage3)
        rest.remove_prefix(kStage3Prefix.size());
      if (!rest.starts_with("mp_rank_") || !rest.ends_with(kModelStates))
        continue;
      hasStates = true;
      std::string other = isStage3 ? std::string(rest) : fmt::format("{}{}", kStage3Prefix, rest);
      if (!files.contains(other))
        links_.push_back({folder_ + "/" + other, folder_ + "/" + name});
    }
    if (!hasStates)
      return fail(Error(Code::BadInput, "the source gives no mp_rank_*_model_states.pt file, and "
                                        "DeepSpeed's loader reads the run's state from it")
                      .hint("A universal checkpoint is made from a DeepSpeed checkpoint "
                            "without model parallelism."));
    return {};
  }

  void addNotes() {
    constexpr std::string_view kAdam[] = {"master", "exp_avg", "exp_avg_sq"};
    std::unordered_map<std::string_view, size_t> adam; ///< How many of these a parameter has.
    bool hasUnits = false;
    for (const TargetTensor &tensor : request_.tensors) {
      if (std::ranges::find(kAdam, tensor.role) != std::end(kAdam))
        ++adam[tensor.name];
      hasUnits = hasUnits || isUnitRole(tensor.role);
    }
    if (hasUnits)
      notes_.push_back("the universal loader leaves frozen parameters and buffers at their initial "
                       "values; their values are in the folder all the same");
    if (std::ranges::any_of(adam, [&](const auto &of) { return of.second != std::size(kAdam); }))
      notes_.push_back("not every parameter has exp_avg and exp_avg_sq: ZeRO-3's universal loader "
                       "needs both, ZeRO-1 and 2 take what is there");
    if (flat_)
      notes_.push_back("atoms = flat: only ZeRO-3 loads bare tensors");
  }

  const WriteRequest request_;
  std::string folder_; ///< "TAG_universal".
  bool flat_ = false;
  torch::EmitOptions emit_;
  /// By type, value if it is known now, and shape.
  std::map<std::tuple<DType, std::optional<uint64_t>, std::vector<int64_t>>, std::optional<Archive>>
      archives_;
  std::vector<Literals> literals_; ///< Of each image.
};

} // namespace

const TargetTraits &universalTraits() {
  static const TargetTraits traits = [] {
    TargetTraits t;
    t.format = "deepspeed_universal";
    t.holdsObjects = true;
    t.verbatimObjects = {"client_state", "lr_scheduler", "iteration"};
    t.regroups = true;
    t.widenedRoles = {"frozen", "buffer"};
    t.verbatimRoles = {"weight"};
    t.sourceFormats = {"deepspeed", "deepspeed_universal"};
    t.options = {"tag", "atoms", "allow_foreign_objects"};
    return t;
  }();
  return traits;
}

Result<std::unique_ptr<TargetWriter>> createUniversalWriter(WriteRequest request) {
  auto writer = std::make_unique<UniversalWriter>(std::move(request));
  RECAST_TRY(writer->layOut());
  return writer;
}

} // namespace recast::format
