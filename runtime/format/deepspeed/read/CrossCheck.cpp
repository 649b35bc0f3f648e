#include "runtime/format/deepspeed/read/CrossCheck.h"

#include "runtime/format/Printable.h"

#include <fmt/format.h>

namespace recast::format::deepspeed {
namespace {

constexpr std::string_view kMixed = "Files of different saves lie in this folder: copy the "
                                    "checkpoint again from where it is whole.";

class Differences {
public:
  Differences(const std::string &first, const std::string &file) : first_(first), file_(file) {}

  void add(std::string_view what, std::string_view here, std::string_view there) {
    out_.push_back(Error(Code::BadInput, fmt::format("{} is {} here and {} in '{}'", what, here,
                                                     there, printable(first_)))
                       .file(file_)
                       .hint(kMixed));
  }
  void add(std::string_view what) {
    out_.push_back(
        Error(Code::BadInput, fmt::format("{} not equal to that of '{}'", what, printable(first_)))
            .file(file_)
            .hint(kMixed));
  }
  void optional(std::string_view what, std::optional<int64_t> here, std::optional<int64_t> there) {
    auto text = [](std::optional<int64_t> value) {
      return value ? std::to_string(*value) : std::string("absent");
    };
    if (here != there)
      add(what, text(here), text(there));
  }
  std::vector<Error> take() { return std::move(out_); }

private:
  const std::string &first_, &file_;
  std::vector<Error> out_;
};

template <typename Value>
bool sameKeys(const std::map<std::string, Value> &a, const std::map<std::string, Value> &b) {
  auto key = [](const auto &x, const auto &y) { return x.first == y.first; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), key);
}

void flatDifferences(const FlatState &a, const FlatState &b, size_t group, Differences &out) {
  if (!sameKeys(a.elements, b.elements) || !sameKeys(a.scalars, b.scalars))
    return out.add(fmt::format("the set of optimizer states of group {} is", group));
  for (const auto &[key, value] : b.scalars)
    if (!(a.scalars.at(key) == value))
      out.add(fmt::format("'{}' of group {}", printable(key), group), str(value),
              str(a.scalars.at(key)));
  bool sameTypes = a.master.dtype == b.master.dtype;
  for (const auto &[key, tensor] : b.elements)
    sameTypes = sameTypes && a.elements.at(key).dtype == tensor.dtype;
  if (!sameTypes)
    out.add(fmt::format("the element type of group {} is", group));
  if (a.alignment != b.alignment)
    out.add(fmt::format("'param_alignment_paddings' of group {} is", group));
}

} // namespace

std::vector<Error> differences(const RankStates &first, const RankStates &rank) {
  Differences out(first.name, rank.name);
  if (first.stage != rank.stage)
    out.add("the ZeRO stage", std::to_string(rank.stage), std::to_string(first.stage));
  if (first.version != rank.version)
    out.add("the DeepSpeed version", printable(rank.version), printable(first.version));
  if (first.flats.size() != rank.flats.size()) {
    out.add("the number of groups", std::to_string(rank.flats.size()),
            std::to_string(first.flats.size()));
    return out.take();
  }
  for (size_t g = 0; g < first.flats.size(); ++g)
    flatDifferences(first.flats[g], rank.flats[g], g, out);
  if (!plan::equal(*first.paramGroups, *rank.paramGroups))
    out.add("'param_groups' (learning rates and the like) is");
  // Scalars such as the loss scale and `overflow` exist once per rank, and must agree.
  std::map<std::string_view, const plan::Object *> mine;
  for (const auto &[key, value] : first.rest->entries)
    mine.emplace(key->text, value.get());
  for (const auto &[key, value] : rank.rest->entries) {
    // Paddings differ by rank, and are computed rather than trusted.
    if (key->text == "group_paddings")
      continue;
    auto found = mine.find(key->text);
    if (found == mine.end() || !plan::equal(*found->second, *value))
      out.add(fmt::format("'{}' is", printable(key->text)));
  }
  if (first.rest->entries.size() != rank.rest->entries.size())
    out.add("the set of optimizer entries is");
  return out.take();
}

std::vector<Error> differences(const ModelStates &first, const ModelStates &rank) {
  Differences out(first.name, rank.name);
  if (first.version != rank.version)
    out.add("the DeepSpeed version", printable(rank.version), printable(first.version));
  out.optional("global_steps", rank.iteration, first.iteration);
  out.optional("skipped_steps", rank.skippedSteps, first.skippedSteps);
  out.optional("dp_world_size", rank.dpWorld, first.dpWorld);
  if (first.paramShapes != rank.paramShapes)
    out.add("'param_shapes' is");
  if (first.frozenShapes != rank.frozenShapes)
    out.add("'frozen_param_shapes' is");
  if (first.bufferNames != rank.bufferNames)
    out.add("'buffer_names' is");
  return out.take();
}

std::vector<Error> differences(const ModelStates &model, const RankStates &rank, int64_t world,
                               bool zero3) {
  Differences out(model.name, rank.name);
  if (!model.version.empty() && !rank.version.empty() && model.version != rank.version)
    out.add("the DeepSpeed version", printable(rank.version), printable(model.version));
  if ((rank.stage == 3) != zero3)
    out.add(fmt::format("the ZeRO stage ({}) does not fit the kind of model states: it is",
                        rank.stage));
  if (rank.partitionCount && *rank.partitionCount != world)
    out.add("the number of partitions", std::to_string(*rank.partitionCount),
            std::to_string(world));
  if (model.hasParamShapes && model.paramShapes.size() != rank.flats.size())
    out.add("the number of groups", std::to_string(rank.flats.size()),
            std::to_string(model.paramShapes.size()));
  return out.take();
}

} // namespace recast::format::deepspeed
