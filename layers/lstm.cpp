#include "layers/lstm.h"

#include <cmath>

#include "engine/ops/random.h"
#include "engine/ops/shape.h"
#include "layers/init.h"

namespace glassbox::layers {

LSTM::LSTM(std::int64_t input_size, std::int64_t hidden_size, const LSTMOptions& o) : options(o) {
  if (input_size < 1 || hidden_size < 1 || o.num_layers < 1) {
    fail("LSTM", cat("needs at least 1 feature and 1 layer, got ", input_size, " -> ", hidden_size,
                     " in ", o.num_layers));
  }
  if (!(o.dropout >= 0 && o.dropout <= 1)) {
    fail("LSTM", cat("dropout ", o.dropout, " must be in [0, 1]"));
  }
  const int directions = o.bidirectional ? 2 : 1;
  const double bound = 1 / std::sqrt(static_cast<double>(hidden_size));
  const auto made = [bound](const Shape& shape) {
    Tensor t = empty(shape);
    init::uniform(t, -bound, bound);
    return t;
  };
  for (int i = 0; i < o.num_layers * directions; ++i) {
    const std::int64_t in = i < directions ? input_size : directions * hidden_size;
    Weights& w = weights.emplace_back();
    w.w_ih = made({4 * hidden_size, in});
    w.w_hh = made({4 * hidden_size, hidden_size});
    if (!o.bias) continue;
    w.b_ih = made({4 * hidden_size});
    w.b_hh = made({4 * hidden_size});
  }
}

LstmResult LSTM::forward(const Tensor& in, const Tensor& h0, const Tensor& c0) {
  const auto state_of = [](const Tensor& state, std::size_t i) {
    return state.defined() ? select(state, static_cast<std::int64_t>(i)) : Tensor();
  };
  if (in.dim() != 3) {
    fail("LSTM",
         cat("needs ", options.batch_first ? "[N, T, I]" : "[T, N, I]", ", got ", in.shape()));
  }
  for (const Tensor& state : {h0, c0}) {
    if (state.defined() && (state.dim() != 3 || state.size(0) != std::ssize(weights))) {
      fail("LSTM", cat("h0 and c0 must be [", weights.size(), ", N, H], got ", state.shape()));
    }
  }
  Tensor x = options.batch_first ? transpose(in, 0, 1) : in;
  const std::size_t directions = options.bidirectional ? 2 : 1;
  Tensors h, c;
  for (std::size_t i = 0; i < weights.size(); i += directions) {
    if (i > 0) x = dropout(x, {.p = options.dropout, .training = is_training()});
    Tensors outputs;
    for (std::size_t k = i; k < i + directions; ++k) {
      const Weights& w = weights[k];
      const LstmResult one = lstm(x, state_of(h0, k), state_of(c0, k),
                                  {w.w_ih, w.w_hh, w.b_ih, w.b_hh}, {.reverse = k > i});
      outputs.push_back(one.output);
      h.push_back(one.h);
      c.push_back(one.c);
    }
    x = directions == 1 ? outputs[0] : concat(outputs, 2);
  }
  return {options.batch_first ? transpose(x, 0, 1) : x, stack(h), stack(c)};
}

void LSTM::fields(Fields& f) {
  const std::size_t directions = options.bidirectional ? 2 : 1;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::string end = cat("_l", i / directions, i % directions ? "_reverse" : "");
    f("weight_ih" + end, weights[i].w_ih);
    f("weight_hh" + end, weights[i].w_hh);
    f("bias_ih" + end, weights[i].b_ih);
    f("bias_hh" + end, weights[i].b_hh);
  }
}

}  // namespace glassbox::layers
