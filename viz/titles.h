// How an op of a recording is called in tables and drawings, and which of the nodes are shown.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/graph/graph.h"

namespace glassbox::viz {

// False for what the forward pass only does beside computing its result, as updates of running
// statistics, and for whatever is not of the forward phase.
bool is_shown(const Graph& graph, const Graph::Node& node);
// The values that a node makes for others to see: without what only backward or an update reads,
// and without the state that it writes.
std::vector<int> shown_outputs(const Graph& graph, const Graph::Node& node);
// True for a value that is read and written in place: a generator's state, running statistics.
bool is_state(const Graph& graph, int value);

// "3×3" of a convolution or pooling, "" of an op without a kernel.
std::string kernel_of(const Attrs& attrs);
// "3 → 16" of an op that maps channels or features, else "".
std::string channels_of(const Attrs& attrs);
// "stride 2", "padding 1": options that are neither of those and not at their default. The shape
// that an op gives its output is left out.
std::vector<std::string> options_of(const Attrs& attrs);

// Of an op that slides over images: "3×3", "2×2", "1×1", "32"; "" where it has no such option.
struct OpSizes {
  std::string kernel, stride, padding, groups;
};
OpSizes sizes_of(const Graph& graph, const Graph::Node& node);

}  // namespace glassbox::viz
