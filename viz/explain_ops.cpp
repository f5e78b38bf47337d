#include "viz/explain_ops.h"

#include <cmath>

#include "viz/summary_columns.h"
#include "viz/text.h"

namespace glassbox::viz::detail {

OpAt::OpAt(const Summary& summary, int node_index, std::int64_t n) {
  const Graph& graph = summary.recording->graph;
  const Graph::Node& node = graph.nodes[static_cast<std::size_t>(node_index)];
  name = node.op.name();
  attrs = node.op.attrs(graph.in_specs(node));
  for (const int v : node.inputs) {
    in.push_back(v < 0 ? Spec::undefined() : summary.sizes->value(v).at(n));
    in_names.push_back(v < 0 ? "" : graph.values[static_cast<std::size_t>(v)].name);
  }
  for (const int v : node.outputs) {
    out.push_back(summary.sizes->value(v).at(n));
    out.back().internal = graph.values[static_cast<std::size_t>(v)].spec.internal;
  }
}

std::string product_text(const Shape& shape) {
  std::vector<std::string> parts;
  for (const std::int64_t size : shape) parts.push_back(std::to_string(size));
  return parts.empty() ? "1" : join(parts, " × ");
}

std::string plain_number(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15)
    return std::to_string(static_cast<std::int64_t>(value));
  for (int digits = 6; digits < 17; ++digits) {
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, "%.*g", digits, value);
    if (std::strtod(buffer, nullptr) == value) return buffer;
  }
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.17g", value);
  return buffer;
}

namespace {

std::int64_t integer_attr(const OpAt& op, std::string_view name, std::int64_t otherwise) {
  for (const Attr& attr : op.attrs) {
    if (attr.name != name) continue;
    if (const auto* value = std::get_if<std::int64_t>(&attr.value)) return *value;
    if (const auto* value = std::get_if<bool>(&attr.value)) return *value;
  }
  return otherwise;
}

template <class... Factors>
std::string times(const Factors&... factors) {
  std::vector<std::string> parts;
  const auto add = [&parts](const auto& factor) {
    if constexpr (std::is_convertible_v<decltype(factor), std::string>) {
      parts.push_back(factor);
    } else {
      parts.push_back(std::to_string(factor));
    }
  };
  (add(factors), ...);
  return join(parts, " × ");
}

std::string quotient(std::int64_t a, std::int64_t b) {
  return "(" + std::to_string(a) + " / " + std::to_string(b) + ")";
}

Formula conv_formula(const Shape& images, const Shape& pixels, const Shape& w, std::int64_t groups,
                     bool transposed) {
  // w is [out, in / groups, kh, kw], of a transposed one [in, out / groups, kh, kw].
  const std::int64_t outer = w[0], inner = w[1] * groups;
  return {transposed ? "N · h · w · in channels · (out channels / groups) · kh · kw"
                     : "N · oh · ow · out channels · (in channels / groups) · kh · kw",
          times(images[0], pixels[2], pixels[3], outer, quotient(inner, groups), w[2], w[3])};
}

}  // namespace

Formula macs_formula(const OpAt& op) {
  const std::int64_t groups = integer_attr(op, "groups", 1);
  if (op.name == "conv2d")
    return conv_formula(op.out[0].shape, op.out[0].shape, op.in[1].shape, groups, false);
  if (op.name == "conv_transpose2d")
    return conv_formula(op.in[0].shape, op.in[0].shape, op.in[1].shape, groups, true);
  if (op.name == "linear") {
    const Shape& x = op.in[0].shape;
    const Shape& w = op.in[1].shape;
    const std::int64_t rows = x.product(0, x.rank() - 1);
    return {"rows · in features · out features", times(rows, w[1], w[0])};
  }
  if (op.name == "matmul" && op.in[0].shape.rank() == 2 && op.in[1].shape.rank() == 2) {
    const Shape& a = op.in[0].shape;
    const std::int64_t inner = a[integer_attr(op, "transpose_a", 0) ? 0 : 1];
    return {"rows · inner size · columns", times(op.out[0].shape[0], inner, op.out[0].shape[1])};
  }
  if (op.name == "matmul") {
    const Shape& a = op.in[0].shape;
    const std::int64_t inner = a[a.rank() - 1];
    return {"elements of the result · inner size", times(product_text(op.out[0].shape), inner)};
  }
  if (op.name == "scaled_dot_product_attention") {
    const Shape &q = op.in[0].shape, &k = op.in[1].shape, &v = op.in[2].shape;
    const int r = q.rank();
    return {"batches and heads · L · S · (E + Ev)",
            times(q.product(0, r - 2), q[r - 2], k[r - 2],
                  "(" + std::to_string(q[r - 1]) + " + " + std::to_string(v[r - 1]) + ")")};
  }
  if (op.name == "lstm") {
    const Shape& x = op.in[0].shape;
    const std::int64_t hidden = op.out[0].shape[op.out[0].shape.rank() - 1];
    return {"T · N · 4 hidden · (inputs + hidden)",
            times(x[0], x[1], 4, hidden,
                  "(" + std::to_string(x[2]) + " + " + std::to_string(hidden) + ")")};
  }
  return {};
}

Formula flops_formula(const OpAt& op, double flops, double macs) {
  if (macs > 0) {
    const double more = flops - 2 * macs;
    if (more == 0) return {"2 · MACs", "2 × " + plain_number(macs)};
    return {"2 · MACs + what is added to them",
            "2 × " + plain_number(macs) + " + " + plain_number(more)};
  }
  const auto each = [&](const Spec& spec, std::string_view what) -> Formula {
    const auto n = static_cast<double>(spec.numel());
    if (n == 0 || flops / n != std::floor(flops / n)) return {};
    return {"FLOPs for each element · elements of the " + std::string(what),
            plain_number(flops / n) + " × " + product_text(spec.shape)};
  };
  if (flops > 0 && !op.out.empty()) {
    Formula formula = each(op.out[0], "output");
    if (formula.words.empty() && !op.in.empty()) formula = each(op.in[0], "input");
    if (!formula.words.empty()) return formula;
  }
  return {"by the op's own rule", plain_number(flops)};
}

Formula bytes_formula(const OpAt& op, double bytes) {
  double once = 0;
  for (const Spec& spec : op.in) once += static_cast<double>(spec.bytes());
  for (const Spec& spec : op.out) once += static_cast<double>(spec.bytes());
  const double first = op.in.empty() ? 0 : static_cast<double>(op.in[0].bytes());
  const double again = first > 0 ? (bytes - once) / first : 0;
  std::vector<std::string> words, numbers;
  const auto add = [&](const Spec& spec, const std::string& name, double times) {
    if (!spec.defined) return;
    const std::string prefix = times == 1 ? "" : plain_number(times) + " × ";
    words.push_back(prefix + name);
    numbers.push_back(prefix + product_text(spec.shape) + " × " +
                      std::to_string(size_of(spec.dtype)));
  };
  for (std::size_t i = 0; i < op.in.size(); ++i) {
    const std::string& name = op.in_names[i];
    add(op.in[i], name.empty() ? "input" : name, i == 0 ? 1 + again : 1);
  }
  for (const Spec& spec : op.out) add(spec, spec.internal ? "kept for backward" : "output", 1);
  return {join(words, " + "), join(numbers, " + ")};
}

}  // namespace glassbox::viz::detail
