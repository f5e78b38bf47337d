#include "engine/autograd/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>

#include "engine/apply.h"
#include "engine/autograd/tape.h"
#include "engine/core/philox.h"
#include "engine/core/transfer.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"

namespace glassbox {
namespace {

constexpr std::uint64_t key = 0x6772616463686b21;

// Stream 0 draws elements, stream 1 + i the weights of output i.
std::uint32_t random_word(std::uint64_t seed, std::uint64_t stream, std::int64_t i) {
  return Philox::words(key ^ seed, static_cast<std::uint64_t>(i), stream)[0];
}

std::vector<double> weights(std::uint64_t seed, std::size_t output, std::int64_t n) {
  std::vector<double> w;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t word = random_word(seed, 1 + output, i);
    w.push_back((word & 1 ? 1 : -1) * (0.5 + Philox::uniform_double(word)));
  }
  return w;
}

// Why fresh: `f` may write its inputs (running statistics), and each evaluation starts from the
// same.
Tensors fresh(const Tensors& inputs) {
  Tensors copies;
  for (const Tensor& x : inputs) copies.push_back(x.defined() ? x.detach().clone() : x);
  return copies;
}

bool is_checked(const Tensor& y) { return y.defined() && y.dtype() == DType::f64; }

class Check {
 public:
  Check(const TensorFunction& f, const Tensors& inputs, const GradcheckOptions& options)
      : f_(f), options_(options) {
    const NoGrad no_grad;
    inputs_ = fresh(inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const bool floating = inputs[i].defined() && is_floating(inputs[i].dtype());
      const bool asked = options.differentiable.empty()
                             ? floating
                             : i < options.differentiable.size() && options.differentiable[i];
      wanted_.push_back(asked);
      if (!asked) continue;
      if (!inputs[i].defined() || inputs[i].dtype() != DType::f64 || inputs[i].device().is_meta()) {
        fail("gradcheck", cat("input ", i, " must be f64 and have data, got ",
                              inputs[i].defined() ? to_string(inputs[i].spec()) : "none"));
      }
    }
  }

  GradcheckReport run() {
    Tensors gradients;
    try {
      gradients = backward_gradients();
    } catch (const Error& error) {
      report_.problem = error.what();
    }
    if (!report_.problem.empty()) {
      report_.error = std::numeric_limits<double>::infinity();
      return report_;
    }
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (wanted_[i]) compare(i, gradients[i]);
    }
    report_.ok = report_.error <= options_.tolerance;
    return report_;
  }

 private:
  // By input; undefined where backward reached nothing, which means zero.
  Tensors backward_gradients() {
    const EnableGrad enable_grad;
    Tensors leaves = fresh(inputs_);
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      if (wanted_[i]) leaves[i].set_requires_grad();
    }
    const Tensors outputs = f_(leaves);
    Tensors reached, seeds;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const Tensor& y = outputs[i];
      weights_.push_back(is_checked(y) ? weights(options_.seed, i, y.numel())
                                       : std::vector<double>());
      if (!is_checked(y) || !y.requires_grad()) continue;
      reached.push_back(y);
      seeds.push_back(from(weights_.back(), y.shape(), y.device()));
    }
    if (reached.empty()) {
      report_.problem = "no output depends on an input that is checked";
    } else if (reached.size() == 1) {
      reached[0].backward(seeds[0]);
    } else {
      // Why not one after the other: an op must get the gradients of all its outputs at once.
      Tensor total = sum(reached[0] * seeds[0]);
      for (std::size_t i = 1; i < reached.size(); ++i) total = total + sum(reached[i] * seeds[i]);
      total.backward();
    }
    Tensors gradients;
    for (const Tensor& leaf : leaves) gradients.push_back(leaf.defined() ? leaf.grad() : leaf);
    return gradients;
  }

  double numeric_gradient(std::size_t input, std::int64_t element) {
    const NoGrad no_grad;
    const auto at = static_cast<std::size_t>(element);
    const double x = inputs_[input].to_vector<double>()[at];
    const double h = options_.step * std::max(1.0, std::abs(x));
    const volatile double above = x + h, below = x - h;  // as they are stored
    const Tensors plus = moved(input, at, above), minus = moved(input, at, below);
    double difference = 0;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (weights_[i].empty()) continue;
      const std::vector<double> p = plus[i].to_vector<double>(), m = minus[i].to_vector<double>();
      for (std::size_t k = 0; k < p.size(); ++k) difference += weights_[i][k] * (p[k] - m[k]);
    }
    return difference / (above - below);
  }

  Tensors moved(std::size_t input, std::size_t element, double value) {
    Tensors xs = fresh(inputs_);
    write_bytes(xs[input], element * sizeof value, &value, sizeof value);
    return f_(xs);
  }

  void compare(std::size_t input, const Tensor& gradient) {
    const std::int64_t n = inputs_[input].numel();
    const bool all = options_.elements == 0 || options_.elements >= n;
    const std::int64_t count = all ? n : options_.elements;
    std::vector<std::int64_t> elements;
    std::vector<double> backward, numeric, all_backward;
    if (gradient.defined()) all_backward = gradient.to_vector<double>();
    double scale = options_.floor;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t drawn = random_word(options_.seed, 0, i) % static_cast<std::uint64_t>(n);
      elements.push_back(all ? i : drawn);
      const auto at = static_cast<std::size_t>(elements.back());
      backward.push_back(gradient.defined() ? all_backward[at] : 0);
      numeric.push_back(numeric_gradient(input, elements.back()));
      scale = std::max({scale, std::abs(backward.back()), std::abs(numeric.back())});
    }
    report_.checked += count;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      double error = std::abs(backward[i] - numeric[i]) / scale;
      if (!std::isfinite(error)) error = std::numeric_limits<double>::infinity();
      if (report_.input >= 0 && error <= report_.error) continue;
      report_.error = error;
      report_.input = static_cast<int>(input);
      report_.element = elements[i];
      report_.index = index_of(elements[i], inputs_[input].shape());
      report_.backward = backward[i];
      report_.numeric = numeric[i];
    }
  }

  static Shape index_of(std::int64_t element, const Shape& shape) {
    Shape index = shape;
    for (int d = shape.rank() - 1; d >= 0; --d) {
      index[d] = element % shape[d];
      element /= shape[d];
    }
    return index;
  }

  const TensorFunction& f_;
  const GradcheckOptions& options_;
  Tensors inputs_;
  std::vector<bool> wanted_;
  std::vector<std::vector<double>> weights_;  // by output; empty where it is not checked
  GradcheckReport report_;
};

}  // namespace

GradcheckReport gradcheck(const TensorFunction& f, const Tensors& inputs,
                          const GradcheckOptions& options) {
  return Check(f, inputs, options).run();
}

GradcheckReport gradcheck(const AnyOp& op, const Tensors& inputs, const GradcheckOptions& options) {
  SmallVector<Spec, 6> specs;
  for (const Tensor& x : inputs) specs.push_back(x.defined() ? x.spec() : Spec::undefined());
  const SpecList outputs = op.type().infer(op.get(), specs, true);
  const TensorFunction f = [&](const Tensors& xs) {
    const TensorList all = apply_op(op.type(), op.get(), xs);
    Tensors kept;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool written = op.type().writes && op.alias(static_cast<int>(i)) >= 0;
      kept.push_back(outputs[i].internal || written ? Tensor() : all[i]);
    }
    return kept;
  };
  return gradcheck(f, inputs, options);
}

std::ostream& operator<<(std::ostream& out, const GradcheckReport& report) {
  if (!report.problem.empty()) return out << report.problem;
  if (report.input < 0) return out << "nothing to check";
  return out << "input " << report.input << " at " << report.index << ": backward "
             << report.backward << ", numeric " << report.numeric << ", error " << report.error
             << " over " << report.checked << " elements";
}

}  // namespace glassbox
