// Autocast: mixed precision as torch.autocast has it. While a scope lives, functions that this
// thread calls cast their operands by the policies below. The casts are ops with a gradient, so
// parameters and their gradients stay f32. What is on the CPU is left alone, which computes f32 and
// f64 only: autocast is for CUDA devices, and meta devices that stand for one.
//
//   const AutocastScope scope(Precision::bf16);
//   const Tensor loss = cross_entropy(model(x), labels);
//   loss.backward();  // in the types of the forward pass, inside the scope or outside
//
// | policy  | functions                                           | operands                    |
// |---------|-----------------------------------------------------|-----------------------------|
// | compute | conv2d, conv_transpose2d, linear, matmul,           | f32 and the other half type |
// |         | scaled_dot_product_attention                        | become the scope's type     |
// | f32     | softmax, log_softmax, nll_loss, cross_entropy,      | halves become f32           |
// |         | mse_loss, layer_norm, group_norm, lstm, exp, log,   |                             |
// |         | pow                                                 |                             |
// | widest  | + - * / of tensors, minimum, maximum, where,        | different floating types    |
// |         | concat, stack, comparisons                          | become the widest of them   |
// | none    | the others: batch_norm takes half x beside f32      | stay                        |
// |         | parameters and statistics                           |                             |
//
// f64 is never narrowed.
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/core/tensor.h"

namespace glassbox {

// What matrix products and convolutions are computed in: f32, f32 with operands rounded to TF32, or
// a half type by autocast.
enum class Precision { fp32, tf32, fp16, bf16 };
std::string to_string(Precision precision);  // "bf16"
// Throws Error with the four names for another text.
Precision parse_precision(std::string_view text);

// The type that compute functions on this thread take operands in; nullopt when autocast is off, as
// it is at first.
std::optional<DType> autocast_dtype();

// fp16 and bf16 switch autocast on; fp32 and tf32 switch it off, and set cuda::allow_tf32, which is
// the program's and not this thread's alone. The end restores what was before.
class AutocastScope {
 public:
  explicit AutocastScope(Precision precision);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  std::optional<DType> previous_;
  std::optional<bool> previous_tf32_;
};

// While it lives functions take operands as they are. TF32 stays as it is. Backward walks under
// one, since its types follow from those of the forward pass.
class NoAutocast {
 public:
  NoAutocast();
  ~NoAutocast();
  NoAutocast(const NoAutocast&) = delete;
  NoAutocast& operator=(const NoAutocast&) = delete;

 private:
  std::optional<DType> previous_;
};

// For functions over ops: their operands, cast by a policy when autocast is on, else as they are.
//     return glassbox::apply(op, autocast::compute(x, w, b))[0];
namespace autocast {

bool is_on();  // costs one thread-local load

void to_compute(std::span<Tensor> operands);  // only when it is on
void to_f32(std::span<Tensor> operands);
void to_widest(std::span<Tensor> operands);

template <class... In>
std::array<Tensor, sizeof...(In)> compute(const In&... in) {
  std::array<Tensor, sizeof...(In)> operands{static_cast<const Tensor&>(in)...};
  if (is_on()) to_compute(operands);
  return operands;
}
template <class... In>
std::array<Tensor, sizeof...(In)> f32(const In&... in) {
  std::array<Tensor, sizeof...(In)> operands{static_cast<const Tensor&>(in)...};
  if (is_on()) to_f32(operands);
  return operands;
}
template <class... In>
std::array<Tensor, sizeof...(In)> widest(const In&... in) {
  std::array<Tensor, sizeof...(In)> operands{static_cast<const Tensor&>(in)...};
  if (is_on()) to_widest(operands);
  return operands;
}

}  // namespace autocast
}  // namespace glassbox
