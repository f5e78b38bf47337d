#include "engine/ops/clip.h"

namespace glassbox::ops {

namespace {

void check_gradients(std::string_view op, Specs in) {
  check_defined(op, in);
  if (!in.empty()) check_floating(op, in);
}

double elements(Specs in) {
  double n = 0;
  for (const Spec& spec : in) n += static_cast<double>(spec.numel());
  return n;
}

}  // namespace

Attrs ClipGradNorm::attrs(Specs) const {
  return {{"max_norm", max_norm},
          {"norm_type", norm_type, norm_type == 2},
          {"error_if_nonfinite", error_if_nonfinite, !error_if_nonfinite}};
}

SpecList ClipGradNorm::infer(Specs in, bool) const {
  if (!(max_norm >= 0)) fail(name, cat("max_norm ", max_norm, " is not a number of at least 0"));
  if (!(norm_type > 0)) {
    fail(name, cat("norm_type ", norm_type, " is not above 0; infinity takes the largest element"));
  }
  check_gradients(name, in);
  SpecList out{Spec{{}, DType::f64, in.empty() ? default_device() : in[0].device}};
  for (const Spec& g : in) out.push_back(g);
  return out;
}

Cost ClipGradNorm::cost(Specs in, Specs out) const {
  return streaming_cost(3 * elements(in), in, out);
}

SpecList ClipGradValue::infer(Specs in, bool) const {
  if (!(clip_value >= 0)) {
    fail(name, cat("clip_value ", clip_value, " is not a number of at least 0"));
  }
  check_gradients(name, in);
  SpecList out;
  for (const Spec& g : in) out.push_back(g);
  return out;
}

Cost ClipGradValue::cost(Specs in, Specs out) const {
  return streaming_cost(2 * elements(in), in, out);
}

}  // namespace glassbox::ops
