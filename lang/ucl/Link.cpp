#include "lang/ucl/Link.h"

#include "lang/ucl/CheckImpl.h"
#include "lang/ucl/Parser.h"

#include <filesystem>
#include <fmt/format.h>
#include <set>

namespace recast::lang {
namespace {

/// More files than any spec needs; a cycle ends earlier, since each file is read once.
constexpr size_t kMaxFiles = 100;

std::string folderOf(const std::string &file) {
  size_t slash = file.rfind('/');
  return slash == std::string::npos ? "" : file.substr(0, slash + 1);
}

/// The model that `expr` applies, through `let`s; empty if it is none.
std::string modelNamed(const Spec &spec, ExprPtr expr) {
  for (unsigned depth = 0; expr && depth < 64; ++depth) {
    if (expr->kind == Expr::Kind::Call)
      return expr->text;
    const ExprPtr *value = expr->kind == Expr::Kind::Name ? spec.let(expr->text) : nullptr;
    expr = value ? *value : nullptr;
  }
  return {};
}

class Linker {
public:
  explicit Linker(const FileReader &read) : read_(read) {}

  Status bring(const Use &use, const std::string &from, std::string_view fromText) {
    auto failHere = [&](std::string message) {
      return fail(errorAt({fromText, from}, use.loc, 3, message));
    };
    if (use.path.empty() || use.path.find('\0') != std::string::npos)
      return failHere("`use` needs the name of a file");
    // In one spelling, so that a file that is reached twice is read once.
    std::string path =
        (std::filesystem::path(folderOf(from)) / use.path).lexically_normal().string();
    std::string text;
    RECAST_ASSIGN(std::optional<std::string> found, read_(path));
    if (found) {
      text = std::move(*found);
    } else if (auto standard = standardFile(use.path)) {
      path = use.path;
      text = *standard;
    } else {
      return failHere(fmt::format("there is no file \"{}\", neither beside this one nor in the "
                                  "standard library{}",
                                  use.path, didYouMean(use.path, standardFiles())));
    }
    if (!seen_.insert(path).second)
      return {};
    if (seen_.size() > kMaxFiles)
      return failHere(fmt::format("more than {} files are used", kMaxFiles));
    RECAST_ASSIGN(Spec library, parse(text, path));
    if (!library.lets.empty() || !library.endpoints.empty() || !library.jobs.empty())
      return failHere(
          fmt::format("\"{}\" is no library: it holds more than models and views", use.path));
    for (const Use &inner : library.uses)
      RECAST_TRY(bring(inner, path, text));
    // Checked with what it uses, so that its views find their models.
    Spec whole = library;
    for (const Model &model : models_)
      whole.models.push_back(model);
    for (const View &view : views_)
      whole.views.push_back(view);
    RECAST_TRY(Checker(whole, text).runLibrary());
    for (Model &model : library.models) {
      model.file = path;
      models_.push_back(std::move(model));
    }
    for (View &view : library.views) {
      view.file = path;
      views_.push_back(std::move(view));
    }
    return {};
  }

  /// Adds what `spec` needs. Every standard file has a view `hf`: the model of an endpoint says
  /// which one it means.
  void addTo(Spec &spec) const {
    std::set<std::pair<std::string, std::string>> views; ///< View and model, "" if unknown.
    std::set<std::string> models;
    for (const Endpoint &endpoint : spec.endpoints)
      views.emplace(endpoint.view, modelNamed(spec, endpoint.model));
    for (const View &view : views_)
      if (views.contains({view.name, view.model}) || views.contains({view.name, ""}) ||
          spec.endpoints.empty()) {
        models.insert(view.model);
        spec.views.push_back(view);
      }
    for (const View &view : spec.views)
      models.insert(view.model);
    for (const Model &model : models_)
      if (models.contains(model.name))
        spec.models.push_back(model);
  }

private:
  const FileReader &read_;
  std::set<std::string> seen_;
  std::vector<Model> models_;
  std::vector<View> views_;
};

} // namespace

Result<Spec> link(Spec spec, const FileReader &read) {
  Linker linker(read);
  for (const Use &use : spec.uses)
    RECAST_TRY(linker.bring(use, spec.file, {}));
  if (!spec.uses.empty())
    linker.addTo(spec);
  spec.uses.clear();
  return spec;
}

} // namespace recast::lang
