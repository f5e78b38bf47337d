#include "viz/summary.h"

#include <optional>
#include <ostream>

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

std::string Summary::to_string() const {
  switch (options.style) {
    case Style::tree:
      return detail::render_tree(*this);
    case Style::torchsummary:
      return detail::render_torchsummary(*this);
  }
  __builtin_unreachable();
}

std::ostream& operator<<(std::ostream& out, const Summary& summary) {
  return out << summary.to_string();
}

Summary summary(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                const SummaryOptions& options) {
  if (options.batch != -1 && options.batch < 1) {
    fail(model.type_name(), cat("batch ", options.batch, " must be at least 1, or -1 for any"));
  }
  const std::vector<Shape> shapes = inputs.empty() ? model.usual_inputs() : inputs;
  if (!shapes.empty()) return detail::summary_of_recording(model, shapes, options);
  return detail::summary_of_listing(model, options);
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
