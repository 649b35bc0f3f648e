#include "runtime/plan/ObjectEdit.h"

#include <gtest/gtest.h>

namespace recast::plan {
namespace {

using Path = std::vector<std::string>;

/// argparse.Namespace(tp = 2, paths = {"data": "a"}), as pickle builds one.
ObjectPtr arguments() {
  auto made = std::make_shared<Object>();
  made->kind = Object::Kind::Instance;
  ObjectPtr state =
      dict({entry("tp", integer(2)), entry("paths", dict({entry("data", string("a"))}))});
  made->items = {global("argparse", "Namespace"), tuple({}), state};
  return made;
}

TEST(ObjectEdit, FindsEntriesAndAttributes) {
  ObjectPtr root = dict({entry("args", arguments()), entry("step", integer(7))});
  EXPECT_EQ(at(*root, Path{"step"})->integer, 7);
  EXPECT_EQ(at(*root, Path{"args", "paths", "data"})->text, "a");
  EXPECT_EQ(at(*root, Path{"args", "absent"}), nullptr);
  EXPECT_EQ(at(*root, Path{"step", "deeper"}), nullptr);
  EXPECT_EQ(at(*root, Path{}), root.get());
}

TEST(ObjectEdit, ReplacesAddsAndRemovesAndLeavesTheOriginal) {
  ObjectPtr root = dict({entry("args", arguments()), entry("step", integer(7))});
  auto changed = edited(root, Path{"args", "tp"}, integer(4));
  ASSERT_TRUE(changed);
  EXPECT_EQ(at(**changed, Path{"args", "tp"})->integer, 4);
  EXPECT_EQ(at(*root, Path{"args", "tp"})->integer, 2);
  auto added = edited(root, Path{"args", "new"}, boolean(true));
  ASSERT_TRUE(added);
  EXPECT_EQ(at(**added, Path{"args"})->items[2]->entries.back().first->text, "new");
  auto removed = edited(root, Path{"step"}, nullptr);
  ASSERT_TRUE(removed);
  EXPECT_EQ((*removed)->entries.size(), 1u);
  EXPECT_EQ(root->entries.size(), 2u);
}

TEST(ObjectEdit, SaysWhatIsNotThere) {
  ObjectPtr root = dict({entry("step", integer(7))});
  EXPECT_FALSE(edited(root, Path{"absent"}, nullptr));
  EXPECT_FALSE(edited(root, Path{"absent", "deeper"}, integer(1)));
  auto error = edited(root, Path{"step", "deeper"}, integer(1));
  ASSERT_FALSE(error);
  EXPECT_NE(error.error().message().find("has no entries"), std::string::npos);
}

} // namespace
} // namespace recast::plan
