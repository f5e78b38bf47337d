// What a report shows of the numbers: curves, weights over time, the confusion matrix, mistakes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/engine.h"
#include "glassbox/report_parts.h"
#include "viz/axis.h"
#include "viz/chart_histogram.h"
#include "viz/chart_matrix.h"
#include "viz/metric_charts.h"
#include "viz/text.h"

namespace glassbox::detail {

using viz::History;
using viz::Metric;

namespace {

constexpr std::size_t points_of_a_line = 1500;

// Of so many points: a mean over about an eighth of them, and over ten at most.
double batch_smoothing(std::size_t points) {
  return std::clamp(1 - 8 / static_cast<double>(std::max<std::size_t>(1, points)), 0.0, 0.9);
}

bool has_number(const History& history, const std::string& name) {
  return history.contains(name) && history[name].kind() == Metric::Kind::number &&
         !history[name].empty();
}

// Those of the metrics that there are, in one chart; none: no figure.
void add_chart(std::vector<Html>& figures, const History& history, const std::string& title,
               const std::vector<std::pair<std::string, std::string>>& metrics, double smooth = 0) {
  viz::LineChart chart;
  chart.title = title;
  double per_point = 1;
  bool epochs = false;
  for (const auto& [name, label] : metrics) {
    if (!has_number(history, name)) continue;
    Curve curve =
        curve_of(history, history[name], history[name].in_epochs() ? XAxis::epoch : XAxis::step,
                 points_of_a_line);
    epochs = history[name].in_epochs() || name.starts_with("epoch/");
    curve.series.name = label;
    per_point = std::max(per_point, curve.per_point);
    chart.series.push_back(std::move(curve.series));
  }
  if (chart.series.empty()) return;
  chart.whole_x = title.find("epochs") != title.npos || title == "learning rate" ||
                  title == "images per second";
  if (per_point > 1) chart.best = viz::Best::none;  // of means it is none of the metric's
  chart.smooth = smooth > 0 ? smoothing_of(smooth, per_point) : 0;
  chart.x_label = epochs ? "epoch" : "step";
  figures.push_back(page_figure(chart));
}

bool changes(const History& history, const std::string& name) {
  if (!has_number(history, name)) return false;
  const viz::Bucket all = history[name].downsample(1).at(0);
  return all.finite > 1 && all.min != all.max;
}

constexpr const char* shown_metrics[] = {"loss",
                                         "accuracy",
                                         "epoch/loss",
                                         "epoch/train_accuracy",
                                         "epoch/test_accuracy",
                                         "epoch/images_per_second",
                                         "epoch/lr"};

}  // namespace

void add_curves(ReportPage& page, const History& history) {
  std::vector<Html> figures;
  double smooth = 0;
  for (const char* name : {"loss", "accuracy"}) {
    if (!has_number(history, name)) continue;
    smooth = batch_smoothing(history[name].size());
    add_chart(figures, history, std::string(name) + " of batches", {{name, name}}, smooth);
  }
  add_chart(figures, history, "accuracy of epochs",
            {{"epoch/train_accuracy", "training"}, {"epoch/test_accuracy", "test"}});
  add_chart(figures, history, "loss of epochs", {{"epoch/loss", "training loss"}});
  if (changes(history, "epoch/lr"))
    add_chart(figures, history, "learning rate", {{"epoch/lr", "learning rate"}});
  if (changes(history, "epoch/images_per_second"))
    add_chart(figures, history, "images per second",
              {{"epoch/images_per_second", "images per second"}});
  if (figures.empty()) throw NothingToShow("the history has none of the usual metrics");
  page.begin("curves", "Curves");
  if (smooth > 0) {
    page.paragraph(fmt::format(
        "Of batches the bold line is a running mean (weight {:.2g} of the past); what it was made "
        "of is behind it.",
        smooth));
  }
  page.figures(figures);
}

void add_other_metrics(ReportPage& page, const History& history) {
  constexpr std::size_t most = 8;
  std::vector<Html> figures;
  std::size_t more = 0;
  for (const std::string& name : history.metrics()) {
    const bool is_shown = std::find(std::begin(shown_metrics), std::end(shown_metrics), name) !=
                          std::end(shown_metrics);
    if (is_shown || !has_number(history, name)) continue;
    if (figures.size() < most) {
      add_chart(figures, history, name, {{name, name}});
    } else {
      ++more;
    }
  }
  if (figures.empty()) return;
  page.begin("metrics", "Other metrics");
  page.figures(figures);
  if (more > 0)
    page.paragraph(
        fmt::format("{} more metrics are in the history; glassbox plot draws them.", more));
}

// --- tensors of the history ----------------------------------------------------------------------

namespace {

// At most `count` of 0 ... size-1, evenly, the first and the last among them.
std::vector<std::size_t> evenly(std::size_t size, std::size_t count) {
  std::vector<std::size_t> all;
  if (size <= count) {
    all.resize(size);
    std::iota(all.begin(), all.end(), std::size_t(0));
    return all;
  }
  for (std::size_t i = 0; i < count; ++i) all.push_back(i * (size - 1) / (count - 1));
  return all;
}

std::vector<std::string> tensor_metrics(const History& history, bool images) {
  std::vector<std::string> names;
  for (const std::string& name : history.metrics()) {
    const Metric metric = history[name];
    if (metric.kind() != Metric::Kind::tensor || metric.empty()) continue;
    // Maps and pictures have two or three dimensions, weights of a linear layer two as well.
    const std::int64_t dims = metric.tensor(metric.size() - 1).dim();
    const bool is_image = (dims == 2 || dims == 3) && name.find("weight") == name.npos &&
                          name.find("grad") == name.npos;
    if (is_image == images) names.push_back(name);
  }
  return names;
}

}  // namespace

void add_histograms(ReportPage& page, const History& history) {
  constexpr std::size_t most_metrics = 6, most_slices = 120;
  const std::vector<std::string> names = tensor_metrics(history, false);
  if (names.empty()) throw NothingToShow("no weights were logged into the history");
  std::vector<Html> figures;
  for (std::size_t m = 0; m < std::min(names.size(), most_metrics); ++m) {
    const Metric metric = history[names[m]];
    const std::vector<std::string> steps = metric.formatted_steps();
    viz::HistogramMap map;
    for (const std::size_t i : evenly(metric.size(), most_slices))
      map.slices.push_back(viz::histogram_slice(metric.tensor(i), steps[i]));
    viz::RidgeHistogram ridge;
    ridge.title = map.title = names[m];
    ridge.slices = map.slices;
    figures.push_back(page_figure(ridge));
    if (map.slices.size() > 2) figures.push_back(page_figure(map));
  }
  page.begin("weights", "Weights over time");
  page.paragraph("How the values are spread at each step that was logged, as epoch:batch.");
  page.figures(figures);
  if (names.size() > most_metrics)
    page.paragraph(fmt::format("{} more were logged.", names.size() - most_metrics));
}

void add_logged_images(ReportPage& page, const History& history) {
  constexpr std::size_t most_metrics = 3, most_images = 8;
  const std::vector<std::string> names = tensor_metrics(history, true);
  if (names.empty()) return;
  page.begin("over-time", "Feature maps over time");
  for (std::size_t m = 0; m < std::min(names.size(), most_metrics); ++m) {
    page.add(
        page_figure(*viz::image_chart(history[names[m]], {.limit = static_cast<int>(most_images)}),
                    FigureSize::full));
  }
}

// --- the test images -----------------------------------------------------------------------------

namespace {

constexpr std::size_t most_in_matrix = 200, most_in_table = 30, pairs = 10;

struct Pair {
  std::size_t truth, predicted;
  std::int64_t count;
};
std::vector<Pair> most_confused(const Evaluation& e) {
  std::vector<Pair> all;
  for (std::size_t t = 0; t < e.classes.size(); ++t) {
    for (std::size_t p = 0; p < e.classes.size(); ++p)
      if (p != t && e.confusion[t][p] > 0) all.push_back({t, p, e.confusion[t][p]});
  }
  const std::size_t count = std::min(pairs, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(),
                    [](const Pair& a, const Pair& b) {
                      return std::tuple(-a.count, a.truth, a.predicted) <
                             std::tuple(-b.count, b.truth, b.predicted);
                    });
  all.resize(count);
  return all;
}

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? NAN : static_cast<double>(part) / static_cast<double>(whole);
}

// The worst recall first where not all classes have room.
PageTable class_table(const Evaluation& e) {
  const std::size_t n = e.classes.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t(0));
  const auto recall = [&](std::size_t c) { return ratio(e.confusion[c][c], e.of_class(c)); };
  if (n > most_in_table) {
    std::vector<double> recalls(n);
    for (std::size_t c = 0; c < n; ++c) recalls[c] = std::isnan(recall(c)) ? 2 : recall(c);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return recalls[a] < recalls[b]; });
    order.resize(most_in_table);
  }
  PageTable table;
  table.header = {"class", "images", "recall", "precision"};
  for (const std::size_t c : order) {
    table.rows.push_back({e.classes[c], viz::with_commas(e.of_class(c)), percent(recall(c)),
                          percent(ratio(e.confusion[c][c], e.taken_for_class(c)))});
  }
  return table;
}

}  // namespace

void add_confusion(ReportPage& page, const Evaluation& e) {
  const std::size_t n = e.classes.size();
  page.begin("confusion", "Confusion matrix");
  page.paragraph(
      fmt::format("{} test images: accuracy {}, among the five most probable {}, loss {}.",
                  viz::with_commas(e.images), percent(e.accuracy, 2), percent(e.top5, 2),
                  viz::short_number(e.loss)));
  std::vector<Html> parts;
  if (n <= most_in_matrix) {
    viz::ConfusionMatrix matrix;
    matrix.classes = e.classes;
    for (const auto& row : e.confusion) {
      for (const std::int64_t count : row) matrix.counts.push_back(count);
    }
    parts.push_back(page_figure(matrix, n <= 12 ? FigureSize::half : FigureSize::full));
  } else {
    page.paragraph(
        fmt::format("A matrix of {} classes cannot be read; glassbox evaluate --csv "
                    "writes it.",
                    viz::with_commas(static_cast<std::int64_t>(n))));
  }
  if (n > 12 && !parts.empty()) {
    page.add(parts.back());
    parts.clear();
  }
  PageTable classes = class_table(e);
  classes.title = n > most_in_table
                      ? fmt::format("The {} classes of the least recall", most_in_table)
                      : "Classes";
  parts.push_back(page_table(classes));
  const std::vector<Pair> confused = most_confused(e);
  PageTable table{.title = "Most often confused"};
  table.header = {"is", "taken for", "times", "of its images"};
  table.left = 2;
  for (const Pair& pair : confused) {
    table.rows.push_back({e.classes[pair.truth], e.classes[pair.predicted],
                          viz::with_commas(pair.count),
                          percent(ratio(pair.count, e.of_class(pair.truth)))});
  }
  if (!confused.empty()) parts.push_back(page_table(table));
  page.columns(parts);
}

void add_mistakes(ReportPage& page, const ReportSource& source, const Evaluation& e) {
  if (e.worst.empty()) throw NothingToShow("there are none");
  if (!source.data) throw NothingToShow("the test images are not there");
  std::vector<Html> pictures;
  for (std::size_t i = 0; i < std::min(e.worst.size(), mistakes_of_a_report); ++i) {
    const Mistake& m = e.worst[i];
    const std::string& truth = e.classes[m.truth];
    const std::string& predicted = e.classes[m.predicted];
    const std::string name =
        m.path.empty() ? fmt::format("no. {}", m.index) : m.path.substr(m.path.rfind('/') + 1);
    pictures.push_back(picture_of(
        test_sample(*source.data, m.index).inputs, source.info, truth + " taken for " + predicted,
        {truth, fmt::format("taken for {}", predicted), percent(m.probability),
         fmt::format("loss {} · {}", viz::short_number(m.loss, 3), name)}));
  }
  page.begin("mistakes", "Worst mistakes");
  page.paragraph(
      "The test images of the greatest loss: what each is, what it was taken for and with which "
      "probability.");
  page.add(page_pictures(pictures));
}

}  // namespace glassbox::detail
