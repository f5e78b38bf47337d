// Diagram: a model's graph as it is drawn. It is made from a recording, one node per op, and then
// transformed (viz/transforms.h): patterns folded, repetitions counted, levels cut. Everything that
// draws (SVG, DOT, page, text) reads this one structure and changes nothing in it.
//
//   auto diagram = viz::build_graph(model, {{3, 224, 224}}, {viz::Fold("Conv > Relu",
//   "ConvRelu")}); diagram.save("resnet152");  // PDF; or .svg .png .dot .html .mmd .json .txt
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/pattern.h"
#include "viz/summary.h"

namespace glassbox::viz {

struct Diagram {
  // An edge between two ops as they were before any fold.
  struct Link {
    std::string from, to;  // ids
    TensorInfo tensor;
    bool failed = false;
    friend bool operator==(const Link&, const Link&) = default;
  };
  struct Node {
    enum class Kind { op, input, output };
    Kind kind = Kind::op;
    // Stable and unique: "features.0/conv2d", "features.0/conv2d#2" for its second run, "@input".
    // Of a folded node: the id of its last part.
    std::string id;
    std::string op;      // what patterns match: "Conv"; after a fold its new op
    std::string name;    // what is written in the box; empty: made from op and options
    std::string module;  // path of the module whose call ran it: "features.0"
    int call = 0;        // which call of that module, from 1; 0 for inputs and outputs
    Attrs attrs;         // options as patterns match them and as the panel shows them
    Phase phase = Phase::forward;
    int repeat = 1;                           // nodes that this one stands for, "×3"
    std::vector<TensorInfo> inputs, outputs;  // data alone, no parameters
    std::int64_t parameters = 0;              // elements, each tensor counted at its first reader
    Costs costs;
    std::optional<Timing> time, time_backward;
    int cluster = -1;         // the innermost one that it is drawn in
    std::vector<Node> parts;  // of a folded node: what it was made of, in order
    std::vector<Link> links;  // and the edges that its parts had, by which it is unfolded
    bool shared = false;      // its module is called more than once
    std::string failure;      // what stopped the forward pass here
    enum class Change { none, added, removed, changed } change = Change::none;  // of a diff
    std::vector<std::string> notes = {};  // further lines in its box: what changed, values
  };
  struct Edge {
    int from = -1, to = -1;  // nodes
    TensorInfo tensor;       // what flows
    bool failed = false;
    Node::Change change = Node::Change::none;  // of a diff: added or removed
  };
  // A frame around nodes: one call of a module that has more than one node of that phase inside.
  // A parent comes before its children.
  struct Cluster {
    std::string path, type;  // "layer1.0", "Bottleneck"
    int parent = -1;
    int call = 1;                  // which call of the module
    Phase phase = Phase::forward;  // that of the nodes inside; backward stands for update too
  };

  std::string model;        // "ResNet"
  std::vector<Node> nodes;  // in order of execution, inputs first, outputs last
  std::vector<Edge> edges;  // by the reader, in order of its operands
  std::vector<Cluster> clusters;
  std::int64_t batch = -1;  // -1: sizes are written with N
  // What the nodes' times are of; 0: nothing was measured.
  std::int64_t measured_batch = 0;
  int measured_threads = 0;
  std::string failure;  // of the forward pass; the failing node and edges are marked

  // Each walks over all edges; whoever asks for many nodes takes an Adjacency.
  std::vector<int> successors(int node) const;    // once each, in order
  std::vector<int> predecessors(int node) const;  // once each, in order of the operands
  int find(std::string_view id) const;            // -1: there is none
  // By the ending; without one a PDF, or SVG where this build makes none (viz/diagram_save.h, which
  // has options). Throws Error for another ending and for a disk that refuses.
  void save(const std::string& file) const;
};

// "Conv 3×3, 64 → 128 /2": name, or op with kernel, channels and stride; without repeat. Of a
// folded node without a name the titles of its parts, of repetitions their common one, with what
// differs as a range: "Conv 3×3, 3–64 → 64 > Relu".
std::string title_of(const Diagram::Node& node);

// What a node stands for, itself if it is not folded: the ops, in order.
std::vector<const Diagram::Node*> leaves_of(const Diagram::Node& node);

// Readers and sources of every node, once each, made in one walk over the edges.
struct Adjacency {
  explicit Adjacency(const Diagram& diagram);
  std::vector<std::vector<int>> successors, predecessors;
};

// A diagram as patterns see it: inputs, outputs and what failed are no ops. The diagram must
// outlive it.
class DiagramView final : public PatternGraph {
 public:
  explicit DiagramView(const Diagram& diagram) : diagram_(diagram), edges_(diagram) {}
  int size() const override { return static_cast<int>(diagram_.nodes.size()); }
  std::string_view op(int node) const override;
  const Attrs& attrs(int node) const override { return at(node).attrs; }
  std::span<const int> successors(int node) const override {
    return edges_.successors[static_cast<std::size_t>(node)];
  }
  std::span<const int> predecessors(int node) const override {
    return edges_.predecessors[static_cast<std::size_t>(node)];
  }
  std::string name(int node) const override;  // "layer1.0.conv1/conv2d (Conv)"

 private:
  const Diagram::Node& at(int node) const { return diagram_.nodes[static_cast<std::size_t>(node)]; }
  const Diagram& diagram_;
  const Adjacency edges_;
};

}  // namespace glassbox::viz
