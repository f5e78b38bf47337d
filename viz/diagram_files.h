// A diagram as text for other programs, and as a page of its own.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "viz/diagram.h"

namespace glassbox::viz {

// Schema "glassbox.graph/1": docs/graphs.md.
std::string to_json(const Diagram& diagram);
// A flowchart for Mermaid, which Markdown on the web draws; modules are subgraphs.
std::string to_mermaid(const Diagram& diagram);
// A graph collection for Google's Model Explorer; modules are its namespaces.
std::string to_model_explorer(const Diagram& diagram);
// One self-contained page: pan, zoom, search, modules that open and close (laid out when opened), a
// panel with options, shapes and costs, colours by cost, keyboard, light and dark.
std::string to_html(const Diagram& diagram);

namespace detail {
// "N×64×56×56".
std::string edge_text(const TensorInfo& tensor, std::int64_t batch);
// "N×64×56×56 f32", of each.
std::vector<std::string> shape_texts(const std::vector<TensorInfo>& tensors, std::int64_t batch);
// "op", "input" or "output"; "" or "added", "removed", "changed".
std::string_view name_of(Diagram::Node::Kind kind);
std::string_view name_of(Diagram::Node::Change change);
// The batch that costs are for: the diagram's, or 1.
std::int64_t costs_batch(const Diagram& diagram);
}  // namespace detail

}  // namespace glassbox::viz
