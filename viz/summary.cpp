#include "viz/summary.h"

#include <ostream>

#include "engine/io/file.h"
#include "viz/summary_columns.h"
#include "viz/summary_rows.h"
#include "viz/summary_styles.h"

namespace glassbox {
namespace viz {

std::string to_string(const TensorInfo& tensor, std::int64_t batch) {
  std::string text = "[";
  for (const Dim& dim : tensor.dims) {
    if (text.size() > 1) text += ", ";
    if (batch >= 0 || dim.halves == 0) {
      text += std::to_string(dim.at(batch));
      continue;
    }
    const bool half = dim.halves % 2 != 0;
    const std::int64_t factor = half ? dim.halves : dim.halves / 2;
    if (factor != 1) text += factor == -1 ? "-" : std::to_string(factor);
    text += half ? "N/2" : "N";
    if (dim.fixed != 0) text += (dim.fixed > 0 ? "+" : "") + std::to_string(dim.fixed);
  }
  return text + "]";
}

Spec TensorInfo::at(std::int64_t batch) const {
  Spec spec;
  spec.dtype = dtype;
  for (const Dim& dim : dims) spec.shape.push_back(dim.at(batch));
  return spec;
}

Costs& Costs::operator+=(const Costs& other) {
  macs += other.macs;
  flops += other.flops;
  bytes += other.bytes;
  activations += other.activations;
  macs_backward += other.macs_backward;
  flops_backward += other.flops_backward;
  bytes_backward += other.bytes_backward;
  saved += other.saved;
  return *this;
}

std::int64_t Summary::figures_batch() const {
  return options.batch >= 0 ? options.batch : has_halves ? 2 : 1;
}

std::string Summary::to_string(Format format) const {
  if (format == Format::csv) return detail::render_csv(*this);
  if (format == Format::json) return detail::render_json(*this);
  if (format == Format::html) return detail::render_html(*this);
  if (format == Format::markdown) return detail::render_markdown(*this);
  switch (options.style) {
    case Style::tree:
      return detail::render_tree(*this);
    case Style::torchsummary:
      return detail::render_torchsummary(*this);
    case Style::keras:
      return detail::render_keras(*this);
  }
  __builtin_unreachable();
}

void Summary::save(const std::string& file) const {
  constexpr std::pair<std::string_view, Format> endings[] = {{".txt", Format::text},
                                                             {".md", Format::markdown},
                                                             {".csv", Format::csv},
                                                             {".json", Format::json},
                                                             {".html", Format::html}};
  for (const auto& [ending, format] : endings) {
    if (file.ends_with(ending)) return io::write_file(file, to_string(format));
  }
  fail("summary", "cannot write " + file + ": the known endings are .txt .md .csv .json .html");
}

std::ostream& operator<<(std::ostream& out, const Summary& summary) {
  return out << summary.to_string();
}

Summary summary(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                const SummaryOptions& options) {
  if (options.batch != -1 && options.batch < 1) {
    fail(model.type_name(), cat("batch ", options.batch, " must be at least 1, or -1 for any"));
  }
  Summary summary;
  summary.model = model.type_name();
  summary.training = model.is_training();
  summary.options = options;
  const std::vector<Shape> shapes = inputs.empty() ? model.usual_inputs() : inputs;
  if (shapes.empty()) {
    detail::add_rows(summary, model, nullptr);
    return summary;
  }

  bool backward = options.backward;
  for (const Column column : options.columns) backward = backward || detail::needs_backward(column);
  RecordOptions how{detail::Symbolic::small, options.dtypes, backward};
  auto recording = std::make_shared<Recording>(record(model, shapes, how));
  summary.recording = recording;
  // Nothing to show: no module was entered, or forward went through and its gradients do not exist.
  const std::vector<Graph::Call>& calls = recording->graph.calls;
  if (recording->error && (calls.empty() || calls.front().completed))
    std::rethrow_exception(recording->error);
  detail::SizeRecorder larger;
  if (!recording->error) {
    how.batch = detail::Symbolic::large;
    try {
      record_again(*recording, shapes, how, larger);
    } catch (const std::exception&) {
      larger = {};  // a model of one batch size: then that dimension is taken for the batch
    }
  }
  const auto sizes = std::make_shared<detail::Symbolic>(recording->graph, std::move(larger));
  summary.sizes = sizes;
  summary.has_backward = backward && !recording->error;
  for (const int v : recording->graph.inputs) summary.inputs.push_back(sizes->value(v));
  detail::add_rows(summary, *recording->model, sizes.get());
  detail::add_figures(summary, *sizes);
  for (const Summary::Row& row : summary.rows) {
    for (const TensorInfo& output : row.outputs) {
      for (const Dim& dim : output.dims)
        summary.has_halves = summary.has_halves || dim.halves % 2 != 0;
    }
  }
  return summary;
}

}  // namespace viz

viz::Summary layers::ModuleBase::summary() { return viz::summary(*this); }

viz::Summary layers::ModuleBase::summary(const Shape& input) {
  return viz::summary(*this, {input});
}

viz::Summary layers::ModuleBase::summary(const Shape& input, const viz::SummaryOptions& options) {
  return viz::summary(*this, {input}, options);
}

}  // namespace glassbox
