// Activations as layers, for Sequential. The functions are in engine/ops/pointwise.h and softmax.h.
#pragma once
#include "engine/ops/pointwise.h"
#include "engine/ops/softmax.h"
#include "layers/module.h"

namespace glassbox::layers {

struct ReLU : Module<ReLU> {
  Tensor forward(const Tensor& x) { return relu(x); }
};
struct ReLU6 : Module<ReLU6> {  // min(max(x, 0), 6)
  Tensor forward(const Tensor& x) { return clamp(x, {.min = 0, .max = 6}); }
};
struct LeakyReLU : Module<LeakyReLU> {
  ops::LeakyRelu op;
  explicit LeakyReLU(double negative_slope = 0.01) : op{negative_slope} {}
  Tensor forward(const Tensor& x) { return leaky_relu(x, op); }
};
struct GELU : Module<GELU> {
  Tensor forward(const Tensor& x) { return gelu(x); }
};
struct SiLU : Module<SiLU> {
  Tensor forward(const Tensor& x) { return silu(x); }
};
struct Sigmoid : Module<Sigmoid> {
  Tensor forward(const Tensor& x) { return sigmoid(x); }
};
struct Tanh : Module<Tanh> {
  Tensor forward(const Tensor& x) { return tanh(x); }
};
struct Softmax : Module<Softmax> {
  int dim;
  explicit Softmax(int d = -1) : dim(d) {}
  Tensor forward(const Tensor& x) { return softmax(x, dim); }
};
struct LogSoftmax : Module<LogSoftmax> {
  int dim;
  explicit LogSoftmax(int d = -1) : dim(d) {}
  Tensor forward(const Tensor& x) { return log_softmax(x, dim); }
};

}  // namespace glassbox::layers
