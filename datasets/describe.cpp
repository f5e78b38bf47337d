#include "datasets/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace glassbox::datasets {

namespace {

struct Range {
  double least = std::numeric_limits<double>::infinity();
  double largest = -std::numeric_limits<double>::infinity();
  std::int64_t nans = 0;
};

template <class T>
Range range_of(const Tensor& x) {
  Range range;
  for (const T element : x.data<T>()) {
    double value;
    if constexpr (std::is_arithmetic_v<T>) {
      value = static_cast<double>(element);
    } else {
      value = static_cast<float>(element);  // the 16-bit types
    }
    if (std::isnan(value)) {
      ++range.nans;
      continue;
    }
    range.least = std::min(range.least, value);
    range.largest = std::max(range.largest, value);
  }
  return range;
}

Range range_of(const Tensor& x) {
  switch (x.dtype()) {
    case DType::f32:
      return range_of<float>(x);
    case DType::f64:
      return range_of<double>(x);
    case DType::f16:
      return range_of<Half>(x);
    case DType::bf16:
      return range_of<BFloat16>(x);
    case DType::i32:
      return range_of<std::int32_t>(x);
    case DType::i64:
      return range_of<std::int64_t>(x);
    case DType::u8:
      return range_of<std::uint8_t>(x);
    default:
      return range_of<bool>(x);
  }
}

// "(50000, 32, 32, 3)", "(10,)", "()"
std::string python_tuple(const Shape& shape) {
  std::string text = "(";
  for (int i = 0; i < shape.rank(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.rank() == 1 ? ",)" : ")");
}

}  // namespace

std::string describe(std::string_view name, const Tensor& tensor, Layout layout) {
  if (!tensor.defined()) return fmt::format("{}\tTensor  undefined", name);
  Shape shape = tensor.shape();
  if (layout == Layout::channels_last && shape.rank() == 4)
    shape = {shape[0], shape[2], shape[3], shape[1]};
  std::string text =
      fmt::format("{}\tTensor  {} {}", name, numpy_name(tensor.dtype()), python_tuple(shape));
  if (tensor.device().is_meta()) return text + "  no data";
  if (tensor.numel() == 0) return text + "  empty";
  const Range range = range_of(tensor.to(Device::cpu()));
  if (range.nans < tensor.numel()) {
    text += fmt::format("  min: {:.3f}  max: {:.3f}", range.least, range.largest);
  } else {
    text += "  min: nan  max: nan";
  }
  if (range.nans > 0) text += fmt::format("  nan: {}", range.nans);
  return text;
}

std::string describe(std::string_view name, const ImageDataset& dataset) {
  const std::string text(name);
  std::string labels = text + ".labels\tlist    undefined";
  if (dataset.labels.defined())
    labels = describe(text + ".labels", dataset.labels.to_vector<std::int64_t>());
  return describe(text + ".data", dataset.images, Layout::channels_last) + "\n" + labels;
}

std::string describe_list(std::string_view name, std::size_t length,
                          const std::vector<std::string>& first) {
  std::string text = fmt::format("{}\tlist    len: {}  [", name, length);
  for (std::size_t i = 0; i < first.size(); ++i) text += (i > 0 ? ", " : "") + first[i];
  return text + "]";
}

std::string list_item(double value) {
  std::string text = fmt::format("{}", value);
  // Python's shortest form always looks like a floating-point number.
  if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string list_item(std::string_view value) { return fmt::format("'{}'", value); }

}  // namespace glassbox::datasets
