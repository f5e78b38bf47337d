#include "glassbox/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "engine/io/file.h"
#include "glassbox/diff_verb.h"
#include "glassbox/graph_verb.h"
#include "glassbox/plot_verb.h"
#include "glassbox/summary_verb.h"
#include "glassbox/tool_verbs.h"
#include "glassbox/train_verbs.h"
#include "glassbox/usage_error.h"
#include "glassbox/version.h"
#include "viz/viz.h"

namespace glassbox {

namespace {

constexpr int done = 0, failed = 1, wrong_usage = 2;

// Letters to change, add or drop to get from one name to the other (Levenshtein's distance).
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

class CommandLine {
 public:
  explicit CommandLine(std::vector<models::Entry> own) : entries_(std::move(own)) {
    const auto& zoo = models::zoo();
    entries_.insert(entries_.end(), zoo.begin(), zoo.end());
    app_.require_subcommand(1);
    app_.set_version_flag("--version", version_text());
    add_models();
    const FindModel by_name = [this](const std::string& name) -> const models::Entry& {
      return find(name);
    };
    add_summary_verb(app_, by_name, action_);
    add_diff_verb(app_, by_name, action_);
    add_graph_verb(app_, by_name, action_);
    add_train_verbs(app_, by_name, command_line_, action_);
    add_plot_verbs(app_, by_name, action_);
    add_tool_verbs(app_, entries_, program_, action_);
  }

  int run(int argc, char** argv) {
    command_line_.assign(argv, argv + argc);
    if (argc > 0) program_ = argv[0];
    if (argc > 1 && argv[1][0] != '-' && !has_verb(argv[1])) {
      std::fprintf(stderr,
                   "glassbox: no verb is named \"%s\"\n(the verbs are %s; glassbox VERB --help "
                   "shows its options)\n",
                   argv[1], verbs().c_str());
      return wrong_usage;
    }
    try {
      app_.parse(argc, argv);
    } catch (const CLI::CallForHelp& e) {
      return app_.exit(e), done;
    } catch (const CLI::CallForVersion& e) {
      return app_.exit(e), done;
    } catch (const CLI::ParseError& e) {
      std::fprintf(stderr,
                   "glassbox: %s\n(the verbs are %s; glassbox VERB --help shows its options)\n",
                   e.what(), verbs().c_str());
      return wrong_usage;
    }
    try {
      action_();
      if (!std::cout.flush() || std::fflush(stdout) != 0)
        throw Error("cannot write to standard output");
      return done;
    } catch (const ExitWith& end) {
      std::cout.flush();
      return end.code;
    } catch (const UsageError& e) {
      std::fprintf(stderr, "glassbox: %s\n", e.what());
      return wrong_usage;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "glassbox: %s\n", e.what());
      return failed;
    }
  }

 private:
  bool has_verb(const std::string& name) const {
    const auto all = app_.get_subcommands([](const CLI::App*) { return true; });
    return std::any_of(all.begin(), all.end(),
                       [&](const CLI::App* verb) { return verb->get_name() == name; });
  }
  std::string verbs() const {
    std::string names;
    for (const CLI::App* verb : app_.get_subcommands({}))
      names += (names.empty() ? "" : ", ") + verb->get_name();
    return names;
  }

  const models::Entry& find(const std::string& name) const {
    for (const models::Entry& entry : entries_) {
      if (entry.name == name) return entry;
    }
    const models::Entry* nearest = &entries_.front();
    for (const models::Entry& entry : entries_) {
      if (edits(name, entry.name) < edits(name, nearest->name)) nearest = &entry;
    }
    throw UsageError("no model is named \"" + name + "\"; did you mean " + nearest->name +
                     "? (`glassbox models` lists all)");
  }

  void add_models() {
    CLI::App* verb = app_.add_subcommand("models", "list the models");
    verb->callback([this] {
      action_ = [this] {
        std::size_t width = 0;
        for (const models::Entry& entry : entries_) width = std::max(width, entry.name.size());
        for (const models::Entry& entry : entries_) {
          fmt::print("{:<{}}  {}\n", entry.name, width, entry.description);
        }
      };
    });
  }

  CLI::App app_{"Glassbox: a small deep-learning engine that you can see through", "glassbox"};
  std::vector<models::Entry> entries_;
  std::function<void()> action_;
  std::string program_ = "glassbox";  // how it was called
  std::vector<std::string> command_line_;
};

}  // namespace

int cli(int argc, char** argv, std::vector<models::Entry> own) {
  return CommandLine(std::move(own)).run(argc, argv);
}

}  // namespace glassbox
