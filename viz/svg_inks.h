// Which colours a node of a drawing has. Detail of to_svg.
#pragma once
#include <string>

#include "viz/svg.h"

namespace glassbox::viz::detail {

struct Ink {
  std::string fill, line, text, muted;
};

class Inks {
 public:
  // Both must outlive it. Throws as to_svg does.
  Inks(const Diagram& diagram, const DrawOptions& options);

  Ink of(const Diagram::Node& node) const;
  // True when colours say how much of something a node has.
  bool has_legend() const { return options_.color_by != ColorBy::kind; }
  // The figure whose colour is `part` of the way from none to the most.
  std::string legend_text(double part) const;

 private:
  double figure_of(const Diagram::Node& node) const;
  Ink on(std::string fill, std::string line) const;

  const Diagram& diagram_;
  const DrawOptions& options_;
  const Theme& theme_;
  double most_ = 0;
};

}  // namespace glassbox::viz::detail
