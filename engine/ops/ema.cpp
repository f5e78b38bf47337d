#include "engine/ops/ema.h"

namespace glassbox::ops {

SpecList Ema::infer(Specs in, bool) const {
  check_defined(name, in);
  if (in.size() % 2 != 1) {
    fail(name, cat("needs the state and 2 tensors for each average, got ", in.size()));
  }
  if (in[0].shape != Shape{2} || in[0].dtype != DType::f64) {
    fail(name, cat("state must be [2] f64, got ", to_string(in[0])));
  }
  SpecList out{in[0]};
  for (std::size_t i = 1; i < in.size(); i += 2) {
    if (in[i].shape != in[i + 1].shape || in[i].dtype != in[i + 1].dtype) {
      fail(name, cat("average ", i / 2, " ", to_string(in[i]), " does not match its tensor ",
                     to_string(in[i + 1])));
    }
    out.push_back(in[i]);
  }
  return out;
}

Cost Ema::cost(Specs in, Specs out) const {
  double elements = 0;
  for (std::size_t i = 1; i < out.size(); ++i) elements += static_cast<double>(out[i].numel());
  return streaming_cost(3 * elements, in, out);
}

}  // namespace glassbox::ops
