#include "engine/autograd/autocast.h"

#include <utility>

#include "engine/core/cuda.h"

namespace glassbox {

namespace {

struct Mode {
  bool on = false;
  DType dtype = DType::f32;
};
constinit thread_local Mode mode;

std::optional<DType> exchange_mode(std::optional<DType> now) {
  const Mode before = std::exchange(mode, {now.has_value(), now.value_or(DType::f32)});
  return before.on ? std::optional(before.dtype) : std::nullopt;
}

std::optional<DType> dtype_for(Precision precision) {
  if (precision == Precision::fp16) return DType::f16;
  if (precision == Precision::bf16) return DType::bf16;
  return std::nullopt;
}

constexpr std::pair<Precision, std::string_view> names[] = {{Precision::fp32, "fp32"},
                                                            {Precision::tf32, "tf32"},
                                                            {Precision::fp16, "fp16"},
                                                            {Precision::bf16, "bf16"}};

bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// Whether autocast may change an operand.
bool concerns(const Tensor& x) {
  if (!x.defined() || !is_floating(x.dtype())) return false;
  return x.device().stands_for() == Device::Type::cuda;  // a CUDA device stands for itself
}

}  // namespace

std::string to_string(Precision precision) {
  for (const auto& [value, name] : names) {
    if (value == precision) return std::string(name);
  }
  __builtin_unreachable();
}

Precision parse_precision(std::string_view text) {
  for (const auto& [value, name] : names) {
    if (name == text) return value;
  }
  fail("precision", cat("\"", text, "\" is none of fp32, tf32, fp16, bf16"));
}

std::optional<DType> autocast_dtype() { return mode.on ? std::optional(mode.dtype) : std::nullopt; }

AutocastScope::AutocastScope(Precision precision) : previous_(exchange_mode(dtype_for(precision))) {
  if (mode.on) return;
  previous_tf32_ = cuda::allow_tf32();
  cuda::set_allow_tf32(precision == Precision::tf32);
}
AutocastScope::~AutocastScope() {
  exchange_mode(previous_);
  if (previous_tf32_) cuda::set_allow_tf32(*previous_tf32_);
}

NoAutocast::NoAutocast() : previous_(exchange_mode(std::nullopt)) {}
NoAutocast::~NoAutocast() { exchange_mode(previous_); }

namespace autocast {

bool is_on() { return mode.on; }

void to_compute(std::span<Tensor> operands) {
  for (Tensor& x : operands) {
    if (concerns(x) && x.dtype() != DType::f64) x = x.to(mode.dtype);
  }
}

void to_f32(std::span<Tensor> operands) {
  for (Tensor& x : operands) {
    if (concerns(x) && is_half(x.dtype())) x = x.to(DType::f32);
  }
}

void to_widest(std::span<Tensor> operands) {
  std::optional<DType> widest;
  for (const Tensor& x : operands) {
    if (!concerns(x)) continue;
    const DType dtype = x.dtype();
    if (!widest || size_of(dtype) > size_of(*widest)) {
      widest = dtype;
    } else if (is_half(dtype) && is_half(*widest) && dtype != *widest) {
      widest = DType::f32;  // neither half type holds the other
    }
  }
  if (!widest) return;
  for (Tensor& x : operands) {
    if (concerns(x)) x = x.to(*widest);
  }
}

}  // namespace autocast
}  // namespace glassbox
