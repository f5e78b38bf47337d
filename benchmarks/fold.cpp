// Time to fold graphs of 10,000 ops: a chain under HiddenLayer's default transforms, and what is
// hard for matchers.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "viz/transforms.h"

using namespace glassbox;
using viz::Diagram;
using viz::Fold;

namespace {

constexpr int nodes = 10'000, runs = 15;

Diagram chain(const std::vector<std::string>& ops) {
  Diagram diagram;
  const viz::TensorInfo tensor{{{2, 0}, {0, 64}, {0, 32}, {0, 32}}, DType::f32};
  for (int i = 0; i < nodes; ++i) {
    Diagram::Node node;
    node.id = fmt::format("layer{}/op", i);
    node.op = ops[static_cast<std::size_t>(i) % ops.size()];
    node.attrs = {{"kernel_size", Pair(3)}, {"stride", Pair(1), true}};
    node.outputs = {tensor};
    if (i > 0) {
      node.inputs = {tensor};
      diagram.edges.push_back({i - 1, i, tensor});
    }
    diagram.nodes.push_back(std::move(node));
  }
  return diagram;
}

void measure(const std::string& what, const Diagram& diagram,
             const std::vector<viz::Transform>& transforms) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  std::size_t left = 0;
  for (int run = 0; run < runs; ++run) {
    Diagram copy = diagram;
    const auto start = Clock::now();
    for (const viz::Transform& transform : transforms) copy = transform(std::move(copy));
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    left = copy.nodes.size();
  }
  std::ranges::sort(times);
  fmt::print("{:<42} {:>6} -> {:>5} nodes {:>8.1f} ms  ({:.1f} to {:.1f})\n", what,
             diagram.nodes.size(), left, times[runs / 2], times.front(), times.back());
}

}  // namespace

int main() {
  const Diagram blocks = chain({"Conv", "BatchNorm", "Relu"}), equal = chain({"Conv"});
  measure("Conv > BatchNorm > Relu", blocks, {Fold("Conv > BatchNorm > Relu", "ConvBnRelu")});
  measure("HiddenLayer's default list", blocks, viz::default_transforms());
  measure("repetitions alone", equal, {viz::FoldDuplicates()});
  measure("Conv+", equal, {Fold("Conv+", "Convs")});
  measure("Conv* > Conv* > Relu, which is nowhere", equal, {Fold("Conv* > Conv* > Relu", "Convs")});
  measure("(Conv > Conv?){1,20} > Relu, nowhere", equal,
          {Fold("(Conv > Conv?){1,20} > Relu", "Convs")});
  measure("by id, 1,000 groups", blocks, {viz::FoldId("(layer.{0,3}).*/op", "Layers")});
}
