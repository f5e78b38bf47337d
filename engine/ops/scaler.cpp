#include "engine/ops/scaler.h"

#include <cmath>

namespace glassbox::ops {

namespace {

// The scaler's state and those of the groups after it; the rest is not looked at.
void check_states(std::string_view op, Specs in, std::size_t groups) {
  check_defined(op, in, 1 + groups);
  if (in[0].shape != Shape{4} || in[0].dtype != DType::f64) {
    fail(op, cat("the scaler's state must be [4] f64, got ", to_string(in[0])));
  }
  for (std::size_t i = 1; i < 1 + groups; ++i) {
    const Spec& state = in[i];
    if (state.shape.rank() != 1 || state.shape[0] < update_header || state.dtype != DType::f64) {
      fail(op, cat("the state of group ", i - 1, " must be f64 of at least ", update_header,
                   " elements, got ", to_string(state)));
    }
  }
}

SpecList same(Specs in) {
  SpecList out;
  for (const Spec& spec : in) out.push_back(spec);
  return out;
}

}  // namespace

SpecList UnscaleGrads::infer(Specs in, bool) const {
  if (groups < 0) fail(name, cat("groups ", groups, " is negative"));
  const auto states = static_cast<std::size_t>(1 + groups);
  if (in.size() < states) {
    fail(name, cat("needs the states of the scaler and of ", groups, " groups, got ", in.size(),
                   " operands"));
  }
  check_states(name, in, states - 1);
  check_defined(name, in);
  if (in.size() > states) check_floating(name, in.subspan(states));
  return same(in);
}

Cost UnscaleGrads::cost(Specs in, Specs out) const {
  double elements = 0;
  for (const Spec& g : in.subspan(static_cast<std::size_t>(1 + groups))) {
    elements += static_cast<double>(g.numel());
  }
  return streaming_cost(elements, in, out);
}

Attrs ScalerUpdate::attrs(Specs) const {
  return {{"growth_factor", growth_factor, growth_factor == 2},
          {"backoff_factor", backoff_factor, backoff_factor == 0.5},
          {"growth_interval", growth_interval, growth_interval == 2000}};
}

SpecList ScalerUpdate::infer(Specs in, bool) const {
  if (!(growth_factor > 1 && std::isfinite(growth_factor))) {
    fail(name, cat("growth_factor ", growth_factor, " is not above 1 and finite"));
  }
  if (!(backoff_factor > 0 && backoff_factor < 1)) {
    fail(name, cat("backoff_factor ", backoff_factor, " is not between 0 and 1"));
  }
  if (growth_interval < 1) fail(name, cat("growth_interval ", growth_interval, " is not above 0"));
  if (in.empty()) fail(name, "needs the scaler's state");
  check_states(name, in, in.size() - 1);
  return same(in);
}

Cost ScalerUpdate::cost(Specs in, Specs out) const { return streaming_cost(2, in, out); }

}  // namespace glassbox::ops
