#include "viz/diagram_save.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "engine/io/file.h"
#include "viz/diagram_files.h"
#include "viz/dot.h"
#include "viz/graphviz.h"
#include "viz/text_drawing.h"

namespace glassbox::viz {

const std::vector<std::string>& diagram_endings() {
  static const std::vector<std::string> endings = {".pdf",  ".svg",  ".png", ".dot",
                                                   ".gv",   ".html", ".mmd", ".model_explorer.json",
                                                   ".json", ".txt"};
  return endings;
}

std::string save(const Diagram& diagram, const std::string& file, const DrawOptions& options) {
  const auto& endings = diagram_endings();
  const auto ending =
      std::ranges::find_if(endings, [&file](const std::string& e) { return file.ends_with(e); });
  if (ending == endings.end()) {
    if (std::filesystem::path(file).extension().empty()) {
      if (options.graphviz || why_no_pdf().empty()) return save(diagram, file + ".pdf", options);
      std::fprintf(stderr, "graph: no PDF, %s: wrote %s.svg instead\n", why_no_pdf().c_str(),
                   file.c_str());
      return save(diagram, file + ".svg", options);
    }
    std::string known;
    for (const std::string& e : endings) known += " " + e;
    fail("graph", "cannot write " + file + ": the known endings are" + known);
  }
  std::string text;
  const DotOptions dot{.direction = options.direction, .frames = options.frames};
  if (options.graphviz && (*ending == ".pdf" || *ending == ".png" || *ending == ".svg")) {
    io::write_file(file, graphviz(to_dot(diagram, dot), ending->substr(1)));
    return file;
  }
  if (*ending == ".pdf") text = to_pdf(to_svg(diagram, options));
  if (*ending == ".png") text = to_png(to_svg(diagram, options));
  if (*ending == ".svg") text = to_svg(diagram, options);
  if (*ending == ".dot" || *ending == ".gv") text = to_dot(diagram, dot);
  if (*ending == ".html") text = to_html(diagram);
  if (*ending == ".mmd") text = to_mermaid(diagram);
  if (*ending == ".json") text = to_json(diagram);
  if (*ending == ".model_explorer.json") text = to_model_explorer(diagram);
  if (*ending == ".txt") text = to_text(diagram);
  io::write_file(file, text);
  return file;
}

void Diagram::save(const std::string& file) const { viz::save(*this, file); }

}  // namespace glassbox::viz
