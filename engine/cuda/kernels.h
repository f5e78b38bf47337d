// The CUDA kernels: one overload of run for each op, defined in the file of its family, and of
// scratch where one needs working memory. library.cpp makes the table of them.
#pragma once
#include "engine/cuda/context.h"
#include "engine/ops/ops.h"

namespace glassbox {

// create
void run(const ops::Full&, cuda::Context&, Ins, Outs);
void run(const ops::Arange&, cuda::Context&, Ins, Outs);
void run(const ops::Linspace&, cuda::Context&, Ins, Outs);

// shape
void run(const ops::Copy&, cuda::Context&, Ins, Outs);
void run(const ops::Permute&, cuda::Context&, Ins, Outs);
void run(const ops::Slice&, cuda::Context&, Ins, Outs);
void run(const ops::SliceGrad&, cuda::Context&, Ins, Outs);
void run(const ops::Concat&, cuda::Context&, Ins, Outs);
void run(const ops::Pad&, cuda::Context&, Ins, Outs);
void run(const ops::Expand&, cuda::Context&, Ins, Outs);

// conv
void run(const ops::Conv2d&, cuda::Context&, Ins, Outs);
void run(const ops::Conv2dGradInput&, cuda::Context&, Ins, Outs);
void run(const ops::Conv2dGradWeight&, cuda::Context&, Ins, Outs);
void run(const ops::ConvTranspose2d&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::Conv2d&, const cuda::Context&, Specs in, Specs out);
std::size_t scratch(const ops::Conv2dGradInput&, const cuda::Context&, Specs in, Specs out);
std::size_t scratch(const ops::Conv2dGradWeight&, const cuda::Context&, Specs in, Specs out);
std::size_t scratch(const ops::ConvTranspose2d&, const cuda::Context&, Specs in, Specs out);

// pool
void run(const ops::MaxPool2d&, cuda::Context&, Ins, Outs);
void run(const ops::AdaptiveMaxPool2d&, cuda::Context&, Ins, Outs);
void run(const ops::MaxPool2dGrad&, cuda::Context&, Ins, Outs);
void run(const ops::AvgPool2d&, cuda::Context&, Ins, Outs);
void run(const ops::AvgPool2dGrad&, cuda::Context&, Ins, Outs);
void run(const ops::AdaptiveAvgPool2d&, cuda::Context&, Ins, Outs);
void run(const ops::AdaptiveAvgPool2dGrad&, cuda::Context&, Ins, Outs);

// norm
void run(const ops::BatchNorm&, cuda::Context&, Ins, Outs);
void run(const ops::BatchNormGrad&, cuda::Context&, Ins, Outs);
void run(const ops::BatchNormUpdate&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::BatchNorm&, const cuda::Context&, Specs in, Specs out);
std::size_t scratch(const ops::BatchNormGrad&, const cuda::Context&, Specs in, Specs out);

// group_norm
void run(const ops::GroupNorm&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::GroupNorm&, const cuda::Context&, Specs in, Specs out);
void run(const ops::GroupNormGrad&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::GroupNormGrad&, const cuda::Context&, Specs in, Specs out);

// layer_norm
void run(const ops::LayerNorm&, cuda::Context&, Ins, Outs);
void run(const ops::LayerNormGrad&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::LayerNormGrad&, const cuda::Context&, Specs in, Specs out);

// embedding
void run(const ops::Embedding&, cuda::Context&, Ins, Outs);
void run(const ops::EmbeddingGrad&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::EmbeddingGrad&, const cuda::Context&, Specs in, Specs out);

// attention
void run(const ops::ScaledDotProductAttention&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::ScaledDotProductAttention&, const cuda::Context&, Specs in,
                    Specs out);
void run(const ops::ScaledDotProductAttentionGrad&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::ScaledDotProductAttentionGrad&, const cuda::Context&, Specs in,
                    Specs out);

// lstm
void run(const ops::Lstm&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::Lstm&, const cuda::Context&, Specs in, Specs out);
void run(const ops::LstmGrad&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::LstmGrad&, const cuda::Context&, Specs in, Specs out);

// matmul
void run(const ops::MatMul&, cuda::Context&, Ins, Outs);
void run(const ops::Linear&, cuda::Context&, Ins, Outs);

// softmax
void run(const ops::Softmax&, cuda::Context&, Ins, Outs);
void run(const ops::SoftmaxGrad&, cuda::Context&, Ins, Outs);
void run(const ops::LogSoftmax&, cuda::Context&, Ins, Outs);
void run(const ops::LogSoftmaxGrad&, cuda::Context&, Ins, Outs);

// loss
void run(const ops::NllLoss&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::NllLoss&, const cuda::Context&, Specs in, Specs out);
void run(const ops::NllLossGrad&, cuda::Context&, Ins, Outs);
void run(const ops::CrossEntropy&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::CrossEntropy&, const cuda::Context&, Specs in, Specs out);
void run(const ops::CrossEntropyGrad&, cuda::Context&, Ins, Outs);

// reduce
void run(const ops::Sum&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::Sum&, const cuda::Context&, Specs in, Specs out);
void run(const ops::Mean&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::Mean&, const cuda::Context&, Specs in, Specs out);
void run(const ops::Var&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::Var&, const cuda::Context&, Specs in, Specs out);

// index
void run(const ops::Max&, cuda::Context&, Ins, Outs);
void run(const ops::Min&, cuda::Context&, Ins, Outs);
void run(const ops::MaxAll&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::MaxAll&, const cuda::Context&, Specs in, Specs out);
void run(const ops::MinAll&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::MinAll&, const cuda::Context&, Specs in, Specs out);
void run(const ops::ArgMax&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::ArgMax&, const cuda::Context&, Specs in, Specs out);
void run(const ops::PickGrad&, cuda::Context&, Ins, Outs);

// gather
void run(const ops::Gather&, cuda::Context&, Ins, Outs);
void run(const ops::GatherGrad&, cuda::Context&, Ins, Outs);

// random
void run(const ops::Uniform&, cuda::Context&, Ins, Outs);
void run(const ops::Normal&, cuda::Context&, Ins, Outs);
void run(const ops::RandInt&, cuda::Context&, Ins, Outs);
void run(const ops::Dropout&, cuda::Context&, Ins, Outs);
void run(const ops::DropoutGrad&, cuda::Context&, Ins, Outs);

// augment
void run(const ops::Augment&, cuda::Context&, Ins, Outs);

// update
void run(const ops::Assign&, cuda::Context&, Ins, Outs);
void run(const ops::AddTo&, cuda::Context&, Ins, Outs);

// optim
void run(const ops::Sgd&, cuda::Context&, Ins, Outs);
void run(const ops::Adam&, cuda::Context&, Ins, Outs);
void run(const ops::RmsProp&, cuda::Context&, Ins, Outs);

// ema
void run(const ops::Ema&, cuda::Context&, Ins, Outs);

// clip
void run(const ops::ClipGradNorm&, cuda::Context&, Ins, Outs);
std::size_t scratch(const ops::ClipGradNorm&, const cuda::Context&, Specs in, Specs out);
void run(const ops::ClipGradValue&, cuda::Context&, Ins, Outs);

// scaler
void run(const ops::UnscaleGrads&, cuda::Context&, Ins, Outs);
void run(const ops::ScalerUpdate&, cuda::Context&, Ins, Outs);

// pointwise
void run(const ops::Where&, cuda::Context&, Ins, Outs);
void run(const ops::Cast&, cuda::Context&, Ins, Outs);

// Made in pointwise.cu for the ops in the lists.
template <ops::Pointwise F>
void run(const F& f, cuda::Context& ctx, Ins in, Outs out);
template <ops::PointwiseUnary F>
void run(const ops::PointwiseGrad<F>& op, cuda::Context& ctx, Ins in, Outs out);
template <ops::Comparison F>
void run(const F& f, cuda::Context& ctx, Ins in, Outs out);

}  // namespace glassbox
