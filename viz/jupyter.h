// Summaries, diagrams, charts and canvases in a Jupyter notebook with a C++ kernel (xeus-cling,
// xeus-cpp): a cell that ends in one shows it.
//
//   #include <glassbox/viz/jupyter.h>
//   model.summary()
//   viz::build_graph(model)
//
// The kernel finds these functions by their name. This header alone needs nlohmann-json, which such
// kernels bring along, and no other header includes it.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "viz/canvas.h"
#include "viz/chart.h"
#include "viz/diagram.h"
#include "viz/summary.h"
#include "viz/svg.h"
#include "viz/svg_writer.h"
#include "viz/text_drawing.h"

namespace glassbox::viz {

// By MIME type: the page, in a frame of its own since its style is for all of a page, and the table
// for what shows no HTML.
inline nlohmann::json mime_bundle_repr(const Summary& summary) {
  auto bundle = nlohmann::json::object();
  bundle["text/plain"] = summary.to_string(Format::text);
  bundle["text/html"] = "<iframe srcdoc=\"" + detail::xml_escaped(summary.to_string(Format::html)) +
                        "\" style=\"width:100%;height:32em;border:0\"></iframe>";
  return bundle;
}

// The picture, and the drawing of a terminal.
inline nlohmann::json mime_bundle_repr(const Diagram& diagram) {
  auto bundle = nlohmann::json::object();
  bundle["text/plain"] = to_text(diagram);
  bundle["image/svg+xml"] = to_svg(diagram);
  return bundle;
}

inline nlohmann::json mime_bundle_repr(const Chart& chart) {
  auto bundle = nlohmann::json::object();
  bundle["text/plain"] = to_terminal(chart);
  bundle["image/svg+xml"] = to_svg(chart);
  return bundle;
}

// Its last frame. For frames that come while a cell runs, CanvasOptions::display is given each.
inline nlohmann::json mime_bundle_repr(const Canvas& canvas) {
  auto bundle = nlohmann::json::object();
  bundle["text/plain"] = "canvas of " + std::to_string(canvas.frames()) + " frames";
  if (canvas.frames() > 0) bundle["image/svg+xml"] = canvas.to_svg();
  return bundle;
}

}  // namespace glassbox::viz
