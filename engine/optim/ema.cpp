#include "engine/optim/ema.h"

#include "engine/autograd/tape.h"
#include "engine/graph/recorder.h"
#include "engine/ops/ema.h"
#include "engine/ops/update.h"

namespace glassbox::optim {

namespace {

Tensors copies_of(const Tensors& tensors) {
  const NoGrad no_grad;
  Tensors copies;
  for (const Tensor& t : tensors) copies.push_back(t.clone());
  return copies;
}

void assign_all(Tensors to, const Tensors& from) {
  for (std::size_t i = 0; i < to.size(); ++i) assign(to[i], from[i]);
}

}  // namespace

EMA::EMA(Tensors parameters, Tensors buffers, const EMAOptions& options)
    : use_buffers_(options.use_buffers),
      parameters_(std::move(parameters)),
      buffers_(std::move(buffers)) {
  if (!(options.decay >= 0 && options.decay <= 1)) {
    fail("EMA", cat("decay ", options.decay, " is not between 0 and 1"));
  }
  if (parameters_.empty()) fail("EMA", "got no parameters");
  for (const Tensors* list : {&parameters_, &buffers_}) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (!(*list)[i].defined()) {
        fail("EMA", cat(list == &buffers_ ? "buffer " : "parameter ", i, " is undefined"));
      }
    }
  }
  averaged_parameters_ = copies_of(parameters_);
  averaged_buffers_ = copies_of(buffers_);
  state_ = from<double>({options.decay, 0}, {2}, parameters_[0].device());
  inputs_ = {state_};
  const auto add = [&](const Tensors& averages, const Tensors& tensors) {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      inputs_.push_back(averages[i]);
      inputs_.push_back(tensors[i]);
    }
  };
  add(averaged_parameters_, parameters_);
  if (use_buffers_) add(averaged_buffers_, buffers_);
}

void EMA::update() {
  if (swapped_) fail("EMA", "update while the averages are swapped into the model");
  const NoGrad no_grad;
  const PhaseScope phase(Phase::update);
  glassbox::apply(ops::Ema{}, Ins(inputs_));
  if (!use_buffers_) assign_all(averaged_buffers_, buffers_);
}

std::int64_t EMA::num_updates() const {
  return static_cast<std::int64_t>(state_.to_vector<double>()[1]);
}

void EMA::apply_to(Tensors parameters, Tensors buffers) const {
  if (parameters.size() != averaged_parameters_.size()) {
    fail("EMA", cat("apply_to got ", parameters.size(), " parameters for ",
                    averaged_parameters_.size(), " averages"));
  }
  if (!buffers.empty() && buffers.size() != averaged_buffers_.size()) {
    fail("EMA", cat("apply_to got ", buffers.size(), " buffers for ", averaged_buffers_.size(),
                    " averages"));
  }
  const NoGrad no_grad;
  const PhaseScope phase(Phase::update);
  assign_all(std::move(parameters), averaged_parameters_);
  if (!buffers.empty()) assign_all(std::move(buffers), averaged_buffers_);
}

EMA::Swap::Swap(EMA& ema) : ema_(ema) {
  if (ema_.swapped_) fail("EMA", "the averages are swapped into the model already");
  Tensors own = ema_.parameters_;
  own.insert(own.end(), ema_.buffers_.begin(), ema_.buffers_.end());
  const NoGrad no_grad;
  const PhaseScope phase(Phase::update);
  if (ema_.put_aside_.empty())
    ema_.put_aside_ = copies_of(own);
  else
    assign_all(ema_.put_aside_, own);
  ema_.apply_to(ema_.parameters_, ema_.buffers_);
  ema_.swapped_ = true;
}

EMA::Swap::~Swap() {
  Tensors own = ema_.parameters_;
  own.insert(own.end(), ema_.buffers_.begin(), ema_.buffers_.end());
  const NoGrad no_grad;
  const PhaseScope phase(Phase::update);
  assign_all(std::move(own), ema_.put_aside_);
  ema_.swapped_ = false;
}

StateDict EMA::state_dict() const {
  StateDict out{{"state", state_}};
  for (std::size_t i = 0; i < averaged_parameters_.size(); ++i) {
    out.emplace_back(cat("parameter.", i), averaged_parameters_[i]);
  }
  for (std::size_t i = 0; i < averaged_buffers_.size(); ++i) {
    out.emplace_back(cat("buffer.", i), averaged_buffers_[i]);
  }
  return out;
}

void EMA::load_state_dict(const StateDict& state) { load_strictly("EMA", state_dict(), state); }

}  // namespace glassbox::optim
