#include "viz/measure_ops.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "engine/autograd/tape.h"
#include "engine/core/cuda.h"
#include "engine/graph/recorder.h"
#include "engine/ops/create.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/random.h"
#include "viz/record.h"

namespace glassbox::viz {
namespace {

using Clock = std::chrono::steady_clock;

// Seconds of each op of a run, in order.
class Watch : public Recorder {
 public:
  virtual void start() = 0;
  virtual void finish() {}  // after the run: seconds are there
  std::vector<double> seconds;
  std::vector<const OpType*> types;
};

// On a GPU: between two points of its stream, before and after what the op enqueues.
class GpuWatch final : public Watch {
 public:
  explicit GpuWatch(Device device) : index_(device.index()) {}
  void start() override {
    types.clear();
    cuda::synchronize(index_);
  }
  void on_enter(Scoped&, Ins) override {}
  void on_leave(Scoped&, Ins, bool) override {}
  void on_backward(int) override {}
  void on_begin(const OpType&) override { mark(2 * types.size()); }
  int on_op(const OpType& type, const void*, Ins, Ins) override {
    mark(2 * types.size() + 1);
    types.push_back(&type);
    return static_cast<int>(types.size()) - 1;
  }
  void finish() override {
    seconds.clear();
    for (std::size_t i = 0; i < types.size(); ++i)
      seconds.push_back(marks_[2 * i + 1]->seconds_since(*marks_[2 * i]));
  }

 private:
  void mark(std::size_t at) {
    while (marks_.size() <= at) marks_.push_back(std::make_unique<cuda::Event>(index_));
    marks_[at]->record();
  }
  int index_;
  std::vector<std::unique_ptr<cuda::Event>> marks_;  // kept from run to run
};

// On the CPU: from the event before to the op's own.
class Stopwatch final : public Watch {
 public:
  void start() override {
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

 private:
  Clock::time_point last_;
};

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
  explicit GeneratorGuard(Device device)
      : device_(device), state_(default_generator(device).state().clone()) {}
  ~GeneratorGuard() { default_generator(device_).set_state(state_); }

 private:
  Device device_;
  Tensor state_;
};

}  // namespace

Timing detail::timing_of(std::vector<double> seconds) {
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

Device detail::device_of(layers::ModuleBase& model) {
  for (const auto& [name, tensor] : model.named_parameters()) return tensor.device();
  return Device::cpu();
}

std::vector<std::vector<double>> detail::measure_ops(layers::ModuleBase& model,
                                                     const std::vector<Spec>& inputs,
                                                     const Graph& graph, const RecordOptions& how,
                                                     const MeasureOptions& options) {
  const Device device = device_of(model);
  if (device.is_meta())
    fail(model.type_name(), cat("cannot be measured on ", device, ": it has no data there"));
  const DeviceScope scope(device);
  const GeneratorGuard guard(device);
  const auto copy = model.clone_to(device);
  Tensors xs;
  for (const Spec& input : inputs) xs.push_back(input_like(input));

  const std::unique_ptr<Watch> chosen =
      device.is_cuda() ? std::unique_ptr<Watch>(std::make_unique<GpuWatch>(device))
                       : std::make_unique<Stopwatch>();
  Watch& watch = *chosen;
  std::vector<std::vector<double>> by_node(graph.nodes.size());
  const Clock::time_point begin = Clock::now();
  int runs = 0;
  constexpr int warm_up = 2;
  for (int run = 0; run < warm_up + options.most_runs; ++run) {
    const double passed = std::chrono::duration<double>(Clock::now() - begin).count();
    if (runs >= options.runs && passed > options.seconds) break;
    watch.start();
    run_watched(*copy, xs, how, watch);
    watch.finish();
    bool same = watch.types.size() == graph.nodes.size();
    for (std::size_t i = 0; same && i < graph.nodes.size(); ++i)
      same = watch.types[i] == &graph.nodes[i].op.type();
    if (!same)
      fail(model.type_name(), cat("runs other ops for inputs of ", to_string(inputs.front().shape),
                                  " than were recorded"));
    if (run < warm_up) continue;
    ++runs;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) by_node[i].push_back(watch.seconds[i]);
  }
  return by_node;
}

}  // namespace glassbox::viz
