#include "lang/ast/Words.h"

#include <algorithm>

namespace recast::lang {
namespace {
constexpr KnownWord kOperations[] = {
    {"keep", true},        {"cast", true},           {"role", true},
    {"drop", false},       {"quantize", false},      {"dequantize", false},
    {"requantize", false}, {"repack", false},        {"average", true},
    {"select", true},      {"predict", true},        {"apply", false},
    {"xor", false},        {"planes", false},        {"zstd", false},
    {"rans", false},       {"block8", false},        {"codebook", false},
    {"code_delta", false}, {"group_dropout", false}, {"separate_quant", false}};
constexpr KnownWord kInits[] = {{"zeros", true}, {"ones", true}, {"constant", true}};
constexpr KnownWord kPolicies[] = {{"keep", true},  {"drop", true},     {"set", true},
                                   {"merge", true}, {"per_rank", true}, {"by_name", true}};
constexpr KnownWord kFormats[] = {
    {"deepspeed", true}, {"deepspeed_universal", true}, {"safetensors", true}, {"torch", true},
    {"dcp", false},      {"megatron", false},           {"recast", false},     {"memory", true}};
constexpr KnownWord kStatements[] = {{"else", true},  {"for", true},     {"objects", true},
                                     {"files", true}, {"drop", true},    {"expect", true},
                                     {"check", true}, {"budget", true},  {"init", true},
                                     {"only", true},  {"deadline", true}};
constexpr KnownWord kSteps[] = {{"pad", true},  {"split", true}, {"chunk", true},
                                {"flat", true}, {"stage", true}, {"varying", true}};
constexpr KnownWord kPipelineAttributes[] = {
    {"ranks", true}, {"chunks", true}, {"microbatches", true}, {"schedule", true},
    {"group", true}, {"update", true}, {"weights", true},      {"cost", true},
    {"ties", true},  {"assign", true}, {"actions", true},      {"rank_of", true}};
constexpr KnownWord kAssigns[] = {
    {"uniform", true}, {"by_cost", true}, {"first", true}, {"last", true}, {"stage", true}};
constexpr KnownWord kItems[] = {{"use", true},     {"let", true},      {"model", true},
                                {"view", true},    {"source", true},   {"target", true},
                                {"convert", true}, {"pipeline", true}, {"restore", true},
                                {"append", false}, {"delta", false}};

bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
} // namespace

std::span<const KnownWord> operationWords() { return kOperations; }
std::span<const KnownWord> initWords() { return kInits; }
std::span<const KnownWord> objectPolicyWords() { return kPolicies; }
std::span<const KnownWord> formatWords() { return kFormats; }
std::span<const KnownWord> statementWords() { return kStatements; }
bool isStatementWord(std::string_view word) {
  return findWord(kStatements, word) || word == "otherwise" || word == "and";
}
std::span<const KnownWord> stepWords() { return kSteps; }
std::span<const KnownWord> itemWords() { return kItems; }
std::span<const KnownWord> pipelineWords() { return kPipelineAttributes; }
std::span<const KnownWord> assignWords() { return kAssigns; }

const KnownWord *findWord(std::span<const KnownWord> words, std::string_view name) {
  auto found = std::find_if(words.begin(), words.end(),
                            [&](const KnownWord &word) { return word.name == name; });
  return found == words.end() ? nullptr : &*found;
}

bool isIdentifier(std::string_view text) {
  if (text.empty() || !isLetter(text[0]) || text == "true" || text == "false")
    return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return isLetter(c) || (c >= '0' && c <= '9'); });
}

std::string spellSize(uint64_t bytes) {
  static constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t unit = 0;
  while (unit + 1 < std::size(kUnits) && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + std::string(kUnits[unit]);
}

} // namespace recast::lang
