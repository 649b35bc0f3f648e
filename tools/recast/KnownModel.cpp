#include "tools/recast/KnownModel.h"

#include "runtime/format/read/ConfigFile.h"
#include "runtime/format/read/Values.h"

#include <algorithm>
#include <filesystem>
#include <map>

namespace recast::tools {
namespace {

/// `model_type` of transformers -> model of the standard library, which is called like its file.
const std::map<std::string, std::string> kArchitectures = {
    {"llama", "llama"}, {"mistral", "llama"}, {"qwen2", "qwen2"},
    {"qwen3", "qwen3"}, {"gpt2", "gpt2"},
};

/// A name that one view has and no other, per model.
struct Mark {
  const char *model, *name, *view;
};
constexpr Mark kMarks[] = {
    {"llama", "model.embed_tokens.weight", "hf"},
    {"llama", "embed.weight", "fused"},
    {"qwen2", "model.embed_tokens.weight", "hf"},
    {"qwen2", "embed.weight", "fused"},
    {"qwen3", "model.embed_tokens.weight", "hf"},
    {"qwen3", "embed.weight", "fused"},
    {"gpt2", "transformer.wte.weight", "hf"},
    {"gpt2", "wte.weight", "hf_base"},
    {"gpt2", "embed.weight", "fused"},
};

} // namespace

std::optional<KnownModel> recogniseModel(const format::Inventory &source) {
  std::string config = source.root + "/config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(config, ignored))
    return std::nullopt;
  auto read = format::readConfig(config);
  if (!read)
    return std::nullopt;
  auto type = format::stringOf((*read)->find("model_type"));
  auto model = type ? kArchitectures.find(*type) : kArchitectures.end();
  if (model == kArchitectures.end())
    return std::nullopt;
  for (const Mark &mark : kMarks)
    if (model->second == mark.model &&
        std::any_of(source.tensors.begin(), source.tensors.end(),
                    [&](const format::Tensor &tensor) { return tensor.name == mark.name; }))
      return KnownModel{"std/" + model->second + ".ucl", model->second, mark.view, config};
  return std::nullopt;
}

} // namespace recast::tools
