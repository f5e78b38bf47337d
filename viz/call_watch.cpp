#include "viz/call_watch.h"

#include <algorithm>
#include <utility>

#include "engine/autograd/tape.h"
#include "engine/core/error.h"

namespace glassbox::viz::detail {

using layers::ModuleBase;
using Seen = WatchedCall::Seen;

void CallWatch::begin(Options options) {
  end();
  options_ = std::move(options);
  activations = gradients = {};
  const std::weak_ptr<CallWatch> weak = weak_from_this();
  for (const auto& [path, module] : model_.named_modules()) {
    hooks_.push_back(module->on_forward(
        [weak, path = path](ModuleBase& m, const Tensors& in, const Tensors& out) {
          if (const auto self = weak.lock()) self->on_leave(m, path, in, out);
        }));
  }
}

void CallWatch::end() {
  ++step_;
  hooks_.clear();
  calls_.clear();
  open_.clear();
  numbers_.clear();
  counted_.clear();
  readers_.clear();
  suspect_ = nullptr;
  bad_call_ = -1;
  found_ = false;
}

NonFiniteCount CallWatch::count(const Tensor& tensor) {
  if (!tensor.defined()) return {};
  const auto [it, is_new] = counted_.try_emplace(tensor.id());
  if (is_new) it->second = count_non_finite(tensor);
  return it->second;
}

bool CallWatch::finite(const Tensors& tensors) {
  return std::none_of(tensors.begin(), tensors.end(),
                      [this](const Tensor& t) { return count(t).any(); });
}

void CallWatch::on_leave(ModuleBase& module, const std::string& path, const Tensors& in,
                         const Tensors& out) {
  // Evaluations, of averaged weights or not, are no part of a step.
  if (!options_.every_pass && (!grad_enabled() || !model_.is_training())) return;
  const int index = static_cast<int>(calls_.size());
  WatchedCall& call = calls_.emplace_back();
  call.module = &module;
  call.path = path;
  call.number = numbers_[&module]++;
  const auto running = scope_stack();
  if (running.size() >= 2) call.outer_module = running[running.size() - 2];
  for (; !open_.empty() && calls_[static_cast<std::size_t>(open_.back())].outer_module == &module;
       open_.pop_back())
    calls_[static_cast<std::size_t>(open_.back())].outer = index;
  open_.push_back(index);
  if (options_.on_call) options_.on_call(call, in, out);
  if (!options_.checks) return;

  for (const Tensor& x : in) {
    readers_[x.id()].push_back(index);
    call.input_ids.push_back(x.id());
  }
  for (const Tensor& y : out) {
    if (y.defined() && !counted_.contains(y.id())) activations += count(y);
    call.output_ids.push_back(y.defined() ? y.id() : 0);
  }
  if (options_.keep) call.inputs = in;
  if (!found_) judge_forward(index, in, out);
  watch_gradients(index, out);
}

void CallWatch::judge_forward(int index, const Tensors& in, const Tensors& out) {
  const WatchedCall& call = calls_[static_cast<std::size_t>(index)];
  if (!finite(in)) {
    // Somebody outside made it. The outer call will tell: was it given it, too?
    suspect_ = call.outer_module;
    if (!call.outer_module) report(index, NonFiniteIn::input, false, in, out);
  } else if (suspect_ == call.module) {
    report(index, NonFiniteIn::activation, true, in, out);
  } else if (!finite(out)) {
    report(index, NonFiniteIn::activation, false, in, out);
  }
}

void CallWatch::report(int index, NonFiniteIn in, bool between, const Tensors& inputs,
                       const Tensors& outputs) {
  found_ = true;
  if (options_.on_found)
    options_.on_found({&calls_[static_cast<std::size_t>(index)], in, between, inputs, outputs});
}

void CallWatch::watch_gradients(int index, const Tensors& out) {
  calls_[static_cast<std::size_t>(index)].gradients.resize(out.size());
  if (options_.keep) calls_[static_cast<std::size_t>(index)].output_gradients.resize(out.size());
  const std::weak_ptr<CallWatch> weak = weak_from_this();
  for (std::size_t i = 0; i < out.size(); ++i) {
    // A leaf would keep the hook for good.
    if (!out[i].defined() || !out[i].requires_grad() || out[i].is_leaf()) continue;
    on_gradient(out[i], [weak, index, i, step = step_](const Tensor& dy) {
      const auto self = weak.lock();
      if (self && self->step_ == step) self->on_gradient_of(index, i, dy);
    });
  }
}

void CallWatch::on_gradient_of(int index, std::size_t output, const Tensor& dy) {
  WatchedCall& call = calls_[static_cast<std::size_t>(index)];
  if (!counted_.contains(dy.id())) gradients += count(dy);
  const bool is_finite = !count(dy).any();
  call.gradients[output] = is_finite ? Seen::finite : Seen::not_finite;
  if (options_.keep) call.output_gradients[output] = dy;
  if (is_finite || bad_call_ >= 0) return;
  bad_call_ = index;
  bad_output_ = output;
}

bool CallWatch::gradients_finite(const WatchedCall& call) const {
  bool any = false;
  for (const Seen seen : call.gradients) {
    if (seen == Seen::not_finite) return false;
    any = any || seen == Seen::finite;
  }
  return any;
}

// Of the calls that read the tensor and had finite gradients to begin with: the innermost that
// gives another one when it is run again; -1 when it was none of them.
int CallWatch::consumer_to_blame(std::uint64_t tensor) {
  const auto it = readers_.find(tensor);
  if (it == readers_.end()) return -1;
  std::vector<int> readers;
  for (const int r : it->second) {
    if (gradients_finite(calls_[static_cast<std::size_t>(r)])) readers.push_back(r);
  }
  if (!options_.keep) {
    // Nothing is kept that could be run again. A module inside ends before the one around it.
    return readers.empty() ? -1 : readers.front();
  }
  for (const int r : readers) {
    const WatchedCall& call = calls_[static_cast<std::size_t>(r)];
    try {
      for (const auto& [name, result] :
           run_again({call.module, call.inputs, call.output_gradients})) {
        if (name.starts_with("grad.") && count_non_finite(result).any()) return r;
      }
    } catch (const Error&) {
      return r;  // it cannot be copied, so that it cannot be cleared
    }
  }
  return -1;
}

int CallWatch::call_with_bad_parameter_gradient() const {
  for (std::size_t i = calls_.size(); i-- > 0;) {
    const WatchedCall& call = calls_[i];
    if (!gradients_finite(call)) continue;
    bool bad = false;
    call.module->visit_tensors([&](std::string_view, Tensor& tensor, bool is_parameter) {
      if (is_parameter && tensor.grad().defined() && count_non_finite(tensor.grad()).any())
        bad = true;
    });
    if (bad) return static_cast<int>(i);
  }
  return -1;
}

void CallWatch::after_backward() {
  if (!options_.checks || found_ || calls_.empty()) return;
  const int by_parameter = call_with_bad_parameter_gradient();
  if (bad_call_ < 0) {
    if (by_parameter >= 0) {
      const Tensors inputs = calls_[static_cast<std::size_t>(by_parameter)].inputs;
      report(by_parameter, NonFiniteIn::gradient, false, inputs, {});
    }
    return;
  }
  const WatchedCall& bad = calls_[static_cast<std::size_t>(bad_call_)];
  int blamed = consumer_to_blame(bad.output_ids[bad_output_]);
  bool between = false;
  // Nobody who read it: then the module around, with what it does between its modules. Around that
  // which has it as its own output the next one; around the model there is the loss.
  for (int outer = bad.outer; blamed < 0 && outer >= 0;
       outer = calls_[static_cast<std::size_t>(outer)].outer) {
    if (!gradients_finite(calls_[static_cast<std::size_t>(outer)])) continue;
    blamed = outer;
    between = true;
  }
  // Backward goes from the last call to the first: a later one came before.
  if (by_parameter > blamed && blamed >= 0) {
    blamed = by_parameter;
    between = false;
  }
  const bool from_loss = blamed < 0 && by_parameter < 0;
  if (blamed < 0) blamed = from_loss ? bad_call_ : by_parameter;
  // Of the loss's gradient the outermost call with it is told: the model.
  for (int outer = calls_[static_cast<std::size_t>(blamed)].outer; from_loss && outer >= 0;
       outer = calls_[static_cast<std::size_t>(outer)].outer)
    blamed = outer;
  const Tensors inputs = calls_[static_cast<std::size_t>(blamed)].inputs;
  report(blamed, from_loss ? NonFiniteIn::loss : NonFiniteIn::gradient, between, inputs, {});
}

}  // namespace glassbox::viz::detail
