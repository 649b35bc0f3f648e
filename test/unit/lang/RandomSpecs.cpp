#include "RandomSpecs.h"

#include "lang/ast/Words.h"

#include <cmath>
#include <random>

namespace recast::lang::test {
namespace {

/// Random specs of the builder: any names, values and statements that a text can hold.
class Generator {
public:
  explicit Generator(unsigned seed) : random_(seed) {}

  void fill(SpecBuilder &s) {
    for (unsigned i = upTo(4); i > 0; --i)
      s.let(name(), value(3));
    for (unsigned i = upTo(2); i > 0; --i)
      s.use(text());
    for (unsigned i = upTo(2); i > 0; --i)
      model(s);
    for (unsigned i = upTo(2); i > 0; --i)
      view(s);
    for (unsigned i = upTo(2); i > 0; --i)
      pipeline(s);
    std::vector<EndpointRef> ends;
    for (unsigned i = 1 + upTo(3); i > 0; --i)
      ends.push_back(endpoint(s));
    for (unsigned i = upTo(2); i > 0; --i) {
      std::vector<EndpointRef> targets;
      for (unsigned n = 1 + upTo(2); n > 0; --n)
        targets.push_back(ends[upTo(ends.size() - 1)]);
      const EndpointRef &source = ends[upTo(ends.size() - 1)];
      JobRef job = upTo(2) ? s.convert(source, targets) : s.restore(source, targets);
      if (upTo(3) == 0)
        job.deadline(name());
      for (unsigned n = upTo(8); n > 0; --n)
        statement(job);
    }
  }

private:
  unsigned upTo(size_t most) { return static_cast<unsigned>(random_() % (most + 1)); }

  std::string name() {
    // Words of the grammar are names too, wherever a name may stand.
    static const char *const kNames[] = {
        "let",    "source",  "target",  "convert",  "as",     "same",     "on",        "replicated",
        "for",    "drop",    "files",   "objects",  "expect", "check",    "budget",    "init",
        "only",   "keep",    "cast",    "role",     "and",    "in",       "otherwise", "copy",
        "from",   "by",      "to",      "pad",      "split",  "of",       "x",         "weight",
        "_",      "Ab9_z",   "stages",  "base",     "dims",   "tied",     "if",        "when",
        "ignore", "over",    "model",   "view",     "use",    "stage",    "varying",   "at",
        "select", "average", "restore", "pipeline", "assign", "deadline", "predict"};
    return kNames[upTo(std::size(kNames) - 1)];
  }
  /// `as same` speaks of no view.
  std::string viewName() {
    std::string out = name();
    return out == "same" ? "x" : out;
  }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (unsigned i = 1 + upTo(2); i > 0; --i)
      out.push_back(name());
    return out;
  }
  std::string text() {
    std::string out;
    for (unsigned i = upTo(6); i > 0; --i) {
      static const char *const kParts[] = {"a",    "*",    " ",        "\"",   "\\",
                                           "\n",   "\t",   "\r",       "#",    "{",
                                           "\x01", "\x7F", "\xC3\xA9", "\xFF", "\xE2\x82"};
      out += kParts[upTo(std::size(kParts) - 1)];
    }
    return out;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> out;
    for (unsigned i = 1 + upTo(2); i > 0; --i)
      out.push_back(text());
    return out;
  }

  Value value(unsigned depth) {
    switch (depth == 0 ? upTo(6) : upTo(12)) {
    case 0:
      return Value(static_cast<int64_t>(random_()));
    case 1:
      return Value(static_cast<int64_t>(upTo(10)));
    case 2:
      return Value(std::ldexp(static_cast<double>(random_()), static_cast<int>(upTo(200)) - 100));
    case 3:
      return bytes(uint64_t{upTo(5000)} << upTo(40));
    case 4:
      return Value(text());
    case 5:
      return Value(upTo(1) == 1);
    case 6:
      return lang::name(name());
    case 7:
      return tuple(args(depth - 1, 1));
    case 8:
      return callOf(name(), args(depth - 1, 0));
    case 9: {
      Value base = upTo(1) ? lang::name(name()) : callOf(name(), args(depth - 1, 0));
      return upTo(1) ? base[name()] : base[name()][name()];
    }
    default: {
      Value a = value(depth - 1), b = value(depth - 1);
      switch (upTo(4)) {
      case 0:
        return a + b;
      case 1:
        return a - b;
      case 2:
        return a * b;
      case 3:
        return a / b;
      default:
        return a.orElse(b);
      }
    }
    }
  }
  std::vector<Arg> args(unsigned depth, unsigned least) {
    std::vector<Arg> out;
    for (unsigned i = least + upTo(2); i > 0; --i)
      out.push_back(upTo(1) ? arg(value(depth)) : arg(name(), value(depth)));
    return out;
  }
  Value relation() {
    Value a = value(2), b = value(2);
    switch (upTo(6)) {
    case 0:
      return a == b;
    case 1:
      return a != b;
    case 2:
      return a < b;
    case 3:
      return a <= b;
    case 4:
      return a > b;
    case 5:
      return a >= b;
    default:
      return a;
    }
  }
  Value condition() {
    Value out = relation();
    for (unsigned i = upTo(2); i > 0; --i)
      out = out && relation();
    return out;
  }

  LayoutStep step() {
    switch (upTo(6)) {
    case 0:
      return pad(name(), value(2));
    case 1: {
      // `by` ends the axes.
      auto axes = names();
      for (std::string &axis : axes)
        if (axis == "by")
          axis = "d0";
      static const char *const kRules[] = {"", "even", "ceil", "balanced"};
      return split(axes, names(), kRules[upTo(3)]);
    }
    case 2:
      return splitWidths({"d0"}, names(), {0, upTo(9), INT64_MAX});
    case 3:
      return chunk(upTo(9), name());
    case 4:
      return stage(name(), upTo(1) ? std::vector<int64_t>{upTo(2), 9} : std::vector<int64_t>());
    case 5:
      return varying(name());
    default:
      return flat(name(), upTo(1) ? "param" : "group");
    }
  }

  std::string joined(const std::vector<std::string> &parts, const char *separator) {
    std::string out;
    for (const std::string &part : parts)
      out += (out.empty() ? "" : separator) + part;
    return out;
  }
  /// What `check` lets a tensor or group be called.
  std::string itemName() {
    std::string out = name();
    return out == "if" || out == "when" || out == "and" || out == "in" ? "q" : out;
  }
  std::string segment() {
    switch (upTo(4)) {
    case 0:
      return "{" + name() + ": " + joined(names(), " ") + "}";
    case 1:
      return "[" + joined(names(), ", ") + "]";
    case 2:
      return itemName() + "[" + name() + "]";
    default:
      return itemName();
    }
  }
  std::string path() {
    std::string out = segment();
    for (unsigned i = upTo(2); i > 0; --i)
      out += "." + segment();
    return out;
  }
  std::vector<std::string> paths() {
    std::vector<std::string> out;
    for (unsigned i = 1 + upTo(1); i > 0; --i)
      out.push_back(path());
    return out;
  }

  void items(ModelScope &scope, unsigned depth) {
    for (unsigned i = upTo(3); i > 0; --i) {
      if (depth > 0 && upTo(3) == 0) {
        std::string group = itemName(); // After a tensor, `tied` would go on with that.
        ModelScope inner = scope.group(group == "tied" ? "q" : group, name(), value(1));
        items(inner, depth - 1);
        continue;
      }
      std::vector<std::string> axes;
      for (unsigned n = upTo(3); n > 0; --n)
        axes.push_back(joined(names(), " "));
      auto tensor = scope.tensor(itemName(), axes);
      if (upTo(2) == 0)
        tensor.tied(path());
      else if (upTo(2) == 0)
        tensor.tiedWhen(path(), condition());
      if (upTo(2) == 0)
        tensor.onlyIf(condition());
    }
  }
  void model(SpecBuilder &s) {
    ModelRef made = s.model(name(), upTo(1) ? names() : std::vector<std::string>());
    for (unsigned i = upTo(3); i > 0; --i)
      made.dim(name(), value(2));
    items(made, 3);
  }
  void view(SpecBuilder &s) {
    ViewRef made = s.view(name(), name());
    if (upTo(1))
      made.over(names());
    for (unsigned i = upTo(3); i > 0; --i) {
      RuleRef rule = made.rule(path(), text());
      if (upTo(1))
        rule.map(text());
      for (unsigned n = upTo(2); n > 0; --n)
        rule.step(step());
      if (upTo(2) == 0)
        rule.onlyIf(condition());
    }
    for (unsigned i = upTo(2); i > 0; --i)
      made.ignore(text());
  }

  void pipeline(SpecBuilder &s) {
    PipelineRef made = s.pipeline(name());
    for (unsigned i = upTo(4); i > 0; --i)
      made.set(name(), value(3));
    for (unsigned i = upTo(2); i > 0; --i)
      made.assign(operation(name(), args(2, 0)), texts());
  }

  EndpointRef endpoint(SpecBuilder &s) {
    Format format{name(), args(2, 0)};
    EndpointRef end = upTo(1) ? s.target(name(), format) : s.source(name(), format);
    if (upTo(2) == 0)
      end.as(viewName(), upTo(1) ? lang::name(name()) : callOf(name(), args(2, 0)));
    else
      for (unsigned i = upTo(2); i > 0; --i) {
        std::vector<LayoutStep> steps;
        for (unsigned n = 1 + upTo(2); n > 0; --n)
          steps.push_back(step());
        end.same(text(), steps);
      }
    if (upTo(1)) {
      end.on({{name(), upTo(8)}, {name(), INT64_MAX}});
      if (upTo(1))
        end.replicated(names());
    }
    if (upTo(4) == 0)
      end.stages(name());
    return end;
  }

  Chain chain() {
    Chain out = upTo(1) ? role(name()) : operation(name(), args(2, 0));
    if (upTo(7) == 0) { // Before anything else.
      out = predict({name(), name()}, {arg("s", upTo(9)), arg("rule", lang::name("adam"))});
      if (upTo(1))
        out.operations.back().args.push_back(arg("betas", tuple({arg(0.5), arg(0.25)})));
    }
    if (upTo(3) == 0)
      out = out | (upTo(1) ? average() : select(name(), upTo(9)));
    for (unsigned i = upTo(2); i > 0; --i)
      out = out | operation(name(), args(2, 0));
    return out;
  }

  void common(Scope &scope) {
    switch (upTo(11)) {
    case 0:
      scope.roles(names()) = chain();
      break;
    case 1:
      scope.roles(names()).in(texts()) = chain();
      break;
    case 2:
      scope.elseRoles() = chain();
      break;
    case 3:
      scope.drop(names(), upTo(1) ? texts() : std::vector<std::string>());
      break;
    case 4:
      scope.dropElse();
      break;
    case 5: {
      Objects objects = scope.objects();
      for (unsigned i = upTo(3); i > 0; --i)
        objects.rule({name() + "." + name(), name()}, operation(name(), args(2, 0)));
      if (upTo(1))
        objects.dropElse();
      break;
    }
    case 6:
      scope.files(texts(), value(2));
      break;
    case 7:
      scope.expect(condition());
      break;
    case 8: {
      // A role that is called like a statement takes patterns only.
      std::vector<std::string> roles = names(),
                               globs = upTo(1) ? texts() : std::vector<std::string>();
      if (roles.size() == 1 && globs.empty() && isStatementWord(roles[0]))
        roles[0] = "weight";
      scope.roles(roles).in(globs).at(paths()) = chain();
      break;
    }
    case 9:
      scope.only(texts(), upTo(1) ? paths() : std::vector<std::string>());
      break;
    case 10:
      scope.init(names(), operation(name(), args(2, 0)), texts(),
                 upTo(1) ? paths() : std::vector<std::string>());
      break;
    default:
      scope.check(condition(), upTo(1) ? name() : "");
    }
  }

  void statement(JobRef &job) {
    switch (upTo(6)) {
    case 0: {
      Scope scope = job.forTargets(names());
      for (unsigned i = upTo(4); i > 0; --i)
        common(scope);
      break;
    }
    case 1:
      job.budget(uint64_t{upTo(5000)} << upTo(40));
      break;
    default:
      common(job);
    }
  }

  std::mt19937 random_;
};

} // namespace

void fillRandomly(SpecBuilder &builder, unsigned seed) { Generator(seed).fill(builder); }

} // namespace recast::lang::test
