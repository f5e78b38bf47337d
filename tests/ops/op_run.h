// Running the samples of the op table, for the tests that go over all rows.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "engine/graph/graph.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {

// Where the tests of all ops run them: on the CPU, or with GLASSBOX_TEST_DEVICE=cuda on the CUDA
// device (tests/cuda/cuda_device.h).
Device test_device();

using SpecVector = SmallVector<Spec, 6>;
SpecVector specs_of(const Tensors& tensors);

// Fresh copies of a sample's inputs, the f64 ones as `dtype`; on the meta device without data.
Tensors inputs_of(const Sample& sample, DType dtype, Device device = test_device());
// The sample with those inputs.
Sample sample_of(const Sample& sample, DType dtype, Device device = test_device());
Tensors run_op(const AnyOp& op, const Tensors& inputs);

bool is_view(const AnyOp& op);      // its output aliases an input, and nothing is written
bool is_update(const AnyOp& op);    // it writes an input
bool is_gradient(const AnyOp& op);  // it is some op's gradient, by its name
bool is_written(const AnyOp& op, std::size_t input);
bool allocates_nothing(const Tensors& tensors);  // all empty or undefined

// Which inputs are differentiated; all false for an op without a backward.
std::vector<bool> differentiable_inputs(const Sample& sample);
bool any(const std::vector<bool>& flags);

// The gradients of the differentiable inputs, of the sum of the outputs with random weights.
// `only`: of one output alone. Undefined where none arrived.
Tensors gradients_of(const Sample& sample, DType dtype, int only = -1,
                     Device device = test_device());

// The largest |got - want| / max(1, |want|); equal infinities and two NaN differ by 0. Infinite
// when the shapes differ.
double difference(const Tensor& got, const Tensor& want);
bool same_bits(const Tensor& a, const Tensor& b);
double tolerance(const Sample& sample, DType dtype);

// Calls f for every sample of every row, f64 first and then, where the sample has it, f32; with the
// row and the label as doctest's context. On one thread: a busy machine makes OpenMP's waiting
// slow.
void for_each_sample(const std::function<void(const Row&, const Sample&)>& f);
void for_each_sample(const std::function<void(const Row&, const Sample&, DType)>& f);

}  // namespace glassbox::test
