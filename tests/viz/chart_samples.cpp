#include "tests/viz/chart_samples.h"

#include <cmath>
#include <limits>

namespace glassbox::test {
namespace {

// Noise of mean 0 that is the same everywhere, unlike the standard library's distributions.
class Noise {
 public:
  double next() {
    double sum = -2;
    for (int i = 0; i < 4; ++i) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;
      sum += static_cast<double>(state_ >> 40) / (1 << 24);
    }
    return sum;  // about normal, of deviation 0.58
  }

 private:
  std::uint64_t state_ = 7;
};

float f(double v) { return static_cast<float>(v); }

}  // namespace

viz::LineChart sample_lines() {
  Noise noise;
  viz::LineChart chart;
  chart.title = "CIFAR-10, ResNet-20";
  chart.x_label = "step";
  chart.y_label = "cross entropy";
  chart.whole_x = true;
  chart.smooth = 0.8;
  for (const char* name : {"train loss", "validation loss", "wider"}) {
    viz::Series line{.name = name};
    const auto k = static_cast<double>(chart.series.size());
    for (int i = 0; i < 400; ++i) {
      line.x.push_back(i * 20);
      line.y.push_back(0.3 + 0.15 * k + 2 * std::exp(-i / (75 + 30 * k)) + 0.1 * noise.next());
    }
    chart.series.push_back(line);
  }
  chart.series[1].y[150] = std::nan("");
  chart.series[1].y[250] = std::numeric_limits<double>::infinity();
  return chart;
}

viz::LineChart sample_bands() {
  Noise noise;
  std::vector<viz::Series> runs;
  for (int r = 0; r < 5; ++r) {
    viz::Series line{.name = "run"};
    for (int i = 1; i < 200; ++i) {
      line.x.push_back(i * 37);
      line.y.push_back(std::exp(-i / 40.0) * (2 + 0.3 * r) + 0.02 + 0.002 * std::abs(noise.next()));
    }
    runs.push_back(line);
  }
  viz::LineChart chart;
  chart.title = "Five seeds";
  chart.x_label = "step";
  chart.log_x = chart.log_y = true;
  chart.series = {viz::aggregate("mean ± sd", runs, viz::Band::mean_sd)};
  return chart;
}

viz::ImageRow sample_images() {
  viz::ImageRow row;
  row.title = "conv1, first map";
  row.normalize = viz::Normalize::shared;
  for (int k = 0; k < 5; ++k) {
    viz::Image image{24, 24, 1, {}, "0:" + std::to_string(100 * k)};
    for (int y = 0; y < 24; ++y)
      for (int x = 0; x < 24; ++x)
        image.values.push_back(
            f(std::sin(((x - 12) * (x - 12) + (y - 12) * (y - 12)) * 0.01 * (k + 1))));
    row.images.push_back(image);
  }
  return row;
}

viz::RidgeHistogram sample_ridge() {
  Noise noise;
  viz::RidgeHistogram chart;
  chart.title = "conv1.weight";
  chart.value_label = "weight";
  for (int k = 0; k < 8; ++k) {
    viz::HistogramSlice slice{.label = std::to_string(k) + ":100"};
    for (int i = 0; i < 2000; ++i)
      slice.values.push_back(noise.next() * (0.1 + 0.02 * k) + 0.01 * k);
    chart.slices.push_back(slice);
  }
  return chart;
}

viz::ConfusionMatrix sample_confusion() {
  std::vector<std::int64_t> labels, predictions;
  std::uint32_t state = 1;
  for (int i = 0; i < 5000; ++i) {
    state = state * 1664525u + 1013904223u;
    const std::int64_t label = i % 10, other = state >> 24;
    labels.push_back(label);
    predictions.push_back(other % 8 == 0                 ? (state >> 12) % 10
                          : label == 3 && other % 4 == 1 ? 5
                                                         : label);
  }
  viz::ConfusionMatrix chart = viz::ConfusionMatrix::of(labels, predictions, 10);
  chart.title = "CIFAR-10, test set";
  chart.classes = {"airplane", "automobile", "bird",  "cat",  "deer",
                   "dog",      "frog",       "horse", "ship", "truck"};
  return chart;
}

namespace {

template <class T>
NamedChart named(const char* name, T chart) {
  return {name, std::make_shared<T>(std::move(chart))};
}

}  // namespace

std::vector<NamedChart> sample_charts() {
  Noise noise;
  std::vector<NamedChart> all = {named("lines", sample_lines()), named("bands", sample_bands()),
                                 named("images", sample_images()), named("ridge", sample_ridge()),
                                 named("confusion", sample_confusion())};
  viz::HistogramMap map;
  map.title = "conv1.weight over the steps";
  map.value_label = "weight";
  map.slices = sample_ridge().slices;
  all.push_back(named("histogram_map", map));
  viz::Bars bars;
  bars.title = "Time by layer, ms";
  bars.labels = {"conv1", "layer1.0.conv1", "layer2.0.downsample", "fc"};
  bars.series = {{"forward", {1.24, 3.4, 0.8, 0.31}}, {"backward", {2.3, 6.1, 1.9, 0.5}}};
  all.push_back(named("bars", bars));
  bars.upright = true;
  bars.series[0].values[3] = -0.5;
  all.push_back(named("bars_upright", bars));
  viz::Pie pie;
  pie.title = "Parameters";
  pie.slices = {{"conv", 9408}, {"layer1", 221952}, {"layer2", 1219584}, {"fc", 513000}};
  all.push_back(named("pie", pie));
  viz::HeatMap heat;
  heat.title = "Gradient norm";
  heat.x_label = "epoch";
  heat.y_label = "layer";
  heat.rows = 4;
  heat.columns = 9;
  heat.row_names = {"conv1", "layer1", "layer2", "fc"};
  for (int i = 0; i < 36; ++i) heat.values.push_back(std::exp(noise.next()));
  heat.values[11] = std::nan("");
  all.push_back(named("heat", heat));
  viz::FilterGrid filters;
  filters.title = "conv1";
  filters.out = 16;
  filters.in = 3;
  filters.height = filters.width = 5;
  for (int i = 0; i < 16 * 75; ++i) filters.values.push_back(f(noise.next()));
  all.push_back(named("filters", filters));
  viz::FeatureMapGrid maps;
  maps.title = "layer1";
  maps.channels = 12;
  maps.height = maps.width = 8;
  for (int i = 0; i < 12 * 64; ++i) maps.values.push_back(f(std::sin(i * 0.07)));
  all.push_back(named("maps", maps));
  all.push_back(named("own", OwnPie(0.83)));
  viz::ChartGrid grid;
  grid.title = "cifar, run 7";
  grid.subtitle = "Step: 9:780      Time: 0:12:31";
  grid.add_row(sample_lines());
  grid.add(sample_ridge());
  grid.add_row(sample_images());
  grid.add_row(pie);
  grid.add(OwnPie(0.4));
  all.push_back(named("grid", grid));
  return all;
}

void OwnPie::draw(viz::Painter& painter, const viz::Rect& box) const {
  const viz::Point middle{box.x + box.width / 2, box.y + box.height / 2};
  const double radius = std::min(box.width, box.height) / 2 - 8;
  painter.sector(middle, 0, radius, 0, value_, viz::series_paint(0));
  painter.sector(middle, 0, radius, value_, 1, viz::ink_paint(viz::Ink::grid));
  viz::TextStyle style{.size = 12, .face = viz::Face::bold};
  style.anchor = viz::Anchor::middle;
  style.align = viz::Align::middle;
  painter.text(middle, std::to_string(static_cast<int>(value_ * 100 + 0.5)) + " %", style);
}

const std::vector<std::string>& hostile_names() {
  static const std::vector<std::string> names = {
      "loss",
      "",
      "<script>alert(1)</script>",
      "\"/><image href=\"http://x\"/><g title='&amp;",
      "]]>--><!-- & &lt;",
      "\x1B[31mred\x1B]0;title\x07",
      "two\nlines\tand a tab",
      std::string("zero\0byte", 9),
      "\xFF\xFE broken \xC3",
      "猫と犬の画像分類",
      "😀😀😀😀",
      "\xE2\x80\xAEright to left",
      "e\xCC\x81\xCC\x81 combining",
      std::string(300, 'w'),
      "a very long name of a layer, which does not fit into any legend that one would want to see",
      "accuracy"};
  return names;
}

std::vector<NamedChart> random_charts(std::mt19937& random) {
  const auto below = [&random](int n) {
    return static_cast<int>(random() % static_cast<unsigned>(n));
  };
  const auto unit = [&random] { return static_cast<double>(random() % 1'000'001) / 1e6; };
  const auto name = [&] { return hostile_names()[random() % hostile_names().size()]; };
  // One sort of values for each chart, and now and then one that is none.
  const int sort = below(9);
  const auto value = [&]() -> double {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (sort != 8 && below(20) == 0)
      return below(2) == 0 ? std::nan("") : below(2) == 0 ? infinity : -infinity;
    switch (sort) {
      case 0:
        return unit();
      case 1:
        return 1e300 * (unit() - 0.5);
      case 2:
        return 1e-300 * unit();
      case 3:
        return 3.25;
      case 4:
        return std::nan("");
      case 5:
        return std::pow(10, 20 * (unit() - 0.5)) * (below(2) == 0 ? 1 : -1);
      case 6:
        return 1e9 + unit();
      case 7:
        return std::numeric_limits<double>::max() * (below(2) == 0 ? 1 : -1);
      default:
        return below(100);
    }
  };
  const auto count = [&](int most) { return below(4) == 0 ? below(3) : below(most); };
  const auto many = [&](int n) {
    std::vector<double> out;
    for (int i = 0; i < n; ++i) out.push_back(value());
    return out;
  };
  const auto floats = [&](int n) {
    std::vector<float> out;
    for (int i = 0; i < n; ++i) out.push_back(f(std::isfinite(value()) ? unit() * 1e30 : value()));
    return out;
  };
  const auto names = [&](int n) {
    std::vector<std::string> out;
    for (int i = 0; i < n; ++i) out.push_back(name());
    return out;
  };

  std::vector<NamedChart> all;
  viz::LineChart lines;
  lines.title = name();
  lines.x_label = name();
  lines.y_label = name();
  lines.log_x = below(3) == 0;
  lines.log_y = below(3) == 0;
  lines.whole_x = below(2) == 0;
  lines.smooth = below(2) == 0 ? 0 : unit() * 0.99;
  lines.ignore_outliers = below(4) == 0;
  if (below(5) == 0) lines.x_format = [](double v) { return "9:" + std::to_string(v); };
  if (below(5) == 0) lines.y_max = value();
  for (int s = count(14); s > 0; --s) {
    viz::Series series{.name = name()};
    const int n = count(60);
    for (int i = 0; i < n; ++i) series.x.push_back(below(9) == 0 ? value() : i);
    series.y = many(n);
    if (below(3) == 0) {
      series.low = many(n);
      series.high = many(n);
    }
    lines.series.push_back(series);
  }
  all.push_back(named("lines", lines));

  viz::ImageRow images;
  images.title = name();
  images.normalize = static_cast<viz::Normalize>(below(3));
  for (int k = count(9); k > 0; --k) {
    viz::Image image{below(12), below(12), below(2) == 0 ? 1 : 3, {}, name()};
    image.values = floats(image.height * image.width * image.channels);
    images.images.push_back(image);
  }
  all.push_back(named("images", images));
  viz::FilterGrid filters;
  filters.title = name();
  filters.out = count(9);
  filters.in = 1 + below(5);
  filters.height = filters.width = 1 + below(5);
  filters.values = floats(filters.out * filters.in * filters.height * filters.width);
  all.push_back(named("filters", filters));
  viz::FeatureMapGrid maps;
  maps.title = name();
  maps.channels = count(20);
  maps.height = 1 + below(6);
  maps.width = 1 + below(6);
  maps.values = floats(maps.channels * maps.height * maps.width);
  all.push_back(named("maps", maps));

  viz::RidgeHistogram ridge;
  viz::HistogramMap map;
  ridge.title = map.title = name();
  ridge.value_label = map.value_label = name();
  for (int k = count(16); k > 0; --k)
    ridge.slices.push_back({.label = name(), .values = many(count(50))});
  map.slices = ridge.slices;
  ridge.bins = map.bins = 1 + below(50);
  all.push_back(named("ridge", ridge));
  all.push_back(named("histogram_map", map));

  viz::Bars bars;
  bars.title = name();
  bars.value_label = name();
  bars.labels = names(count(18));
  for (int s = count(4); s > 0; --s)
    bars.series.push_back({name(), many(static_cast<int>(bars.labels.size()))});
  all.push_back(named("bars", bars));
  bars.upright = true;
  all.push_back(named("bars_upright", bars));
  viz::Pie pie;
  pie.title = name();
  for (int k = count(14); k > 0; --k) pie.slices.push_back({name(), value()});
  all.push_back(named("pie", pie));

  viz::ConfusionMatrix confusion;
  confusion.title = name();
  const int n = count(14);
  for (int i = 0; i < n * n; ++i)
    confusion.counts.push_back(below(5) == 0 ? below(1'000'000) : below(9));
  confusion.classes = names(below(n + 1));
  all.push_back(named("confusion", confusion));
  viz::HeatMap heat;
  heat.title = name();
  heat.x_label = name();
  heat.y_label = name();
  heat.rows = static_cast<std::size_t>(count(30));
  heat.columns = static_cast<std::size_t>(count(30));
  heat.values = many(static_cast<int>(heat.rows * heat.columns));
  heat.row_names = names(count(30));
  heat.column_names = names(count(30));
  all.push_back(named("heat", heat));

  viz::ChartGrid grid;
  grid.title = name();
  grid.subtitle = name();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i % 3 == 0) grid.rows.emplace_back();
    grid.rows.back().push_back(all[i].second);
  }
  all.push_back(named("grid", grid));
  return all;
}

}  // namespace glassbox::test
