#include "viz/probe.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/autograd/tape.h"
#include "engine/core/error.h"
#include "engine/graph/recorder.h"
#include "viz/histogram_tensor.h"
#include "viz/model_paths.h"
#include "viz/probe_image.h"
#include "viz/tensor_stats.h"

namespace glassbox::viz {

using layers::ModuleBase;

namespace {

bool is_of_modules(ProbeWhat what) {
  return what == ProbeWhat::activations || what == ProbeWhat::activation_gradients;
}

void check(const ProbeOptions& o) {
  const auto at_least_one = [](const char* name, std::int64_t value) {
    if (value < 1) fail("probe", cat(name, " is ", value, "; give at least 1"));
  };
  at_least_one("every", o.every);
  at_least_one("bins", o.bins);
  at_least_one("max_channels", o.max_channels);
  at_least_one("max_side", o.max_side);
  if (o.sample < 0) fail("probe", cat("sample is ", o.sample, "; samples are counted from 0"));
}

}  // namespace

struct Probe::State {
  State(ModuleBase& m, History& h, ProbeOptions o) : model(m), history(h), options(std::move(o)) {
    check(options);
    if (is_of_modules(options.what)) {
      modules_at(model, options.path);
    } else {
      tensors_at(model, options.path);
    }
  }

  bool is_due(const Step& s) {
    if (s.epoch < 0) return s.batch % options.every == 0;
    return seen++ % options.every == 0;
  }
  // Whether a pass that runs now is one of the step's.
  bool is_watching() const { return active && !passed && grad_enabled() && model.is_training(); }

  void log(const std::string& name, const Tensor& tensor) {
    if (!tensor.defined() || tensor.device().is_meta()) return;
    // A recording of the step holds none of this.
    const RecordScope unseen(nullptr);
    const NoGrad no_grad;
    const std::string base = options.prefix + name;
    switch (options.as) {
      case ProbeAs::stats:
        return log_stats(base, tensor);
      case ProbeAs::histogram:
        return log_histogram(base + "/histogram", tensor);
      case ProbeAs::image: {
        const bool is_weight = !is_of_modules(options.what);
        const Tensor image = is_weight ? detail::weight_image(tensor, options)
                                       : detail::sample_image(tensor, options);
        if (image.defined()) history.log(step, {{base + "/image", image}});
      }
    }
  }
  void log_stats(const std::string& base, const Tensor& tensor) {
    const TensorStats s = stats_of(tensor);
    const std::string mean = base + "/mean", std = base + "/std", min = base + "/min",
                      max = base + "/max", zeros = base + "/zeros";
    history.log(step, {{mean, s.mean}, {std, s.std}, {min, s.min}, {max, s.max}, {zeros, s.zeros}});
  }
  void log_histogram(const std::string& name, const Tensor& tensor) {
    if (static_cast<std::size_t>(tensor.numel()) <= options.raw_up_to) {
      history.log(step, {{name, from(tensor.to_vector<float>(), tensor.shape(), Device::cpu())}});
    } else {
      history.log(step,
                  {{name, histogram_tensor(histogram(tensor.to_vector<double>(), options.bins))}});
    }
  }

  std::string name_of(const std::string& path, int call, std::size_t output) const {
    std::string name = label_of(model, path);
    if (call > 0) name += "#" + std::to_string(call + 1);
    if (output > 0) name += "[" + std::to_string(output) + "]";
    return name;
  }

  static void install(const std::shared_ptr<State>& self) {
    State& s = *self;
    const std::weak_ptr<State> weak = self;
    for (const auto& [path, module] : modules_at(s.model, s.options.path)) {
      s.hooks.push_back(module->on_forward(
          [weak, path = path](ModuleBase& m, const Tensors&, const Tensors& outputs) {
            if (const auto state = weak.lock()) state->on_outputs(weak, m, path, outputs);
          }));
    }
    // After the others: a probe of the model itself still sees the pass.
    s.hooks.push_back(s.model.on_forward([weak](ModuleBase&, const Tensors&, const Tensors&) {
      if (const auto state = weak.lock(); state && state->is_watching()) state->passed = true;
    }));
  }

  void on_outputs(const std::weak_ptr<State>& weak, ModuleBase& module, const std::string& path,
                  const Tensors& outputs) {
    if (!is_watching()) return;
    const int call = calls[&module]++;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const Tensor& y = outputs[i];
      if (!y.defined()) continue;
      const std::string name = name_of(path, call, i);
      if (options.what == ProbeWhat::activations) {
        log(name, y);
      } else if (y.requires_grad() && !y.is_leaf()) {
        // A leaf keeps its hooks for good; a module that returns one made nothing itself.
        on_gradient(y, [weak, name = name + ".grad", n = begun](const Tensor& dy) {
          const auto state = weak.lock();
          if (state && state->active && state->begun == n) state->log(name, dy);
        });
      }
    }
  }

  void end() {
    hooks.clear();
    calls.clear();
    active = passed = false;
  }

  ModuleBase& model;
  History& history;
  ProbeOptions options;
  std::vector<layers::HookHandle> hooks;
  std::unordered_map<const ModuleBase*, int> calls;  // in this pass
  Step step;
  std::int64_t seen = 0, begun = 0;
  bool active = false, passed = false;
};

Probe::Probe(ModuleBase& model, History& history, ProbeOptions options)
    : state_(std::make_shared<State>(model, history, std::move(options))) {}
Probe::Probe(ModuleBase& model, History& history, std::string_view text)
    : Probe(model, history, parse_probe(text)) {}
Probe::~Probe() = default;
Probe::Probe(Probe&&) noexcept = default;
Probe& Probe::operator=(Probe&&) noexcept = default;

const ProbeOptions& Probe::options() const { return state_->options; }

bool Probe::begin_step(const Step& step) {
  State& s = *state_;
  if (s.active) s.end();
  if (!s.is_due(step)) return false;
  s.active = true;
  s.step = step;
  ++s.begun;
  if (is_of_modules(s.options.what)) State::install(state_);
  if (s.options.what == ProbeWhat::weights) {
    for (const auto& [name, tensor] : tensors_at(s.model, s.options.path)) s.log(name, tensor);
  }
  return true;
}

void Probe::after_backward() {
  State& s = *state_;
  if (!s.active || s.options.what != ProbeWhat::gradients) return;
  for (const auto& [name, tensor] : tensors_at(s.model, s.options.path))
    s.log(name + ".grad", tensor.grad());
}

void Probe::end_step() {
  if (state_->active) state_->end();
}

namespace {

template <class T, std::size_t N>
T one_of(std::string_view text, std::string_view given, const char* part,
         const std::pair<std::string_view, T> (&choices)[N]) {
  std::string names;
  for (const auto& choice : choices) {
    if (choice.first == given) return choice.second;
    names += cat(names.empty() ? "" : ", ", choice.first);
  }
  fail("probe", cat("\"", text, "\": ", part, " is \"", given, "\", not one of ", names));
}

}  // namespace

ProbeOptions parse_probe(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::string_view rest = text;;) {
    const std::size_t colon = rest.find(':');
    parts.push_back(rest.substr(0, colon));
    if (colon == rest.npos) break;
    rest.remove_prefix(colon + 1);
  }
  if (parts.size() > 4) {
    fail("probe", cat("\"", text, "\" has ", parts.size(),
                      " parts; it is PATH:WHAT:AS:EVERY, as features.3:activations:histogram:100"));
  }
  ProbeOptions o;
  o.path = parts[0];
  if (parts.size() > 1) {
    o.what = one_of<ProbeWhat>(text, parts[1], "WHAT (the second part)",
                               {{"activations", ProbeWhat::activations},
                                {"weights", ProbeWhat::weights},
                                {"gradients", ProbeWhat::gradients},
                                {"activation_gradients", ProbeWhat::activation_gradients}});
  }
  if (parts.size() > 2) {
    o.as = one_of<ProbeAs>(
        text, parts[2], "AS (the third part)",
        {{"stats", ProbeAs::stats}, {"histogram", ProbeAs::histogram}, {"image", ProbeAs::image}});
  }
  if (parts.size() > 3) {
    const std::string_view n = parts[3];
    const auto [end, error] = std::from_chars(n.data(), n.data() + n.size(), o.every);
    if (error != std::errc() || end != n.data() + n.size() || o.every < 1) {
      fail("probe", cat("\"", text, "\": EVERY (the fourth part) is \"", n,
                        "\", not a count of steps of at least 1"));
    }
  }
  return o;
}

}  // namespace glassbox::viz
