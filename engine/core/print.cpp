// Printing tensors as numpy does.
#include <algorithm>
#include <cmath>
#include <ostream>

#include "engine/core/tensor.h"

namespace glassbox {
namespace {

constexpr std::int64_t summarize_above = 1000;  // elements
constexpr std::int64_t edge_items = 3;          // shown at each end of a shortened dimension

// numpy chooses one format for the whole array: plain with up to 4 digits, or exponents when the
// finite magnitudes span too much.
struct NumberFormat {
  bool integer = true, exponent = false;
  int digits = 0;
  std::size_t width = 0;

  std::string number(double v) const {
    if (std::isnan(v)) return "nan";
    if (std::isinf(v)) return v < 0 ? "-inf" : "inf";
    char text[64];
    std::snprintf(text, sizeof text, exponent ? "%.*e" : "%.*f", digits, v);
    return text;
  }
};

class Printer {
 public:
  Printer(std::vector<double> values, const Spec& spec)
      : values_(std::move(values)), spec_(spec), shorten_(spec.shape.numel() > summarize_above) {
    choose_format();
  }

  std::string array(int d, std::int64_t offset, int indent) const {
    const Shape& shape = spec_.shape;
    if (d == shape.rank()) return padded(element(offset));
    const std::int64_t n = shape[d], step = shape.product(d + 1, shape.rank());
    const bool innermost = d + 1 == shape.rank();
    // One blank line for each dimension below the second.
    const std::string separator =
        innermost ? ", "
                  : "," + std::string(static_cast<std::size_t>(shape.rank() - d - 1), '\n') +
                        std::string(static_cast<std::size_t>(indent + 1), ' ');
    std::string out = "[";
    std::size_t line = out.size();
    for (std::int64_t i = 0; i < n; ++i) {
      if (i) {
        out += separator;
        if (!innermost) line = 0;
      }
      if (shorten_ && n > 2 * edge_items && i == edge_items) {
        out += "...";
        i = n - edge_items - 1;
        continue;
      }
      const std::string item = array(d + 1, offset + i * step, indent + 1);
      if (innermost && i &&
          out.size() - line + item.size() + static_cast<std::size_t>(indent) > 78) {
        out.erase(out.size() - 1);
        out += "\n" + std::string(static_cast<std::size_t>(indent + 1), ' ');
        line = out.size();
      }
      out += item;
    }
    return out + "]";
  }

 private:
  std::string element(std::int64_t i) const {
    const double v = values_[static_cast<std::size_t>(i)];
    if (spec_.dtype == DType::boolean) return v != 0 ? "true" : "false";
    if (!is_floating(spec_.dtype)) return cat(static_cast<std::int64_t>(v));
    return format_.number(v);
  }
  std::string padded(std::string text) const {
    return std::string(format_.width > text.size() ? format_.width - text.size() : 0, ' ') + text;
  }
  void choose_format() {
    double largest = 0, smallest = INFINITY;
    for (double v : values_) {
      if (!std::isfinite(v)) continue;
      const double a = std::fabs(v);
      largest = std::max(largest, a);
      if (a > 0) smallest = std::min(smallest, a);
      if (v != std::floor(v)) format_.integer = false;
    }
    format_.exponent = largest >= 1e8 || (smallest < 1e-4 && smallest != INFINITY) ||
                       (smallest != INFINITY && largest / smallest > 1e6 && !format_.integer);
    format_.digits = format_.exponent ? 4 : format_.integer ? 1 : 4;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      format_.width = std::max(format_.width, element(static_cast<std::int64_t>(i)).size());
    }
  }

  std::vector<double> values_;
  Spec spec_;
  bool shorten_;
  NumberFormat format_;
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
  if (!tensor.defined()) return out << "tensor(undefined)";
  const Spec& spec = tensor.spec();
  out << "tensor(";
  if (spec.device.is_meta()) {
    out << "...";
  } else if (spec.dtype == DType::i64) {
    // Why apart: a double cannot hold every 64-bit integer.
    const auto values = tensor.to_vector<std::int64_t>();
    const bool exact = std::all_of(values.begin(), values.end(), [](std::int64_t v) {
      return static_cast<std::int64_t>(static_cast<double>(v)) == v;
    });
    if (exact || values.size() > 1) {
      out << Printer(tensor.to_vector<double>(), spec).array(0, 0, 7);
    } else {
      out << values[0];
    }
  } else {
    out << Printer(tensor.to_vector<double>(), spec).array(0, 0, 7);
  }
  if (spec.shape.rank() == 0 || spec.numel() == 0 || spec.device.is_meta()) {
    out << ", shape=" << spec.shape;
  }
  if (spec.dtype != DType::f32) out << ", dtype=" << spec.dtype;
  if (!spec.device.is_cpu()) out << ", device=" << spec.device;
  return out << ")";
}

std::string to_string(const Tensor& tensor) { return cat(tensor); }

}  // namespace glassbox
