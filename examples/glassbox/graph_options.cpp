#include "glassbox/graph_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "glassbox/terminal.h"
#include "glassbox/usage_error.h"
#include "viz/viz.h"

namespace glassbox {

viz::DrawOptions GraphOptions::draw_options() const {
  viz::DrawOptions draw;
  draw.theme = viz::theme_named(theme);
  draw.direction = direction == "LR" ? viz::Direction::left_right : viz::Direction::top_down;
  draw.color_by = viz::color_by_named(color_by);
  draw.frames = !no_frames;
  draw.frame_depth = frame_depth;
  draw.shapes = !no_shapes;
  draw.graphviz = layout == "graphviz";
  return draw;
}

std::vector<viz::Transform> GraphOptions::transforms() const {
  std::vector<viz::Transform> list;
  for (const std::string& fold : folds) {
    const std::size_t at = fold.rfind('=');
    if (at == std::string::npos || at + 1 == fold.size() || fold.find(']', at) != fold.npos)
      throw UsageError("--fold " + fold + " is not of the form 'Conv > Relu=ConvRelu'");
    list.push_back(from_user("--fold", [&] {
      return viz::Transform(viz::Fold(Pattern(fold.substr(0, at)), fold.substr(at + 1)));
    }));
  }
  // A page opens and closes modules itself, so it is given every op.
  const bool own = !folds.empty() || duplicates || by_op || depth >= 0;
  if (!own && !none && !output.ends_with(".html")) list = viz::default_transforms();
  if (duplicates) list.push_back(viz::FoldDuplicates());
  if (by_op) list.push_back(viz::FoldDuplicates::by_op());
  if (depth >= 0) list.push_back(viz::DepthLimit(depth));
  return list;
}

void GraphOptions::check_output() const {
  if (output == "-") return;
  const std::size_t dot = output.rfind('.'), slash = output.rfind('/');
  const bool has_ending = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  std::string known;
  bool is_known = !has_ending, is_picture = !has_ending;
  for (const std::string& ending : viz::diagram_endings()) {
    known += " " + ending;
    if (!output.ends_with(ending)) continue;
    is_known = true;
    is_picture = ending == ".svg" || ending == ".pdf" || ending == ".png";
  }
  if (!is_known)
    throw UsageError("graph: cannot write " + output + ": the known endings are" + known);
  if (layout == "graphviz" && !is_picture)
    throw UsageError("--layout graphviz is of .svg, .pdf and .png, not of " + output);
}

void GraphOptions::write(const viz::Diagram& diagram) const {
  const viz::DrawOptions draw = draw_options();
  if (output != "-") {
    fmt::print("wrote {}\n", viz::save(diagram, output, draw));
    return;
  }
  std::cout << (stdout_is_terminal()
                    ? viz::to_text(diagram, {.width = std::max(40, stdout_width()), .ascii = ascii})
                    : viz::to_dot(diagram, {.direction = draw.direction, .frames = draw.frames}));
}

void GraphOptions::add_to(CLI::App& verb) {
  verb.add_option("-o,--output", output,
                  "file to write: .pdf .svg .png .html .dot .mmd .json .txt; - is standard output, "
                  "a drawing on a terminal, else DOT")
      ->capture_default_str();
  verb.add_option("--fold", folds,
                  "put one node for a pattern, 'Conv > Relu=ConvRelu'; again "
                  "for another, in order");
  verb.add_flag("--no-transforms", none,
                "every op; left out, and with no fold or depth given, convolutions and linear "
                "layers are folded with what follows them, and repetitions (not in a page, which "
                "opens and closes modules)");
  verb.add_flag("--fold-duplicates", duplicates, "one node for equal ones in a row");
  verb.add_flag("--fold-duplicates-by-op", by_op,
                "one node for the same op in a row, whatever "
                "its options");
  verb.add_option("--depth", depth, "one node for each module so many levels below the model")
      ->check(CLI::NonNegativeNumber);
  verb.add_option("--theme", theme, "colours")
      ->check(CLI::IsMember(viz::theme_names()))
      ->capture_default_str();
  verb.add_option("--direction", direction, "top to bottom or left to right")
      ->check(CLI::IsMember({"TB", "LR"}))
      ->capture_default_str();
  verb.add_option("--layout", layout, "own, or graphviz for Graphviz's (.svg .pdf .png)")
      ->check(CLI::IsMember({"own", "graphviz"}))
      ->capture_default_str();
  verb.add_option("--frame-depth", frame_depth, "levels of modules that get a frame")
      ->check(CLI::NonNegativeNumber);
  verb.add_flag("--no-frames", no_frames, "no frames around modules");
  verb.add_flag("--no-shapes", no_shapes, "no shapes on the edges");
  verb.add_flag("--ascii", ascii, "no characters beyond ASCII on a terminal");
}

}  // namespace glassbox
