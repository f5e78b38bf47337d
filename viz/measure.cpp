#include "viz/measure.h"

#include <algorithm>
#include <chrono>

#include "engine/autograd/tape.h"
#include "engine/core/roof.h"
#include "engine/core/threads.h"
#include "engine/graph/recorder.h"
#include "engine/ops/create.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/random.h"
#include "viz/summary_rows.h"

namespace glassbox::viz {
namespace {

using Clock = std::chrono::steady_clock;

// Seconds of each op, in order: from the event before to the op's own.
class Stopwatch final : public Recorder {
 public:
  void start() {
    seconds.clear();
    types.clear();
    last_ = Clock::now();
  }
  void on_enter(Scoped&, Ins) override { last_ = Clock::now(); }
  void on_leave(Scoped&, Ins, bool) override { last_ = Clock::now(); }
  void on_backward(int) override { last_ = Clock::now(); }
  int on_op(const OpType& type, const void*, Ins, Ins) override {
    const Clock::time_point now = Clock::now();
    seconds.push_back(std::chrono::duration<double>(now - last_).count());
    types.push_back(&type);
    last_ = Clock::now();
    return static_cast<int>(seconds.size()) - 1;
  }
  std::vector<double> seconds;
  std::vector<const OpType*> types;

 private:
  Clock::time_point last_;
};

Timing timing_of(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  // Between the two nearest, as numpy's default.
  const auto at = [&seconds](double share) {
    const double place = share * static_cast<double>(seconds.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, seconds.size() - 1);
    return seconds[below] +
           (place - static_cast<double>(below)) * (seconds[above] - seconds[below]);
  };
  return {at(0.5), at(0.25), at(0.75)};
}

Tensor input_like(const Spec& spec) {
  if (!is_floating(spec.dtype)) return zeros(spec.shape, spec.dtype);
  std::vector<double> values(static_cast<std::size_t>(spec.numel()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<double>(i * 2654435761u % 2001) / 1000 - 1;
  return cast(from(values, spec.shape), spec.dtype);
}

// Puts the default generator back.
class GeneratorGuard {
 public:
  GeneratorGuard() : state_(default_generator(Device::cpu()).state().clone()) {}
  ~GeneratorGuard() { default_generator(Device::cpu()).set_state(state_); }

 private:
  Tensor state_;
};

}  // namespace

void measure(Summary& summary, layers::ModuleBase& model, const MeasureOptions& options) {
  if (!summary.recording || summary.failure)
    fail(summary.model, "cannot be measured: its forward pass was not recorded");
  for (const auto& [name, tensor] : model.named_parameters()) {
    if (!tensor.device().is_cpu())
      fail(summary.model, cat("cannot be measured on ", tensor.device(), ": it has no data there"));
  }
  const bool backward = options.backward && summary.has_backward;
  if (summary.has_backward && !backward) {
    fail("measure", "the summary was recorded with gradients; measure those too");
  }
  const DeviceScope device(Device::cpu());
  const GeneratorGuard guard;
  const auto copy = model.clone_to(Device::cpu());
  const std::int64_t n = summary.figures_batch();
  Tensors inputs;
  for (const TensorInfo& input : summary.inputs) inputs.push_back(input_like(input.at(n)));

  const Graph& graph = summary.recording->graph;
  Stopwatch watch;
  std::vector<std::vector<double>> by_node(graph.nodes.size());
  const Clock::time_point begin = Clock::now();
  int runs = 0;
  constexpr int warm_up = 2;
  for (int run = 0; run < warm_up + options.most_runs; ++run) {
    const double passed = std::chrono::duration<double>(Clock::now() - begin).count();
    if (runs >= options.runs && passed > options.seconds) break;
    watch.start();
    {
      const RecordScope scope(watch);
      run_pass(*copy, inputs, backward);
    }
    bool same = watch.types.size() == graph.nodes.size();
    for (std::size_t i = 0; same && i < graph.nodes.size(); ++i)
      same = watch.types[i] == &graph.nodes[i].op.type();
    if (!same)
      fail(summary.model, cat("runs other ops for a batch of ", n, " than were recorded for 2"));
    if (run < warm_up) continue;
    ++runs;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) by_node[i].push_back(watch.seconds[i]);
  }

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
        seconds.resize(static_cast<std::size_t>(runs));
        for (std::size_t r = 0; r < seconds.size(); ++r) seconds[r] += by_node[i][r];
      }
    }
    return by_row;
  };
  const auto forward = add_up(Phase::forward), back = add_up(Phase::backward);
  for (std::size_t i = 0; i < summary.rows.size(); ++i) {
    if (!forward[i].empty()) summary.rows[i].time = timing_of(forward[i]);
    if (!back[i].empty()) summary.rows[i].time_backward = timing_of(back[i]);
  }
  const int threads = num_threads();
  summary.machine = {threads, runs, cpu::measure_peak_gflops(threads) * 1e9,
                     cpu::measure_bandwidth(threads) * 1e9};
}

}  // namespace glassbox::viz
