#include "engine/optim/optimizer.h"

#include <cstdio>
#include <unordered_set>

#include "engine/autograd/tape.h"
#include "engine/graph/recorder.h"

namespace glassbox::optim {

Optimizer::Optimizer(std::string_view name, Tensors parameters)
    : parameters_(std::move(parameters)) {
  if (parameters_.empty()) fail(name, "got no parameters");
  std::unordered_set<const TensorImpl*> seen;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& p = parameters_[i];
    if (!p.defined() || !p.is_leaf() || !is_floating(p.dtype())) {
      fail(name, cat("parameter ", i, " is not a floating-point leaf tensor"));
    }
    if (!seen.insert(p.impl_or_null()).second) fail(name, cat("parameter ", i, " is given twice"));
  }
  make_arena();
}

void Optimizer::make_arena() {
  // One block for all gradients of a device; each starts on a cache line of its own.
  const auto aligned = [](std::size_t bytes) {
    return (bytes + Allocator::alignment - 1) / Allocator::alignment * Allocator::alignment;
  };
  std::size_t total = 0;
  for (const Tensor& p : parameters_) total += aligned(p.spec().bytes());
  const Device device = parameters_.front().device();
  const auto arena = std::make_shared<Storage>(total, device);
  std::size_t offset = 0;
  for (std::size_t i = parameters_.size(); i-- > 0;) {
    const Tensor& p = parameters_[i];
    if (p.device() != device) fail("optimizer", "parameters are on different devices");
    auto part = std::make_shared<Storage>(arena, offset, p.spec().bytes());
    set_grad_buffer(p, Tensor(std::make_shared<TensorImpl>(p.spec(), 0, std::move(part))));
    offset += aligned(p.spec().bytes());
  }
}

void Optimizer::step() {
  const NoGrad no_grad;
  const PhaseScope phase(Phase::update);
  if (!stepped_) warn_about_strays();
  stepped_ = true;
  update();
}

void Optimizer::zero_grad() {
  for (Tensor& p : parameters_) p.zero_grad();
}

double Optimizer::lr() const { return state_.to_vector<double>()[0]; }
void Optimizer::set_lr(double lr) {
  if (!(lr >= 0)) fail("optimizer", cat("learning rate ", lr, " is not a number of at least 0"));
  state_.mutable_data<double>()[0] = lr;
}

void Optimizer::warn_about_strays() {
  const Tensors strays = take_leaves_without_optimizer();
  if (strays.empty()) return;
  std::string shapes;
  for (const Tensor& t : strays) shapes += " " + to_string(t.shape());
  std::fprintf(stderr,
               "glassbox: %zu tensor(s) received a gradient but are in no optimizer:%s. Are they "
               "missing from a module's fields()?\n",
               strays.size(), shapes.c_str());
}

}  // namespace glassbox::optim
