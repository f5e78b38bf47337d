// LSTM with torch.nn.LSTM's parameters: weight_ih_l0 [4H, I], weight_hh_l0 [4H, H], bias_ih_l0 and
// bias_hh_l0 [4H] of layer 0, the same with _reverse of its other direction, then layer 1's; all
// U(-b, b) with b = 1/sqrt(H).
#pragma once
#include <vector>

#include "engine/ops/lstm.h"
#include "layers/module.h"

namespace glassbox::layers {

struct LSTMOptions {
  int num_layers = 1;
  bool bias = true;
  bool batch_first = false;  // [N, T, I] instead of [T, N, I]
  double dropout = 0;        // between layers, in training
  bool bidirectional = false;
};

struct LSTM : Module<LSTM> {
  // One layer in one direction.
  struct Weights {
    Parameter w_ih, w_hh, b_ih, b_hh;
  };
  std::vector<Weights> weights;  // layer by layer, forward before reverse
  LSTMOptions options;

  // Throws Error when a size is below 1 or dropout is not in [0, 1].
  LSTM(std::int64_t input_size, std::int64_t hidden_size, const LSTMOptions& options = {});
  // x [T, N, I] -> output [T, N, D H], h and c [layers D, N, H] of the last step, with D
  // directions. Without h0 and c0 [layers D, N, H] both are 0.
  LstmResult forward(const Tensor& x) { return forward(x, {}, {}); }
  LstmResult forward(const Tensor& x, const Tensor& h0, const Tensor& c0);
  void fields(Fields& f);
};

}  // namespace glassbox::layers
