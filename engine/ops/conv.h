// Two-dimensional convolution (cross-correlation, as in every framework) and its two gradients,
// over images [N,C,H,W] and weights [O,C/groups,KH,KW]; and the transposed convolution.
#pragma once
#include "engine/apply.h"

namespace glassbox {
namespace ops {

// y[n,o,oh,ow] = b[o] + sum over i,kh,kw of x[n,i,oh*s+kh*d-p,ow*s+kw*d-p] * w[o,i,kh,kw], where i
// runs over the input channels of o's group. b [O] may be undefined.
struct Conv2d {
  static constexpr std::string_view name = "conv2d", kind = "Conv";
  Pair stride = 1, padding = 0, dilation = 1;
  int groups = 1;
  bool operator==(const Conv2d&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().input(0, grad_of(1)).input(1, grad_of(0)); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

struct Conv2dGradInput {  // dx of shape `x` from dy and w
  static constexpr std::string_view name = "conv2d_grad_input", kind = "ConvGradInput";
  Conv2d conv;
  Shape x;
  bool operator==(const Conv2dGradInput&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

struct Conv2dGradWeight {  // dw of shape `w` from x and dy
  static constexpr std::string_view name = "conv2d_grad_weight", kind = "ConvGradWeight";
  Conv2d conv;
  Shape w;
  bool operator==(const Conv2dGradWeight&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

// y = b + the gradient that a convolution with weight w would pass to its input (Zeiler et al.
// 2010): each x[n,c,h,w] adds x w[c,o,i,j] to y[n,o,h*s+i*d-p,w*s+j*d-p]. x [N,C,H,W], w
// [C,O/groups,KH,KW], b [O] or undefined; y [N,O,(H-1)s-2p+d(KH-1)+1+output_padding,...]. FLOPs go
// with x's pixels.
struct ConvTranspose2d {
  static constexpr std::string_view name = "conv_transpose2d", kind = "ConvTranspose";
  Pair stride = 1, padding = 0;
  Pair output_padding = 0;  // more rows and columns at the end, fewer than stride or dilation
  Pair dilation = 1;
  int groups = 1;
  bool operator==(const ConvTranspose2d&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().input(0, grad_of(1)).input(1, grad_of(0)); }
  void backward(const Saved&, Ins dy, Grads&) const;
  // The convolution from y to x.
  Conv2d conv() const { return {stride, padding, dilation, groups}; }
};

}  // namespace ops

void run(const ops::Conv2d&, cpu::Context&, Ins, Outs);
void run(const ops::Conv2dGradInput&, cpu::Context&, Ins, Outs);
void run(const ops::Conv2dGradWeight&, cpu::Context&, Ins, Outs);
void run(const ops::ConvTranspose2d&, cpu::Context&, Ins, Outs);
std::size_t scratch(const ops::Conv2d&, const cpu::Context&, Specs in, Specs out);
std::size_t scratch(const ops::Conv2dGradInput&, const cpu::Context&, Specs in, Specs out);
std::size_t scratch(const ops::Conv2dGradWeight&, const cpu::Context&, Specs in, Specs out);
std::size_t scratch(const ops::ConvTranspose2d&, const cpu::Context&, Specs in, Specs out);

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const ops::Conv2d& op = {});
Tensor conv2d(const Tensor& x, const Tensor& w, const ops::Conv2d& op = {});
Tensor conv2d_grad_input(const Tensor& dy, const Tensor& w, const Shape& x, const ops::Conv2d& op);
Tensor conv2d_grad_weight(const Tensor& x, const Tensor& dy, const Shape& w, const ops::Conv2d& op);
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Tensor& b,
                        const ops::ConvTranspose2d& op = {});
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const ops::ConvTranspose2d& op = {});

}  // namespace glassbox
