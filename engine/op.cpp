#include "engine/op.h"

namespace glassbox {

std::string to_string(const Attr::Value& value) {
  struct Visitor {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(std::int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return cat(v); }
    std::string operator()(const std::string& v) const { return v; }
    std::string operator()(const std::vector<std::int64_t>& v) const {
      bool uniform = v.size() == 2 && v[0] == v[1];
      if (uniform) return std::to_string(v[0]);
      std::string text;
      for (std::size_t i = 0; i < v.size(); ++i) text += (i ? "x" : "") + std::to_string(v[i]);
      return text;
    }
  };
  return std::visit(Visitor{}, value);
}

Cost streaming_cost(double flops, Specs in, Specs out) {
  Cost cost{flops, 0, 0};
  for (const Spec& spec : in) cost.bytes_read += static_cast<std::int64_t>(spec.bytes());
  for (const Spec& spec : out) cost.bytes_written += static_cast<std::int64_t>(spec.bytes());
  return cost;
}

Cost product_cost(double macs, double flops, Specs in, Specs out) {
  Cost cost = streaming_cost(2 * macs + flops, in, out);
  cost.macs = macs;
  return cost;
}

void check_defined(std::string_view op, Specs in, std::size_t count) {
  for (std::size_t i = 0; i < in.size() && i < count; ++i) {
    if (!in[i].defined) fail(op, cat("operand ", i, " is undefined"));
  }
}

void check_floating(std::string_view op, Specs in) {
  for (const Spec& spec : in) {
    if (spec.defined && !is_floating(spec.dtype)) {
      fail(op, cat("needs floating-point tensors, got ", to_string(spec),
                   "; cast it with to(DType::f32)"));
    }
  }
}

void check_same_dtype(std::string_view op, Specs in) {
  const Spec* first = nullptr;
  for (const Spec& spec : in) {
    if (!spec.defined) continue;
    if (!first) first = &spec;
    if (spec.dtype != first->dtype) {
      fail(op, cat("operands have different types: ", to_string(*first), " and ", to_string(spec)));
    }
  }
}

void check_rank(std::string_view op, std::string_view operand, const Spec& spec, int rank) {
  if (spec.shape.rank() != rank) {
    fail(op, cat(operand, " must have ", rank, " dimensions, got ", to_string(spec.shape)));
  }
}

}  // namespace glassbox
