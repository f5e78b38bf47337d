// Initial values of parameters. Each function overwrites the tensor, outside the tape, and does
// nothing on the meta device. Sources: Glorot & Bengio 2010 (xavier), He et al. 2015 (kaiming);
// bounds and defaults are PyTorch's.
#pragma once
#include "engine/core/tensor.h"

namespace glassbox::init {

enum class Fan { in, out };

void uniform(Tensor& tensor, double low, double high);
void normal(Tensor& tensor, double mean, double std);
void constant(Tensor& tensor, double value);
// U(-b, b), b = sqrt(6 / ((1 + a^2) fan)): PyTorch's default for weights has a = sqrt 5.
void kaiming_uniform(Tensor& weight, double a = 0, Fan fan = Fan::in);
// N(0, 2 / fan), for layers followed by ReLU.
void kaiming_normal(Tensor& weight, Fan fan = Fan::in);
void xavier_uniform(Tensor& weight, double gain = 1);
void xavier_normal(Tensor& weight, double gain = 1);

// Inputs or outputs of one unit: [out, in] or [out, in, kernel...]. Throws Error below 2
// dimensions.
double fan_of(const Tensor& weight, Fan fan);

}  // namespace glassbox::init
