// The table of torchsummary 1.5.1. Its rules are kept where they are wrong, so that the figures can
// be compared with published ones: a module counts once per call, only `weight` and `bias` count,
// sizes of tuples and of several inputs are multiplied, a value is 4 bytes, activations count
// twice.
#include <cmath>
#include <cstdint>
#include <vector>

#include "viz/summary_styles.h"
#include "viz/text.h"

namespace glassbox::viz::detail {
namespace {

using Sizes = std::vector<std::int64_t>;

// Python's repr of a list.
std::string list_of(const Sizes& sizes) {
  std::string text = "[";
  for (std::size_t i = 0; i < sizes.size(); ++i) text += (i ? ", " : "") + std::to_string(sizes[i]);
  return text + "]";
}

// Wraps around as numpy's does.
std::int64_t times(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

std::int64_t product(const Sizes& sizes) {
  std::int64_t result = 1;
  for (const std::int64_t size : sizes) result = times(result, size);
  return result;
}

// The recorded sizes at the batch that torchsummary runs, 2, with dimension 0 overwritten.
Sizes sizes_of(const TensorInfo& tensor, std::int64_t batch) {
  Sizes sizes;
  for (const Dim& dim : tensor.dims) sizes.push_back(dim.at(2));
  if (!sizes.empty()) sizes[0] = batch;
  return sizes;
}

std::string line(std::string_view layer, std::string_view shape, std::string_view parameters) {
  return pad_left(layer, 20) + "  " + pad_left(shape, 25) + " " + pad_left(parameters, 15) + "\n";
}

struct Counts {
  int rows = 0;
  std::int64_t parameters = 0, trainable = 0, outputs = 0;
};

std::string line_of(const Summary::Row& row, std::int64_t batch, Counts& counts) {
  std::string shape;
  std::int64_t elements = 1;
  if (!row.returns_list && row.outputs.size() == 1) {
    const Sizes sizes = sizes_of(row.outputs[0], batch);
    shape = list_of(sizes);
    elements = product(sizes);
  } else {
    // A tuple: always with -1, whatever the batch.
    for (const TensorInfo& output : row.outputs) {
      const Sizes sizes = sizes_of(output, -1);
      shape += (shape.empty() ? "" : ", ") + list_of(sizes);
      elements = times(elements, product(sizes));
    }
    shape = "[" + shape + "]";
  }
  ++counts.rows;
  counts.parameters += row.weight_and_bias;
  if (row.weight_trainable) counts.trainable += row.weight_and_bias;
  counts.outputs += elements;
  return line(row.type + "-" + std::to_string(counts.rows), shape,
              with_commas(row.weight_and_bias));
}

}  // namespace

std::string render_torchsummary(const Summary& summary) {
  if (summary.inputs.empty()) {
    fail(summary.model,
         "the torchsummary style needs the shape of an input: summary({3, 32, 32}, ...)");
  }
  const std::int64_t batch = summary.options.batch;
  const std::string thin = std::string(64, '-') + "\n", thick = std::string(64, '=') + "\n";

  std::string text = thin + line("Layer (type)", "Output Shape", "Param #") + thick;
  Counts counts;
  for (const int index : summary.completion) {
    const Summary::Row& row = summary.rows[static_cast<std::size_t>(index)];
    for (int hook = 0; hook < row.hooks; ++hook) text += line_of(row, batch, counts);
  }

  std::int64_t input = 1;
  for (const TensorInfo& tensor : summary.inputs) {
    input = times(input, product(sizes_of(tensor, 1)));
  }
  const auto mega = [](double values) { return std::abs(values * 4.0 / (1024.0 * 1024.0)); };
  const double input_size = mega(static_cast<double>(times(input, batch)));
  const double output_size = mega(2.0 * static_cast<double>(counts.outputs));
  const double parameter_size = mega(static_cast<double>(counts.parameters));
  const auto total = [&text](std::string_view name, const std::string& value) {
    text.append(name).append(": ").append(value).append("\n");
  };
  text += thick;
  total("Total params", with_commas(counts.parameters));
  total("Trainable params", with_commas(counts.trainable));
  total("Non-trainable params", with_commas(counts.parameters - counts.trainable));
  text += thin;
  total("Input size (MB)", fixed(input_size, 2));
  total("Forward/backward pass size (MB)", fixed(output_size, 2));
  total("Params size (MB)", fixed(parameter_size, 2));
  total("Estimated Total Size (MB)", fixed(parameter_size + output_size + input_size, 2));
  return text + thin;
}

}  // namespace glassbox::viz::detail
