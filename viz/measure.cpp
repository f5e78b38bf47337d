#include "viz/measure.h"

#include "engine/autograd/tape.h"
#include "engine/core/cuda.h"
#include "engine/core/roof.h"
#include "engine/core/threads.h"
#include "engine/ops/create.h"
#include "engine/ops/matmul.h"
#include "engine/ops/shape.h"
#include "viz/measure_ops.h"
#include "viz/summary_rows.h"

namespace glassbox::viz {

namespace {

// Of a GPU: what a large product and a large copy reach. Sizes go with the number of
// multiprocessors.
SummaryMachine measure_gpu(Device device, int runs) {
  const NoGrad no_grad;
  const DeviceScope scope(device);
  const cuda::DeviceProperties p = cuda::properties(device.index());
  const std::int64_t n = std::int64_t(32) * p.multiprocessors;
  const Tensor a = ones({n, n}), large = ones({std::int64_t(p.multiprocessors) << 17});
  cuda::Event start(device.index()), end(device.index());
  const auto seconds = [&](const auto& work) {
    work();
    start.record();
    for (int i = 0; i < 3; ++i) work();
    end.record();
    return end.seconds_since(start) / 3;
  };
  const double product = seconds([&] { matmul(a, a); });
  const double moved = seconds([&] { copy(large); });
  SummaryMachine machine{0, runs};  // no thread of the host takes part
  machine.peak_flops = 2 * static_cast<double>(n) * static_cast<double>(n * n) / product;
  machine.bandwidth = 2 * static_cast<double>(large.spec().bytes()) / moved;
  return machine;
}

}  // namespace

void measure(Summary& summary, layers::ModuleBase& model, const MeasureOptions& options) {
  if (!summary.recording || summary.failure)
    fail(summary.model, "cannot be measured: its forward pass was not recorded");
  const bool backward = options.backward && summary.has_backward;
  if (summary.has_backward && !backward) {
    fail("measure", "the summary was recorded with gradients; measure those too");
  }
  const Graph& graph = summary.recording->graph;
  std::vector<Spec> inputs;
  const std::int64_t n = summary.figures_batch();
  for (const TensorInfo& input : summary.inputs) inputs.push_back(input.at(n));
  RecordOptions how;
  how.backward = backward;
  const auto by_node = detail::measure_ops(model, inputs, graph, how, options);
  const std::size_t runs = by_node.empty() ? 0 : by_node.front().size();

  // By row and run, with all rows below.
  const std::vector<int> row_of_node = detail::rows_of_nodes(summary);
  const auto add_up = [&](Phase phase) {
    std::vector<std::vector<double>> by_row(summary.rows.size());
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const Graph::Node& node = graph.nodes[i];
      if (node.phase != phase) continue;
      const int of = phase == Phase::forward ? static_cast<int>(i) : node.forward_node;
      int row = of < 0 ? -1 : row_of_node[static_cast<std::size_t>(of)];
      for (; row >= 0; row = summary.rows[static_cast<std::size_t>(row)].parent) {
        std::vector<double>& seconds = by_row[static_cast<std::size_t>(row)];
        seconds.resize(runs);
        for (std::size_t r = 0; r < seconds.size(); ++r) seconds[r] += by_node[i][r];
      }
    }
    return by_row;
  };
  const auto forward = add_up(Phase::forward), back = add_up(Phase::backward);
  for (std::size_t i = 0; i < summary.rows.size(); ++i) {
    if (!forward[i].empty()) summary.rows[i].time = detail::timing_of(forward[i]);
    if (!back[i].empty()) summary.rows[i].time_backward = detail::timing_of(back[i]);
  }
  const Device device = detail::device_of(model);
  if (device.is_cuda()) {
    summary.machine = measure_gpu(device, static_cast<int>(runs));
    return;
  }
  const int threads = num_threads();
  summary.machine = {threads, static_cast<int>(runs), cpu::measure_peak_gflops(threads) * 1e9,
                     cpu::measure_bandwidth(threads) * 1e9};
}

}  // namespace glassbox::viz
