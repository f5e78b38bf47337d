#include "glassbox/diff_verb.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "glassbox/graph_options.h"
#include "glassbox/summary_verb.h"
#include "glassbox/terminal.h"
#include "glassbox/usage_error.h"
#include "viz/viz.h"

namespace glassbox {
namespace {

struct DiffArguments {
  std::string left, right, input, color = "auto";
  std::int64_t batch = -1;
  bool all = false, eval = false, graph = false;
  GraphOptions draw;
};

std::shared_ptr<layers::ModuleBase> model_of(const models::Entry& entry, const DiffArguments& a) {
  auto model = make_on_meta(entry);
  if (a.eval) model->eval();
  return model;
}

std::vector<Shape> inputs_of(const DiffArguments& a) {
  return a.input.empty() ? std::vector<Shape>{} : parse_shapes(a.input);
}

// True if they are equal.
bool compare_tables(const FindModel& find, const DiffArguments& a) {
  const auto look = [&](const std::string& name) {
    return viz::summary(*model_of(find(name), a), inputs_of(a), {.batch = a.batch});
  };
  const viz::Summary left = look(a.left), right = look(a.right);
  viz::Comparison comparison = viz::compare(left, right);
  comparison.left = a.left;
  comparison.right = a.right;
  const bool color = a.color == "always" || (a.color == "auto" && stdout_has_color());
  std::cout << comparison.to_string(a.all, color);
  return comparison.equal();
}

bool compare_graphs(const FindModel& find, const DiffArguments& a) {
  a.draw.check_output();
  const std::vector<viz::Transform> transforms = a.draw.transforms();
  const auto look = [&](const std::string& name) {
    viz::BuildOptions build;
    build.batch = a.batch;
    viz::Diagram diagram =
        viz::build_graph(*model_of(find(name), a), inputs_of(a), transforms, build);
    diagram.model = name;
    return diagram;
  };
  const viz::Diagram both = viz::diff(look(a.left), look(a.right));
  a.draw.write(both);
  std::size_t counts[4] = {};
  for (const viz::Diagram::Node& node : both.nodes) ++counts[static_cast<std::size_t>(node.change)];
  std::size_t edges = 0;
  for (const viz::Diagram::Edge& edge : both.edges) {
    if (edge.change != viz::Diagram::Node::Change::none) ++edges;
  }
  // What a program reads from standard output is the graph alone.
  if (a.draw.output != "-" || stdout_is_terminal()) {
    std::cout << counts[0] << " nodes the same, " << counts[3] << " changed, " << counts[2]
              << " removed, " << counts[1] << " added; " << edges << " edges removed or added\n";
  }
  return counts[0] == both.nodes.size() && edges == 0;
}

}  // namespace

void add_diff_verb(CLI::App& app, const FindModel& find, std::function<void()>& action) {
  CLI::App* verb = app.add_subcommand("diff", "compare two models; exit code 1 when they differ");
  const auto a = std::make_shared<DiffArguments>();
  verb->add_option("left", a->left, "a model's name, from `glassbox models`")->required();
  verb->add_option("right", a->right, "another's")->required();
  verb->add_option("--input", a->input, "shape of one sample of both; left out: each one's usual");
  verb->add_option("--batch", a->batch, "compare at this batch; left out: any batch N")
      ->check(CLI::Range(std::int64_t(1), std::int64_t(1) << 30));
  verb->add_flag("--all", a->all, "print what is the same too");
  verb->add_flag("--eval", a->eval, "in evaluation mode");
  verb->add_option("--color", a->color, "auto is: on a terminal, unless NO_COLOR is set")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
  verb->add_flag("--graph", a->graph,
                 "draw both as one graph that shows what was added, removed and changed");
  a->draw.add_to(*verb);
  verb->footer(
      "Examples:\n  glassbox diff resnet18 resnet34\n"
      "  glassbox diff --graph vgg11 vgg11_bn -o diff.svg\n");
  verb->callback([&action, find, a] {
    action = [find, a] {
      if (!a->graph && a->draw.output != "-") throw UsageError("-o needs --graph");
      if (!(a->graph ? compare_graphs(find, *a) : compare_tables(find, *a))) throw ExitWith{1};
    };
  });
}

}  // namespace glassbox
