// Drawings of a diagram as SVG, laid out here: no Graphviz, no network, no script. The bytes depend
// on the diagram and the options alone.
//
//   const std::string svg = to_svg(diagram, {.theme = theme_named("dark")});
#pragma once
#include <string>
#include <string_view>

#include "viz/diagram.h"
#include "viz/dot.h"
#include "viz/theme.h"

namespace glassbox::viz {

// What the colour of a box says.
enum class ColorBy {
  kind,        // what its op is for
  parameters,  // the others: how much of it, on a square-root scale that the legend shows
  flops,
  memory,  // bytes of its outputs
  time,    // of the forward pass, where it was measured
};
std::string_view name_of(ColorBy color_by);
ColorBy color_by_named(std::string_view name);  // throws Error that lists the names

struct DrawOptions {
  Direction direction = Direction::top_down;
  Theme theme = {};
  ColorBy color_by = ColorBy::kind;
  bool frames = true;    // around the nodes of a module
  int frame_depth = -1;  // levels of frames that are drawn; -1: all
  bool shapes = true;    // on the edges, with types other than f32
  bool details = true;   // names and parameters, in small type
  bool header = true;    // the model's name and its totals
  // save() has Graphviz lay out and draw SVG, PNG and PDF, as to_dot() writes them.
  bool graphviz = false;
};

// Throws Error for a colour that is none, and where times are asked for and none was measured.
std::string to_svg(const Diagram& diagram, const DrawOptions& options = {});

// A picture of an SVG; `scale` is pixels per unit. Throw Error where why_no_pdf() has a reason, and
// for text that is no SVG.
std::string to_png(const std::string& svg, double scale = 2);
std::string to_pdf(const std::string& svg);

// Empty where librsvg can be used; otherwise what is missing, and the package that has it. The
// first call loads librsvg.
const std::string& why_no_pdf();

}  // namespace glassbox::viz
