// AllOps: every op of the library. The CUDA library fills its kernels in this order, and the tests
// ask each op for its row in the table. A pointwise op is listed in pointwise.h alone.
#pragma once
#include "engine/ops/attention.h"
#include "engine/ops/augment.h"
#include "engine/ops/clip.h"
#include "engine/ops/conv.h"
#include "engine/ops/create.h"
#include "engine/ops/ema.h"
#include "engine/ops/embedding.h"
#include "engine/ops/gather.h"
#include "engine/ops/group_norm.h"
#include "engine/ops/index.h"
#include "engine/ops/layer_norm.h"
#include "engine/ops/lstm.h"
#include "engine/ops/matmul.h"
#include "engine/ops/norm.h"
#include "engine/ops/optim.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/pool.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "engine/ops/scaler.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "engine/ops/update.h"

namespace glassbox::ops {

// Ops with kernels of their own, one a line, a family at a time.
// clang-format off
using HeavyOps = OpList<
    // create
    Full,
    Arange,
    Linspace,
    // shape
    Reshape,
    Select,
    Copy,
    ToDevice,
    Permute,
    Slice,
    SliceGrad,
    Concat,
    Pad,
    Expand,
    // conv
    Conv2d,
    Conv2dGradInput,
    Conv2dGradWeight,
    ConvTranspose2d,
    // pool
    MaxPool2d,
    AdaptiveMaxPool2d,
    MaxPool2dGrad,
    AvgPool2d,
    AvgPool2dGrad,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool2dGrad,
    // norm
    BatchNorm,
    BatchNormGrad,
    BatchNormUpdate,
    GroupNorm,
    GroupNormGrad,
    // layer_norm
    LayerNorm,
    LayerNormGrad,
    // embedding
    Embedding,
    EmbeddingGrad,
    // attention
    ScaledDotProductAttention,
    ScaledDotProductAttentionGrad,
    // lstm
    Lstm,
    LstmGrad,
    // matmul
    MatMul,
    Linear,
    // softmax
    Softmax,
    SoftmaxGrad,
    LogSoftmax,
    LogSoftmaxGrad,
    NllLoss,
    NllLossGrad,
    CrossEntropy,
    CrossEntropyGrad,
    // reduce
    Sum,
    Mean,
    Var,
    // index
    Max,
    Min,
    MaxAll,
    MinAll,
    ArgMax,
    PickGrad,
    Gather,
    GatherGrad,
    // random
    Uniform,
    Normal,
    RandInt,
    Dropout,
    DropoutGrad,
    // augment
    Augment,
    // update
    Assign,
    AddTo,
    Sgd,
    Adam,
    RmsProp,
    Ema,
    ClipGradNorm,
    ClipGradValue,
    UnscaleGrads,
    ScalerUpdate,
    // pointwise in its own way
    Where,
    Cast>;
// clang-format on

namespace detail {
template <class... Lists>
struct Join;
template <class... Ops>
struct Join<OpList<Ops...>> {
  using type = OpList<Ops...>;
};
template <class... A, class... B, class... Rest>
struct Join<OpList<A...>, OpList<B...>, Rest...> : Join<OpList<A..., B...>, Rest...> {};

template <class List>
struct GradsOf;
template <class... F>
struct GradsOf<OpList<F...>> {
  using type = OpList<PointwiseGrad<F>...>;
};
}  // namespace detail

using AllOps =
    detail::Join<HeavyOps, UnaryOps, detail::GradsOf<UnaryOps>::type, BinaryOps, CompareOps>::type;

// Calls f.template operator()<Op>() for each op of the list, in order:
//     for_each_op([]<class Op>() { std::cout << Op::name << '\n'; });
template <class... Ops, class F>
void for_each_op(OpList<Ops...>, F&& f) {
  (f.template operator()<Ops>(), ...);
}
template <class F>
void for_each_op(F&& f) {
  for_each_op(AllOps{}, f);
}

}  // namespace glassbox::ops
