#include "engine/ops/optim.h"

namespace glassbox::ops {

int Sgd::alias(int output) const {
  if (output == 0) return 0;
  const int outputs_each = has_momentum ? 2 : 1;
  const int parameter = (output - 1) / outputs_each, which = (output - 1) % outputs_each;
  return 1 + parameter * per_parameter() + (which == 0 ? 0 : 2);
}

SpecList Sgd::infer(Specs in, bool) const {
  const auto each = static_cast<std::size_t>(per_parameter());
  if (in.empty() || (in.size() - 1) % each != 0) {
    fail(name, cat("needs the state and ", each, " tensors for each parameter, got ", in.size()));
  }
  const std::size_t n = (in.size() - 1) / each;
  const Shape want{state_header + static_cast<std::int64_t>(n)};
  if (in[0].shape != want || in[0].dtype != DType::f64) {
    fail(name, cat("state must be ", want, " f64, got ", to_string(in[0])));
  }
  SpecList out{in[0]};
  for (std::size_t i = 0; i < n; ++i) {
    const Spec& p = in[1 + i * each];
    if (!p.defined || (has_momentum && !in[3 + i * each].defined)) {
      fail(name, cat(p.defined ? "the momentum of " : "", "parameter ", i, " is undefined"));
    }
    check_floating(name, Specs(&p, 1));
    for (std::size_t k = 1; k < each; ++k) {
      const Spec& other = in[1 + i * each + k];
      if (other.defined && (other.shape != p.shape || other.dtype != p.dtype)) {
        fail(name, cat(k == 1 ? "gradient " : "momentum ", to_string(other),
                       " does not match parameter ", i, " ", to_string(p)));
      }
    }
    out.push_back(p);
    if (has_momentum) out.push_back(in[1 + i * each + 2]);
  }
  return out;
}

Cost Sgd::cost(Specs in, Specs out) const {
  double elements = 0;
  for (std::size_t i = 1; i < in.size(); i += static_cast<std::size_t>(per_parameter())) {
    elements += static_cast<double>(in[i].numel());
  }
  return streaming_cost(elements * (has_momentum ? 6 : 4), in, out);
}

}  // namespace glassbox::ops
