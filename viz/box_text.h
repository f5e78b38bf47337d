// What is written in and about the boxes, edges and frames of a diagram, whatever draws them.
#pragma once
#include <string>
#include <vector>

#include "viz/diagram.h"

namespace glassbox::viz {

// "N×64×56×56", "N×10 i64", "scalar"; batch -1 is written N.
std::string shape_text(const TensorInfo& tensor, std::int64_t batch);

// True for a node whose module runs more than once; of a folded one, if that is so of every part.
bool is_shared(const Diagram::Node& node);
// "conv1 · 9,408 parameters": where a box's node comes from, relative to the path of the frame that
// it is drawn in, and what it holds. "" where there is nothing to say.
std::string detail_text(const Diagram::Node& node, const std::string& frame);
// Everything about a node, a line each: for tooltips and screen readers.
std::vector<std::string> about(const Diagram& diagram, const Diagram::Node& node);
// "11,689,512 parameters, 3.64 G FLOPs".
std::string totals_text(const Diagram& diagram);
// "layer1.0", relative to the frame around it, with its mark.
std::string frame_title(const Diagram& diagram, const Diagram::Cluster& cluster);
// " (2nd call)", " (backward)": what tells a frame from others of its path, where that begins.
std::string frame_mark(const Diagram& diagram, const Diagram::Cluster& cluster);

// Words broken at spaces into lines of at most `width` code points, where that is possible.
std::vector<std::string> wrapped(const std::string& text, std::size_t width);

}  // namespace glassbox::viz
