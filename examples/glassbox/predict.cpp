#include "glassbox/predict.h"

#include <fmt/format.h>

#include "engine/engine.h"
#include "glassbox/trained.h"
#include "viz/text.h"

namespace glassbox {

namespace {
constexpr int bar_cells = 30;
}

std::vector<Prediction> predict(const Trained& t, const std::vector<std::string>& images,
                                std::size_t count) {
  const NoGrad no_grad;
  const ops::Augment treat = t.info.for_testing().lower();
  const Tensor first = from({std::int64_t(0)}, {1}, Device::cpu());
  std::vector<Prediction> all;
  for (const std::string& path : images) {
    Prediction& prediction = all.emplace_back();
    prediction.path = path;
    Tensor pixels;
    try {
      pixels = load_image(path, t.info);
    } catch (const Error& e) {
      prediction.error = e.what();
      continue;
    }
    const Tensor input = augment(pixels, first, {}, treat).to(device_of(*t.model));
    const auto p = probabilities(t.model->call({input}).at(0), t.info.classes.size()).at(0);
    for (const std::size_t c : top(p, count)) prediction.best.emplace_back(t.info.classes[c], p[c]);
  }
  return all;
}

std::string to_text(const Prediction& prediction) {
  std::string out = prediction.path + "\n";
  std::size_t width = 0;
  for (const auto& entry : prediction.best) width = std::max(width, viz::width_of(entry.first));
  for (const auto& [name, p] : prediction.best) {
    std::string bar;
    for (int i = 0; i < static_cast<int>(p * bar_cells + 0.5); ++i) bar += "━";
    out += fmt::format("  {}  {:.4f}{}{}\n", viz::pad_right(name, width), p,
                       bar.empty() ? "" : "  ", bar);
  }
  return out;
}

nlohmann::ordered_json to_json(const std::vector<Prediction>& predictions) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Prediction& prediction : predictions) {
    nlohmann::ordered_json entry = {{"path", prediction.path}};
    if (!prediction.error.empty()) {
      entry["error"] = prediction.error;
    } else {
      entry["classes"] = nlohmann::ordered_json::array();
      for (const auto& [name, p] : prediction.best) {
        entry["classes"].push_back({{"class", name}, {"probability", p}});
      }
    }
    json.push_back(entry);
  }
  return json;
}

}  // namespace glassbox
