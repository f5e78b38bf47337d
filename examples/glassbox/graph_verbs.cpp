#include "glassbox/graph_verbs.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "glassbox/summary_verbs.h"
#include "glassbox/terminal.h"
#include "glassbox/usage_error.h"
#include "viz/viz.h"

namespace glassbox {
namespace {

struct GraphArguments {
  std::string model, input, output = "-", theme = "light", direction = "TB", color_by = "kind",
                            phase = "forward", why;
  std::vector<std::string> folds;
  int depth = -1, frame_depth = -1;
  std::int64_t batch = -1;
  bool none = false, duplicates = false, by_op = false, eval = false, no_frames = false,
       no_shapes = false, ascii = false;
};

// What the user wrote, so its mistakes are usage errors.
template <class F>
auto from_user(std::string_view option, const F& f) {
  try {
    return f();
  } catch (const UsageError&) {
    throw;
  } catch (const Error& e) {
    throw UsageError(std::string(option) + ": " + e.what());
  }
}

class GraphVerb {
 public:
  GraphVerb(const models::Entry& entry, const GraphArguments& a) : entry_(entry), a_(a) {
    build_.batch = a.batch;
    using Pass = viz::BuildOptions::Pass;
    build_.pass = a.phase == "step"       ? Pass::step
                  : a.phase == "backward" ? Pass::backward
                                          : Pass::forward;
    draw_.theme = viz::theme_named(a.theme);
    draw_.direction = a.direction == "LR" ? viz::Direction::left_right : viz::Direction::top_down;
    draw_.color_by = viz::color_by_named(a.color_by);
    draw_.frames = !a.no_frames;
    draw_.frame_depth = a.frame_depth;
    draw_.shapes = !a.no_shapes;
    check_ending();
    for (const std::string& fold : a.folds) {
      const std::size_t at = fold.rfind('=');
      if (at == std::string::npos || at + 1 == fold.size() || fold.find(']', at) != fold.npos)
        throw UsageError("--fold " + fold + " is not of the form 'Conv > Relu=ConvRelu'");
      transforms_.push_back(from_user("--fold", [&] {
        return viz::Transform(viz::Fold(Pattern(fold.substr(0, at)), fold.substr(at + 1)));
      }));
    }
    // A page opens and closes modules itself, so it is given every op.
    const bool own = !a.folds.empty() || a.duplicates || a.by_op || a.depth >= 0;
    if (!own && !a.none && !a.output.ends_with(".html")) transforms_ = viz::default_transforms();
    if (a.duplicates) transforms_.push_back(viz::FoldDuplicates());
    if (a.by_op) transforms_.push_back(viz::FoldDuplicates::by_op());
    if (a.depth >= 0) transforms_.push_back(viz::DepthLimit(a.depth));
  }

  void run() {
    const auto model = make_on_meta(entry_);
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
    if (a_.output == "-") {
      // A terminal gets a drawing; a pipe gets what Graphviz reads.
      std::cout << (stdout_is_terminal()
                        ? viz::to_text(diagram,
                                       {.width = std::max(40, stdout_width()), .ascii = a_.ascii})
                        : viz::to_dot(diagram,
                                      {.direction = draw_.direction, .frames = draw_.frames}));
    } else {
      fmt::print("wrote {}\n", viz::save(diagram, a_.output, draw_));
    }
    if (!diagram.failure.empty()) throw Error(diagram.failure);
  }

 private:
  void check_ending() const {
    if (a_.output == "-") return;
    const std::size_t dot = a_.output.rfind('.'), slash = a_.output.rfind('/');
    if (dot == std::string::npos || (slash != std::string::npos && dot < slash)) return;
    for (const std::string& ending : viz::diagram_endings()) {
      if (a_.output.ends_with(ending)) return;
    }
    std::string known;
    for (const std::string& ending : viz::diagram_endings()) known += " " + ending;
    throw UsageError("graph: cannot write " + a_.output + ": the known endings are" + known);
  }

  const models::Entry& entry_;
  const GraphArguments& a_;
  viz::BuildOptions build_;
  viz::DrawOptions draw_;
  std::vector<viz::Transform> transforms_;
};

}  // namespace

void add_graph_verbs(CLI::App& app, const FindModel& find, std::function<void()>& action) {
  CLI::App* verb = app.add_subcommand("graph", "draw a model's graph");
  const auto a = std::make_shared<GraphArguments>();
  verb->add_option("model", a->model, "its name, from `glassbox models`")->required();
  verb->add_option("--input", a->input, "shape of one sample, 3x224x224; several with commas");
  verb->add_option(
          "-o,--output", a->output,
          "file to write: .pdf .svg .png .html .dot .mmd .json .txt; - is standard output, "
          "a drawing on a terminal, else DOT")
      ->capture_default_str();
  verb->add_option("--fold", a->folds,
                   "put one node for a pattern, 'Conv > Relu=ConvRelu'; again "
                   "for another, in order");
  verb->add_flag("--no-transforms", a->none,
                 "every op; left out, and with no fold or depth given, convolutions and linear "
                 "layers are folded with what follows them, and repetitions (not in a page, which "
                 "opens and closes modules)");
  verb->add_flag("--fold-duplicates", a->duplicates, "one node for equal ones in a row");
  verb->add_flag("--fold-duplicates-by-op", a->by_op,
                 "one node for the same op in a row, whatever "
                 "its options");
  verb->add_option("--depth", a->depth, "one node for each module so many levels below the model")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--phase", a->phase, "how much of a training step")
      ->check(CLI::IsMember({"forward", "backward", "step"}))
      ->capture_default_str();
  verb->add_option("--batch", a->batch, "put this batch in; left out: any batch N")
      ->check(CLI::Range(std::int64_t(1), std::int64_t(1) << 30));
  verb->add_flag("--eval", a->eval, "in evaluation mode");
  verb->add_option("--why", a->why,
                   "say where a pattern comes nearest to a match, and what stops "
                   "it");
  verb->add_option("--theme", a->theme, "colours")
      ->check(CLI::IsMember(viz::theme_names()))
      ->capture_default_str();
  verb->add_option("--direction", a->direction, "top to bottom or left to right")
      ->check(CLI::IsMember({"TB", "LR"}))
      ->capture_default_str();
  verb->add_option("--color-by", a->color_by, "what a box's colour says")
      ->check(CLI::IsMember({"kind", "parameters", "flops", "memory"}))
      ->capture_default_str();
  verb->add_option("--frame-depth", a->frame_depth, "levels of modules that get a frame")
      ->check(CLI::NonNegativeNumber);
  verb->add_flag("--no-frames", a->no_frames, "no frames around modules");
  verb->add_flag("--no-shapes", a->no_shapes, "no shapes on the edges");
  verb->add_flag("--ascii", a->ascii, "no characters beyond ASCII on a terminal");
  verb->footer(
      "Examples:\n  glassbox graph cifar\n  glassbox graph resnet18 -o resnet18.html\n"
      "  glassbox graph resnet152 --fold 'Conv > BatchNorm > Relu=ConvBnRelu' --fold-duplicates "
      "-o resnet152.svg\n"
      "  glassbox graph vgg16 --theme blue -o vgg16.pdf\n");
  verb->callback(
      [&action, find, a] { action = [find, a] { GraphVerb(find(a->model), *a).run(); }; });
}

}  // namespace glassbox
