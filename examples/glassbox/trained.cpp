#include "glassbox/trained.h"

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "engine/engine.h"
#include "glassbox/checkpoint.h"
#include "glassbox/run_folder.h"
#include "glassbox/usage_error.h"

namespace glassbox {

Device device_of(layers::ModuleBase& model) {
  const Tensors parameters = model.parameters();
  return parameters.empty() ? Device::cpu() : parameters.front().device();
}

Trained load_trained(const std::string& run, const std::string& weights, const MakeModel& make) {
  const nlohmann::ordered_json config = read_config(run);
  const std::string file = run + "/config.json";
  Trained t;
  t.run = run;
  nlohmann::ordered_json part;
  read_key(config, file, "options", part);
  t.options = options_from_json(part, file);
  read_key(config, file, "data", part);
  t.info = data_info_from_json(part, file);
  t.weights = weights;
  std::error_code error;
  if (t.weights.empty()) {
    t.weights = run + "/model.safetensors";
    if (!std::filesystem::exists(t.weights, error)) {
      const std::string newest = CheckpointFolder(run + "/checkpoints").newest();
      if (newest.empty()) throw UsageError(run + ": has no weights yet: no epoch was finished");
      t.weights = newest + "/model.safetensors";
    }
  }
  t.model = make(t.options.model_name);
  t.model->load_state_dict(io::load_safetensors(t.weights).tensors);
  t.model->eval();
  return t;
}

std::vector<std::vector<double>> probabilities(const Tensor& outputs, std::size_t classes) {
  if (outputs.dim() != 2 || outputs.size(1) < static_cast<std::int64_t>(classes)) {
    fail("classes",
         cat("the model gives ", to_string(outputs.shape()), " for ", classes, " classes"));
  }
  const std::vector<double> all = softmax(outputs, 1).to_vector<double>();
  const auto width = static_cast<std::ptrdiff_t>(outputs.size(1));
  std::vector<std::vector<double>> rows;
  for (auto at = all.begin(); at != all.end(); at += width) {
    rows.emplace_back(at, at + static_cast<std::ptrdiff_t>(classes));
  }
  return rows;
}

std::vector<std::size_t> top(const std::vector<double>& p, std::size_t count) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  count = std::min(count, order.size());
  // Equal ones by number, so that every machine prints the same.
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
      [&p](std::size_t a, std::size_t b) { return p[a] > p[b] || (p[a] == p[b] && a < b); });
  order.resize(count);
  return order;
}

}  // namespace glassbox
