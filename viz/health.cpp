#include "viz/health.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "engine/autograd/tape.h"
#include "engine/core/error.h"
#include "engine/graph/recorder.h"
#include "viz/call_watch.h"
#include "viz/model_paths.h"
#include "viz/relu_watch.h"
#include "viz/tensor_stats.h"
#include "viz/text.h"

namespace glassbox::viz {

using layers::ModuleBase;
using Kind = HealthWarning::Kind;

namespace {

void check(const HealthOptions& o) {
  if (o.every < 1) fail("health", cat("every is ", o.every, "; give at least 1"));
  if (o.finite_every < 0) fail("health", cat("finite_every is ", o.finite_every, ", below 0"));
  if (o.median_of < 10) fail("health", cat("median_of is ", o.median_of, "; give at least 10"));
  if (!(o.exploding > 1)) fail("health", cat("exploding is ", o.exploding, ", not above 1"));
  if (!(o.vanishing >= 0 && o.vanishing < 1))
    fail("health", cat("vanishing is ", o.vanishing, ", not of [0, 1)"));
}

double median(std::vector<double> values) {
  const std::size_t half = values.size() / 2;
  std::sort(values.begin(), values.end());
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::string in_short(double value) { return significant(value, 3); }

// A copy that no op made: nothing records it.
Tensor copy_of(const Tensor& t) {
  const RecordScope unseen(nullptr);
  const NoGrad no_grad;
  const Tensor host = t.device().is_cpu() ? t : t.to(Device::cpu());
  Tensor copy = empty(t.shape(), t.dtype(), Device::cpu());
  if (t.spec().bytes() > 0) std::memcpy(copy.raw(), host.raw(), t.spec().bytes());
  return copy;
}

std::string counts(const Tensor& t) {
  const NonFiniteCount n = count_non_finite(t);
  return cat(n.nan, " NaN and ", n.inf, " infinities among ", t.numel(), " values");
}

std::string list(const Tensors& tensors) {
  std::string text;
  for (const Tensor& t : tensors) {
    if (count_non_finite(t).any()) text += (text.empty() ? "" : ", ") + counts(t);
  }
  return text;
}

std::string describe(const detail::CallWatch::Found& found, const NonFinite& n) {
  std::string who = n.type + (n.path.empty() ? "" : " at " + n.path);
  if (n.call > 1) who += cat(" (call ", n.call, ")");
  switch (found.in) {
    case NonFiniteIn::input:
      return cat("what ", who, " is given is not finite: ", list(found.inputs));
    case NonFiniteIn::loss:
      return cat("the gradient that comes into ", who,
                 " is not finite, so it was made by what follows, the loss");
    case NonFiniteIn::gradient:
      return cat("the first gradient that is not finite is made by ", who,
                 found.between ? ", between its modules" : "");
    case NonFiniteIn::activation:
      break;
  }
  std::string text = cat("the first value that is not finite is made by ", who);
  if (found.between) text += ", between its modules";
  if (const std::string outputs = list(found.outputs); !outputs.empty())
    text += ", whose output has " + outputs;
  found.call->module->visit_tensors([&](std::string_view name, Tensor& tensor, bool) {
    if (count_non_finite(tensor).any()) text += cat(" (its ", name, " is not finite)");
  });
  return text;
}

NonFinite non_finite(const detail::CallWatch::Found& found, const Step& step) {
  NonFinite n;
  n.step = step;
  n.in = found.in;
  n.path = found.call->path;
  n.type = found.call->module->type_name();
  n.call = found.call->number + 1;
  n.text = describe(found, n);
  return n;
}

}  // namespace

struct Health::State {
  struct Weight {
    std::string name;
    Tensor tensor, before;
    double norm;
  };

  State(ModuleBase& m, History* h, HealthOptions o)
      : model(m), history(h), options(std::move(o)), watch(std::make_shared<detail::CallWatch>(m)) {
    check(options);
  }

  // Its numbers count from 0, or are the step's own.
  bool is_due(int every) const {
    if (every == 0) return false;
    return (step.epoch < 0 ? step.batch : seen) % every == 0;
  }

  void begin(const Step& s) {
    end();
    step = s;
    numbers_due = is_due(options.every);
    finite_due = is_due(options.finite_every);
    ++seen;
    active = numbers_due || finite_due;
    if (!active) return;
    passed = false;
    parameter_gradients = {};
    numbers.clear();
    relus.begin();
    detail::CallWatch::Options o;
    o.checks = finite_due;
    // What is kept is for the file of the first one alone.
    o.keep = !options.folder.empty() && !first;
    o.on_found = [this](const detail::CallWatch::Found& found) { on_found(found); };
    if (numbers_due) {
      o.on_call = [this](const detail::WatchedCall& call, const Tensors& in, const Tensors& out) {
        if (passed) return;
        relus.on_call(*call.module, label_of(model, call.path), in, out);
        passed = call.module == &model;
      };
    }
    watch->begin(std::move(o));
  }

  void end() {
    watch->end();
    weights.clear();
    active = false;
  }

  void put(const std::string& name, double value) { numbers.emplace_back(name, value); }

  void log() {
    if (!history || numbers.empty()) return;
    std::vector<std::string> names;
    std::vector<NamedValue> values;
    names.reserve(numbers.size());
    for (const auto& [name, value] : numbers) {
      names.push_back(options.prefix + name);
      values.push_back({names.back(), value});
    }
    history->log(step, values);
  }

  // --- gradients and weights
  // --------------------------------------------------------------------------

  void take_gradients() {
    double sum = 0;
    std::vector<layers::Named<double>> sizes;  // root mean squares of weights' gradients
    const std::size_t at = numbers.size();
    for (const auto& [name, tensor] : model.named_parameters()) {
      const Tensor g = tensor.grad();
      if (!g.defined()) continue;
      const double norm = norm_of(g);
      sum += norm * norm;
      put("grad_norm/" + name, norm);
      if (tensor.dim() >= 2 && tensor.numel() > 0)
        sizes.emplace_back(name, norm / std::sqrt(static_cast<double>(tensor.numel())));
      weights.push_back({name, tensor, copy_of(tensor), norm_of(tensor)});
    }
    const double total = std::sqrt(sum);
    if (numbers.size() > at)
      numbers.insert(numbers.begin() + static_cast<std::ptrdiff_t>(at), {"grad_norm", total});
    if (numbers.size() > at) judge_norm(total);
    judge_sizes(sizes);
  }

  void take_updates() {
    for (const Weight& w : weights) {
      if (w.norm > 0 && w.tensor.shape() == w.before.shape())
        put("update_ratio/" + w.name, norm_of_difference(w.tensor, w.before) / w.norm);
    }
  }

  void take_dead() {
    for (const auto& [name, share] : relus.dead()) {
      put("dead_relu/" + name, 100 * share);
      warn(Kind::dead, name, 100 * share > options.dead, [&, &name = name, &share = share] {
        return cat(in_short(100 * share), " % of the units of ", name,
                   " are dead: 0 for every sample of this batch, so nothing behind them learns; a "
                   "smaller learning rate or another initialisation may help");
      });
    }
  }

  void take_counts() {
    put("nan/activations", static_cast<double>(watch->activations.nan));
    put("inf/activations", static_cast<double>(watch->activations.inf));
    NonFiniteCount g = watch->gradients;
    g += parameter_gradients;
    put("nan/gradients", static_cast<double>(g.nan));
    put("inf/gradients", static_cast<double>(g.inf));
  }

  // --- warnings
  // ---------------------------------------------------------------------------------------

  template <class Text>
  void warn(Kind kind, const std::string& name, bool ill, const Text& text) {
    if (!ill) {
      told.erase({kind, name});
      return;
    }
    if (told.insert({kind, name}).second) say({kind, step, name, text()});
  }
  void say(const HealthWarning& warning) {
    warnings.push_back(warning);
    if (options.say) return options.say(warning);
    std::fprintf(stderr, "glassbox: step %s: %s\n", format_step(warning.step).c_str(),
                 warning.text.c_str());
  }

  void judge_norm(double norm) {
    constexpr std::size_t enough = 10;
    if (norms.size() >= enough) {
      const double usual = median(norms);
      warn(Kind::exploding, "", std::isfinite(norm) && norm > options.exploding * usual, [&] {
        return cat("the gradient is exploding: its norm is ", in_short(norm), ", ",
                   usual > 0 ? cat(in_short(norm / usual), " times its usual ") : "usually ",
                   in_short(usual), "; a smaller learning rate or clipping may help");
      });
    }
    if (!std::isfinite(norm)) return;
    norms.push_back(norm);
    if (norms.size() > options.median_of) norms.erase(norms.begin());
  }

  void judge_sizes(const std::vector<layers::Named<double>>& sizes) {
    const auto least = [](const auto& a, const auto& b) { return a.second < b.second; };
    const auto most = std::max_element(sizes.begin(), sizes.end(), least);
    if (most == sizes.end() || !std::isfinite(most->second)) return;
    for (const auto& [name, size] : sizes) {
      warn(Kind::vanishing, name, size < options.vanishing * most->second,
           [&, &name = name, &size = size] {
             return cat("the gradient of ", name, " is vanishing: its root mean square is ",
                        in_short(size), ", that of ", most->first, " ", in_short(most->second),
                        "; normalisation, residual connections or another activation may help");
           });
    }
  }

  // --- the first value that is not finite
  // -------------------------------------------------------------

  void on_found(const detail::CallWatch::Found& found) {
    if (first) return;
    NonFinite n = non_finite(found, step);
    if (!options.folder.empty()) save(found, n);
    first = n;
    HealthWarning warning{Kind::not_finite, step, label_of(model, n.path), n.text};
    if (!n.file.empty()) warning.text += cat("; saved for a replay in ", n.file);
    say(warning);
    if (options.on_non_finite) options.on_non_finite(n);
  }

  void save(const detail::CallWatch::Found& found, NonFinite& n) const {
    const detail::WatchedCall& call = *found.call;
    std::string number = format_step(step);
    std::replace(number.begin(), number.end(), ':', '-');
    const std::string file = cat(options.folder, "/non_finite-", number, ".safetensors");
    const bool forward = n.in == NonFiniteIn::activation || n.in == NonFiniteIn::input;
    const detail::CallToRun run{call.module, found.inputs,
                                forward ? Tensors() : call.output_gradients};
    try {
      // Of a forward pass what it made is there; of a backward pass it is made again.
      ReplayResults results;
      if (forward) {
        for (std::size_t i = 0; i < found.outputs.size(); ++i) {
          if (found.outputs[i].defined()) results.emplace_back(cat("output.", i), found.outputs[i]);
        }
      } else {
        results = detail::run_again(run);
      }
      detail::save_replay(file, {n.in, n.path, format_step(step), n.text, n.call}, run, results);
      n.file = file;
    } catch (const Error& error) {
      n.text += cat("; it could not be saved: ", error.what());
    }
  }

  ModuleBase& model;
  History* history;
  HealthOptions options;
  std::shared_ptr<detail::CallWatch> watch;
  detail::ReluWatch relus;
  std::vector<Weight> weights;
  std::vector<layers::Named<double>> numbers;
  std::vector<double> norms;  // the last ones
  NonFiniteCount parameter_gradients;
  std::vector<HealthWarning> warnings;
  std::set<std::pair<Kind, std::string>> told;
  std::optional<NonFinite> first;
  Step step;
  std::int64_t seen = 0;
  bool active = false, numbers_due = false, finite_due = false, passed = false;
};

Health::Health(ModuleBase& model, History& history, HealthOptions options)
    : state_(std::make_shared<State>(model, &history, std::move(options))) {}
Health::Health(ModuleBase& model, HealthOptions options)
    : state_(std::make_shared<State>(model, nullptr, std::move(options))) {}
Health::~Health() = default;
Health::Health(Health&&) noexcept = default;
Health& Health::operator=(Health&&) noexcept = default;

void Health::begin_step(const Step& step) { state_->begin(step); }

void Health::after_backward() {
  State& s = *state_;
  if (!s.active) return;
  if (s.finite_due) {
    s.watch->after_backward();
    for (const auto& [name, tensor] : s.model.named_parameters())
      s.parameter_gradients += count_non_finite(tensor.grad());
  }
  if (s.numbers_due) s.take_gradients();
}

void Health::end_step() {
  State& s = *state_;
  if (!s.active) return;
  const RecordScope unseen(nullptr);
  if (s.numbers_due) {
    s.take_updates();
    s.take_dead();
  }
  if (s.finite_due) s.take_counts();
  s.log();
  s.end();
}

const std::vector<layers::Named<double>>& Health::numbers() const { return state_->numbers; }
const std::vector<HealthWarning>& Health::warnings() const { return state_->warnings; }
const NonFinite* Health::first_non_finite() const {
  return state_->first ? &*state_->first : nullptr;
}

std::optional<NonFinite> find_non_finite(ModuleBase& model, const Tensors& inputs) {
  const NoGrad no_grad;
  std::optional<NonFinite> result;
  const auto watch = std::make_shared<detail::CallWatch>(model);
  detail::CallWatch::Options options;
  options.every_pass = true;
  options.on_found = [&result](const detail::CallWatch::Found& found) {
    result = non_finite(found, {});
  };
  watch->begin(std::move(options));
  model.call(inputs);
  watch->end();
  return result;
}

}  // namespace glassbox::viz
