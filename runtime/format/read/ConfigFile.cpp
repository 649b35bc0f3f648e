#include "runtime/format/read/ConfigFile.h"

#include "runtime/base/Printable.h"
#include "runtime/base/StrictJson.h"
#include "runtime/io/File.h"

#include <cmath>
#include <limits>
#include <set>

namespace recast::format {
namespace {
using plan::ObjectPtr;

/// Configurations are a few kilobytes, some hundred with the labels of a classifier.
constexpr uint64_t kLargestConfig = uint64_t{16} << 20;
constexpr size_t kMaxNodes = size_t{1} << 18;

class Parser : public StrictJson {
public:
  ObjectPtr root;

  bool null() override { return take(plan::none()); }
  bool boolean(bool value) override { return take(plan::boolean(value)); }
  bool number_integer(number_integer_t value) override { return take(plan::integer(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return refuse(fmt::format("{} does not fit into 64 bits", value));
    return take(plan::integer(static_cast<int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t &text) override {
    return std::isfinite(value) ? take(plan::real(value)) : refuse("a number is too large");
  }
  bool string(string_t &value) override { return take(plan::string(std::move(value))); }
  bool start_array(std::size_t) override { return open(false); }
  bool end_array() override { return close(); }
  bool start_object(std::size_t) override { return open(true); }
  bool end_object() override { return close(); }
  bool key(string_t &name) override {
    if (!open_.back().keys.insert(name).second)
      return refuse(fmt::format("it has the key '{}' twice", printable(name)));
    open_.back().key = std::move(name);
    return true;
  }

private:
  /// An array or object that has not ended.
  struct Open {
    bool isObject = false;
    std::string key;
    std::set<std::string> keys;
    std::vector<ObjectPtr> items;
    std::vector<std::pair<ObjectPtr, ObjectPtr>> entries;
  };

  bool open(bool isObject) {
    if (open_.empty() && !isObject)
      return refuse("it is no JSON object");
    if (open_.size() >= static_cast<size_t>(plan::kMaxObjectDepth))
      return refuse("it nests too deeply");
    open_.emplace_back().isObject = isObject;
    return true;
  }
  bool close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    return take(done.isObject ? plan::dict(std::move(done.entries))
                              : plan::list(std::move(done.items)));
  }
  bool take(ObjectPtr value) {
    if (++nodes_ > kMaxNodes)
      return refuse(fmt::format("it has more than {} values", kMaxNodes));
    if (open_.empty()) {
      if (!value->isDict())
        return refuse("it is no JSON object");
      root = std::move(value);
    } else if (open_.back().isObject) {
      open_.back().entries.push_back(plan::entry(std::move(open_.back().key), std::move(value)));
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }

  std::vector<Open> open_;
  size_t nodes_ = 0;
};

} // namespace

Result<ObjectPtr> parseConfig(std::string_view json) {
  Parser parser;
  if (Status parsed = parser.parse(json); !parsed)
    return fail(Error(Code::BadInput,
                      fmt::format("not a usable configuration: {}", parsed.error().message()))
                    .hint("Models take the config.json that transformers writes."));
  return parser.root;
}

Result<ObjectPtr> readConfig(const std::string &path) {
  RECAST_ASSIGN(std::string text, io::readWhole(path, kLargestConfig));
  auto parsed = parseConfig(text);
  if (!parsed)
    return fail(Error(std::move(parsed).error()).file(path));
  return parsed;
}

} // namespace recast::format
