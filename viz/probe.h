// Probe: what goes on inside a model while it trains, logged every so many steps, without a line in
// the model.
//
//   viz::Probe probe(model, history, {.path = "features.3", .as = viz::ProbeAs::histogram});
//   for (...) {
//     probe.begin_step(step);
//     loss = criterion(model(x), y);
//     loss.backward();
//     probe.after_backward();
//     optimizer.step();
//     probe.end_step();
//   }
//   canvas.draw_hist(history["features.3/histogram"]);
//
// On a step that is due its hooks are in the model from begin_step to end_step; on any other there
// are none. It reads and never writes: a training has the same bits with and without it, and a
// recording the same ops. Passes outside of a step, without gradients (NoGrad) or in eval mode, as
// those of an evaluation or of averaged weights, are not looked at. Of a step with several passes
// through the model (accumulated gradients) the first one is.
//
// The model must stay where it is while the probe lives. One thread at a time, the model's; probes
// of several models may log to one history from several threads.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "layers/module.h"
#include "viz/history.h"

namespace glassbox::viz {

enum class ProbeWhat {
  activations,           // outputs of modules
  weights,               // parameters as the step begins
  gradients,             // of parameters, as they are at after_backward: before clipping
  activation_gradients,  // of outputs of modules
};
enum class ProbeAs {
  stats,      // numbers: NAME/mean /std /min /max /zeros, see TensorStats (viz/tensor_stats.h)
  histogram,  // NAME/histogram: the values where they are few, else their counts; for draw_hist
  image,      // NAME/image: [H, W], [C, H, W] or filters [O, C, H, W]; for draw_image
};

struct ProbeOptions {
  // Of a module, or for weights and gradients also of a parameter; * and ** as in
  // viz/model_paths.h.
  std::string path = {};
  ProbeWhat what = ProbeWhat::activations;
  // Of counted steps those that are multiples of it; of steps in epochs the first seen and every
  // so-many-th after it.
  int every = 100;
  ProbeAs as = ProbeAs::stats;
  int bins = 64;                   // of a histogram's counts, between its least and greatest value
  std::size_t raw_up_to = 1024;    // as many values are logged themselves, as f32
  std::int64_t sample = 0;         // the one of the batch that an image is of
  std::int64_t max_channels = 16;  // of an image: the first ones; of filters in both dimensions
  std::int64_t max_side = 128;     // larger maps are averaged over equal blocks
  std::string prefix = {};         // before every name: for several models in one history
};

// Names. Of activations: the module's path (the model's type for the model itself), "#2" for the
// second call in a pass, "[1]" for the second output; of weights the parameter's name; gradients of
// both have ".grad" after that. So "features.3/mean", "features.3.weight.grad/histogram".
class Probe {
 public:
  // Throws Error for a path that is nowhere in the model, with what there is, and for options that
  // are no count.
  Probe(layers::ModuleBase& model, History& history, ProbeOptions options);
  // From "PATH:WHAT:AS:EVERY", see parse_probe.
  Probe(layers::ModuleBase& model, History& history, std::string_view text);
  ~Probe();
  Probe(Probe&&) noexcept;
  Probe& operator=(Probe&&) noexcept;

  // True when the step is due. A step that was left unfinished, by an error say, ends here.
  bool begin_step(const Step& step);
  void after_backward();
  void end_step();
  const ProbeOptions& options() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// "features.3:activations:histogram:100"; what is left out from the right is the default (stats of
// activations every 100 steps). Throws Error that says which part is wrong and what it may be.
ProbeOptions parse_probe(std::string_view text);

}  // namespace glassbox::viz
