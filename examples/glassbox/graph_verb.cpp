#include "glassbox/graph_verb.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "glassbox/graph_options.h"
#include "glassbox/summary_verb.h"
#include "glassbox/usage_error.h"
#include "viz/viz.h"

namespace glassbox {
namespace {

struct GraphArguments {
  std::string model, input, phase = "forward", why;
  std::int64_t batch = -1;
  bool eval = false;
  GraphOptions draw;
};

class GraphVerb {
 public:
  GraphVerb(const models::Entry& entry, const GraphArguments& a)
      : entry_(entry), a_(a), transforms_(a.draw.transforms()) {
    using Pass = viz::BuildOptions::Pass;
    build_.batch = a.batch;
    build_.pass = a.phase == "step"       ? Pass::step
                  : a.phase == "backward" ? Pass::backward
                                          : Pass::forward;
    build_.measure = a.draw.color_by == "time";
    a.draw.check_output();
  }

  void run() {
    // What is measured needs data; all else is only looked at.
    const auto model = build_.measure ? entry_.make() : make_on_meta(entry_);
    if (a_.eval) model->eval();
    const std::vector<Shape> inputs =
        a_.input.empty() ? model->usual_inputs() : parse_shapes(a_.input);
    if (inputs.empty())
      throw UsageError("graph: " + entry_.name + " has no usual input; give --input CxHxW");
    const viz::Diagram diagram = viz::build_graph(*model, inputs, transforms_, build_);
    if (!a_.why.empty()) {
      const Pattern pattern = from_user("--why", [&] { return Pattern(a_.why); });
      const auto miss = why_not(pattern, viz::DiagramView(diagram));
      std::cout << (miss ? miss->text : "the pattern matches") << "\n";
      return;
    }
    a_.draw.write(diagram);
    if (!diagram.failure.empty()) throw Error(diagram.failure);
  }

 private:
  const models::Entry& entry_;
  const GraphArguments& a_;
  viz::BuildOptions build_;
  std::vector<viz::Transform> transforms_;
};

}  // namespace

void add_graph_verb(CLI::App& app, const FindModel& find, std::function<void()>& action) {
  CLI::App* verb = app.add_subcommand("graph", "draw a model's graph");
  const auto a = std::make_shared<GraphArguments>();
  verb->add_option("model", a->model, "its name, from `glassbox models`")->required();
  verb->add_option("--input", a->input, "shape of one sample, 3x224x224; several with commas");
  a->draw.add_to(*verb);
  verb->add_option("--phase", a->phase, "how much of a training step")
      ->check(CLI::IsMember({"forward", "backward", "step"}))
      ->capture_default_str();
  verb->add_option("--batch", a->batch, "put this batch in; left out: any batch N")
      ->check(CLI::Range(std::int64_t(1), std::int64_t(1) << 30));
  verb->add_flag("--eval", a->eval, "in evaluation mode");
  verb->add_option("--why", a->why,
                   "say where a pattern comes nearest to a match, and what stops "
                   "it");
  verb->add_option("--color-by", a->draw.color_by,
                   "what a box's colour says; time: of its op, measured on the CPU")
      ->check(CLI::IsMember({"kind", "parameters", "flops", "memory", "time"}))
      ->capture_default_str();
  verb->footer(
      "Examples:\n  glassbox graph cifar\n  glassbox graph resnet18 -o resnet18.html\n"
      "  glassbox graph resnet152 --fold 'Conv > BatchNorm > Relu=ConvBnRelu' --fold-duplicates "
      "-o resnet152.svg\n"
      "  glassbox graph vgg16 --theme blue -o vgg16.pdf\n");
  verb->callback(
      [&action, find, a] { action = [find, a] { GraphVerb(find(a->model), *a).run(); }; });
}

}  // namespace glassbox
