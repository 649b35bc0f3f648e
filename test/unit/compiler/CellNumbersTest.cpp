#include "compiler/Bind/CellNumbers.h"

#include <gtest/gtest.h>
#include <string>

namespace recast::compiler {
namespace {

/// Adds all cells twice and finds them; then those beside them, which are not there.
void expectNumbered(CellNumbers &cells, const std::vector<Name> &names, uint32_t roles) {
  for (int round = 0; round < 2; ++round)
    for (uint32_t n = 0; n < names.size(); ++n)
      for (uint32_t role = 0; role < roles; ++role)
        ASSERT_EQ(cells.add(names[n], role), n * roles + role);
  EXPECT_EQ(cells.size(), names.size() * roles);
  for (uint32_t n = 0; n < names.size(); ++n) {
    ASSERT_EQ(cells.find(names[n], roles - 1), n * roles + roles - 1);
    ASSERT_EQ(cells.find(names[n], roles), CellNumbers::kNone);
  }
  EXPECT_EQ(cells.find("of no cell", 0), CellNumbers::kNone);
}

std::vector<Name> namesUpTo(uint32_t count) {
  std::vector<Name> out;
  for (uint32_t n = 0; n < count; ++n)
    out.push_back("cell." + std::to_string(n));
  return out;
}

TEST(CellNumbers, CountInTheOrderOfMeeting) {
  CellNumbers cells(20'000);
  expectNumbered(cells, namesUpTo(5'000), 4);
}

TEST(CellNumbers, GrowBeyondWhatWasExpectedWithRolesOfManyLines) {
  CellNumbers cells(0);
  expectNumbered(cells, namesUpTo(50), 1'001);
}

} // namespace
} // namespace recast::compiler
