// How a graph is drawn, as options of the command line: of `graph`, and of `diff --graph`.
#pragma once
#include <string>
#include <vector>

#include "viz/svg.h"
#include "viz/transforms.h"

namespace CLI {
class App;
}

namespace glassbox {

struct GraphOptions {
  std::string output = "-", theme = "light", direction = "TB", color_by = "kind", layout = "own";
  std::vector<std::string> folds;
  int depth = -1, frame_depth = -1;
  bool none = false, duplicates = false, by_op = false, no_frames = false, no_shapes = false,
       ascii = false;

  // The options; they write here, so this must outlive the verb.
  void add_to(CLI::App& verb);

  // Throw UsageError for what the user wrote wrong.
  viz::DrawOptions draw_options() const;
  std::vector<viz::Transform> transforms() const;
  void check_output() const;

  // Into the output: a file by its ending, or on "-" a drawing for a terminal and DOT for a pipe.
  void write(const viz::Diagram& diagram) const;
};

}  // namespace glassbox
