#include "glassbox/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/engine.h"
#include "viz/text.h"

namespace glassbox {

using namespace datasets;

namespace {

constexpr std::int64_t batch_size = 100;
constexpr std::size_t widest_matrix = 20;  // classes whose confusion fits on a screen

void keep_worst(std::vector<Mistake>& worst, Mistake&& mistake, std::size_t most) {
  if (most == 0 || (worst.size() == most && mistake.loss <= worst.back().loss)) return;
  const auto place =
      std::upper_bound(worst.begin(), worst.end(), mistake,
                       [](const Mistake& a, const Mistake& b) { return a.loss > b.loss; });
  worst.insert(place, std::move(mistake));
  if (worst.size() > most) worst.pop_back();
}

}  // namespace

std::int64_t Evaluation::of_class(std::size_t c) const {
  return std::accumulate(confusion[c].begin(), confusion[c].end(), std::int64_t(0));
}
std::int64_t Evaluation::taken_for_class(std::size_t c) const {
  std::int64_t n = 0;
  for (const auto& row : confusion) n += row[c];
  return n;
}

Evaluator::Evaluator(std::size_t classes, std::size_t worst) : classes_(classes), worst_(worst) {
  sums_.confusion.assign(classes, std::vector<std::int64_t>(classes, 0));
}

void Evaluator::add(const Tensor& outputs, const Tensor& batch_labels,
                    const Tensor& batch_indices) {
  const auto rows = probabilities(outputs, classes_);
  const auto labels = batch_labels.to_vector<std::int64_t>();
  const auto indices = batch_indices.to_vector<std::int64_t>();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto truth = static_cast<std::size_t>(labels[i]);
    const std::vector<std::size_t> best = top(rows[i], 5);
    const std::size_t predicted = best.front();
    // An f32 probability may be 0: its logarithm is then that of the smallest one.
    const double loss = -std::log(std::max(rows[i].at(truth), 1e-45));
    ++sums_.images;
    sums_.loss += loss;
    ++sums_.confusion[truth][predicted];
    correct_ += predicted == truth;
    among5_ += std::find(best.begin(), best.end(), truth) != best.end();
    if (predicted != truth)
      keep_worst(sums_.worst, {indices[i], "", truth, predicted, loss, rows[i][predicted]}, worst_);
  }
}

Evaluation Evaluator::result(const Data& data) const {
  Evaluation e = sums_;
  e.data = data.info.note;
  e.classes = data.info.classes;
  for (Mistake& mistake : e.worst) {
    if (!data.test_paths.empty())
      mistake.path = data.test_paths.at(static_cast<std::size_t>(mistake.index));
  }
  const auto images = static_cast<double>(std::max<std::int64_t>(1, e.images));
  e.loss /= images;
  e.accuracy = static_cast<double>(correct_) / images;
  e.top5 = static_cast<double>(among5_) / images;
  return e;
}

Data load_test_data(const Trained& t, const std::string& root) {
  TrainOptions options = t.options;
  options.data = root.empty() ? t.info.root : root;
  options.dataset = t.info.kind;
  options.image_size = {static_cast<int>(t.info.height), static_cast<int>(t.info.width)};
  return load_data(options, t.model->usual_inputs(), Halves::test);
}

Evaluation evaluate(const Trained& t, const Data& data, std::size_t most) {
  if (data.info.classes != t.info.classes) {
    fail("evaluate", cat(data.info.note, " has other classes than the training's"));
  }
  Evaluator evaluator(t.info.classes.size(), most);
  const NoGrad no_grad;
  DataLoader loader = data.test(
      {.batch_size = batch_size, .num_workers = t.options.workers, .device = device_of(*t.model)});
  for (auto at = loader.begin(); at != loader.end(); ++at)
    evaluator.add(t.model->call({(*at).inputs}).at(0), (*at).labels, at.indices());
  Evaluation e = evaluator.result(data);
  e.model = t.options.model_name;
  e.weights = t.weights;
  return e;
}

Evaluation evaluate(const Trained& t, const std::string& data_root, std::size_t most) {
  return evaluate(t, load_test_data(t, data_root), most);
}

namespace {

std::string ratio(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return "-";
  return fmt::format("{:.4f}", static_cast<double>(part) / static_cast<double>(whole));
}

// "dog (51)", the class that this one is taken for most often.
std::string rival(const Evaluation& e, std::size_t c) {
  std::size_t most = c;
  for (std::size_t p = 0; p < e.classes.size(); ++p) {
    if (p != c && (most == c || e.confusion[c][p] > e.confusion[c][most])) most = p;
  }
  if (most == c || e.confusion[c][most] == 0) return "";
  return fmt::format("{} ({})", e.classes[most], e.confusion[c][most]);
}

std::string matrix(const Evaluation& e, std::size_t name_width) {
  std::string out = "\nconfusion: a row for each true class, a column for each predicted one\n";
  std::vector<std::size_t> widths;
  for (std::size_t p = 0; p < e.classes.size(); ++p) {
    std::size_t width = viz::width_of(e.classes[p]);
    for (const auto& row : e.confusion) width = std::max(width, std::to_string(row[p]).size());
    widths.push_back(width);
  }
  out += std::string(name_width, ' ');
  for (std::size_t p = 0; p < e.classes.size(); ++p)
    out += "  " + viz::pad_left(e.classes[p], widths[p]);
  for (std::size_t c = 0; c < e.classes.size(); ++c) {
    out += "\n" + viz::pad_right(e.classes[c], name_width);
    for (std::size_t p = 0; p < e.classes.size(); ++p) {
      const std::int64_t count = e.confusion[c][p];
      out += "  " + viz::pad_left(count == 0 ? "·" : std::to_string(count), widths[p]);
    }
  }
  return out + "\n";
}

}  // namespace

std::string to_text(const Evaluation& e) {
  std::string out =
      fmt::format("{} on {}: {} test images, weights {}\n\n", e.model, e.data, e.images, e.weights);
  out += fmt::format("loss      {:.4f}\naccuracy  {:.4f}\ntop-5     {:.4f}\n\n", e.loss, e.accuracy,
                     e.top5);
  std::size_t width = 5;
  for (const std::string& name : e.classes) width = std::max(width, viz::width_of(name));
  out += viz::pad_right("class", width) + "  images  accuracy  precision  most often taken for\n";
  for (std::size_t c = 0; c < e.classes.size(); ++c) {
    const std::int64_t right = e.confusion[c][c];
    std::string line = fmt::format(
        "{}  {:>6}  {:>8}  {:>9}  {}", viz::pad_right(e.classes[c], width), e.of_class(c),
        ratio(right, e.of_class(c)), ratio(right, e.taken_for_class(c)), rival(e, c));
    while (line.ends_with(' ')) line.pop_back();
    out += line + "\n";
  }
  out += e.classes.size() <= widest_matrix
             ? matrix(e, width)
             : fmt::format("\n--csv FILE writes the confusion matrix of the {} classes\n",
                           e.classes.size());
  if (!e.worst.empty()) out += "\nworst mistakes\n";
  for (const Mistake& m : e.worst) {
    out += fmt::format("{}: a {}, taken for a {} with {:.4f} (loss {:.2f})\n",
                       m.path.empty() ? fmt::format("test image {}", m.index) : m.path,
                       e.classes[m.truth], e.classes[m.predicted], m.probability, m.loss);
  }
  return out;
}

nlohmann::ordered_json to_json(const Evaluation& e) {
  nlohmann::ordered_json json = {
      {"model", e.model},   {"data", e.data},       {"weights", e.weights},
      {"images", e.images}, {"loss", e.loss},       {"accuracy", e.accuracy},
      {"top5", e.top5},     {"classes", e.classes}, {"confusion", e.confusion}};
  json["worst"] = nlohmann::ordered_json::array();
  for (const Mistake& m : e.worst) {
    nlohmann::ordered_json entry = {{"index", m.index},
                                    {"true", e.classes[m.truth]},
                                    {"predicted", e.classes[m.predicted]},
                                    {"probability", m.probability},
                                    {"loss", m.loss}};
    if (!m.path.empty()) entry["path"] = m.path;
    json["worst"].push_back(entry);
  }
  return json;
}

std::string confusion_csv(const Evaluation& e) {
  const auto cell = [](const std::string& name) {
    if (name.find_first_of(",\"\r\n") == std::string::npos) return name;
    std::string quoted = "\"";
    for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
  };
  std::string out = "true\\predicted";
  for (const std::string& name : e.classes) out += "," + cell(name);
  for (std::size_t c = 0; c < e.classes.size(); ++c) {
    out += "\r\n" + cell(e.classes[c]);
    for (const std::int64_t count : e.confusion[c]) out += fmt::format(",{}", count);
  }
  return out + "\r\n";
}

}  // namespace glassbox
