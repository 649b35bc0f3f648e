#include "runtime/format/deepspeed_universal/write/UniversalWriter.h"

#include "runtime/base/Checked.h"
#include "runtime/format/Printable.h"
#include "runtime/format/deepspeed_universal/write/FolderNames.h"
#include "runtime/format/deepspeed_universal/write/OptimizerState.h"
#include "runtime/format/torch/write/TorchFile.h"
#include "runtime/format/write/KeysByName.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

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
  using TargetWriter::TargetWriter;

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
    const TargetTensors &tensors = request_.tensors;
    FolderNames folders;
    folders.reserve(tensors.nameCount());
    RECAST_TRY(folders.add(kOptimizerState, "parameter name"));
    std::vector<bool> hasFolder(tensors.nameCount());
    KeysByName files(tensors.nameCount());
    std::string_view folder = keep(folder_ + "/zero/");
    images_.reserve(tensors.size() + 1 + request_.keptFiles.size());
    bool hasMasters = false;
    for (uint32_t i = 0; i < tensors.size(); ++i) {
      const TargetTensors::Row &row = tensors.row(i);
      const TargetTensor tensor = tensors[i];
      if (!hasFolder[row.name])
        RECAST_TRY(addFolder(tensor, folders));
      hasFolder[row.name] = true;
      RECAST_TRY(checkRole(tensor));
      RECAST_ASSIGN(const StateFile *file, stateFileOf(row.role, tensor.role));
      if (!files.add(row.name, file->state))
        return fail(about(tensor, fmt::format("two tensors would be written to its {}.pt",
                                              printable(stateName(tensor.role)))));
      hasMasters = hasMasters || tensor.role == "master";
      auto atom = atomOf(row, tensor);
      if (!atom)
        return fail(Error(atom.error()).tensor(printable(tensor.name)));
      images_.push_back({folder, tensor.name, file->ending, *atom, i});
    }
    if (!hasMasters)
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

  /// The file of a state in each parameter's folder.
  struct StateFile {
    uint32_t state = 0;      ///< Its number.
    std::string_view ending; ///< "/NAME.pt".
  };

  /// Of a role by its number.
  Result<const StateFile *> stateFileOf(uint32_t number, std::string_view role) {
    std::optional<StateFile> &file = stateFiles_[number];
    if (!file) {
      RECAST_TRY(checkFolderName(role, "role"));
      auto [known, isNew] = states_.try_emplace(
          stateName(role), StateFile{static_cast<uint32_t>(states_.size()), {}});
      if (isNew)
        known->second.ending = keep(fmt::format("/{}.pt", stateName(role)));
      file = known->second;
      RECAST_TRY(stateNames_.add(file->ending.substr(1), "role file"));
    }
    return &*file;
  }

  /// The file of a tensor says its type and shape, or its one value, and nothing else of it.
  Result<uint32_t> atomOf(const TargetTensors::Row &row, const TargetTensor &tensor) {
    AtomKey key{tensor.dtype, row.shape,
                tensor.isScalar ? std::optional(tensor.scalarBits) : std::nullopt};
    if (lastAtom_ && lastAtom_->first == key) // Tensors that are alike follow each other.
      return lastAtom_->second;
    auto found = atoms_.find(key);
    if (found == atoms_.end()) {
      RECAST_ASSIGN(FileTemplate form, atomFile(tensor));
      found = atoms_.emplace(key, addTemplate(std::move(form))).first;
    }
    lastAtom_ = *found;
    return found->second;
  }

  Result<FileTemplate> atomFile(const TargetTensor &tensor) const {
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
    if (flat_)
      ref.shape = {*elements};
    else
      ref.shape.assign(tensor.shape.begin(), tensor.shape.end());
    ObjectPtr atom = plan::tensor(std::move(ref));
    if (!flat_)
      atom = plan::dict({plan::entry("param", std::move(atom))});
    return torch::torchFile(*atom, {{std::string(kTensorKey), 0}}, emit_);
  }

  Status addOptimizerState() {
    if (request_.groups.empty())
      return fail(Error(Code::BadInput, "the source has no parameter groups, and a universal "
                                        "checkpoint restores the optimizer group by group")
                      .hint("Use a source that carries optimizer state, such as a DeepSpeed "
                            "checkpoint, and keep its param_groups."));
    RECAST_ASSIGN(OptimizerState state, makeOptimizerState(request_));
    auto archive = torch::torchFile(*state.root, {}, emit_);
    if (!archive)
      return fail(Error(archive.error()).file(folder_ + "/zero/optimizer_state.pt"));
    addImage(folder_ + "/zero/optimizer_state.pt", std::move(*archive));
    notes_.insert(notes_.end(), state.notes.begin(), state.notes.end());
    return {};
  }

  /// ZeRO-1 and 2 look for mp_rank_MM_model_states.pt, ZeRO-3 for zero_pp_rank_0_mp_rank_MM_...:
  /// whichever the source has, the other name is linked to it.
  Status addKeptFiles() {
    FolderNames names;
    std::set<std::string> files;
    for (uint32_t i = 0; i < request_.keptFiles.size(); ++i) {
      const KeptFile &kept = request_.keptFiles[i];
      auto [at, isNew] = files.insert(kept.path.substr(kept.path.rfind('/') + 1));
      const std::string &name = *at;
      RECAST_TRY(names.add(name, "kept file"));
      if (name == "zero" || !isNew)
        return fail(
            Error(Code::BadInput,
                  fmt::format("two files of the target would be called '{}'", printable(name)))
                .file(printable(kept.path)));
      FileTemplate file;
      file.size = kept.size;
      file.verbatim.push_back({0, i});
      addImage(folder_ + "/" + name, std::move(file));
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
    const TargetTensors &tensors = request_.tensors;
    std::vector<uint8_t> adam(tensors.nameCount()); ///< How many of these a parameter has.
    bool hasUnits = false;
    for (uint32_t i = 0; i < tensors.size(); ++i) {
      std::string_view role = tensors[i].role;
      if (std::ranges::find(kAdam, role) != std::end(kAdam))
        ++adam[tensors.row(i).name];
      hasUnits = hasUnits || isUnitRole(role);
    }
    if (hasUnits)
      notes_.push_back("the universal loader leaves frozen parameters and buffers at their initial "
                       "values; their values are in the folder all the same");
    if (std::ranges::any_of(adam, [&](uint8_t of) { return of != 0 && of != std::size(kAdam); }))
      notes_.push_back("not every parameter has exp_avg and exp_avg_sq: ZeRO-3's universal loader "
                       "needs both, ZeRO-1 and 2 take what is there");
    if (flat_)
      notes_.push_back("atoms = flat: only ZeRO-3 loads bare tensors");
  }

  std::string folder_; ///< "TAG_universal".
  bool flat_ = false;
  torch::EmitOptions emit_;
  /// Type, shape by its number, value if it is known now.
  using AtomKey = std::tuple<DType, uint32_t, std::optional<uint64_t>>;
  std::map<AtomKey, uint32_t> atoms_; ///< Templates.
  std::optional<std::pair<AtomKey, uint32_t>> lastAtom_;
  std::vector<std::optional<StateFile>> stateFiles_ = ///< By role.
      std::vector<std::optional<StateFile>>(request_.tensors.roleCount());
  std::map<std::string_view, StateFile> states_;
  FolderNames stateNames_;
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
