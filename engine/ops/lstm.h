// LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000): one layer in one
// direction over a whole sequence, with torch.nn.LSTM's weights and order of gates.
#pragma once
#include "engine/apply.h"

namespace glassbox {
namespace ops {

// For t = 0 .. T-1, or T-1 .. 0 with `reverse`, h and c being those of the step before:
//   i, f, g, o = the four H-blocks of x[t] w_ih^T + b_ih + h w_hh^T + b_hh
//   c = sigmoid(f) c + sigmoid(i) tanh(g);   h = y[t] = sigmoid(o) tanh(c)
// Inputs: x [T,N,I], h0 [N,H], c0 [N,H], w_ih [4H,I], w_hh [4H,H], b_ih [4H], b_hh [4H]; h0, c0 and
// the biases may be undefined, which is 0. Outputs: y [T,N,H], the last h [N,H] and c [N,H]; with a
// gradient also the four gates [T,N,4H] and the cells c [T,N,H].
struct Lstm {
  static constexpr std::string_view name = "lstm", kind = "LSTM";
  bool reverse = false;
  bool operator==(const Lstm&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  // 2 T N 4H (I + H) FLOPs for the products, and for each of the T N H cells 4 additions, 4 more
  // for each bias, 3 sigmoids of 3, 2 tanh of 5 and 4 for c and h.
  Cost cost(Specs in, Specs out) const;
  Saves saves() const {
    return Saves().input(0).input(1).input(2).input(3).input(4).output(0).output(3).output(4);
  }
  void backward(const Saved&, Ins dy, Grads&) const;
};

// Backpropagation through time. Inputs: dy, dh_n, dc_n (each may be undefined, which is 0), x, h0,
// c0, w_ih, w_hh, y, gates, cells. Outputs: dx, dh0, dc0, dw_ih, dw_hh, and db [4H], which is the
// gradient of both biases.
struct LstmGrad {
  static constexpr std::string_view name = "lstm_grad", kind = "LSTMGrad";
  bool reverse = false;
  bool operator==(const LstmGrad&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  // Each product has two gradients: 4 T N 4H (I + H) FLOPs; 4H T N for db and 30 for each cell.
  Cost cost(Specs in, Specs out) const;
};

}  // namespace ops

void run(const ops::Lstm&, cpu::Context&, Ins, Outs);
void run(const ops::LstmGrad&, cpu::Context&, Ins, Outs);
std::size_t scratch(const ops::Lstm&, const cpu::Context&, Specs in, Specs out);
std::size_t scratch(const ops::LstmGrad&, const cpu::Context&, Specs in, Specs out);

struct LstmWeights {
  Tensor w_ih, w_hh;            // [4H, I], [4H, H]
  Tensor b_ih = {}, b_hh = {};  // [4H] or undefined
};
struct LstmResult {
  Tensor output, h, c;  // [T,N,H], [N,H], [N,H]
};
// x [T,N,I]; h0 and c0 [N,H] or undefined. Throws Error for shapes that do not fit.
LstmResult lstm(const Tensor& x, const Tensor& h0, const Tensor& c0, const LstmWeights& weights,
                const ops::Lstm& op = {});

}  // namespace glassbox
