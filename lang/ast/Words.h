// The words that the language knows, as tables: the checker names the nearest one, the builder
// needs to know which names are operations.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace recast::lang {

struct KnownWord {
  std::string_view name;
  bool available; ///< False: a word of the language that this version does not carry out.
};

/// What may stand in a chain. A chain that begins with any other name begins with a role.
std::span<const KnownWord> operationWords();
/// What elements without a source may be filled with.
std::span<const KnownWord> initWords();
/// What may be done with an object.
std::span<const KnownWord> objectPolicyWords();
/// Formats of endpoints.
std::span<const KnownWord> formatWords();
/// Words that begin a statement of a job.
std::span<const KnownWord> statementWords();
/// Words that begin a layout step.
/// Whether the word begins a statement of a job, or continues one.
bool isStatementWord(std::string_view word);
std::span<const KnownWord> stepWords();
/// What a pipeline says, `assign` among them.
std::span<const KnownWord> pipelineWords();
/// How `assign` gives tensors to stages.
std::span<const KnownWord> assignWords();
/// Words that begin an item of a file.
std::span<const KnownWord> itemWords();

const KnownWord *findWord(std::span<const KnownWord> words, std::string_view name);

/// Letters, digits and '_', not beginning with a digit, and neither `true` nor `false`.
bool isIdentifier(std::string_view text);

/// "512MiB": the exact spelling in the largest unit that divides `bytes`.
std::string spellSize(uint64_t bytes);

} // namespace recast::lang
