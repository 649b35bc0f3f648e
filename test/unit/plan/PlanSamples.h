// Plans for tests: a fixed one that uses every field, and random valid ones.
#pragma once

#include "runtime/plan/Plan.h"

#include <random>

namespace recast::plan::test {

/// The plan of test/data/plan/v1.5.rplan.
Plan goldenPlan();

/// A valid plan: a few families over whole, sharded, flat and grouped layouts, scalars among them.
Plan randomPlan(uint32_t seed);

/// A plan with one family of `shape` whose inputs have the given layouts, and no members yet: the
/// first input as bf16, the others compared with it.
Plan planOf(std::vector<int64_t> shape, const std::vector<std::string> &inputs,
            const std::string &output = "whole");

/// Appends a store with one extent per rank of `layout`, each long enough for any member with
/// `elements` logical elements, in a new file of its own; returns its index.
uint32_t addStore(Plan &plan, int64_t ranks, int64_t elements, unsigned width);

/// Id of `text` in the string table, appended if new.
uint32_t addString(Plan &plan, const std::string &text);

/// Into the order that a plan wants.
void sortDeadlines(Plan &plan);

layout::Layout parseLayout(const std::string &text);
recipe::Recipe parseRecipe(const std::string &text);

} // namespace recast::plan::test
