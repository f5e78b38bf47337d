// Small pictures of tensors for a history. Detail of probes.
#pragma once
#include "engine/core/tensor.h"
#include "viz/probe.h"

namespace glassbox::viz::detail {

// Of activations [N, ...] sample `options.sample` (the last one, if there are fewer): [C, H, W],
// [T, F], and [1, F] of [N, F]. Undefined without any sample.
Tensor sample_image(const Tensor& x, const ProbeOptions& options);
// Of a parameter: [O, C, H, W] and [C, H, W] as they are, [O, I] as one map, [F] as [1, F].
Tensor weight_image(const Tensor& w, const ProbeOptions& options);

}  // namespace glassbox::viz::detail
