// The fixed parts of a diagram's page. Detail of diagram_html.cpp.
#pragma once
#include <string_view>

namespace glassbox::viz::detail {

extern const std::string_view graph_page_style;
// What is open and how large, layout in ranks, places in them, drawing and what people do, in this
// order; they share one scope.
extern const std::string_view graph_page_measures, graph_page_layout, graph_page_places,
    graph_page_picture, graph_page_actions;

}  // namespace glassbox::viz::detail
